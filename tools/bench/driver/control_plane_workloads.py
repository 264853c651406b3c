"""The workloads of the control plane: from a commit to what is served, and fleets."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Sequence

from . import machine, statistics_of
from .control_plane import ControlPlane
from .measure import Bench, BenchError, progress
from .peer import Peer
from .workloads import Section

# What fleetsim prints, by the names of the report's columns.
_FLEET_FIGURES = {
    "commit to active, ms: p50": r"commit to active: p50 ([\d.]+)",
    "p99": r"commit to active: .*p99 ([\d.]+)",
    "max": r"commit to active: .*max ([\d.]+)",
    "bytes on the wire a proxy and commit": r"messages, (\d+) bytes on the wire",
    "CPU µs a proxy and commit": r"control plane CPU: ([\d.]+)",
    "peak RSS MiB": r"(\d+) MiB at most",
    "reconnect: CPU ms": r"reconnects in .*: (\d+) ms of control plane CPU",
    "updates sent": r"reconnects in .* (\d+) updates",
}


def fleet(bench: Bench, peers: Sequence[Peer], proxies: int = 1000, commits: int = 100) -> Section:
    del peers  # None has anything alike.
    rows, raw = [], {}
    for routes in (10_000, 100_000):
        progress(f" {proxies:,} proxies, {routes:,} routes")
        control_plane = ControlPlane(bench.programs / "sluice-controlplane",
                                     bench.home / f"fleet-{routes}")
        try:
            done = subprocess.run(
                [str(bench.programs / "fleetsim"), f"--server={control_plane.address}",
                 f"--pid={control_plane.pid}", f"--proxies={proxies}", f"--routes={routes}",
                 f"--commits={commits}"],
                capture_output=True, text=True, timeout=1200, check=False)
        finally:
            control_plane.stop()
        if done.returncode != 0:
            raise BenchError(f"fleetsim: {done.stdout}{done.stderr}".strip())
        raw[str(routes)] = done.stdout
        found = {name: re.search(pattern, done.stdout) for name, pattern in _FLEET_FIGURES.items()}
        rows.append([f"{routes:,}"] + [match.group(1) if match else "?"
                                       for match in found.values()])
    return Section("Fleet: one control plane, many proxies",
                   f"{proxies:,} simulated proxies (`tools/fleetsim`: streams on connections of "
                   "their own, which take updates and compile nothing) in one process beside the "
                   f"control plane, neither pinned; {commits} commits of one changed route, one "
                   "every 100 ms. From commit to active: over all pairs of proxy and commit. Bytes "
                   "on the wire count both directions and all that TCP adds. Then all streams are "
                   "closed and connect again with what they hold.",
                   [("Push and reconnect", ["routes", *_FLEET_FIGURES], rows)], raw=raw)


def _route(number: int, timeout: int) -> str:
    return (f"kind: Route\nname: r{number}\npaths: [\"/catalog-{number:06}/items\"]\n"
            f"upstream: hairpin\ntimeout: {timeout}s\n")


class _Pair:
    """A control plane and two proxies of it, as tools/run starts them, with `routes` routes."""

    def __init__(self, bench: Bench, routes: int):
        self.home = bench.home / f"apply-{routes}"
        self._programs = bench.programs
        self._control_plane = ControlPlane(bench.programs / "sluice-controlplane", self.home)
        self._proxies: list[subprocess.Popen] = []
        try:
            self._start(routes)
        except BaseException:
            self.stop()
            raise

    def _start(self, routes: int) -> None:
        ports = machine.free_ports(4)
        documents = [f"kind: Listener\nname: l{n}\naddress: 127.0.0.1:{ports[n]}\n"
                     f"groups: [g{n}]\n" for n in (0, 1)]
        documents.append('kind: Upstream\nname: hairpin\nendpoints: [{address: "127.0.0.1:9"}]\n')
        documents += [_route(number, 15) for number in range(routes)]
        # Proxies first: then the first apply is waited for like all others.
        for n in (0, 1):
            log = open(self.home / f"proxy-{n}.log", "wb")
            self._proxies.append(subprocess.Popen(
                [str(self._programs / "sluice-proxy"), "--control-plane",
                 self._control_plane.address, "--state-dir", str(self.home / f"state-{n}"),
                 "--node", f"p{n}", "--groups", f"g{n}", "--admin-listen",
                 f"127.0.0.1:{ports[2 + n]}", "--workers", "1"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT))
            machine.wait_for_port(ports[2 + n], self._proxies[-1], 30)
        self.apply("---\n".join(documents), "5m")
        for n in (0, 1):
            machine.wait_for_port(ports[n], self._proxies[n], 60)

    def apply(self, text: str, timeout: str = "30s") -> float:
        """Milliseconds of `sluicectl apply --wait`, the process's start included."""
        file = self.home / "change.yaml"
        file.write_text(text, encoding="utf-8")
        begin = time.monotonic()
        done = subprocess.run(
            [str(self._programs / "sluicectl"), "--server", self._control_plane.address, "apply",
             "-f", str(file), "--wait", "--timeout", timeout],
            capture_output=True, text=True, check=False)
        taken = (time.monotonic() - begin) * 1000
        if done.returncode != 0 or "active 2/2" not in done.stdout:
            raise BenchError(f"sluicectl apply: {done.stdout}{done.stderr}".strip())
        return taken

    def stop(self) -> None:
        for proxy in self._proxies:
            proxy.kill()
            proxy.wait()
        self._control_plane.stop()


def apply(bench: Bench, peers: Sequence[Peer], changes: int = 50) -> Section:
    del peers  # None has anything alike.
    rows, raw = [], {}
    for routes in (100, 10_000, 100_000):
        progress(f" two proxies, {routes:,} routes")
        pair = _Pair(bench, routes)
        try:
            taken = [pair.apply(_route(number, 20)) for number in range(changes)]
        finally:
            pair.stop()
        raw[str(routes)] = taken
        rows.append([f"{routes:,}"] + [f"{statistics_of.quantile(taken, q):.1f}"
                                       for q in (0.5, 0.9, 1.0)])
    return Section("From a change to what is served",
                   f"`sluicectl apply --wait` of one changed route, {changes} times, with a control "
                   "plane and two proxies on the same machine: from the start of the command until "
                   "it has heard from both proxies that they serve it, in ms.",
                   [("apply --wait", ["routes", "p50", "p90", "max"], rows)], raw=raw)
