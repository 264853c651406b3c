"""Malformed requests and attacks over HTTP/2: refused, while other connections are served. What
stops each attack is told in docs/guide/http2.md."""

import re
import struct
import unittest
import urllib.request

from harness.h2 import (
    ACK, CANCEL, CONTINUATION, DATA, END_HEADERS, END_STREAM, ENHANCE_YOUR_CALM, FLOW_CONTROL_ERROR,
    GOAWAY, HEADERS, Http2Client, PADDED, PING, PREFACE, PRIORITY,
    PROTOCOL_ERROR, REFUSED_STREAM, RST_STREAM, SETTINGS, STREAM_CLOSED, WINDOW_UPDATE, block,
    field, frame, head, indexed_field)
from harness.process import Proxy
from harness.raw import Client, Server

CONFIG = """
kind: Listener
name: public
address: 127.0.0.1:{port}
timeouts: {header: 1s, body_grace: 1s}
http2: {flush_timeout: 1s}
---
kind: Upstream
name: up
endpoints: [{address: "127.0.0.1:%d"}]
---
kind: Route
name: all
upstream: up
---
kind: Route
name: slow
paths: [/slow]
upstream: up
timeout: 0s
"""

BIG = b"x" * 2_000_000


def serve(server, connection):
    """/big has a large body, /slow never answers, the rest echoes."""
    while True:
        start, body = server.read_request(connection)
        if start.startswith(b"GET /big"):
            body = BIG
        elif b" /slow " in start:
            connection.read_to_end()
            return
        connection.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))


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
        cls.upstream = Server(serve)
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

    def assert_served(self):
        """Other clients, of either protocol, do not notice."""
        self.assertEqual(self.client().get(b"/ok")[0], 200)
        other = Client(self.proxy.port)
        self.addCleanup(other.close)
        self.assertEqual(other.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").response().status, 200)

    def flood(self, client, data, times):
        """Sends on until the proxy has had enough; the code of its GOAWAY."""
        bystander = self.client()
        self.assertEqual(bystander.get()[0], 200)
        try:
            for _ in range(times):
                client.send(data)
        except (BrokenPipeError, ConnectionResetError):
            pass
        code = client.goaway_code()
        # The same connection that was open before.
        self.assertEqual(bystander.get(b"/again")[0], 200)
        self.assert_served()
        return code

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
        self.assertNotIn(b"authorization", self.upstream.requests[-1])

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

    # --- Attacks ---

    def test_rapid_reset(self):
        client = self.client()
        data = b"".join(
            frame(HEADERS, END_HEADERS | END_STREAM, stream, head(path=b"/slow")) +
            frame(RST_STREAM, 0, stream, struct.pack(">I", CANCEL))
            for stream in range(1, 2000, 2))
        self.assertEqual(self.flood(client, data, 1), ENHANCE_YOUR_CALM)

    def test_resets_that_we_are_made_to_send(self):
        client = self.client()
        # A body that is longer than its length is the client's fault, and the stream ours to reset.
        data = b"".join(
            frame(HEADERS, END_HEADERS, stream, regular((b"content-length", b"1"))) +
            frame(DATA, 0, stream, b"xx")
            for stream in range(1, 2000, 2))
        self.assertEqual(self.flood(client, data, 1), ENHANCE_YOUR_CALM)

    def test_too_many_streams_are_refused(self):
        client = self.client()
        for _ in range(101):
            client.open(head(path=b"/slow"))
        got = client.read_until_frame(RST_STREAM, GOAWAY)
        if got.kind == RST_STREAM:
            self.assertEqual((got.stream, got.code), (201, REFUSED_STREAM))
        self.assert_served()

    def test_continuation_flood(self):
        client = self.client()
        client.send(frame(HEADERS, END_STREAM, 1, head()))
        self.assertEqual(
            self.flood(client, frame(CONTINUATION, 0, 1, field(b"x", b"y" * 1000)), 1000),
            ENHANCE_YOUR_CALM)

    def test_empty_continuation_flood(self):
        client = self.client()
        client.send(frame(HEADERS, END_STREAM, 1, head()))
        self.assertEqual(self.flood(client, frame(CONTINUATION, 0, 1), 5000), ENHANCE_YOUR_CALM)

    def test_hpack_bomb(self):
        client = self.client()
        # A field of 4 KiB in the table, then a byte for each time that it is meant again.
        data = head() + indexed_field(b"x", b"v" * 3900) + b"\xbe" * 12000
        self.assertEqual(self.flood(client, frame(HEADERS, END_HEADERS | END_STREAM, 1, data), 1),
                         ENHANCE_YOUR_CALM)

    def test_cookie_bomb(self):
        client = self.client()
        data = head() + indexed_field(b"cookie", b"a=1") + b"\xbe" * 16000
        self.assertEqual(self.flood(client, frame(HEADERS, END_HEADERS | END_STREAM, 1, data), 1),
                         ENHANCE_YOUR_CALM)

    def test_floods_of_frames_that_ask_for_nothing(self):
        floods = {
            "PING": frame(PING, 0, 0, b"12345678"),
            "PING answers": frame(PING, ACK, 0, b"12345678"),
            "SETTINGS": frame(SETTINGS, 0, 0),
            "window churn": frame(SETTINGS, 0, 0, struct.pack(">HI", 4, 1) +
                                  struct.pack(">HI", 4, 65535)),
            "PRIORITY": frame(PRIORITY, 0, 3, struct.pack(">IB", 0, 1)),
            "unknown": frame(0xbe, 0, 0, b"x"),
            "WINDOW_UPDATE": frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", 1)),
        }
        for what, data in floods.items():
            with self.subTest(what):
                self.assertEqual(self.flood(self.client(), data * 100, 500), ENHANCE_YOUR_CALM)

    def test_floods_of_frames_without_content(self):
        for what, data in {
            "empty DATA": frame(DATA, 0, 1),
            "DATA that is padding": frame(DATA, PADDED, 1, b"\x05" + b"\0" * 5),
        }.items():
            with self.subTest(what):
                client = self.client()
                client.open(head(method=b"POST", path=b"/slow"), end=False)
                self.assertEqual(self.flood(client, data * 100, 500), ENHANCE_YOUR_CALM)

    def test_data_dribble_through_a_tiny_window(self):
        client = self.client(settings=struct.pack(">HI", 4, 1))
        client.open(head(path=b"/big"))
        self.assertEqual(
            self.flood(client, frame(WINDOW_UPDATE, 0, 1, struct.pack(">I", 1)) * 100, 500),
            ENHANCE_YOUR_CALM)

    def test_a_window_that_stays_shut_is_not_waited_for(self):
        client = self.client(settings=struct.pack(">HI", 4, 0))
        stream = client.open(head(path=b"/big"))
        # Small steps do not help.
        client.send(frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", 100)))
        got = client.read_until_frame(RST_STREAM, stream=stream)
        self.assertEqual(got.code, CANCEL)
        self.assert_served()

    def test_a_window_beyond_its_bound_is_an_error(self):
        client = self.client()
        client.send(frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", 0x7fffffff)))
        self.assertEqual(client.goaway_code(), FLOW_CONTROL_ERROR)
        client = self.client()
        client.send(frame(SETTINGS, 0, 0, struct.pack(">HI", 4, 0x80000000)))
        self.assertEqual(client.goaway_code(), FLOW_CONTROL_ERROR)

    def test_more_than_the_window_is_an_error(self):
        client = self.client()
        stream = client.open(head(method=b"POST", path=b"/slow"), end=False)
        try:
            for _ in range(200):
                client.send(frame(DATA, 0, stream, b"x" * 16384))
        except (BrokenPipeError, ConnectionResetError):
            pass
        got = client.read_until_frame(RST_STREAM, GOAWAY)
        self.assertEqual(got.code, FLOW_CONTROL_ERROR)

    def test_stream_ids_that_may_not_be_used_end_the_connection(self):
        for what, streams, code in [("even", [2], PROTOCOL_ERROR),
                                    ("skipped", [5, 3], PROTOCOL_ERROR)]:
            with self.subTest(what):
                client = self.client()
                for stream in streams:
                    client.send(frame(HEADERS, END_HEADERS | END_STREAM, stream, head()))
                self.assertEqual(client.goaway_code(), code)
        client = self.client()
        self.assertEqual(client.get()[0], 200)
        client.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, head()))
        self.assertEqual(client.goaway_code(), STREAM_CLOSED)

    def test_a_head_that_does_not_come_to_its_end_is_given_up(self):
        client = self.client()
        client.send(frame(HEADERS, END_STREAM, 1, head()))
        self.assertIsNotNone(client.read_until_frame(GOAWAY))
        self.assertIsNone(client.read_until_frame(GOAWAY))

    def test_a_preface_that_does_not_come_to_its_end_is_given_up(self):
        client = self.client(preface=False)
        client.send(PREFACE[:20])
        client.read_to_end()
        client = self.client(preface=False)
        client.send(PREFACE)
        client.read_to_end()

    def test_a_body_that_dribbles_is_given_up(self):
        client = self.client()
        stream = client.open(head(method=b"POST", path=b"/slow"), end=False)
        client.send(frame(DATA, 0, stream, b"x"))
        self.assertEqual(client.finish(stream)[0], 408)

    def test_a_large_head_in_the_cache_is_not_a_large_head_later(self):
        client = self.client()
        stream = client.open(head() + indexed_field(b"x", b"v" * 3900))
        self.assertEqual(client.finish(stream)[0], 200)
        stream = client.open(head() + b"\xbe" * 5)
        client.read_until_frame(HEADERS, stream=stream)

    def test_it_was_refused_by_name(self):
        client = self.client()
        client.finish(client.open(regular((b"connection", b"close"))))
        page = urllib.request.urlopen(
            "http://127.0.0.1:%d/stats/prometheus" % self.proxy.admin_port).read().decode()
        self.assertRegex(page, re.compile(r'details="malformed_request"[^\n]* [1-9]'))


if __name__ == "__main__":
    unittest.main()
