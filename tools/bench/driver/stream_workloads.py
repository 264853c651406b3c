"""W10 and W18: small messages on many long streams."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Sequence

from .measure import Bench, Load, Subject, progress, values_of
from .peer import Peer
from .site import Site
from .workloads import Section, comparison_rows, configurations_of, base_of, start_all

_HEADER = ["proxy", "CPU µs/message", "messages/s", "{} ÷ it (95 %)", "p50", "p99", "p99.9"]


def _compare(bench: Bench, peers: Sequence[Peer], wanted: Site, load: Load, check: Load):
    """All proxies, and the way without one, which says what they add."""
    subjects = start_all(bench, peers, wanted, check)
    direct = Subject("direct (no proxy)", None, load)
    samples = bench.compare([direct] + [dataclasses.replace(s, load=load) for s in subjects])
    base = base_of(subjects)
    rows = [row + [f"{statistics.median(values_of(samples[row[0]], 'latency_us.' + quantile)):.0f}"
                   for quantile in ("p50", "p99", "p99.9")]
            for row in comparison_rows({k: v for k, v in samples.items() if k != direct.label}, base)]
    rows.insert(0, [direct.label, "-", "-", "-"] + [
        f"{statistics.median(values_of(samples[direct.label], 'latency_us.' + quantile)):.0f}"
        for quantile in ("p50", "p99", "p99.9")])
    header = [column.format(base) for column in _HEADER]
    configurations = configurations_of(subjects)
    bench.stop_all()
    return header, rows, samples, configurations


def w10(bench: Bench, peers: Sequence[Peer]) -> Section:
    load = Load({"events": "grpc", "upstream-http2": "true", "connections": 10, "streams": 50,
                 "interval": "50ms", "message-bytes": 100, "method": "POST", "grpc": "true",
                 "path": "/bench.Echo/Stream", "warmup": "3s"})
    check = Load({"grpc": "true", "connections": 1, "streams": 8, "method": "POST",
                  "path": "/bench.Echo/Call"})
    header, rows, raw, configurations = _compare(
        bench, peers, Site("grpc", http2=True, grpc=True), load, check)
    return Section("W10: gRPC, streaming", "500 calls that stream both ways, 50 on a connection, a "
                   "message of 100 bytes each 50 ms on each, which the upstream sends back: 10,000 "
                   "messages/s in each direction. Latency of a message there and back in µs, from "
                   "when it was due.", [("500 streams, 10,000 messages/s", header, rows)],
                   configurations, raw=raw)


def w18(bench: Bench, peers: Sequence[Peer]) -> Section:
    tables, raw, configurations = [], {}, {}
    for kind, name, what in (
            ("sse", "Server-sent events", "from the upstream to the client"),
            ("websocket", "WebSocket", "to the upstream and back")):
        progress(f" {name}")
        load = Load({"events": kind, "connections": 1000, "interval": "100ms",
                     "message-bytes": 100, "warmup": "3s"})
        header, rows, samples, shown = _compare(bench, peers, Site(kind, streams=True), load, Load())
        tables.append((f"{name}: latency {what}", header, rows))
        raw[kind] = samples
        configurations.update(shown)
    return Section("W18: server-sent events and WebSocket", "1,000 streams, a message of 100 bytes "
                   "each 100 ms on each: 10,000 messages/s. Latency in µs from when a message was "
                   "due.", tables, configurations, raw=raw)
