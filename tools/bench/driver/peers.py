"""The proxies under test: each writes its configuration for a site, "configured to win"."""

from __future__ import annotations

import pathlib
import re
import shutil
import signal
import subprocess
import textwrap
import time

from . import certificates, envoy_config, machine
from .control_plane import ControlPlane
from .site import API_KEY, LIMIT_PER_MINUTE, Site


class Peer:
    """A proxy program. Subclasses say how it is configured, started and recognised."""

    name = ""

    def available(self) -> str | None:
        """None, or why it cannot take part."""
        raise NotImplementedError

    def version(self) -> str:
        raise NotImplementedError

    def files(self, site: Site, port: int, upstream: int, home: pathlib.Path) -> dict[str, str]:
        """Configuration files by name; the first is the one that is shown in the report."""
        raise NotImplementedError

    def command(self, home: pathlib.Path, port: int) -> list[str]:
        raise NotImplementedError

    def prepare(self, home: pathlib.Path):
        """Starts what the proxy needs beside it and returns that, with a stop(); or None. Its
        files lie in `home` already."""
        del home


def output_of(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return (done.stdout + done.stderr).strip()


class Nginx(Peer):
    name = "nginx"

    def available(self):
        return None if shutil.which("nginx") else "nginx is not installed"

    def version(self):
        return output_of("nginx", "-v").rpartition("/")[2]

    def files(self, site, port, upstream, home):
        return {"nginx.conf": self._config(site, port, upstream, home),
                **certificates.files(site.tls)}

    def command(self, home, port):
        return ["nginx", "-c", str(home / "nginx.conf")]

    def _config(self, site: Site, port: int, upstream: int, home: pathlib.Path) -> str:
        return f"""\
worker_processes 1;
daemon off;
pid {home}/nginx.pid;
error_log {home}/error.log;
events {{ worker_connections 20000; }}
http {{
  {self._log(site, home)}
  keepalive_requests 1000000000;
  keepalive_timeout 1h;
  upstream hairpin {{
{self._servers(site, upstream)}
    keepalive 512;
    keepalive_requests 1000000000;
  }}
  proxy_http_version 1.1;
{"" if site.streams else '  proxy_set_header Connection "";'}
  proxy_set_header Host $host;
  proxy_set_header X-Forwarded-For $remote_addr;
  proxy_set_header X-Forwarded-Proto $scheme;
{self._http_features(site)}
  server {{
    listen 127.0.0.1:{port}{self._protocols(site)} reuseport deferred backlog=4096;
{self._server_features(site)}
{self._tls(site, home)}
{self._locations(site)}
  }}
}}
"""

    def _servers(self, site, upstream):
        check = " max_fails=5 fail_timeout=5s" if site.more_upstreams else ""
        return "\n".join(f"    server 127.0.0.1:{port}{check};"
                         for port in (upstream, *site.more_upstreams))

    def _protocols(self, site):
        return (" ssl" if site.tls else "") + (" http2" if site.http2 else "")

    def _tls(self, site, home):
        if not site.tls:
            return ""
        return f"""\
    ssl_certificate {home}/cert.pem;
    ssl_certificate_key {home}/key.pem;
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_session_cache shared:bench:10m;
    ssl_session_tickets on;
    ssl_session_timeout 1h;
"""

    def _log(self, site, home):
        if "access_log" in site.features:
            return f"access_log {home}/access.log combined buffer=64k flush=1s;"
        return "access_log off;"

    def _http_features(self, site):
        lines = []
        if site.bodies:
            lines += ["client_max_body_size 0;", "proxy_request_buffering off;",
                      "proxy_buffer_size 16k;", "proxy_buffers 16 64k;",
                      "proxy_busy_buffers_size 128k;", "proxy_max_temp_file_size 0;"]
        if site.streams:
            lines += ["map $http_upgrade $connection_header { default upgrade; '' ''; }",
                      "proxy_set_header Upgrade $http_upgrade;",
                      "proxy_set_header Connection $connection_header;", "proxy_buffering off;",
                      "proxy_read_timeout 1h;"]
        if site.more_upstreams:
            lines += ["proxy_next_upstream error timeout http_503;",
                      "proxy_next_upstream_tries 4;", "proxy_connect_timeout 250ms;",
                      "proxy_read_timeout 250ms;"]
        if site.grpc:
            lines += ["grpc_set_header X-Forwarded-For $remote_addr;",
                      "grpc_set_header X-Forwarded-Proto $scheme;"]
        if "key_auth" in site.features:
            lines.append(f'map $http_x_api_key $consumer {{ default ""; "{API_KEY}" "alice"; }}')
        if "limit" in site.features:
            key = "$consumer" if "key_auth" in site.features else "$binary_remote_addr"
            lines.append(f"limit_req_zone {key} zone=bench:10m rate={10**6}r/s;")
        if "headers" in site.features:
            lines.append("proxy_set_header X-Env production;")
            lines.append('proxy_set_header X-Debug "";')
            lines.append("proxy_hide_header X-Powered-By;")
        if "request_id" in site.features:
            lines.append("proxy_set_header X-Request-Id $request_id;")
        return "\n".join("  " + line for line in lines)

    def _server_features(self, site):
        lines = []
        if "ip_restriction" in site.features:
            lines.append("allow 127.0.0.0/8; deny all;")
        if "key_auth" in site.features:
            lines.append('if ($consumer = "") { return 401; }')
        if "limit" in site.features:
            lines.append("limit_req zone=bench burst=1000000 nodelay;")
        if "headers" in site.features:
            lines.append("add_header X-Served-By bench;")
        if "request_id" in site.features:
            lines.append("add_header X-Request-Id $request_id;")
        return "\n".join("    " + line for line in lines)

    def _locations(self, site):
        if "rewrite" in site.features:
            return "    location /api/ { proxy_pass http://hairpin/; }"
        if site.grpc:
            return "    location / { grpc_pass grpc://hairpin; }"
        if not site.routes:
            return "    location / { proxy_pass http://hairpin; }"
        lines = []
        for route in site.routes:
            # nginx has no variable segments: the literal prefix alone is the fastest it has.
            how = {"exact": f"= {route.path}",
                   "pattern": f"^~ {route.path.partition('{')[0]}",
                   "regex": f"~ ^{route.path}$"}[route.kind]
            lines.append(f"    location {how} {{ proxy_pass http://hairpin; }}")
        return "\n".join(lines)


class Haproxy(Peer):
    name = "haproxy"

    def available(self):
        return None if shutil.which("haproxy") else "haproxy is not installed"

    def version(self):
        return output_of("haproxy", "-v").split()[2]

    def command(self, home, port):
        return ["haproxy", "-W", "-f", str(home / "haproxy.cfg")]

    def files(self, site, port, upstream, home):
        files = {"haproxy.cfg": self._config(site, port, upstream, home),
                 **certificates.files(site.tls)}
        prefixes = [route for route in site.routes if route.kind != "regex"]
        regexes = [route for route in site.routes if route.kind == "regex"]
        if prefixes:
            files["prefix.map"] = "".join(
                f"{route.path.partition('{')[0]} hairpin\n" for route in prefixes)
        if regexes:
            files["regex.map"] = "".join(f"^{route.path}$ hairpin\n" for route in regexes)
        return files

    def _config(self, site, port, upstream, home):
        return f"""\
global
  nbthread 1
  maxconn 15000
  no strict-limits
  stats socket {home}/admin.sock level admin
{self._tuning(site)}
{self._ring(site)}
defaults
  mode http
  http-reuse always
  option http-keep-alive
{"  option http-no-delay" if site.streams else ""}
{"  option splice-auto" if site.bodies else ""}
  timeout client 1h
  timeout tunnel 1h
  timeout connect {"250ms" if site.more_upstreams else "5s"}
  timeout server {"250ms" if site.more_upstreams else "1h"}
frontend bench
  bind 127.0.0.1:{port}{self._protocols(site, home)} backlog 4096
  option forwardfor
  http-request set-header X-Forwarded-Proto {"https" if site.tls else "http"}
{self._features(site)}
{self._routing(site, home)}
backend hairpin
{self._servers(site, upstream)}
{self._limit_table(site)}
"""

    def _servers(self, site, upstream):
        lines = []
        check = ""
        if site.more_upstreams:
            lines += ["retries 3", "option redispatch 1", "retry-on all-retryable-errors 503",
                      "http-request disable-l7-retry if METH_POST"]
            check = " observe layer7 error-limit 5 on-error mark-down check inter 5s"
        protocol = " proto h2" if site.grpc else ""
        for number, port in enumerate((upstream, *site.more_upstreams)):
            lines.append(f"server upstream{number} 127.0.0.1:{port}{protocol} pool-max-conn -1{check}")
        return "\n".join("  " + line for line in lines)

    def _tuning(self, site):
        lines = []
        if site.tls:
            lines += ["tune.ssl.cachesize 100000", "ssl-default-bind-options ssl-min-ver TLSv1.2"]
        if site.bodies:
            lines += ["tune.bufsize 65536"]
        return "\n".join("  " + line for line in lines)

    def _protocols(self, site, home):
        if site.tls:
            protocols = "h2" if site.http2 else "http/1.1"
            return f" ssl crt {home}/both.pem alpn {protocols}"
        return " proto h2" if site.http2 else ""

    def _ring(self, site):
        if "access_log" not in site.features:
            return ""
        return "  log ring@bench local0\nring bench\n  format rfc3164\n  maxlen 1200\n  size 1048576\n"

    def _limit_table(self, site):
        if "limit" not in site.features:
            return ""
        return ("backend limits\n"
                "  stick-table type string len 64 size 100k expire 2m store http_req_rate(60s)\n")

    def _features(self, site):
        lines = []
        if "access_log" in site.features:
            lines += ["log global", "option httplog"]
        if "ip_restriction" in site.features:
            lines.append("http-request deny unless { src 127.0.0.0/8 }")
        if "key_auth" in site.features:
            lines.append(f"http-request deny deny_status 401 unless {{ hdr(x-api-key) -m str {API_KEY} }}")
            lines.append("http-request del-header x-api-key")
        if "limit" in site.features:
            lines.append("http-request track-sc0 src table limits")
            lines.append("http-request deny deny_status 429 if "
                         f"{{ sc_http_req_rate(0) gt {LIMIT_PER_MINUTE} }}")
        if "headers" in site.features:
            lines += ["http-request set-header X-Env production", "http-request del-header X-Debug",
                      "http-response set-header X-Served-By bench",
                      "http-response del-header X-Powered-By"]
        if "request_id" in site.features:
            lines += ["unique-id-format %[uuid()]", "unique-id-header X-Request-Id",
                      "http-response set-header X-Request-Id %[unique-id]"]
        if "rewrite" in site.features:
            lines.append("http-request set-path %[path,bytes(4)] if { path_beg /api/ }")
        return "\n".join("  " + line for line in lines)

    def _routing(self, site, home):
        if not site.routes:
            return "  default_backend hairpin"
        how, file = (("map_reg", "regex.map") if site.routes[0].kind == "regex" else
                     ("map_beg", "prefix.map"))
        return f"  use_backend %[path,{how}({home}/{file})]"


class Envoy(Peer):
    """`tree`: routes in its matcher tree instead of the ordinary list."""

    def __init__(self, binary: pathlib.Path | None, why_not: str = "", tree: bool = False):
        self.name = "envoy-tree" if tree else "envoy"
        self._binary = binary
        self._why_not = why_not
        self._tree = tree

    def available(self):
        return None if self._binary else self._why_not

    def version(self):
        match = re.search(r"version: \w+/([\d.]+)", output_of(str(self._binary), "--version"))
        return match.group(1) if match else "unknown"

    def files(self, site, port, upstream, home):
        return envoy_config.files(site, port, upstream, home, self._tree)

    def command(self, home, port):
        return [str(self._binary), "-c", str(home / "envoy.json"), "--concurrency", "1",
                "--base-id", str(port), "--log-level", "error"]


class Sluice(Peer):
    name = "sluice"

    def __init__(self, binary: pathlib.Path):
        self._binary = binary

    def available(self):
        return None if self._binary.exists() else f"{self._binary.name} has not been built"

    def version(self):
        return output_of(str(self._binary), "--version").split()[-1]

    def command(self, home, port):
        admin, = machine.free_ports(1)
        return [str(self._binary), "--config", str(home / "sluice.yaml"), "--workers", "1",
                "--admin-listen", f"127.0.0.1:{admin}"]

    def files(self, site, port, upstream, home):
        return {"sluice.yaml": self.resources(site, port, upstream, home)}

    def resources(self, site: Site, port: int, upstream: int, home: pathlib.Path) -> str:
        documents = [f"kind: Listener\nname: bench\naddress: 127.0.0.1:{port}\n"
                     f"timeouts: {{idle: 1h}}\n{self._log(site, home)}"
                     + ("tls: {certificates: [bench]}\n" if site.tls else ""),
                     "kind: Upstream\nname: hairpin\nmax_idle_connections: 512\n"
                     + ("protocol: http2\n" if site.grpc else "")
                     # Long streams are what breakers are meant to bound.
                     + ("breakers: {connections: 100000, requests: 100000}\n"
                        if site.streams or site.grpc else "")
                     + self._endpoints(site, upstream),
                     *self._certificate(site)]
        if "key_auth" in site.features:
            documents.append("kind: Consumer\nname: alice\n"
                             f"credentials: {{key_auth: [{{key: {API_KEY}}}]}}\n")
        plugins = self._plugins(site)
        if not site.routes:
            paths = "paths: [/api/*]\n" if "rewrite" in site.features else ""
            upgrades = "upgrades: [websocket]\n" if site.streams else ""
            documents.append(
                f"kind: Route\nname: all\n{paths}{upgrades}upstream: hairpin\n{plugins}")
        for n, route in enumerate(site.routes):
            path = "~" + route.path if route.kind == "regex" else route.path
            documents.append(f'kind: Route\nname: r{n}\npaths: ["{path}"]\n'
                             f"upstream: hairpin\n{plugins}")
        return "---\n".join(documents)

    def _endpoints(self, site, upstream):
        addresses = ", ".join(f'{{address: "127.0.0.1:{port}"}}'
                              for port in (upstream, *site.more_upstreams))
        text = f"endpoints: [{addresses}]\n"
        if site.more_upstreams:
            text += ("connect_timeout: 250ms\n"
                     "retry: {attempts: 4, per_try_timeout: 250ms, budget: 100%}\n"
                     "outlier_detection: {consecutive_5xx: 5, base_ejection_time: 5s, "
                     "max_ejection_percent: 50}\n")
        return text

    def _certificate(self, site):
        if not site.tls:
            return []
        certificate, key = certificates.make(site.tls)
        return ["kind: Certificate\nname: bench\n"
                f"certificate_chain: |\n{textwrap.indent(certificate, '  ')}"
                f"private_key: |\n{textwrap.indent(key, '  ')}"]

    def _log(self, site, home):
        if "access_log" not in site.features:
            return ""
        return f"access_log: {{path: {home}/access.log}}\n"

    def _plugins(self, site):
        lines = []
        if "key_auth" in site.features:
            lines.append("key_auth: {header: x-api-key}")
        if "limit" in site.features:
            key = "consumer" if "key_auth" in site.features else "client_ip"
            lines.append(f"limit_count: {{count: {LIMIT_PER_MINUTE}, window: 60s, key: {key}}}")
        if "ip_restriction" in site.features:
            lines.append("ip_restriction: {allow: [127.0.0.0/8]}")
        if "headers" in site.features:
            lines.append("headers: {request: {set: {X-Env: production}, remove: [X-Debug]}, "
                         "response: {set: {X-Served-By: bench}, remove: [X-Powered-By]}}")
        if "request_id" in site.features:
            lines.append("request_id: {}")
        if "rewrite" in site.features:
            lines.append("rewrite: {strip_prefix: /api}")
        if not lines:
            return ""
        return "plugins:\n" + "".join(f"  {line}\n" for line in lines)


class ManagedSluice(Sluice):
    """Sluice as it is meant to run: its configuration comes from a control plane."""

    def __init__(self, programs: pathlib.Path):
        super().__init__(programs / "sluice-proxy")
        self.programs = programs
        self._address = ""

    def available(self):
        for program in ("sluice-proxy", "sluice-controlplane", "sluicectl"):
            if not (self.programs / program).exists():
                return f"{program} has not been built"
        return None

    def prepare(self, home):
        # On the other CPU, and behind whoever measures there.
        prefix = machine.on_cpu(machine.OTHER_CPU, ["chrt", "--idle", "0"])
        control_plane = ControlPlane(self.programs / "sluice-controlplane", home, prefix)
        self._address = control_plane.address
        applied = subprocess.run(self.apply_command(home / "sluice.yaml"), capture_output=True,
                                 text=True, check=False)
        if applied.returncode != 0:
            control_plane.stop()
            raise RuntimeError(applied.stderr)
        return control_plane

    def apply_command(self, file: pathlib.Path) -> list[str]:
        return [str(self.programs / "sluicectl"), "--server", self._address, "apply", "-f",
                str(file)]

    def command(self, home, port):
        admin, = machine.free_ports(1)
        return [str(self.programs / "sluice-proxy"), "--control-plane", self._address,
                "--state-dir", str(home / "state"), "--node", "bench", "--workers", "1",
                "--admin-listen", f"127.0.0.1:{admin}"]


class Running:
    """A peer serving a site. Ends with stop(), which the bench calls whatever happens."""

    def __init__(self, peer: Peer, site: Site, port: int, upstream: int, home: pathlib.Path):
        self.peer = peer
        self.site = site
        self.port = port
        self.home = home
        home.mkdir(parents=True)
        for name, text in peer.files(site, port, upstream, home).items():
            (home / name).write_text(text, encoding="utf-8")
        self._output = open(home / "output.log", "wb")
        self._beside = peer.prepare(home)
        begin = time.monotonic()
        self.process = subprocess.Popen(
            machine.on_cpu(machine.PROXY_CPU, peer.command(home, port)),
            stdin=subprocess.DEVNULL, stdout=self._output, stderr=subprocess.STDOUT)
        try:
            machine.wait_for_port(port, self.process, 180)
        except RuntimeError as error:
            self.stop()
            raise RuntimeError(f"{error}\n{self.output()[-2000:]}") from error
        self.load_seconds = time.monotonic() - begin

    @property
    def pid(self) -> int:
        return self.process.pid

    def output(self) -> str:
        return (self.home / "output.log").read_text(encoding="utf-8", errors="replace")

    def stop(self) -> None:
        members = machine.family(self.pid) if self.process.poll() is None else []
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        # A master that was killed leaves its workers; these are ours by descent, not by name.
        for pid in members[1:]:
            try:
                subprocess.run(["kill", "-9", str(pid)], check=False, capture_output=True)
            except OSError:
                pass
        if self._beside:
            self._beside.stop()
        self._output.close()
