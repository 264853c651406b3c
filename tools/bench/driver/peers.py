"""The other proxies under test: each writes its configuration for a site, "configured to win"."""

from __future__ import annotations

import pathlib
import re
import shutil

from . import certificates, envoy_config
from .peer import Peer, output_of
from .site import API_KEY, LIMIT_PER_MINUTE, Site


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
