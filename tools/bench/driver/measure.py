"""Runs of hairpin against running proxies, interleaved so that drift of the machine cancels out."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence

from . import machine, site, statistics_of
from .peer import Peer, Running

# Above this share of one CPU used by processes that do not belong to the run, it is left out.
FOREIGN_SHARE = 0.10


class BenchError(Exception):
    """A run that proves nothing, such as one with failed requests."""


@dataclasses.dataclass
class Load:
    """What hairpin sends and answers; its flags by name."""

    flags: dict[str, object] = dataclasses.field(default_factory=dict)
    request_headers: Sequence[str] = ()
    response_headers: Sequence[str] = ()
    paths: Sequence[str] = ()

    def with_flags(self, **flags) -> "Load":
        return dataclasses.replace(self, flags={**self.flags, **flags})


@dataclasses.dataclass
class Subject:
    """One column of a comparison: a running proxy and what to send it."""

    label: str
    running: Running | None  # None: straight to the upstream
    load: Load


class Bench:
    """One session: a scratch directory, the upstream's port and everything that was started."""

    def __init__(self, programs: pathlib.Path, seconds: float, pairs: int):
        self.programs = programs
        self.hairpin = programs / "hairpin"
        self.seconds = seconds
        self.pairs = pairs
        self.disturbed = 0
        self._scratch = tempfile.TemporaryDirectory(prefix="sluice-bench-")
        self.home = pathlib.Path(self._scratch.name)
        self.upstream_port, = machine.free_ports(1)
        self._running: list[Running] = []
        self._started = 0

    def start(self, peer: Peer, wanted: site.Site) -> Running:
        self._started += 1
        port, = machine.free_ports(1)
        home = self.home / f"{self._started:02}-{peer.name}-{wanted.name}"
        running = Running(peer, wanted, port, self.upstream_port, home)
        self._running.append(running)
        return running

    def stop_all(self) -> None:
        for running in self._running:
            running.stop()
        self._running.clear()

    def close(self) -> None:
        self.stop_all()
        self._scratch.cleanup()

    def command(self, subject: Subject) -> list[str]:
        running = subject.running
        flags = {
            "target": f"127.0.0.1:{running.port if running else self.upstream_port}",
            "upstream": f"127.0.0.1:{self.upstream_port}",
            "duration": f"{self.seconds}s",
            **({"watch": running.pid} if running else {}),
            **self._list_files(subject.load),
            **subject.load.flags,
        }
        return machine.on_cpu(machine.OTHER_CPU,
                              [str(self.hairpin)] + [f"--{k}={v}" for k, v in flags.items()])

    def _list_files(self, load: Load) -> dict[str, pathlib.Path]:
        files = {}
        for flag, lines in (("request-headers", load.request_headers),
                            ("response-headers", load.response_headers), ("paths", load.paths)):
            if lines:
                files[flag] = self.home / f"{flag}-{hash(tuple(lines)) & 0xffffffff:08x}"
                files[flag].write_text("\n".join(lines) + "\n", encoding="utf-8")
        return files

    def run(self, subject: Subject, during: Callable[[subprocess.Popen], None] | None = None,
            may_fail: bool = False) -> dict:
        """One measured run. `during` gets hairpin's process and may take until it ends. Failed
        requests prove nothing and are refused, unless they are what is measured."""
        busy = machine.busy_seconds()
        with subprocess.Popen(self.command(subject), stdout=subprocess.PIPE, text=True) as process:
            try:
                if during:
                    during(process)
                output, _ = process.communicate(timeout=self.seconds * 4 + 60)
            finally:
                process.kill()
        if process.returncode != 0:
            raise BenchError(f"{subject.label}: hairpin ended with status {process.returncode}")
        result = json.loads(output)
        if (result["failures"]["total"] or result["unfinished"]) and not may_fail:
            raise BenchError(f"{subject.label}: {result['failures']}, "
                             f"{result['unfinished']} unfinished")
        known = (result["cpu"]["us_per_request"] + result["cpu"]["hairpin_us_per_request"])
        # The warm-up is not in `known`, so scale by time: the load is the same throughout.
        total = result["seconds"] + 1.0
        foreign = machine.busy_seconds() - busy - known * result["rps"] * total / 1e6
        result["foreign"] = foreign / total
        return result

    def compare(self, subjects: Sequence[Subject], rounds: int | None = None) -> dict[str, list]:
        """Runs the subjects forth and back (A B B A) until each has `pairs` results."""
        samples: dict[str, list[dict]] = {subject.label: [] for subject in subjects}
        for number in range(rounds or max(1, self.pairs // 2)):
            for order in (subjects, list(reversed(subjects))):
                results = {subject.label: self.run(subject) for subject in order}
                worst = max(result["foreign"] for result in results.values())
                if worst > FOREIGN_SHARE:
                    self.disturbed += 1
                for label, result in results.items():
                    result["disturbed"] = worst > FOREIGN_SHARE
                    samples[label].append(result)
            progress(f"  round {number + 1}: " + ", ".join(
                f"{label} {statistics.median(values_of(found)):.2f} us"
                for label, found in samples.items()))
        return samples

    def check(self, subject: Subject, requests: int = 500) -> None:
        """Fails unless the proxy answers this load without a single wrong response."""
        self.run(dataclasses.replace(
            subject, load=subject.load.with_flags(requests=requests, rate=0)))


def values_of(results: Sequence[dict], key: str = "cpu.us_per_request") -> list[float]:
    """One figure of each undisturbed run; of all if there is no such run."""
    calm = [result for result in results if not result.get("disturbed")]
    found = []
    for result in calm or results:
        value = result
        # "latency_us.p99.9" has a dot within its last part.
        head, _, rest = key.partition(".")
        value = value[head]
        found.append(value[rest] if rest else value)
    return found


def ratios(samples: dict[str, list], base: str) -> dict[str, dict]:
    """base / other for every other subject, from pairs of the same pass."""
    found = {}
    for label, results in samples.items():
        pairs = [(a, b) for a, b in zip(samples[base], results)
                 if not a.get("disturbed")] or list(zip(samples[base], results))
        found[label] = statistics_of.paired_ratio(
            [a["cpu"]["us_per_request"] for a, _ in pairs],
            [b["cpu"]["us_per_request"] for _, b in pairs])
    return found


def syscalls_per_request(bench: Bench, subject: Subject, requests: int = 20000) -> dict[str, float]:
    """Counts by name, of all threads and processes of the proxy, from strace.

    Two runs and their difference, so that what connecting costs is not counted as the request's.
    """
    def counted(number: int) -> dict[str, int]:
        output = bench.home / "strace"
        pids = machine.family(subject.running.pid)
        tracer = subprocess.Popen(
            ["strace", "-f", "-c", "-o", str(output)] +
            [word for pid in pids for word in ("-p", str(pid))],
            stderr=subprocess.PIPE, text=True)
        # It says "attached" once for every process.
        for _ in pids:
            tracer.stderr.readline()
        bench.run(dataclasses.replace(subject, load=subject.load.with_flags(requests=number)))
        tracer.terminate()
        tracer.communicate()
        counts = {}
        for line in output.read_text(encoding="utf-8").splitlines():
            match = re.match(r"\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?(\w+)$", line)
            if match and match.group(2) != "total":
                counts[match.group(2)] = int(match.group(1))
        return counts

    few, many = counted(requests // 2), counted(requests + requests // 2)
    per_request = {name: (count - few.get(name, 0)) / requests for name, count in many.items()}
    return {name: value for name, value in sorted(per_request.items(), key=lambda item: -item[1])
            if value >= 0.005}


def progress(text: str) -> None:
    print(time.strftime("%H:%M:%S"), text, file=sys.stderr, flush=True)
