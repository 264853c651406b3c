"""gRPC calls as clients see them: the proxy's own answers, deadlines, and calls of browsers."""

import base64
import json
import struct
import time
import unittest

from harness.grpc import serve_grpc
from harness.process import Proxy
from harness.raw import Client, Server

CONFIG = """
kind: Listener
name: public
address: 127.0.0.1:{port}
---
kind: Upstream
name: prices
protocol: http2
endpoints: [{address: "127.0.0.1:%(upstream)d"}]
---
kind: Upstream
name: silent
endpoints: [{address: "127.0.0.1:%(silent)d"}]
---
kind: Route
name: prices
paths: [/shop.Prices/*]
upstream: prices
plugins:
  grpc_web: {}
---
kind: Route
name: json
paths: [/v1/*]
upstream: prices
plugins:
  grpc_json:
    services: [shop.v1.Prices]
    descriptor_set: %(shop)s
---
kind: Route
name: silent
paths: [/silent]
upstream: silent
plugins:
  grpc_web: {}
---
kind: Route
name: bounded
paths: [/bounded]
upstream: silent
timeout: 1s
retry: {on: [grpc_unavailable]}
---
kind: Route
name: faulty
paths: [/faulty]
upstream: silent
plugins:
  fault_injection: {abort: {status: 503, body: "not today, 100%%"}}
"""

# That of api/validate/transcoding/testing/shop.h.
SHOP = (
    "Cp0FChRzaG9wL3YxL3ByaWNlcy5wcm90bxIHc2hvcC52MSJeCgRJdGVtEhIKBG5hbWUYASABKAlSBG5h"
    "bWUSHwoLcHJpY2VfY2VudHMYAiABKANSCnByaWNlQ2VudHMSIQoEa2luZBgDIAEoDjINLnNob3AudjEu"
    "S2luZFIEa2luZCIeCgZGaWx0ZXISFAoFbGltaXQYASABKAVSBWxpbWl0Il0KCkdldFJlcXVlc3QSEgoE"
    "bmFtZRgBIAEoCVIEbmFtZRInCgZmaWx0ZXIYAiABKAsyDy5zaG9wLnYxLkZpbHRlclIGZmlsdGVyEhIK"
    "BHRhZ3MYAyADKAlSBHRhZ3MiSAoKUHV0UmVxdWVzdBIhCgRpdGVtGAEgASgLMg0uc2hvcC52MS5JdGVt"
    "UgRpdGVtEhcKB2RyeV9ydW4YAiABKAhSBmRyeVJ1biorCgRLaW5kEhQKEEtJTkRfVU5TUEVDSUZJRUQQ"
    "ABINCglLSU5EX0JPT0sQATLoAQoGUHJpY2VzEkUKA0dldBITLnNob3AudjEuR2V0UmVxdWVzdBoNLnNo"
    "b3AudjEuSXRlbSIagtPkkwIUEhIvdjEve25hbWU9aXRlbXMvKn0SPwoETGlzdBITLnNob3AudjEuR2V0"
    "UmVxdWVzdBoNLnNob3AudjEuSXRlbSIRgtPkkwILEgkvdjEvaXRlbXMwARJWCgNQdXQSEy5zaG9wLnYx"
    "LlB1dFJlcXVlc3QaDS5zaG9wLnYxLkl0ZW0iK4LT5JMCJRoJL3YxL2l0ZW1zOgRpdGVtWhIiDS92MS9p"
    "dGVtczpwdXQ6ASoyMwoGU2lsZW50EikKA0dldBITLnNob3AudjEuR2V0UmVxdWVzdBoNLnNob3AudjEu"
    "SXRlbWIGcHJvdG8z")

HELLO = b"\0\0\0\0\5hello"
WORLD = b"\0\0\0\0\5world"


def say_nothing(server, connection):
    """But for /bounded, whose head comes at once and the rest later than its route waits for it."""
    head, _ = server.read_request(connection)
    if b" /bounded " in head:
        connection.send(b"HTTP/1.1 200 OK\r\ncontent-type: application/grpc\r\n"
                        b"transfer-encoding: chunked\r\n\r\n")
        time.sleep(1.5)
        connection.send(b"a\r\n" + WORLD + b"\r\n0\r\ngrpc-status: 0\r\n\r\n")
    connection.read_to_end()


class GrpcTest(unittest.TestCase):

    def setUp(self):
        self.upstream = Server(serve_grpc)
        self.upstream.answer = WORLD
        self.addCleanup(self.upstream.close)
        self.silent = Server(say_nothing)
        self.addCleanup(self.silent.close)
        self.proxy = Proxy(CONFIG % {"upstream": self.upstream.port, "silent": self.silent.port,
                                     "shop": SHOP})
        self.addCleanup(self.proxy.stop)

    def call(self, path, kind, body, more=""):
        client = Client(self.proxy.port)
        self.addCleanup(client.close)
        client.send(("POST %s HTTP/1.1\r\nHost: a\r\nContent-Type: %s\r\nContent-Length: %d\r\n"
                     "%s\r\n" % (path, kind, len(body), more)).encode() + body)
        return client.response()

    # --- The proxy's own answers ---

    def test_a_call_that_no_route_takes_ends_with_a_grpc_status(self):
        response = self.call("/nobody.Knows/It", "application/grpc", HELLO)
        self.assertEqual((response.status, response.body), (200, b""))
        self.assertEqual(response.headers["content-type"], "application/grpc")
        self.assertEqual(response.headers["grpc-status"], "12")
        self.assertEqual(response.headers["grpc-message"], "no_route")

    def test_the_message_of_an_abort_is_encoded(self):
        response = self.call("/faulty", "application/grpc+proto", HELLO)
        self.assertEqual(response.headers["grpc-status"], "14")
        self.assertEqual(response.headers["grpc-message"], "not today, 100%25")

    def test_others_are_answered_in_http(self):
        self.assertEqual(self.call("/nobody", "application/json", b"{}").status, 404)

    # --- Deadlines ---

    def test_a_call_ends_when_the_time_that_its_client_gave_is_over(self):
        start = time.monotonic()
        response = self.call("/silent", "application/grpc", HELLO, "grpc-timeout: 200m\r\n")
        self.assertEqual(response.headers["grpc-status"], "4")
        self.assertGreaterEqual(time.monotonic() - start, 0.2)
        self.assertLess(time.monotonic() - start, 10)

    def test_a_browser_s_call_has_a_deadline_too(self):
        response = self.call("/silent", "application/grpc-web", HELLO, "grpc-timeout: 100m\r\n")
        self.assertEqual(response.headers["content-type"], "application/grpc-web")
        self.assertEqual(response.headers["grpc-status"], "4")

    def test_a_head_ends_the_wait_for_it_though_trailers_may_call_for_a_retry(self):
        response = self.call("/bounded", "application/grpc", HELLO)
        self.assertEqual((response.status, response.body), (200, WORLD))

    # --- JSON ---

    def ask(self, target):
        client = Client(self.proxy.port)
        self.addCleanup(client.close)
        return client.send(("GET %s HTTP/1.1\r\nHost: a\r\n\r\n" % target).encode()).response()

    def test_a_get_without_a_body_becomes_a_call(self):
        self.upstream.answer = b"\0\0\0\0\5\x0a\x01a\x10\x05"
        response = self.ask("/v1/items/7?filter.limit=3")
        self.assertEqual(response.status, 200)
        self.assertEqual(response.headers["content-type"], "application/json")
        self.assertEqual(json.loads(response.body), {"name": "a", "priceCents": "5"})
        self.assertEqual(response.headers["content-length"], str(len(response.body)))
        self.assertEqual(self.upstream.requests, [b"\0\0\0\0\x0d\x0a\x07items/7\x12\x02\x08\x03"])

    def test_what_does_not_fit_is_answered_in_http(self):
        response = self.ask("/v1/items/7?nothing=1")
        self.assertEqual(response.status, 400)
        self.assertEqual(json.loads(response.body)["code"], 3)
        self.assertEqual(self.ask("/v1/nothing").status, 404)

    # --- Browsers ---

    def test_a_binary_call_gets_its_trailers_as_the_last_frame(self):
        response = self.call("/shop.Prices/Get", "application/grpc-web+proto", HELLO)
        self.assertEqual(response.headers["content-type"], "application/grpc-web+proto")
        lines = b"grpc-status: 0\r\ngrpc-message: fine\r\n"
        self.assertEqual(response.body, WORLD + b"\x80" + struct.pack(">I", len(lines)) + lines)
        self.assertEqual(self.upstream.requests, [HELLO])

    def test_a_text_call_is_base64_both_ways(self):
        response = self.call("/shop.Prices/Get", "application/grpc-web-text",
                             base64.b64encode(HELLO))
        self.assertEqual(response.headers["content-type"], "application/grpc-web-text+proto")
        groups = [response.body[i:i + 4] for i in range(0, len(response.body), 4)]
        decoded = b"".join(base64.b64decode(group) for group in groups)
        self.assertTrue(decoded.startswith(WORLD + b"\x80"))
        self.assertIn(b"grpc-status: 0\r\n", decoded)
        self.assertEqual(self.upstream.requests, [HELLO])


if __name__ == "__main__":
    unittest.main()
