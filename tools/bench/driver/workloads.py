"""The workloads, by their names in docs/performance.md. Each returns a Section."""

from __future__ import annotations

import dataclasses
import json
import statistics
import subprocess
from collections.abc import Sequence

from . import machine, statistics_of
from .changes import changer_of
from .measure import (Bench, BenchError, Load, Subject, progress, ratios, syscalls_per_request,
                      values_of)
from .peer import Peer, Running
from .probe import missing_features
from .site import (API_KEY, REALISTIC_REQUEST_HEADERS, REALISTIC_RESPONSE_HEADERS, RouteSpec, Site,
                   literal_and_pattern_routes, regex_routes, request_paths)
from .sluice_peer import ManagedSluice


@dataclasses.dataclass
class Section:
    """What a workload found, ready to be written."""

    title: str
    text: str
    tables: list[tuple[str, list[str], list[list[str]]]]  # caption, header, rows
    configurations: dict[str, str] = dataclasses.field(default_factory=dict)
    plots: dict[str, dict] = dataclasses.field(default_factory=dict)
    raw: dict = dataclasses.field(default_factory=dict)


def base_of(subjects: Sequence[Subject]) -> str:
    labels = [subject.label for subject in subjects]
    return "sluice" if "sluice" in labels else labels[0]


def _ratio_text(ratio: dict) -> str:
    return f"{ratio['median']:.2f} ({ratio['low']:.2f}–{ratio['high']:.2f})"


def comparison_rows(samples: dict[str, list], base: str) -> list[list[str]]:
    found = ratios(samples, base)
    return [[label, f"{statistics.median(values_of(results)):.2f}",
             f"{statistics.median(values_of(results, 'rps')):,.0f}",
             "1" if label == base else _ratio_text(found[label])]
            for label, results in samples.items()]


def comparison_header(base: str, unit: str = "request") -> list[str]:
    return ["proxy", f"CPU µs/{unit}", f"{unit}s/s", f"{base} ÷ it (95 %)"]


def start_all(bench: Bench, peers: Sequence[Peer], wanted: Site, load: Load) -> list[Subject]:
    subjects = []
    for peer in peers:
        subject = Subject(peer.name, start_one(bench, peer, wanted), load)
        bench.check(subject)
        subjects.append(subject)
    return subjects


def start_one(bench: Bench, peer: Peer, wanted: Site) -> Running:
    """A proxy that was seen to do what the site asks."""
    running = bench.start(peer, wanted)
    wrong = missing_features(running, bench.upstream_port)
    if wrong:
        raise BenchError(f"{peer.name}: {', '.join(wrong)}")
    return running


def _shown(running: Running) -> str:
    """The configuration for the report: without this machine's paths, and cut if it is long."""
    name = next(iter(running.peer.files(running.site, 0, 0, running.home)))
    text = (running.home / name).read_text(encoding="utf-8")
    text = text.replace(str(running.home), "/tmp/bench")
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) > 140:
        lines = lines[:60] + [f"... {len(lines) - 60} lines more"]
    return "\n".join(lines)


def configurations_of(subjects: Sequence[Subject]) -> dict[str, str]:
    return {subject.label: _shown(subject.running) for subject in subjects}


LATENCY_HEADER = ["proxy", "CPU µs/request", "p50", "p90", "p99", "p99.9", "max"]


def latency_rows(samples: dict[str, list]) -> list[list[str]]:
    return [[label, f"{statistics.median(values_of(results)):.1f}"] + [
        f"{statistics.median(values_of(results, 'latency_us.' + quantile)):.0f}"
        for quantile in ("p50", "p90", "p99", "p99.9", "max")]
            for label, results in samples.items()]


def _at_fixed_rates(bench: Bench, subjects: Sequence[Subject], slowest: float):
    """Latency and cost at half and a fifth of what the slowest proxy can do."""
    tables, curves = [], {}
    direct = Subject("direct (no proxy)", None, subjects[0].load)
    for share in (0.5, 0.2):
        rate = int(slowest * share)
        samples = bench.compare(
            [dataclasses.replace(subject, load=subject.load.with_flags(rate=rate, histogram="true"))
             for subject in [direct, *subjects]], rounds=1)
        if share == 0.5:
            curves = {label: results[0]["histogram_us"] for label, results in samples.items()}
        tables.append((f"Open loop at {rate:,} requests/s ({share:.0%} of the slowest), latency in "
                       "µs from when a request was due",
                       LATENCY_HEADER, latency_rows(samples)))
    return tables, curves


def w1(bench: Bench, peers: Sequence[Peer]) -> Section:
    subjects = start_all(bench, peers, Site("plain"), Load())
    base = base_of(subjects)
    tables, raw = [], {}
    slowest = float("inf")
    for connections in (64, 256):
        progress(f" closed loop, {connections} connections")
        samples = bench.compare([dataclasses.replace(
            subject, load=subject.load.with_flags(connections=connections))
                                 for subject in subjects])
        tables.append((f"Closed loop, {connections} connections", comparison_header(base),
                       comparison_rows(samples, base)))
        raw[f"closed {connections}"] = samples
        slowest = min([slowest] + [statistics.median(values_of(results, "rps"))
                                   for results in samples.values()])
    progress(" fixed rates")
    latency, curves = _at_fixed_rates(bench, subjects, slowest)
    progress(" system calls")
    rows = []
    for subject in subjects:
        counts = syscalls_per_request(bench, subject)
        rows.append([subject.label, f"{sum(counts.values()):.2f}",
                     ", ".join(f"{name} {value:.2f}" for name, value in counts.items())])
    tables += [*latency, ("System calls per request (strace, closed loop, 64 connections)",
                          ["proxy", "all", "by name"], rows)]
    plots = {"W1-cpu": {"kind": "bars", "title": "W1: CPU per request, 64 connections",
                        "ylabel": "µs", "series": {
                            label: values_of(results)
                            for label, results in raw["closed 64"].items()}},
             "W1-latency": {"kind": "latency", "title": "W1: latency at half the slowest's maximum",
                            "series": curves}}
    return Section("W1: plain small requests",
                   "GET, 128 bytes of response, few headers, keep-alive on both sides. Every proxy "
                   "sets X-Forwarded-For and X-Forwarded-Proto.",
                   tables, configurations_of(subjects), plots, raw)


def _off_and_on(bench: Bench, peers: Sequence[Peer], features: frozenset[str], load: Load):
    """Every proxy without and with `features`, each a subject of one comparison."""
    subjects = []
    for suffix, chosen in (("", frozenset()), (" + features", features)):
        for subject in start_all(bench, peers, Site("on" if chosen else "off", features=chosen),
                                  load):
            subjects.append(dataclasses.replace(subject, label=subject.label + suffix))
    samples = bench.compare(subjects)
    first = peers[0].name
    tables = []
    for suffix, caption in (("", "Without"), (" + features", "With")):
        chosen = {label: results for label, results in samples.items()
                  if label.endswith(" + features") == bool(suffix)}
        tables.append((caption, comparison_header(first + suffix),
                       comparison_rows(chosen, first + suffix)))
    rows = []
    for peer in peers:
        off = values_of(samples[peer.name])
        on = values_of(samples[peer.name + " + features"])
        added = statistics.median(on) - statistics.median(off)
        rows.append([peer.name, f"{added:.2f}"])
    tables.append(("What they add", ["proxy", "CPU µs/request"], rows))
    return subjects, samples, tables


def w2(bench: Bench, peers: Sequence[Peer]) -> Section:
    load = Load({"response-bytes": 2048},
                [*REALISTIC_REQUEST_HEADERS, f"X-Api-Key: {API_KEY}"], REALISTIC_RESPONSE_HEADERS)
    features = frozenset({"key_auth", "limit", "metrics", "access_log"})
    subjects, samples, tables = _off_and_on(bench, peers, features, load)
    return Section("W2: realistic headers, without and with gateway features",
                   "12 request headers (about 700 bytes), 10 response headers, 2 KiB of JSON. "
                   "With: key authentication, a limit that is counted but never reached, metrics "
                   "and an access log of every request (HAProxy's into a ring in memory, nginx's "
                   "through a buffer of 64 KiB).",
                   tables, configurations_of(subjects),
                   {"W2-cpu": {"kind": "bars", "title": "W2: CPU per request", "ylabel": "µs",
                               "series": {label: values_of(r) for label, r in samples.items()}}},
                   samples)


def w14(bench: Bench, peers: Sequence[Peer]) -> Section:
    load = Load({"path": "/api/items"},
                ["X-Debug: 1", "User-Agent: bench", f"X-Api-Key: {API_KEY}"],
                ["X-Powered-By: hairpin", "Content-Type: application/json"])
    features = frozenset({"key_auth", "limit", "metrics", "access_log", "headers",
                          "ip_restriction", "request_id", "rewrite"})
    subjects, samples, tables = _off_and_on(bench, peers, features, load)
    return Section("W14: no plugins against all",
                   "All: " + ", ".join(sorted(features)) + ".", tables, configurations_of(subjects),
                   {"W14-cpu": {"kind": "bars", "title": "W14: CPU per request", "ylabel": "µs",
                                "series": {label: values_of(r) for label, r in samples.items()}}},
                   samples)


def _by_route_count(bench: Bench, peer: Peer, name: str, tables_of: dict[int, tuple[RouteSpec, ...]]):
    """Cost, memory and time to load of one proxy over its number of routes."""
    subjects, rows, running = [], [], {}
    for count, routes in tables_of.items():
        wanted = Site(f"{name}-{count}", routes)
        load = Load(paths=request_paths(routes))
        running[count] = start_one(bench, peer, wanted)
        subject = Subject(str(count), running[count], load)
        bench.check(subject)
        subjects.append(subject)
    memory = {count: machine.memory_kib(one.pid) for count, one in running.items()}
    samples = bench.compare(subjects)
    first = next(iter(tables_of))
    for count in tables_of:
        against = ratios({"base": samples[str(first)], "it": samples[str(count)]}, "it")["base"]
        rows.append([peer.name, f"{count:,}", f"{statistics.median(values_of(samples[str(count)])):.2f}",
                     "1" if count == first else _ratio_text(against),
                     f"{running[count].load_seconds:.2f}", f"{memory[count] / 1024:.0f}"])
    configuration = _shown(running[1]) if 1 in running else ""
    bench.stop_all()
    return rows, samples, configuration


_W13_HEADER = ["proxy", "routes", "CPU µs/request", "÷ fewest routes (95 %)", "s to start", "RSS MiB"]


def w13(bench: Bench, peers: Sequence[Peer]) -> Section:
    rows, regex_rows, raw, configurations, lines = [], [], {}, {}, {}
    for peer in peers:
        progress(f" {peer.name}")
        # Envoy's list is searched in order: 100,000 would take a day to prove what 1,000 show.
        counts = [n for n in (1, 1_000, 10_000, 100_000) if peer.name != "envoy" or n <= 10_000]
        found, samples, configurations[peer.name] = _by_route_count(
            bench, peer, "routes", {n: literal_and_pattern_routes(n) for n in counts})
        rows += found
        raw[peer.name] = samples
        lines[peer.name] = [(int(n), statistics.median(values_of(r))) for n, r in samples.items()]
        if peer.name != "envoy-tree":
            progress(f" {peer.name}, regular expressions")
            found, samples, _ = _by_route_count(
                bench, peer, "regex", {n: regex_routes(n) for n in (1, 100, 1_000)})
            regex_rows += found
            raw[peer.name + " regex"] = samples
    return Section("W13: number of routes",
                   "Requests spread evenly over all routes. Half the routes are exact paths, half "
                   "have a variable segment; nginx, HAProxy and Envoy match only the literal prefix "
                   "of the latter (less work than asked; nginx: static locations, HAProxy: map_beg, "
                   "Envoy: its list of routes, and its matcher tree). Regular expressions apart.",
                   [("Exact paths and patterns", _W13_HEADER, rows),
                    ("Regular expressions", _W13_HEADER, regex_rows)], configurations,
                   {"W13-routes": {"kind": "lines", "title": "W13: CPU per request by routes",
                                   "xlabel": "routes", "ylabel": "µs", "series": lines}}, raw)


def w12(bench: Bench, peers: Sequence[Peer], connections: int = 10_000) -> Section:
    rows, raw = [], {}
    for peer in peers:
        progress(f" {peer.name}")
        running = bench.start(peer, Site("idle"))
        bench.check(Subject(peer.name, running, Load()))
        before = {field: machine.memory_kib(running.pid, field) for field in ("Rss", "Pss")}
        flags = {"connections": connections, "source-addresses": 4, "idle": "true"}
        command = bench.command(Subject(peer.name, running, Load(flags)))
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              text=True) as hairpin:
            ready = json.loads(hairpin.stdout.readline())
            if ready["failed"]:
                raise BenchError(f"{peer.name}: {ready['failed']} idle connections failed")
            after = {field: machine.memory_kib(running.pid, field) for field in ("Rss", "Pss")}
            hairpin.communicate("")
        raw[peer.name] = {"before_kib": before, "after_kib": after}
        rows.append([peer.name, f"{before['Rss'] / 1024:.1f}", f"{after['Rss'] / 1024:.1f}",
                     f"{(after['Rss'] - before['Rss']) * 1024 / connections:.0f}",
                     f"{(after['Pss'] - before['Pss']) * 1024 / connections:.0f}"])
        bench.stop_all()
    return Section("W12: idle connections",
                   f"{connections:,} plain connections, each idle after one request. Memory of the "
                   "processes only: the kernel's sockets cost every proxy the same.",
                   [("Memory", ["proxy", "RSS before, MiB", "RSS with them, MiB",
                                "RSS bytes each", "PSS bytes each"], rows)], raw=raw)


def w17(bench: Bench, peers: Sequence[Peer], routes: int = 10_000, rate: int = 5_000) -> Section:
    wanted = Site("changes", literal_and_pattern_routes(routes))
    load = Load({"rate": rate}, paths=request_paths(wanted.routes))
    rows, raw, threads = [], {}, []
    for peer in peers:
        if peer.name == "envoy":
            continue  # Its list of routes would not carry the load at all; its tree does.
        if peer.name == "sluice":
            peer = ManagedSluice(bench.programs)
            if peer.available():
                progress(f" sluice is left out: {peer.available()}")
                continue
        progress(f" {peer.name}")
        running = start_one(bench, peer, wanted)
        subject = Subject(peer.name, running, load)
        bench.check(subject)
        changer = changer_of(running)
        runs = {"quiet": [], "changing": []}
        for number in range(bench.pairs):
            # A B B A: which comes first alternates.
            for what in ("quiet", "changing") if number % 2 == 0 else ("changing", "quiet"):
                during = changer.until_ended if what == "changing" else None
                runs[what].append(bench.run(subject, during, may_fail=True))
        raw[peer.name] = {**runs, "thread_ms": changer.thread_ms, "changes": changer.done}
        rows.append(_change_row(peer.name, changer, runs))
        if peer.name == "sluice":
            threads = [[name, f"{used / changer.done:.2f}"]
                       for name, used in sorted(changer.thread_ms.items())]
        progress("  " + ", ".join(rows[-1]))
        bench.stop_all()
    return Section("W17: configuration changes under load",
                   f"{routes:,} routes, {rate:,} requests/s in an open loop, one route changed over "
                   "and over. Latency in µs from when a request was due; the ratio is p99.9 of runs "
                   "with changes to p99.9 of quiet runs beside them. CPU of a change: what the "
                   "proxy used more than in quiet runs, divided by the changes.",
                   [("Quiet and changing",
                     ["proxy", "how", "changes/s", "p99 quiet", "p99 changing", "p99.9 quiet",
                      "p99.9 changing", "max changing", "p99.9 ratio (95 %)", "CPU ms a change",
                      "failed requests"], rows),
                    ("Sluice: CPU time of each thread while changing, by the changes made",
                     ["thread", "ms a change"], threads)][:2 if threads else 1], raw=raw)


def _change_row(name: str, changer, runs: dict[str, list]) -> list[str]:
    quiet, changing = runs["quiet"], runs["changing"]
    ratio = statistics_of.paired_ratio(values_of(changing, "latency_us.p99.9"),
                                       values_of(quiet, "latency_us.p99.9"))
    seconds = sum(run["seconds"] for run in changing)
    # Every run has 1 s of warm-up, in which changes are made too.
    in_windows = changer.done * seconds / (seconds + len(changing))
    used = (sum(run["cpu"]["watched_us"] for run in changing) -
            sum(run["cpu"]["watched_us"] for run in quiet)) / 1000
    failed = sum(run["failures"]["total"] + run["unfinished"] for run in changing)

    def median(which, key):
        return f"{statistics.median(values_of(which, 'latency_us.' + key)):.0f}"

    return [name, changer.means, f"{changer.done / (seconds + len(changing)):.1f}",
            median(quiet, "p99"), median(changing, "p99"), median(quiet, "p99.9"),
            median(changing, "p99.9"), median(changing, "max"), _ratio_text(ratio),
            f"{used / in_windows:.1f}", str(failed)]
