"""Malformed requests over HTTP/2: refused, while the connection goes on."""

import unittest

from harness.h2 import (
    CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, Http2Client, PING, PROTOCOL_ERROR, block,
    field, frame, head)
from harness.process import Proxy
from harness.raw import Server

CONFIG = """
kind: Listener
name: public
address: 127.0.0.1:{port}
---
kind: Upstream
name: up
endpoints: [{address: "127.0.0.1:%d"}]
---
kind: Route
name: all
upstream: up
"""


def regular(*fields):
    return head(extra=fields)


# What is wrong, header block, whether the proxy answers with a status or resets the stream.
MALFORMED = [
    ("connection", regular((b"connection", b"close")), None),
    ("keep-alive", regular((b"keep-alive", b"timeout=1")), None),
    ("proxy-connection", regular((b"proxy-connection", b"close")), None),
    ("transfer-encoding", regular((b"transfer-encoding", b"chunked")), None),
    ("upgrade", regular((b"upgrade", b"websocket")), None),
    ("te other than trailers", regular((b"te", b"gzip")), None),
    ("upper case", regular((b"X-Name", b"v")), None),
    ("CR in a value", regular((b"x", b"a\rb")), None),
    ("LF in a value", regular((b"x", b"a\nb")), None),
    ("NUL in a value", regular((b"x", b"a\0b")), None),
    ("space before a value", regular((b"x", b" a")), None),
    ("space behind a value", regular((b"x", b"a ")), None),
    ("control character in a value", regular((b"x", b"a\x01b")), None),
    ("colon in a name", regular((b"x:y", b"v")), None),
    ("space in a name", regular((b"x y", b"v")), None),
    ("empty name", regular((b"", b"v")), None),
    ("pseudo-header behind a header",
     block([(b":method", b"GET"), (b":scheme", b"http"), (b":path", b"/"), (b"x", b"y"),
            (b":authority", b"a")]), None),
    ("two methods", regular((b":method", b"GET")), None),
    ("two paths", head(extra=[(b":path", b"/x")]), None),
    ("unknown pseudo-header", head(extra=[(b":x", b"y")]), None),
    (":status in a request", head(extra=[(b":status", b"200")]), None),
    ("no path", block([(b":method", b"GET"), (b":scheme", b"http"), (b":authority", b"a")]), None),
    ("no method", block([(b":scheme", b"http"), (b":path", b"/"), (b":authority", b"a")]), None),
    ("no scheme", block([(b":method", b"GET"), (b":path", b"/"), (b":authority", b"a")]), None),
    ("empty path", head(path=b""), None),
    ("path without a slash", head(path=b"x"), None),
    ("asterisk without OPTIONS", head(path=b"*"), None),
    ("space in the path", head(path=b"/a b"), None),
    ("CR LF in the path", head(path=b"/ HTTP/1.1\r\nx: y"), None),
    ("NUL in the path", head(path=b"/\0"), None),
    ("space in the method", head(method=b"GET /x"), None),
    ("CR LF in the method", head(method=b"GET\r\nx"), None),
    ("bad scheme", head(scheme=b"ht tp"), None),
    ("CR LF in the authority", head(authority=b"a\r\nx: y"), None),
    ("content-length that is no number", regular((b"content-length", b"1x")), None),
    ("two content-lengths", regular((b"content-length", b"0"), (b"content-length", b"0")), None),
    ("content-length without a body", regular((b"content-length", b"5")), None),
    ("no authority and no host", head(authority=None), None),
    ("fragment in the path", head(path=b"/a#b"), 400),
    ("raw UTF-8 in the path", head(path="/\u00e9".encode()), 400),
    ("authority with a user", head(authority=b"u@a"), 400),
    ("authority with a path", head(authority=b"a/b"), None),
    ("authority with a bad port", head(authority=b"a:99999"), 400),
    ("host that differs", regular((b"host", b"b")), 400),
    ("two hosts", regular((b"host", b"a"), (b"host", b"a")), None),
    ("underscore", regular((b"x_y", b"v")), 400),
    ("above the root", head(path=b"/../x"), 400),
    ("escaped slash", head(path=b"/a%2fb"), 400),
    ("method of 100 bytes", head(method=b"M" * 100), 501),
    ("TRACE", head(method=b"TRACE"), 405),
    ("unknown expectation", regular((b"expect", b"x")), 417),
    ("a head of 40 KiB", regular(*[(b"x-%d" % i, b"v" * 1000) for i in range(40)]), 431),
    ("200 headers", regular(*[(b"x-%d" % i, b"v") for i in range(200)]), 431),
    ("200 cookies", regular(*[(b"cookie", b"a=%d" % i) for i in range(200)]), 431),
]


class Http2HardeningTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.upstream = Server()
        cls.proxy = Proxy(CONFIG % cls.upstream.port)

    @classmethod
    def tearDownClass(cls):
        cls.proxy.stop()
        cls.upstream.close()

    def client(self, **options):
        client = Http2Client(self.proxy.port, **options)
        self.addCleanup(client.close)
        return client

    def send_block(self, client, stream, data, end=True):
        """A header block of any size: HEADERS and CONTINUATION."""
        pieces = [data[i:i + 16384] for i in range(0, len(data), 16384)] or [b""]
        for i, piece in enumerate(pieces):
            flags = END_HEADERS if i == len(pieces) - 1 else 0
            if i == 0:
                flags |= END_STREAM if end else 0
            client.send(frame(HEADERS if i == 0 else CONTINUATION, flags, stream, piece))

    # --- Requests ---

    def test_malformed_requests_are_refused_and_the_connection_goes_on(self):
        for what, data, status in MALFORMED:
            with self.subTest(what):
                before = len(self.upstream.requests)
                client = self.client()
                self.send_block(client, 1, data)
                got, code = client.finish(1)
                self.assertEqual(got, status, "code %r" % (code,))
                if status is None:
                    self.assertEqual(code, PROTOCOL_ERROR)
                self.assertEqual(len(self.upstream.requests), before)
                client.next_id = 3
                client.send(frame(PING, 0, 0, b"12345678"))
                self.assertIsNotNone(client.read_until_frame(PING))

    def test_a_body_that_contradicts_its_length_is_reset(self):
        for body in (b"1234", b"123456"):
            client = self.client()
            stream = client.open(regular((b"content-length", b"5")), end=False)
            client.send(frame(DATA, END_STREAM, stream, body))
            self.assertEqual(client.finish(stream), (None, PROTOCOL_ERROR))

    def test_trailers_without_the_end_are_reset(self):
        client = self.client()
        stream = client.open(head(method=b"POST"), end=False)
        client.send(frame(HEADERS, END_HEADERS, stream, field(b"x", b"y")))
        self.assertEqual(client.finish(stream), (None, PROTOCOL_ERROR))

    def test_forbidden_trailers_do_not_reach_the_upstream(self):
        client = self.client()
        stream = client.open(head(method=b"POST"), end=False)
        client.send(frame(DATA, 0, stream, b"hello"))
        client.send(frame(HEADERS, END_HEADERS | END_STREAM, stream,
                          block([(b"authorization", b"x"), (b"x-fine", b"y")])))
        self.assertEqual(client.finish(stream), (200, b"hello"))
        self.assertEqual(self.upstream.trailers, b"x-fine: y\r\n\r\n")

    def test_cookies_reach_the_upstream_as_one_header(self):
        client = self.client()
        stream = client.open(regular((b"cookie", b"a=1"), (b"cookie", b"b=2"), (b"x", b"y"),
                                     (b"cookie", b"c=3")))
        self.assertEqual(client.finish(stream)[0], 200)
        self.assertIn(b"\r\ncookie: a=1; b=2; c=3\r\n", self.upstream.requests[-1])
        self.assertEqual(self.upstream.requests[-1].count(b"cookie:"), 1)

    def test_ninety_cookies_are_fine(self):
        stream_client = self.client()
        stream = stream_client.open(regular(*[(b"cookie", b"a=%d" % i) for i in range(90)]))
        self.assertEqual(stream_client.finish(stream)[0], 200)

    def test_smuggling_by_the_body_stays_a_body(self):
        client = self.client()
        smuggled = b"0\r\n\r\nGET /admin HTTP/1.1\r\nHost: a\r\n\r\n"
        before = len(self.upstream.requests)
        stream = client.open(head(method=b"POST"), end=False)
        client.send(frame(DATA, END_STREAM, stream, smuggled))
        self.assertEqual(client.finish(stream), (200, smuggled))
        self.assertEqual(len(self.upstream.requests), before + 1)

    def test_it_was_refused_by_name(self):
        client = self.client()
        client.finish(client.open(regular((b"connection", b"close"))))
        self.assertGreater(
            self.proxy.metric('sluice_local_replies_total{details="malformed_request"}'), 0)


if __name__ == "__main__":
    unittest.main()
