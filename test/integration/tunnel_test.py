"""WebSocket and other upgrades: what is forwarded, what is held back, and how tunnels end."""

import base64
import hashlib
import socket
import struct
import threading
import unittest

from harness.h2 import (
    DATA, END_HEADERS, END_STREAM, HEADERS, Http2Client, RST_STREAM, SETTINGS, block, frame)
from harness.hpack import Inflater
from harness.matrix import (
    CLIENT, UPSTREAM, Client, Proxy, Server, http1_client, http1_upstream, is_http2,
    plain_client, plain_upstream)
from harness.process import wait_until

CONFIG = """
kind: Listener
name: public
address: 127.0.0.1:{port}
timeouts: {body_grace: 1s}
---
kind: Upstream
name: up
endpoints: [{address: "127.0.0.1:%d"}]
---
kind: Route
name: chat
paths: [/chat, /refuse, /slow]
upstream: up
upgrades: [websocket, irc/6.9]
---
kind: Route
name: hasty
paths: [/hasty]
upstream: up
upgrades: [websocket]
idle_timeout: 2s
---
kind: Route
name: plain
upstream: up
"""

KEY = base64.b64encode(b"0123456789abcdef")


def accept_of(key):
    return base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())


def switch_to(protocol):
    return (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: " + protocol +
            b"\r\nConnection: Upgrade\r\n")


def ask(path=b"/chat", protocol=b"websocket", extra=b""):
    return (b"GET " + path + b" HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\n"
            b"Upgrade: " + protocol + b"\r\nSec-WebSocket-Key: " + KEY +
            b"\r\nSec-WebSocket-Version: 13\r\n" + extra + b"\r\n")


def header(start, name):
    for line in start.split(b"\r\n"):
        if line.lower().startswith(name + b":"):
            return line.split(b":", 1)[1].strip()
    return None


def serve(server, connection):
    """Grants what is asked for and echoes; notes what came of the client before it granted anything."""
    while True:
        start, _ = server.read_request(connection)
        path = start.split(b" ")[1]
        protocol = header(start, b"upgrade")
        if protocol is None:
            connection.send(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
            continue
        if path == b"/refuse":
            connection.send(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno")
            server.after = connection.read_to_end()
            return
        if path == b"/slow":
            connection.socket.settimeout(0.5)
            try:
                server.early = connection.socket.recv(100)
            except TimeoutError:
                server.early = b""
            connection.socket.settimeout(30)
        key = header(start, b"sec-websocket-key")  # HTTP/2 has none.
        accept = b"Sec-WebSocket-Accept: " + accept_of(key) + b"\r\n" if key else b""
        connection.send(switch_to(protocol) + accept + b"\r\nhello ")
        while True:
            data = connection.socket.recv(65536)
            if not data:
                connection.send(b"bye")
                return
            connection.send(data)


class TunnelCase(unittest.TestCase):
    def setUp(self):
        self.upstream = Server(serve)
        self.addCleanup(self.upstream.close)
        self.proxy = Proxy(CONFIG % self.upstream.port)
        self.addCleanup(self.proxy.stop)

    def client(self):
        client = Client(self.proxy.port)
        self.addCleanup(client.close)
        return client


class TunnelTest(TunnelCase):
    def test_websocket_is_tunnelled_both_ways(self):
        client = self.client().send(ask())
        start = client.read_until(b"\r\n\r\n")
        self.assertTrue(start.startswith(b"HTTP/1.1 101 "), start)
        self.assertEqual(header(start, b"upgrade"), b"websocket")
        self.assertEqual(header(start, b"connection"), b"upgrade")
        if not is_http2(CLIENT):
            self.assertEqual(header(start, b"sec-websocket-accept"), accept_of(KEY))
        self.assertEqual(client.read_exactly(6), b"hello ")
        big = b"x" * 3_000_000
        for piece in (b"\x81\x85abcd....", big):
            sender = threading.Thread(target=client.send, args=(piece,))
            sender.start()
            self.assertEqual(client.read_exactly(len(piece)), piece)
            sender.join()

    def test_the_end_of_one_side_is_told_to_the_other(self):
        client = self.client().send(ask())
        client.read_until(b"hello ")
        client.socket.shutdown(socket.SHUT_WR)
        self.assertEqual(client.read_to_end(), b"bye")

    def test_bytes_are_held_until_the_upstream_agrees(self):
        client = self.client().send(ask(b"/slow") + b"early")
        client.read_until(b"hello ")
        self.assertEqual(client.read_exactly(5), b"early")
        self.assertEqual(self.upstream.early, b"")

    def test_a_refusal_ends_both_connections_and_bytes_behind_it_go_nowhere(self):
        client = self.client().send(ask(b"/refuse") + b"GET /admin HTTP/1.1\r\nHost: a\r\n\r\n")
        response = client.response()
        self.assertEqual((response.status, response.body), (403, b"no"))
        if not is_http2(CLIENT):
            self.assertTrue(client.is_closed())
        self.assertEqual(len(self.upstream.requests), 1)
        wait_until(lambda: hasattr(self.upstream, "after"), "the end of the upstream's connection")
        self.assertEqual(self.upstream.after, b"")
        self.client().send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").response()
        self.assertEqual(self.upstream.connections, 1 if is_http2(UPSTREAM) else 2)

    @http1_client("in HTTP/2 it is answered 403")
    def test_what_the_route_does_not_list_is_not_asked_for(self):
        for request in (ask(b"/other"), ask(protocol=b"other"), ask(protocol=b"websocket, other"),
                        ask(protocol=b"h2c", extra=b"HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n")):
            response = self.client().send(request).response()
            self.assertEqual((response.status, response.body), (200, b"ok"))
            self.assertIsNone(header(self.upstream.requests[-1], b"upgrade"))

    def test_a_tunnel_in_which_nothing_moves_is_ended(self):
        client = self.client().send(ask(b"/hasty"))
        client.read_until(b"hello ")
        self.assertEqual(client.read_to_end(), b"")

    @http1_upstream("HTTP/2 has no such status")
    def test_a_101_that_nobody_asked_for_is_an_error(self):
        def switch(server, connection):
            server.read_request(connection)
            connection.send(switch_to(b"websocket") + b"\r\n")
            connection.read_to_end()
        with Server(switch) as upstream, Proxy(CONFIG % upstream.port) as proxy:
            client = Client(proxy.port)
            self.addCleanup(client.close)
            self.assertEqual(
                client.send(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n").response().status, 502)

    def test_a_protocol_may_have_a_version(self):
        start = self.client().send(ask(protocol=b"irc/6.9")).read_until(b"\r\n\r\n")
        self.assertTrue(start.startswith(b"HTTP/1.1 101 "), start)
        self.assertEqual(header(start, b"upgrade"), b"irc/6.9")

    @http1_upstream("an endpoint of its own")
    @plain_upstream("an endpoint of its own")
    def test_an_http2_endpoint_that_grants_no_tunnels_is_asked_for_none(self):
        def answer(server, connection):
            connection.read_until(b"SM\r\n\r\n")
            connection.send(frame(SETTINGS, 0, 0))
            while True:
                got = Http2Client.read_frame(connection)
                if got is None:
                    return
                if got.kind == HEADERS:
                    server.requests.append((got.flags, Inflater().read(got.payload)))
                    connection.send(frame(HEADERS, END_HEADERS | END_STREAM, got.stream, b"\x89"))
        with Server(answer) as upstream:
            proxy = Proxy((CONFIG % upstream.port).replace("name: up\n", "name: up\nprotocol: http2\n"))
            self.addCleanup(proxy.stop)
            with Client(proxy.port) as client:
                self.assertEqual(client.send(ask()).response().status, 204)
            flags, fields = upstream.requests[0]
            self.assertTrue(flags & END_STREAM)
            self.assertIn((b":method", b"GET"), fields)
            self.assertNotIn(b":protocol", dict(fields))


@plain_client("speaks HTTP/2 frame by frame")
class ExtendedConnectTest(TunnelCase):
    def http2(self):
        client = Http2Client(self.proxy.port)
        self.addCleanup(client.close)
        return client

    def open_tunnel(self, client, path=b"/chat", protocol=b"websocket"):
        return client.open(block([(b":method", b"CONNECT"), (b":protocol", protocol),
                                  (b":scheme", b"http"), (b":path", path), (b":authority", b"a"),
                                  (b"sec-websocket-version", b"13")]), end=False)

    def test_extended_connect_is_offered(self):
        client = self.http2()
        settings = client.read_until_frame(SETTINGS).payload
        pairs = [struct.unpack(">HI", settings[i:i + 6]) for i in range(0, len(settings), 6)]
        self.assertIn((8, 1), pairs)

    def test_extended_connect_reaches_the_upstream(self):
        client = self.http2()
        stream = self.open_tunnel(client)
        got = client.read_until_frame(HEADERS, stream=stream)
        self.assertEqual(got.status, 200)
        self.assertFalse(got.flags & END_STREAM)
        self.assertEqual(client.read_until_frame(DATA, stream=stream).payload, b"hello ")
        client.send(frame(DATA, 0, stream, b"ping"))
        self.assertEqual(client.read_until_frame(DATA, stream=stream).payload, b"ping")
        asked = self.upstream.requests[0]
        self.assertTrue(asked.startswith(b"GET /chat HTTP/1.1\r\n"))
        if not is_http2(UPSTREAM):
            self.assertEqual(len(base64.b64decode(header(asked, b"sec-websocket-key"))), 16)
        client.send(frame(DATA, END_STREAM, stream))
        data = b""
        while True:
            last = client.read_until_frame(DATA, stream=stream)
            data += last.payload
            if last.flags & END_STREAM:
                break
        self.assertEqual(data, b"bye")

    def test_data_is_held_until_the_upstream_agrees_in_http2_too(self):
        client = self.http2()
        stream = self.open_tunnel(client, b"/slow")
        client.send(frame(DATA, 0, stream, b"early"))
        data = b""
        while len(data) < len(b"hello early"):  # In one frame or two.
            data += client.read_until_frame(DATA, stream=stream).payload
        self.assertEqual(data, b"hello early")
        self.assertEqual(self.upstream.early, b"")

    def test_a_refusal_in_http2_leaves_the_connection(self):
        client = self.http2()
        self.assertEqual(client.finish(self.open_tunnel(client, b"/refuse")), (403, b"no"))
        self.assertEqual(self.open_and_finish(client, b"/other"), 403)

    def open_and_finish(self, client, path):
        stream = self.open_tunnel(client, path)
        while True:
            got = client.read_until_frame(HEADERS, RST_STREAM, stream=stream)
            if got.kind == HEADERS:
                return 403 if b"upgrade_not_allowed" in \
                    client.read_until_frame(DATA, stream=stream).payload else None

    def test_a_tunnel_does_not_hold_up_its_neighbours(self):
        client = self.http2()
        tunnel = self.open_tunnel(client)
        client.read_until_frame(DATA, stream=tunnel)
        for _ in range(3):
            stream = client.open(block([(b":method", b"GET"), (b":scheme", b"http"),
                                        (b":path", b"/x"), (b":authority", b"a")]))
            self.assertEqual(client.read_until_frame(DATA, stream=stream).payload, b"ok")


if __name__ == "__main__":
    unittest.main()
