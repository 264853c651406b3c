"""What every proxy is asked to do in a workload, in nobody's configuration language."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

API_KEY = "bench-key-0001"
# A limit that no run reaches: what is measured is the counting, not the refusal.
LIMIT_PER_MINUTE = 4_000_000_000

# What a gateway does to a request beyond forwarding it. "metrics" is that the proxy counts; those
# that can leave it out do so elsewhere.
FEATURES = ("access_log", "headers", "ip_restriction", "key_auth", "limit", "metrics",
            "request_id", "rewrite")


@dataclasses.dataclass(frozen=True)
class RouteSpec:
    kind: str  # "exact", "pattern" or "regex"
    path: str  # in Sluice's notation, without "~"
    sample: str  # a path that only this route serves; "#" stands for anything


@dataclasses.dataclass(frozen=True)
class Site:
    name: str
    routes: tuple[RouteSpec, ...] = ()  # none: everything goes to the upstream
    features: frozenset[str] = frozenset()
    tls: str = ""  # the key of the certificate: "ecdsa" or "rsa"; "": in the clear
    http2: bool = False  # towards clients; without TLS by prior knowledge
    grpc: bool = False  # the upstream speaks HTTP/2, in the clear
    # Further ports of the upstream. With them, what fails on one is tried on others, up to four
    # times in all and 250 ms each; a POST only where it cannot have been delivered.
    more_upstreams: tuple[int, ...] = ()
    streams: bool = False  # responses are not buffered, and clients may upgrade to WebSocket
    bodies: bool = False  # buffers and splicing are tuned for large bodies

    def __post_init__(self):
        unknown = self.features - set(FEATURES)
        if unknown:
            raise ValueError(f"unknown features: {sorted(unknown)}")


def literal_and_pattern_routes(count: int) -> tuple[RouteSpec, ...]:
    """Half exact paths, half paths with a variable segment, all of one length."""
    routes = []
    for n in range(count):
        if n % 2 == 0:
            path = f"/catalog-{n:06}/items"
            routes.append(RouteSpec("exact", path, path))
        else:
            routes.append(RouteSpec("pattern", f"/account-{n:06}/{{id}}/orders",
                                    f"/account-{n:06}/#/orders"))
    return tuple(routes)


def regex_routes(count: int) -> tuple[RouteSpec, ...]:
    return tuple(
        RouteSpec("regex", f"/v[0-9]+/service-{n:06}/.*", f"/v1/service-{n:06}/#")
        for n in range(count))


def request_paths(routes: Sequence[RouteSpec], most: int = 200_000) -> list[str]:
    """Paths that spread evenly over the routes, up to 16 different ones for a route: real traffic
    does not repeat itself so that a cache of matches could answer all of it."""
    variants = max(1, min(16, most // len(routes)))
    return [route.sample.replace("#", str(4711 + variant))
            for route in routes for variant in range(variants)]


REALISTIC_REQUEST_HEADERS = """\
User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0 Safari/537.36
Accept: application/json, text/plain, */*
Accept-Language: en-GB,en;q=0.9,de;q=0.8
Accept-Encoding: gzip, deflate, br
Authorization: Bearer eyJhbGciOiJSUzI1NiIsImtpZCI6IjEifQ.eyJzdWIiOiI0NzExIiwiaXNzIjoiYmVuY2gifQ.c2lnbmF0dXJl
Cache-Control: no-cache
Content-Type: application/json
Cookie: session=9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08; theme=dark; region=eu
Origin: https://shop.example
Referer: https://shop.example/catalogue/shoes?page=4&sort=price
X-Requested-With: XMLHttpRequest
""".splitlines()

REALISTIC_RESPONSE_HEADERS = """\
Server: application/4.2
Date: Mon, 23 Nov 2026 18:00:00 GMT
Content-Type: application/json; charset=utf-8
Cache-Control: private, max-age=0, must-revalidate
ETag: "33a64df551425fcc55e4d42a148795d9f25f89d4"
Last-Modified: Mon, 23 Nov 2026 17:59:12 GMT
Strict-Transport-Security: max-age=31536000; includeSubDomains
Vary: Accept-Encoding, Origin
X-Content-Type-Options: nosniff
""".splitlines()
