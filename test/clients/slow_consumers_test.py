"""Consumers that take their time, over either protocol, in the clear and over TLS: a large download that
stands still holds neither the proxy's memory nor others up, and arrives whole; long streams of events
arrive event by event; trailers arrive."""

import hashlib
import ssl
import struct
import threading
import unittest

from harness.h2 import DATA, END_STREAM, HEADERS, Http2Client, WINDOW_UPDATE, frame, head
from harness.process import Proxy, free_port, wait_until
from harness.raw import Client, Server
from harness.tls import Authority

CONFIG = """
kind: Listener
name: tls
address: 127.0.0.1:{port}
tls: {certificates: [server]}
---
kind: Listener
name: plain
address: 127.0.0.1:%d
---
kind: Upstream
name: up
endpoints: [{address: "127.0.0.1:%d"}]
---
kind: Route
name: all
upstream: up
"""

SIZE = 100_000_000
PIECE = bytes(range(256)) * 4096
# What the kernel and the proxy may hold between a server that writes and a client that does not
# read: some megabytes each side.
STANDING = 40_000_000
EVENTS = 300


class SlowConsumersTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.authority = Authority()
        cls.addClassCleanup(cls.authority.close)
        digest = hashlib.sha256()
        for offset in range(0, SIZE, len(PIECE)):
            digest.update(PIECE[:SIZE - offset])
        cls.digest = digest.hexdigest()

    def setUp(self):
        self.sent = 0
        self.ask_event = threading.Semaphore(0)
        upstream = Server(self.serve)
        self.addCleanup(upstream.close)
        self.plain_port = free_port()
        self.proxy = Proxy(CONFIG % (self.plain_port, upstream.port) +
                           self.authority.issue("localhost", "DNS:localhost").yaml("server"))
        self.addCleanup(self.proxy.stop)

    def serve(self, server, connection):
        while True:
            start, _ = server.read_request(connection)
            if b" /big " in start:
                connection.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % SIZE)
                while self.sent < SIZE:
                    piece = PIECE[:SIZE - self.sent]
                    connection.send(piece)
                    self.sent += len(piece)
            elif b" /events " in start:
                connection.send(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
                                b"trailer: x-last\r\ntransfer-encoding: chunked\r\n\r\n")
                for i in range(EVENTS):
                    # Not before the client has seen the one before: none waits for another.
                    self.ask_event.acquire()
                    event = b"data: %d\n\n" % i
                    connection.send(b"%x\r\n%s\r\n" % (len(event), event))
                connection.send(b"0\r\nx-last: %d\r\n\r\n" % EVENTS)
            else:
                connection.send(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")

    def context(self, *protocols):
        context = ssl.create_default_context(cafile=self.authority.pem)
        context.set_alpn_protocols(list(protocols))
        return context

    def http1(self, over_tls):
        client = Client(self.proxy.port if over_tls else self.plain_port)
        self.addCleanup(lambda: client.close())
        if over_tls:
            client.socket = self.context("http/1.1").wrap_socket(client.socket,
                                                                 server_hostname="localhost")
        return client

    def http2(self, over_tls):
        client = Http2Client(self.proxy.port if over_tls else self.plain_port,
                             tls=self.context("h2") if over_tls else None)
        self.addCleanup(lambda: client.close())
        return client

    def wait_until_it_stands(self):
        """The server has been stopped by back-pressure, and others are served all the same."""
        last = [-1]

        def stands():
            before, last[0] = last[0], self.sent
            other = self.http1(False)
            self.assertEqual(other.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").response().body, b"ok")
            other.close()
            return self.sent > 0 and before == self.sent

        wait_until(stands, "back-pressure")
        self.assertLess(self.sent, STANDING)
        self.assertLess(self.proxy.metric("sluice_buffer_bytes"), 4 << 20)

    def check_download_in_http1(self, over_tls):
        client = self.http1(over_tls).send(b"GET /big HTTP/1.1\r\nHost: a\r\n\r\n")
        client.read_until(b"\r\n\r\n")
        self.wait_until_it_stands()
        digest, left = hashlib.sha256(), SIZE
        while left > 0:
            data = client.buffer or client.socket.recv(1 << 20)
            client.buffer = b""
            digest.update(data)
            left -= len(data)
        self.assertEqual(digest.hexdigest(), self.digest)

    def check_download_in_http2(self, over_tls):
        client = self.http2(over_tls)
        stream = client.open(head(path=b"/big"))
        client.read_until_frame(HEADERS, stream=stream)
        self.wait_until_it_stands()
        digest = hashlib.sha256()
        while True:
            got = client.read_until_frame(DATA, stream=stream)
            digest.update(got.payload)
            if got.flags & END_STREAM:
                break
            if got.payload:
                window = struct.pack(">I", len(got.payload))
                client.send(frame(WINDOW_UPDATE, 0, 0, window) +
                            frame(WINDOW_UPDATE, 0, stream, window))
        self.assertEqual(digest.hexdigest(), self.digest)

    def test_a_download_over_http1(self):
        self.check_download_in_http1(False)

    def test_a_download_over_http1_and_tls(self):
        self.check_download_in_http1(True)

    def test_a_download_over_http2(self):
        self.check_download_in_http2(False)

    def test_a_download_over_http2_and_tls(self):
        self.check_download_in_http2(True)

    def test_events_arrive_one_by_one_over_http1_and_trailers_last(self):
        for over_tls in (False, True):
            client = self.http1(over_tls).send(b"GET /events HTTP/1.1\r\nHost: a\r\nTE: trailers\r\n"
                                               b"Connection: TE\r\n\r\n")
            client.read_until(b"\r\n\r\n")
            for i in range(EVENTS):
                self.ask_event.release()
                # The end of a chunk may come with the beginning of the next.
                self.assertEqual(client.read_until(b"\n\n").rsplit(b"\r\n", 1)[1],
                                 b"data: %d\n\n" % i)
            self.assertEqual(client.read_until(b"\r\n\r\n").lower(),
                             b"\r\n0\r\nx-last: %d\r\n\r\n" % EVENTS)

    def test_events_arrive_one_by_one_over_http2_and_trailers_last(self):
        for over_tls in (False, True):
            client = self.http2(over_tls)
            stream = client.open(head(path=b"/events"))
            client.read_until_frame(HEADERS, stream=stream)
            for i in range(EVENTS):
                self.ask_event.release()
                self.assertEqual(client.read_until_frame(DATA, stream=stream).payload,
                                 b"data: %d\n\n" % i)
            trailers = client.read_until_frame(HEADERS, stream=stream)
            self.assertTrue(trailers.flags & END_STREAM)


if __name__ == "__main__":
    unittest.main()
