"""CONNECT: a tunnel to the route's upstream, where a route allows it."""

import socket
import threading
import unittest

from harness.h2 import (
    DATA, END_STREAM, HEADERS, Http2Client, RST_STREAM, block, frame)
from harness.process import Proxy, free_port, wait_until
from harness.raw import Client, Server

CONFIG = """
kind: Listener
name: public
address: 127.0.0.1:{port}
---
kind: Upstream
name: echo
endpoints: [{address: "127.0.0.1:%(echo)d"}]
---
kind: Upstream
name: half
endpoints: [{address: "127.0.0.1:%(dead)d"}, {address: "127.0.0.1:%(echo)d"}]
---
kind: Upstream
name: dead
endpoints: [{address: "127.0.0.1:%(dead)d"}]
---
kind: Upstream
name: two
protocol: http2
endpoints: [{address: "127.0.0.1:%(echo)d"}]
---
kind: Route
name: db
hosts: [db.example]
upstream: echo
connect: true
---
kind: Route
name: hasty
hosts: [hasty.example]
upstream: echo
connect: true
idle_timeout: 1s
---
kind: Route
name: half
hosts: [half.example]
upstream: half
connect: true
---
kind: Route
name: dead
hosts: [dead.example]
upstream: dead
connect: true
---
kind: Route
name: two
hosts: [two.example]
upstream: two
connect: true
---
kind: Route
name: plain
hosts: [plain.example]
upstream: echo
---
kind: Route
name: only-tunnels
hosts: [both.example]
methods: [CONNECT]
upstream: echo
connect: true
---
kind: Route
name: pages
hosts: [both.example]
upstream: echo
"""


def echo(server, connection):
    """Speaks first, then echoes; says bye at the end of what comes."""
    connection.send(b"hello ")
    while True:
        data = connection.socket.recv(65536)
        if not data:
            connection.send(b"bye")
            return
        connection.send(data)


def connect(host, extra=b""):
    return b"CONNECT %s HTTP/1.1\r\nHost: %s\r\n%s\r\n" % (host, host, extra)


class ConnectTest(unittest.TestCase):
    def setUp(self):
        self.upstream = Server(echo)
        self.addCleanup(self.upstream.close)
        self.proxy = Proxy(CONFIG % {"echo": self.upstream.port, "dead": free_port()})
        self.addCleanup(self.proxy.stop)

    def client(self):
        client = Client(self.proxy.port)
        self.addCleanup(client.close)
        return client

    def http2(self):
        client = Http2Client(self.proxy.port)
        self.addCleanup(client.close)
        return client

    def open_tunnel(self, client, authority):
        return client.open(block([(b":method", b"CONNECT"), (b":authority", authority)]), end=False)

    # --- HTTP/1.1 ---

    def test_bytes_pass_both_ways(self):
        client = self.client().send(connect(b"db.example:5432") + b"early")
        start = client.read_until(b"\r\n\r\n")
        self.assertTrue(start.startswith(b"HTTP/1.1 200 "), start)
        for name in (b"content-length", b"transfer-encoding", b"connection", b"upgrade"):
            self.assertNotIn(name, start.lower())
        self.assertEqual(client.read_exactly(11), b"hello early")
        big = b"x" * 3_000_000
        sender = threading.Thread(target=client.send, args=(big,))
        sender.start()
        self.assertEqual(client.read_exactly(len(big)), big)
        sender.join()

    def test_the_end_of_one_side_is_told_to_the_other(self):
        client = self.client().send(connect(b"db.example:1"))
        client.read_until(b"hello ")
        client.socket.shutdown(socket.SHUT_WR)
        self.assertEqual(client.read_to_end(), b"bye")

    def test_a_tunnel_in_which_nothing_moves_is_ended(self):
        client = self.client().send(connect(b"hasty.example:1"))
        client.read_until(b"hello ")
        self.assertEqual(client.read_to_end(), b"")

    def test_where_no_route_allows_it_it_is_405_and_the_connection_ends(self):
        for host in (b"plain.example:80", b"nobody.example:80"):
            client = self.client().send(connect(host) + b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            self.assertEqual(client.response().status, 405)
            self.assertTrue(client.is_closed())
        self.assertEqual(self.upstream.connections, 0)

    def test_a_route_may_serve_connect_only(self):
        client = self.client().send(connect(b"both.example:1"))
        self.assertEqual(client.read_until(b"hello ")[-6:], b"hello ")

    def test_an_endpoint_that_refuses_is_passed_over(self):
        for _ in range(4):
            client = self.client().send(connect(b"half.example:1"))
            self.assertEqual(client.read_until(b"hello ")[-6:], b"hello ")

    def test_without_any_endpoint_that_accepts_there_is_a_status(self):
        client = self.client().send(connect(b"dead.example:1"))
        self.assertEqual(client.response().status, 503)

    def test_an_upstream_in_http2_has_no_tunnels(self):
        self.assertEqual(self.client().send(connect(b"two.example:1")).response().status, 405)

    def test_a_target_without_a_port_is_malformed(self):
        self.assertEqual(self.client().send(connect(b"db.example")).response().status, 400)

    # --- HTTP/2 ---

    def test_a_stream_is_a_tunnel(self):
        client = self.http2()
        stream = self.open_tunnel(client, b"db.example:5432")
        got = client.read_until_frame(HEADERS, stream=stream)
        self.assertEqual(got.status, 200)
        self.assertFalse(got.flags & END_STREAM)
        self.assertEqual(client.read_until_frame(DATA, stream=stream).payload, b"hello ")
        client.send(frame(DATA, 0, stream, b"ping"))
        self.assertEqual(client.read_until_frame(DATA, stream=stream).payload, b"ping")
        client.send(frame(DATA, END_STREAM, stream))
        data, last = b"", None
        while last is None or not last.flags & END_STREAM:
            last = client.read_until_frame(DATA, stream=stream)
            data += last.payload
        self.assertEqual(data, b"bye")

    def test_a_refusal_in_http2_leaves_the_connection(self):
        client = self.http2()
        stream = self.open_tunnel(client, b"plain.example:80")
        self.assertEqual(client.read_until_frame(HEADERS, stream=stream).status, 405)
        stream = self.open_tunnel(client, b"db.example:1")
        client.read_until_frame(HEADERS, stream=stream)
        self.assertEqual(client.read_until_frame(DATA, stream=stream).payload, b"hello ")

    def test_a_client_that_resets_its_stream_ends_the_upstream_connection(self):
        ended = threading.Event()

        def wait_for_end(server, connection):
            connection.read_to_end()
            ended.set()
        with Server(wait_for_end) as upstream, Proxy(
                CONFIG % {"echo": upstream.port, "dead": free_port()}) as proxy, \
                Http2Client(proxy.port) as client:
            stream = self.open_tunnel(client, b"db.example:1")
            client.read_until_frame(HEADERS, stream=stream)
            client.send(frame(RST_STREAM, 0, stream, b"\0\0\0\x08"))
            wait_until(ended.is_set, "the end of the upstream's connection")


if __name__ == "__main__":
    unittest.main()
