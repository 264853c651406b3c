"""Proof, before anything is measured, that a proxy does what its site asks of it."""

from __future__ import annotations

import http.client
import http.server
import ssl
import threading

from .peer import Running
from .site import API_KEY

_BODY = b"probe"


class _Upstream(http.server.BaseHTTPRequestHandler):
    """Remembers the last request, and answers with a header that a proxy may have to remove."""

    protocol_version = "HTTP/1.1"
    seen: dict = {}

    def do_GET(self):  # The name is the base class's.
        type(self).seen = {"path": self.path, **{k.lower(): v for k, v in self.headers.items()}}
        self.send_response(200)
        self.send_header("Content-Length", str(len(_BODY)))
        self.send_header("X-Powered-By", "probe")
        # Or the proxy would send the load's first requests here.
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(_BODY)

    def log_message(self, *_):
        pass


def _connect(running: Running) -> http.client.HTTPConnection:
    if not running.site.tls:
        return http.client.HTTPConnection("127.0.0.1", running.port, timeout=10)
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return http.client.HTTPSConnection("127.0.0.1", running.port, timeout=10, context=context)


def _get(running: Running, path: str, headers: dict[str, str]) -> tuple[int, dict[str, str]]:
    connection = _connect(running)
    try:
        connection.request("GET", path, headers={"Connection": "close", **headers})
        response = connection.getresponse()
        response.read()
        return response.status, {k.lower(): v for k, v in response.getheaders()}
    finally:
        connection.close()


def missing_features(running: Running, upstream_port: int) -> list[str]:
    """What the proxy does not do although its site has it; [] if it does all. Sites that speak
    HTTP/2 have no features: the load itself proves them."""
    if running.site.http2 or running.site.grpc:
        return []
    features = running.site.features
    server = http.server.ThreadingHTTPServer(("127.0.0.1", upstream_port), _Upstream)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        path = "/api/probe" if "rewrite" in features else _path_of(running)
        status, answer = _get(running, path, {"X-Api-Key": API_KEY, "X-Debug": "1"})
        refused, _ = _get(running, path, {})
    finally:
        server.shutdown()
        server.server_close()
    seen = _Upstream.seen
    wrong = [] if status == 200 else [f"answers {status}"]
    # Whom it names differs: for a client on the loopback interface Envoy names its own host.
    if "x-forwarded-for" not in seen:
        wrong.append("sends no X-Forwarded-For")
    if "key_auth" in features and refused != 401:
        wrong.append(f"answers {refused} without a key")
    if "headers" in features and not (seen.get("x-env") == "production" and
                                      "x-debug" not in seen and "x-served-by" in answer and
                                      "x-powered-by" not in answer):
        wrong.append("does not edit headers")
    if "request_id" in features and not ("x-request-id" in seen and "x-request-id" in answer):
        wrong.append("makes no request id")
    if "rewrite" in features and seen.get("path") != "/probe":
        wrong.append(f"sends {seen.get('path')} upstream")
    return wrong


def _path_of(running: Running) -> str:
    routes = running.site.routes
    return routes[-1].sample.replace("#", "1") if routes else "/probe"
