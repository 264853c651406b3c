"""Workloads of connections, TLS, HTTP/2, gRPC, bodies and fixed rates. Each returns a Section."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Sequence

from .measure import Bench, BenchError, Load, Subject, progress, values_of
from .peer import Peer
from .site import Site
from .workloads import (Section, base_of, comparison_header, comparison_rows, configurations_of,
                        latency_rows, LATENCY_HEADER, start_all)

# Enough four-tuples for a new connection each: 28,000 ports an address would run dry.
SOURCES = 16


def _variants(bench: Bench, peers: Sequence[Peer], variants: dict[str, tuple[Site, Load]],
              unit: str = "request") -> tuple[list, dict, dict]:
    """A comparison of all proxies for each variant; proxies are started anew for each site."""
    tables, raw, configurations = [], {}, {}
    subjects, site = [], None
    for caption, (wanted, load) in variants.items():
        progress(f" {caption}")
        if wanted != site:
            bench.stop_all()
            subjects, site = start_all(bench, peers, wanted, load), wanted
            configurations.update(configurations_of(subjects))
        base = base_of(subjects)
        samples = bench.compare([dataclasses.replace(subject, load=load) for subject in subjects])
        tables.append((caption, comparison_header(base, unit), comparison_rows(samples, base)))
        raw[caption] = samples
    bench.stop_all()
    return tables, raw, configurations


def _bars(raw: dict, caption: str, title: str) -> dict:
    return {"kind": "bars", "title": title, "ylabel": "µs",
            "series": {label: values_of(results) for label, results in raw[caption].items()}}


def w3(bench: Bench, peers: Sequence[Peer]) -> Section:
    load = Load({"connect-per-request": "true", "source-addresses": SOURCES})
    tables, raw, configurations = _variants(
        bench, peers, {"A new connection for every request": (Site("plain"), load)})
    return Section("W3: new connections", "As W1, but each request asks for its connection to be "
                   "closed, and the next opens another. The proxy keeps its connections to the "
                   "upstream.", tables, configurations,
                   {"W3-cpu": _bars(raw, tables[0][0], "W3: CPU per connection")}, raw)


def w5(bench: Bench, peers: Sequence[Peer]) -> Section:
    tables, raw, configurations = _variants(bench, peers, {
        "64 connections": (Site("tls", tls="ecdsa"), Load({"tls": "1.3"}))})
    return Section("W5: TLS, connections kept", "As W1, over TLS 1.3 with AES-128-GCM towards "
                   "clients.", tables, configurations,
                   {"W5-cpu": _bars(raw, tables[0][0], "W5: CPU per request over TLS")}, raw)


def w6(bench: Bench, peers: Sequence[Peer]) -> Section:
    def load(version):
        return Load({"tls": version, "connect-per-request": "true", "source-addresses": SOURCES})

    tables, raw, configurations = _variants(bench, peers, {
        "TLS 1.3, ECDSA P-256": (Site("ecdsa", tls="ecdsa"), load("1.3")),
        "TLS 1.2, ECDSA P-256": (Site("ecdsa", tls="ecdsa"), load("1.2")),
        "TLS 1.3, RSA-2048": (Site("rsa", tls="rsa"), load("1.3"))}, "handshake")
    return Section("W6: full TLS handshakes", "A new connection with a full handshake (X25519) for "
                   "every request.", tables, configurations,
                   {"W6-cpu": _bars(raw, tables[0][0], "W6: CPU per full handshake, ECDSA")}, raw)


def w7(bench: Bench, peers: Sequence[Peer]) -> Section:
    def load(version):
        return Load({"tls": version, "resume": "true", "connect-per-request": "true",
                     "source-addresses": SOURCES})

    tables, raw, configurations = _variants(bench, peers, {
        f"TLS {version}": (Site("ecdsa", tls="ecdsa"), load(version)) for version in ("1.3", "1.2")
    }, "handshake")
    for caption, samples in raw.items():
        for label, results in samples.items():
            for result in results:
                if result["tls_resumed"] < 0.99 * result["connections_opened"]:
                    raise BenchError(f"{label}, {caption}: {result['tls_resumed']} of "
                                     f"{result['connections_opened']} handshakes were resumed")
    return Section("W7: resumed TLS handshakes", "A new connection for every request, which resumes "
                   "the session of the one before.", tables, configurations,
                   {"W7-cpu": _bars(raw, tables[0][0], "W7: CPU per resumed handshake, TLS 1.3")},
                   raw)


def w8(bench: Bench, peers: Sequence[Peer]) -> Section:
    def load(connections, streams, **flags):
        return Load({"connections": connections, "streams": streams, **flags})

    plain, tls = Site("http2", http2=True), Site("http2-tls", http2=True, tls="ecdsa")
    tables, raw, configurations = _variants(bench, peers, {
        "In the clear, 8 connections of 32 streams": (plain, load(8, 32)),
        "In the clear, 1 connection of 100 streams": (plain, load(1, 100)),
        "In the clear, 64 connections of 1 stream": (plain, load(64, 1)),
        "TLS 1.3, 8 connections of 32 streams": (tls, load(8, 32, tls="1.3"))})
    return Section("W8: HTTP/2 to HTTP/1.1", "As W1, but clients speak HTTP/2.", tables,
                   configurations,
                   {"W8-cpu": _bars(raw, tables[0][0], "W8: CPU per request, 8 × 32 streams")}, raw)


def w9(bench: Bench, peers: Sequence[Peer]) -> Section:
    def load(**flags):
        return Load({"grpc": "true", "connections": 8, "streams": 32, "method": "POST",
                     "path": "/bench.Echo/Call", "request-bytes": 128, **flags})

    tables, raw, configurations = _variants(bench, peers, {
        "In the clear": (Site("grpc", http2=True, grpc=True), load()),
        "TLS 1.3 towards clients": (Site("grpc-tls", http2=True, grpc=True, tls="ecdsa"),
                                    load(tls="1.3"))}, "call")
    return Section("W9: gRPC, unary", "Calls with a message of 128 bytes each way, HTTP/2 on both "
                   "sides, 8 connections of 32 streams from clients; a call counts if its status "
                   "came in the trailers.", tables, configurations,
                   {"W9-cpu": _bars(raw, tables[0][0], "W9: CPU per unary call")}, raw)


_KIB, _MIB = 1024, 1024 * 1024


def w11(bench: Bench, peers: Sequence[Peer]) -> Section:
    variants = {}
    for tls in ("", "1.3"):
        site = Site("bodies" + tls, tls="ecdsa" if tls else "", bodies=True)
        for size, name in ((64 * _KIB, "64 KiB"), (_MIB, "1 MiB"), (10 * _MIB, "10 MiB")):
            if tls and size != _MIB:
                continue
            # Few of the largest, so that many end within a run.
            flags = {"connections": 4 if size > _MIB else 32, **({"tls": tls} if tls else {})}
            over = ", TLS 1.3" if tls else ""
            variants[f"{name} down{over}"] = (site, Load({**flags, "response-bytes": size}))
            variants[f"{name} up{over}"] = (
                site, Load({**flags, "method": "POST", "request-bytes": size}))
    tables, raw, configurations = _variants(bench, peers, variants)
    mib = {name: int(name.split()[0]) / (1 if "MiB" in name else 1024) for name in raw}
    series = {label: [(statistics.median(values_of(raw[name][label])) / mib[name])
                      for name in ("1 MiB down", "1 MiB up")] for label in raw["1 MiB down"]}
    return Section("W11: bodies", "Bodies with a length, 32 connections (4 of 10 MiB), in the clear and over TLS. "
                   "nginx with larger buffers and without buffering of requests, HAProxy with "
                   "splicing and buffers of 64 KiB. Divide by the size for the cost of a MiB.",
                   tables, configurations,
                   {"W11-cpu": {"kind": "bars", "title": "W11: CPU per MiB, 1 MiB down and up",
                                "ylabel": "µs", "series": series}}, raw)


def w19(bench: Bench, peers: Sequence[Peer]) -> Section:
    subjects = start_all(bench, peers, Site("plain"), Load())
    direct = Subject("direct (no proxy)", None, subjects[0].load)
    tables, raw, curves = [], {}, {}
    for rate in (5_000, 10_000, 20_000):
        progress(f" {rate} requests/s")
        samples = bench.compare(
            [dataclasses.replace(subject, load=subject.load.with_flags(rate=rate, histogram="true"))
             for subject in [direct, *subjects]])
        tables.append((f"{rate:,} requests/s, latency in µs from when a request was due",
                       LATENCY_HEADER, latency_rows(samples)))
        raw[str(rate)] = samples
        curves = {label: results[-1]["histogram_us"] for label, results in samples.items()}
    return Section("W19: latency at fixed rates", "As W1, 64 connections, in an open loop.", tables,
                   configurations_of(subjects),
                   {"W19-latency": {"kind": "latency", "title": "W19: latency at 20,000 requests/s",
                                    "series": curves}}, raw)
