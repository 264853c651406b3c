"""Sluice under test: from a file, and as it is meant to run."""

from __future__ import annotations

import pathlib
import subprocess
import textwrap

from . import certificates, machine
from .control_plane import ControlPlane
from .peer import Peer, output_of
from .site import API_KEY, LIMIT_PER_MINUTE, Site


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
