"""Attacks over HTTP/2, in the clear and over TLS: each is refused and counted, while other
connections are served as if there were none. What stops each is told in docs/guide/http2.md."""

import contextlib
import dataclasses
import ssl
import struct
import threading
import time
import unittest

from harness.h2 import (
    ACK, CANCEL, CONTINUATION, DATA, END_HEADERS, END_STREAM, ENHANCE_YOUR_CALM, FLOW_CONTROL_ERROR,
    FRAME_SIZE_ERROR, GOAWAY, HEADERS, Http2Client, PADDED, PING, PREFACE, PRIORITY,
    PROTOCOL_ERROR, REFUSED_STREAM, RST_STREAM, SETTINGS, STREAM_CLOSED, WINDOW_UPDATE, field,
    frame, head, indexed_field)
from harness.process import Proxy, free_port, wait_until
from harness.raw import Client, Server
from harness.tls import Authority

# Others have more time, at the same worker: no machine is too slow for them.
CONFIG = """
kind: Listener
name: public
address: 127.0.0.1:{port}
timeouts: {header: 1s, body_grace: 1s}
limits: {connections: 200}
http2: {flush_timeout: 1s}
%(listener)s---
kind: Listener
name: calm
address: 127.0.0.1:%(calm)d
%(listener)s---
kind: Upstream
name: up
endpoints: [{address: "127.0.0.1:%(up)d"}]
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
NAMES = {PROTOCOL_ERROR: "protocol_error", FLOW_CONTROL_ERROR: "flow_control_error",
         STREAM_CLOSED: "stream_closed", FRAME_SIZE_ERROR: "frame_size_error",
         ENHANCE_YOUR_CALM: "enhance_your_calm"}
WINDOW = 4  # SETTINGS_INITIAL_WINDOW_SIZE
OPEN = END_HEADERS
WHOLE = END_HEADERS | END_STREAM


def serve(server, connection):
    """/big has a large body, /slow never answers, /stuck does not even read, /late answers after the
    proxy's patience with heads; the rest echoes."""
    while True:
        start = server.read_head(connection)
        if b" /stuck " in start:
            server.released.wait()
            return
        body = server.read_body(connection, start)
        if start.startswith(b"GET /big"):
            body = BIG
        elif b" /slow " in start:
            connection.read_to_end()
            return
        elif b" /late " in start:
            time.sleep(2)
            body = b"late"
        connection.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))


def setting(key, value):
    return struct.pack(">HI", key, value)


def number(value):
    return struct.pack(">I", value)


def requests(flags, block, *then):
    """A thousand requests, each with what follows it: functions of its stream."""
    return b"".join(
        frame(HEADERS, flags, stream, block) + b"".join(follow(stream) for follow in then)
        for stream in range(1, 2000, 2))


SLOW = head(path=b"/slow")
UPLOAD = head(method=b"POST", path=b"/slow")
UPLOAD_OF_ONE = head(extra=[(b"content-length", b"1")])


@dataclasses.dataclass
class Attack:
    row: str
    what: str
    data: bytes
    times: int = 1
    opening: bytes = b""
    settings: bytes = b""
    # Of the GOAWAY that ends it.
    code: int = ENHANCE_YOUR_CALM


def crumbs(count):
    return head() + indexed_field(b"cookie", b"a=1") + b"\xbe" * count


# What asks for nothing, a hundred frames at a time.
def idle(row, what, data, **more):
    return Attack(row, what, data * 100, times=500, **more)


ATTACKS = [
    Attack("rapid reset, CVE-2023-44487", "cancelled at once",
           requests(WHOLE, SLOW, lambda s: frame(RST_STREAM, 0, s, number(CANCEL)))),
    Attack("made to reset, CVE-2025-8671", "body above its length",
           requests(OPEN, UPLOAD_OF_ONE, lambda s: frame(DATA, 0, s, b"xx"))),
    Attack("made to reset, CVE-2025-8671", "window beyond its bound",
           requests(WHOLE, SLOW, lambda s: frame(WINDOW_UPDATE, 0, s, number(0x7fffffff)))),
    Attack("made to reset, CVE-2025-8671", "trailers without an end",
           requests(OPEN, UPLOAD, lambda s: frame(HEADERS, OPEN, s, field(b"x", b"y")))),
    Attack("CONTINUATION flood, CVE-2024-28182", "with fields",
           frame(CONTINUATION, 0, 1, field(b"x", b"y" * 1000)), times=1000,
           opening=frame(HEADERS, END_STREAM, 1, head())),
    Attack("CONTINUATION flood, CVE-2024-28182", "empty",
           frame(CONTINUATION, 0, 1), times=5000, opening=frame(HEADERS, END_STREAM, 1, head())),
    # A field of 4 KiB in the table, then a byte for each time that it is meant again.
    Attack("HPACK bomb, CVE-2016-6581", "4 KiB for a byte",
           frame(HEADERS, WHOLE, 1, head() + indexed_field(b"x", b"v" * 3900) + b"\xbe" * 12000)),
    Attack("HTTP/2 bomb, CVE-2026-47774", "cookie crumbs",
           frame(HEADERS, WHOLE, 1, crumbs(16000)), settings=setting(WINDOW, 0)),
    idle("SETTINGS flood, CVE-2019-9515", "empty", frame(SETTINGS, 0, 0)),
    Attack("SETTINGS flood, CVE-2020-11080", "oversized",
           frame(SETTINGS, 0, 0, setting(0xbe, 1) * 2730), times=5000),
    Attack("SETTINGS flood, CVE-2020-11080", "no multiple of six", frame(SETTINGS, 0, 0, b"12345"),
           code=FRAME_SIZE_ERROR),
    idle("PING flood, CVE-2019-9512", "asked", frame(PING, 0, 0, b"12345678")),
    idle("PING flood, CVE-2019-9512", "answers to nothing", frame(PING, ACK, 0, b"12345678")),
    idle("empty frames, CVE-2019-9518", "DATA", frame(DATA, 0, 1),
         opening=frame(HEADERS, OPEN, 1, UPLOAD)),
    Attack("empty frames, CVE-2019-9518", "HEADERS", frame(HEADERS, END_STREAM, 1) +
           frame(CONTINUATION, 0, 1) * 100),
    idle("PRIORITY flood, CVE-2019-9513", "one stream", frame(PRIORITY, 0, 3, number(0) + b"\1")),
    Attack("PRIORITY flood, CVE-2019-9513", "churning dependencies",
           b"".join(frame(PRIORITY, 0, s, number(s + 2) + b"\1") + frame(PRIORITY, 0, s + 2,
                                                                     number(s) + b"\1")
                    for s in range(1, 400, 2)), times=500),
    Attack("PRIORITY flood, CVE-2019-9513", "a stream that depends on itself",
           frame(PRIORITY, 0, 3, number(3) + b"\1"), code=PROTOCOL_ERROR),
    idle("WINDOW_UPDATE flood, CVE-2019-9517", "of the connection",
         frame(WINDOW_UPDATE, 0, 0, number(1))),
    idle("data dribble, CVE-2019-9511", "through a window of a byte",
         frame(WINDOW_UPDATE, 0, 1, number(1)), opening=frame(HEADERS, WHOLE, 1, head(path=b"/big")),
         settings=setting(WINDOW, 1)),
    Attack("window overflow", "of the connection",
           frame(WINDOW_UPDATE, 0, 0, number(0x7fffffff)), code=FLOW_CONTROL_ERROR),
    Attack("window overflow", "initial window above its bound",
           frame(SETTINGS, 0, 0, setting(WINDOW, 0x80000000)), code=FLOW_CONTROL_ERROR),
    idle("window churn", "initial window up and down",
         frame(SETTINGS, 0, 0, setting(WINDOW, 1) + setting(WINDOW, 65535))),
    Attack("stream ids", "even", frame(HEADERS, WHOLE, 2, head()), code=PROTOCOL_ERROR),
    Attack("stream ids", "going back",
           frame(HEADERS, WHOLE, 5, head()) + frame(HEADERS, WHOLE, 3, head()),
           code=PROTOCOL_ERROR),
    idle("padding flood", "DATA that is padding", frame(DATA, PADDED, 1, b"\5" + b"\0" * 5),
         opening=frame(HEADERS, OPEN, 1, UPLOAD)),
    idle("unknown frame flood", "of the connection", frame(0xbe, 0, 0, b"x")),
    idle("unknown frame flood", "of a stream", frame(0xbe, 0, 1, b"x"),
         opening=frame(HEADERS, WHOLE, 1, SLOW)),
]


class Bystander(threading.Thread):
    """Asks on one connection of either protocol, again and again, until it is stopped."""

    def __init__(self, case):
        super().__init__(daemon=True)
        self._http1, self._http2 = case.http1(case.calm_port), case.client(case.calm_port)
        self._stopped = threading.Event()
        self.answered = 0
        self.fault = None

    def run(self):
        try:
            while not self._stopped.is_set():
                status = self._http1.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").response().status
                assert status == 200, status
                status, _ = self._http2.get()
                assert status == 200, status
                self.answered += 1
        except Exception as fault:  # Told by stop(), in the test's own thread.
            self.fault = fault

    def wait_for_an_answer(self):
        before = self.answered
        wait_until(lambda: self.answered > before or self.fault, "an answer to a bystander")

    def stop(self):
        """Fails if a single request was not answered."""
        self._stopped.set()
        self.join()
        if self.fault is not None:
            raise AssertionError("a bystander was not served") from self.fault


class AttacksInTheClear(unittest.TestCase):
    listener = more = ""
    tls = None

    @classmethod
    def setUpClass(cls):
        cls.upstream = Server(serve)
        cls.upstream.released = threading.Event()
        cls.addClassCleanup(cls.upstream.close)
        cls.addClassCleanup(cls.upstream.released.set)
        cls.calm_port = free_port()
        cls.proxy = Proxy(CONFIG % {"listener": cls.listener, "calm": cls.calm_port,
                                    "up": cls.upstream.port} + cls.more)
        cls.addClassCleanup(cls.proxy.stop)

    def client(self, port=None, **options):
        client = Http2Client(port or self.proxy.port, tls=self.tls, **options)
        self.addCleanup(client.close)
        return client

    def http1(self, port):
        client = Client(port)
        self.addCleanup(client.close)
        return client

    def errors(self, code):
        return self.proxy.metric(
            'sluice_http2_errors_total{listener="public",code="%s"}' % NAMES[code])

    @contextlib.contextmanager
    def watched(self):
        """Others are served before, during and after what is inside."""
        bystander = Bystander(self)
        bystander.start()
        try:
            bystander.wait_for_an_answer()
            yield
            bystander.wait_for_an_answer()
        finally:
            bystander.stop()
        with self.http1(self.calm_port) as late:
            status = late.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").response().status
        self.assertEqual(status, 200)

    def test_attacks_end_their_connection_and_are_counted(self):
        for attack in ATTACKS:
            with self.subTest(row=attack.row, what=attack.what), self.watched():
                before = self.errors(attack.code)
                client = self.client(settings=attack.settings)
                # Once the proxy has had enough, it takes no more.
                with contextlib.suppress(BrokenPipeError, ConnectionResetError, ssl.SSLError):
                    client.send(attack.opening)
                    for _ in range(attack.times):
                        client.send(attack.data)
                self.assertEqual(client.goaway_code(), attack.code)
                client.close()
                self.assertEqual(self.errors(attack.code), before + 1)

    def test_too_many_streams_are_refused(self):
        with self.watched():
            client = self.client()
            for _ in range(101):
                client.open(SLOW)
            got = client.read_until_frame(RST_STREAM, GOAWAY)
            self.assertEqual((got.kind, got.stream, got.code), (RST_STREAM, 201, REFUSED_STREAM))

    def test_too_many_connections_are_closed_and_those_before_stay(self):
        with self.watched():
            before = self.client()
            self.assertEqual(before.get()[0], 200)
            idle_ones = [Client(self.proxy.port) for _ in range(250)]
            for client in idle_ones:
                self.addCleanup(client.close)
            self.assertTrue(all(client.is_closed() for client in idle_ones[200:]))
            self.assertEqual(before.get()[0], 200)
            for client in idle_ones:
                client.close()

    def test_huge_headers_are_answered_431(self):
        with self.watched():
            client = self.client()
            block = head() + b"".join(field(b"x-%d" % i, b"v" * 1000) for i in range(40))
            pieces = [block[i:i + 16384] for i in range(0, len(block), 16384)]
            client.send(frame(HEADERS, END_STREAM, 1, pieces[0]))
            for piece in pieces[1:]:
                client.send(frame(CONTINUATION, END_HEADERS if piece is pieces[-1] else 0, 1, piece))
            self.assertEqual(client.finish(1)[0], 431)

    def test_a_window_that_stays_shut_is_not_waited_for(self):
        with self.watched():
            client = self.client(settings=setting(WINDOW, 0))
            stream = client.open(head(path=b"/big"))
            # Small steps do not help.
            client.send(frame(WINDOW_UPDATE, 0, stream, number(100)))
            self.assertEqual(client.read_until_frame(RST_STREAM, stream=stream).code, CANCEL)

    def test_more_than_the_window_is_an_error(self):
        with self.watched():
            client = self.client()
            stream = client.open(head(method=b"POST", path=b"/stuck"), end=False)
            with contextlib.suppress(BrokenPipeError, ConnectionResetError, ssl.SSLError):
                for _ in range(4000):  # Kernels hold some of it.
                    client.send(frame(DATA, 0, stream, b"x" * 16384))
            self.assertEqual(client.read_until_frame(RST_STREAM, GOAWAY).code, FLOW_CONTROL_ERROR)

    def test_a_window_that_a_setting_lifts_beyond_its_bound_is_an_error(self):
        with self.watched():
            client = self.client()
            stream = client.open(SLOW)
            client.send(frame(WINDOW_UPDATE, 0, stream, number(0x7fff0000)) +
                        frame(SETTINGS, 0, 0, setting(WINDOW, 0x7fffffff)))
            self.assertEqual(client.goaway_code(), FLOW_CONTROL_ERROR)

    def test_a_client_that_reads_nothing_is_given_up_whatever_it_sends(self):
        with self.watched():
            client = self.client(settings=setting(WINDOW, 0x7fffffff))
            client.send(frame(WINDOW_UPDATE, 0, 0, number(0x7f000000)))
            for _ in range(50):
                client.open(head(path=b"/big"))

            def is_given_up():
                time.sleep(0.05)  # Faster would be a flood.
                try:
                    client.send(frame(WINDOW_UPDATE, 0, 0, number(1)))
                    return False
                except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
                    return True

            wait_until(is_given_up, "the proxy to close the connection")

    def test_a_malformed_request_is_no_head_that_is_waited_for(self):
        with self.watched():
            client = self.client()
            stream = client.open(head(path=b"/late"))
            client.open(head(authority=None))
            self.assertEqual(client.finish(stream), (200, b"late"))

    def test_an_id_that_was_used_ends_the_connection(self):
        with self.watched():
            client = self.client()
            self.assertEqual(client.get()[0], 200)
            client.send(frame(HEADERS, WHOLE, 1, head()))
            self.assertEqual(client.goaway_code(), STREAM_CLOSED)

    def test_a_second_head_resets_the_stream(self):
        with self.watched():
            client = self.client()
            stream = client.open(UPLOAD, end=False)
            client.send(frame(HEADERS, END_HEADERS, stream, UPLOAD))
            self.assertEqual(client.finish(stream), (None, PROTOCOL_ERROR))

    def test_a_client_that_goes_away_is_served_what_it_asked_and_no_more(self):
        with self.watched():
            client = self.client()
            stream = client.open(head(method=b"POST"), end=False)
            client.send(frame(GOAWAY, 0, 0, number(0) + number(0)))
            client.send(frame(DATA, END_STREAM, stream, b"bye"))
            self.assertEqual(client.finish(stream), (200, b"bye"))
            with contextlib.suppress(BrokenPipeError, ConnectionResetError, ssl.SSLError):
                client.open(head())
            self.assertIsNone(client.read_until_frame(HEADERS))

    def test_a_head_that_does_not_come_to_its_end_is_given_up(self):
        with self.watched():
            client = self.client()
            client.send(frame(HEADERS, END_STREAM, 1, head()))
            self.assertIsNotNone(client.read_until_frame(GOAWAY))
            self.assertIsNone(client.read_until_frame(GOAWAY))

    def test_a_preface_that_does_not_come_to_its_end_is_given_up(self):
        with self.watched():
            for start in (PREFACE[:20], PREFACE):
                client = self.client(preface=False)
                client.send(start)
                client.read_to_end()

    def test_a_body_that_dribbles_is_given_up(self):
        with self.watched():
            client = self.client()
            stream = client.open(UPLOAD, end=False)
            client.send(frame(DATA, 0, stream, b"x"))
            self.assertEqual(client.finish(stream)[0], 408)

    def test_a_large_head_in_the_cache_is_not_a_large_head_later(self):
        client = self.client()
        stream = client.open(head() + indexed_field(b"x", b"v" * 3900))
        self.assertEqual(client.finish(stream)[0], 200)
        stream = client.open(head() + b"\xbe" * 5)
        self.assertIsNotNone(client.read_until_frame(HEADERS, stream=stream))


class AttacksOverTls(AttacksInTheClear):
    @classmethod
    def setUpClass(cls):
        authority = Authority()
        cls.addClassCleanup(authority.close)
        certificate = authority.issue("localhost", "DNS:localhost")
        cls.listener = "tls: {certificates: [server]}\n"
        cls.more = certificate.yaml("server")
        cls.tls = ssl.create_default_context(cafile=authority.pem)
        cls.tls.set_alpn_protocols(["h2"])
        cls.over_http1 = ssl.create_default_context(cafile=authority.pem)
        super().setUpClass()

    def http1(self, port):
        client = super().http1(port)
        client.socket = self.over_http1.wrap_socket(client.socket, server_hostname="localhost")
        return client


if __name__ == "__main__":
    unittest.main()
