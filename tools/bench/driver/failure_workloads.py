"""W21: one of four endpoints fails."""

from __future__ import annotations

import json
import statistics
import subprocess
from collections.abc import Sequence

from . import machine
from .measure import Bench, Load, Subject, progress, values_of
from .peer import Peer
from .site import Site
from .workloads import Section, configurations_of

_FAULTS = {
    "none": "all four serve",
    "reset-on-accept": "one resets every connection",
    "close-after-request": "one reads requests and closes",
    "hang": "one reads requests and never answers",
    "half-503": "one answers every second request with 503",
}
_RATE = 2_000


class _Server:
    """An endpoint in a process of its own."""

    def __init__(self, bench: Bench, port: int, fault: str):
        command = [str(bench.hairpin), "--serve", f"--upstream=127.0.0.1:{port}"]
        if fault != "none":
            command.append(f"--fault={fault}")
        self._process = subprocess.Popen(machine.on_cpu(machine.OTHER_CPU, command),
                                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._process.stdout.readline()

    def stop(self) -> int:
        """How many requests came."""
        output, _ = self._process.communicate("")
        return json.loads(output)["requests"]


def _runs(bench: Bench, peer: Peer, method: str, fault: str, ports: list[int]) -> list[dict]:
    """Each with what the endpoints saw; a fresh proxy for each, which has learnt nothing."""
    results = []
    for _ in range(max(1, bench.pairs // 4)):
        servers = [_Server(bench, port, fault if number == 0 else "none")
                   for number, port in enumerate(ports)]
        running = bench.start(peer, Site("failing", more_upstreams=tuple(ports)))
        load = Load({"rate": _RATE, "method": method, "timeout": "5s", "warmup": "0s"})
        try:
            result = bench.run(Subject(peer.name, running, load), may_fail=True)
        finally:
            bench.stop_all()
            delivered = sum(server.stop() for server in servers)
        result["repeated"] = delivered + result["upstream"]["requests"] - result["begun"]
        results.append(result)
    return results


def _row(name: str, results: list[dict], method: str) -> list[str]:
    good = sum(result["requests"] for result in results)
    bad = sum(result["failures"]["total"] + result["unfinished"] for result in results)
    repeated = max(0, sum(result["repeated"] for result in results))
    return [name, f"{100 * good / (good + bad):.3f}", str(bad),
            str(repeated) if method == "POST" else "-",
            *(f"{statistics.median(values_of(results, 'latency_us.' + q)):.0f}"
              for q in ("p50", "p99", "p99.9"))]


def w21(bench: Bench, peers: Sequence[Peer]) -> Section:
    tables, raw, configurations = [], {}, {}
    for fault, meaning in _FAULTS.items():
        for method in ("GET", "POST"):
            progress(f" {method}, {meaning}")
            rows = []
            for peer in peers:
                # The first port is hairpin's own upstream, which serves.
                ports = machine.free_ports(3)
                results = _runs(bench, peer, method, fault, ports)
                rows.append(_row(peer.name, results, method))
                raw[f"{fault} {method} {peer.name}"] = results
            tables.append((f"{method}: {meaning}",
                           ["proxy", "answered, %", "failed", "delivered twice", "p50", "p99",
                            "p99.9"], rows))
    subjects = []
    for peer in peers:
        running = bench.start(peer, Site("failing", more_upstreams=(1, 2, 3)))
        subjects.append(Subject(peer.name, running, Load()))
    configurations = configurations_of(subjects)
    bench.stop_all()
    return Section("W21: an endpoint fails", f"Four endpoints, {_RATE:,} requests/s in an open loop "
                   "from the first moment, when the proxy has learnt nothing yet. Up to four "
                   "attempts of 250 ms; a POST is tried again only where it cannot have been "
                   "delivered; five failures in a row take an endpoint out for 5 s. Latency in µs.",
                   tables, configurations, raw=raw)
