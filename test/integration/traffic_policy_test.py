"""Policies on bodies and heads, as a client and an upstream see them on the wire."""

import gzip
import socket
import struct
import threading
import time
import unittest
import zlib

from harness.matrix import Client, Proxy, Server

CONFIG = """
kind: Listener
name: public
address: 127.0.0.1:{port}
---
kind: Upstream
name: up
endpoints: [{address: "127.0.0.1:%(upstream)d"}]
---
kind: Route
name: compressed
paths: [/compressed/*]
upstream: up
plugins:
  compression: {algorithms: [gzip], min_bytes: 10}
---
kind: Route
name: decoded
paths: [/decoded]
upstream: up
plugins:
  decompression: {max_bytes: 4KiB}
---
kind: Route
name: limited
paths: [/limited]
upstream: up
plugins:
  body_limit: {request: 10}
---
kind: Route
name: held
paths: [/held]
upstream: up
plugins:
  buffering: {request: 64KiB, response: 64KiB}
---
kind: Route
name: delayed
paths: [/delayed]
upstream: up
idle_timeout: 1s
plugins:
  fault_injection: {delay: {duration: 1200ms}}
---
kind: Route
name: aborted
paths: [/aborted]
upstream: up
plugins:
  fault_injection: {delay: {duration: 20ms}, abort: {status: 503, body: not today}}
---
kind: Route
name: forever
paths: [/forever]
upstream: up
plugins:
  fault_injection: {delay: {duration: 60s}}
---
kind: Route
name: bounded
paths: [/bounded]
upstream: up
total_timeout: 300ms
plugins:
  fault_injection: {delay: {duration: 60s}}
---
kind: GlobalRule
name: everywhere
plugins:
  cors: {allow_origins: ["https://a.example"]}
"""

TEXT = b"a page that says the same again and again. " * 100


def request(method, target, headers="", body=b""):
    return ("%s %s HTTP/1.1\r\nHost: a\r\n%s\r\n" % (method, target, headers)).encode() + body


def chunks(*pieces):
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def serve(server, connection):
    """By path: a page, a stream that waits to be told to go on, or what came."""
    while True:
        head, body = server.read_request(connection)
        path = head.split(b" ")[1]
        if path == b"/compressed/page":
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nETag: \"1\"\r\n"
                            b"Content-Length: %d\r\n\r\n" % len(TEXT))
            if not head.startswith(b"HEAD"):
                connection.send(TEXT)
        elif path == b"/compressed/events":
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                            b"Transfer-Encoding: chunked\r\n\r\n9\r\ndata: 1\n\n\r\n")
            server.go_on.wait(30)
            connection.send(b"9\r\ndata: 2\n\n\r\n0\r\n\r\n")
        elif path == b"/held":
            connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" +
                            chunks(b"one", body))
        else:
            connection.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))


class TrafficPolicyTest(unittest.TestCase):

    def setUp(self):
        self.upstream = Server(serve)
        self.upstream.go_on = threading.Event()
        self.addCleanup(self.upstream.close)
        self.addCleanup(self.upstream.go_on.set)
        self.proxy = Proxy(CONFIG % {"upstream": self.upstream.port})
        self.addCleanup(self.proxy.stop)

    def client(self):
        client = Client(self.proxy.port)
        self.addCleanup(client.close)
        return client

    def exchange(self, *arguments):
        return self.client().send(request(*arguments)).response()

    @staticmethod
    def chunk(client):
        """The next one, without waiting for the end of its line, which may come with the next."""
        line = client.read_until(b"\r\n")
        if line == b"\r\n":
            line = client.read_until(b"\r\n")
        return client.read_exactly(int(line, 16))

    # --- Compression ---

    def test_a_compressed_page_is_chunked_and_decodes_to_the_page(self):
        response = self.exchange("GET", "/compressed/page", "Accept-Encoding: gzip\r\n")
        self.assertEqual(response.headers["content-encoding"], "gzip")
        self.assertEqual(response.headers["transfer-encoding"], "chunked")
        self.assertEqual(response.headers["etag"], 'W/"1"')
        self.assertNotIn("content-length", response.headers)
        self.assertLess(len(response.body), 500)
        self.assertEqual(gzip.decompress(response.body), TEXT)

    def test_a_head_leaves_the_connection_in_step(self):
        client = self.client()
        for _ in range(2):
            client.send(request("HEAD", "/compressed/page", "Accept-Encoding: gzip\r\n"))
            response = client.response(has_body=False)
            self.assertEqual(response.headers["content-encoding"], "gzip")
            self.assertNotIn("content-length", response.headers)

    def test_an_event_can_be_read_before_the_next_one_is_there(self):
        client = self.client()
        client.send(request("GET", "/compressed/events", "Accept-Encoding: gzip\r\n"))
        client.read_until(b"\r\n\r\n")
        decoder = zlib.decompressobj(31)
        text = b""
        while text != b"data: 1\n\n":
            text += decoder.decompress(self.chunk(client))
        self.upstream.go_on.set()
        while text != b"data: 1\n\ndata: 2\n\n":
            text += decoder.decompress(self.chunk(client))

    # --- Request bodies ---

    def test_the_upstream_gets_a_decoded_body_in_chunks(self):
        body = gzip.compress(TEXT[:4096])
        response = self.exchange("POST", "/decoded", "Content-Encoding: gzip\r\n"
                                 "Content-Length: %d\r\n" % len(body), body)
        self.assertEqual(response.body, TEXT[:4096])
        head = self.upstream.requests[0].lower()
        self.assertIn(b"transfer-encoding: chunked", head)
        self.assertNotIn(b"content-encoding", head)
        self.assertNotIn(b"content-length", head)

    def test_a_bomb_is_answered_413(self):
        body = gzip.compress(b"\0" * (16 << 20))
        response = self.exchange("POST", "/decoded", "Content-Encoding: gzip\r\n"
                                 "Content-Length: %d\r\n" % len(body), body)
        self.assertEqual(response.status, 413)

    def test_a_body_over_the_limit_is_refused_before_it_is_sent(self):
        client = self.client().send(request("POST", "/limited", "Content-Length: 11\r\n"
                                            "Expect: 100-continue\r\n"))
        self.assertEqual(client.response().status, 413)
        self.assertEqual(self.upstream.connections, 0)

    def test_a_chunked_body_is_refused_at_the_first_byte_over_the_limit(self):
        client = self.client().send(request("POST", "/limited", "Transfer-Encoding: chunked\r\n"))
        client.send(b"a\r\n0123456789\r\n").send(b"1\r\nx\r\n")
        self.assertEqual(client.response().status, 413)

    def test_held_bodies_go_on_with_their_length(self):
        response = self.exchange("POST", "/held", "Transfer-Encoding: chunked\r\n",
                                 chunks(b"two", b"three"))
        self.assertIn(b"content-length: 8", self.upstream.requests[0].lower())
        self.assertEqual(response.headers["content-length"], "11")
        self.assertEqual(response.body, b"onetwothree")

    # --- Faults ---

    def test_a_delay_passes_and_is_no_idle_time(self):
        start = time.monotonic()
        self.assertEqual(self.exchange("GET", "/delayed").status, 200)
        self.assertGreaterEqual(time.monotonic() - start, 1.2)

    def test_a_delay_does_not_pass_the_total_timeout(self):
        response = self.exchange("GET", "/bounded")
        self.assertEqual(response.status, 504)
        self.assertIn("total_timeout", response.headers["proxy-status"])

    def test_an_abort_comes_after_its_delay(self):
        response = self.exchange("GET", "/aborted")
        self.assertEqual((response.status, response.body), (503, b"not today"))
        self.assertEqual(self.upstream.connections, 0)

    def test_a_client_that_goes_away_ends_its_delay(self):
        client = self.client().send(request("GET", "/forever"))
        # Another request, so that this one is surely under way; then a reset: a client that only
        # says that it sends no more may still wait for its response.
        self.assertEqual(self.exchange("GET", "/delayed").status, 200)
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
        # Only a proxy without requests under way leaves before its time is over.
        self.proxy.terminate()
        self.assertEqual(self.proxy.process.wait(20), 0)

    # --- Other sites ---

    def test_a_preflight_is_answered_without_the_upstream(self):
        response = self.exchange("OPTIONS", "/limited", "Origin: https://a.example\r\n"
                                 "Access-Control-Request-Method: PUT\r\n")
        self.assertEqual(response.status, 204)
        self.assertEqual(response.headers["access-control-allow-origin"], "https://a.example")
        self.assertEqual(self.upstream.connections, 0)

    def test_a_refusal_can_be_read_by_an_allowed_site(self):
        response = self.exchange("POST", "/limited", "Origin: https://a.example\r\n"
                                 "Content-Length: 11\r\n", b"01234567890")
        self.assertEqual(response.status, 413)
        self.assertEqual(response.headers["access-control-allow-origin"], "https://a.example")


if __name__ == "__main__":
    unittest.main()
