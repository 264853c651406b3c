"""Clients that are slow on purpose are ended in time, and nobody else notices them."""

import socket
import threading
import unittest

from harness import load
from harness.process import Proxy, free_port, wait_until
from harness.raw import Client, Server
from harness.tls import Authority

CONFIG = """
kind: Listener
name: public
address: 127.0.0.1:{port}
---
kind: Listener
name: secure
address: 127.0.0.1:%(tls)d
tls: {certificates: [a]}
---
kind: Listener
name: hasty
address: 127.0.0.1:%(hasty)d
timeouts: {header: 2s}
---
kind: Listener
name: hasty-secure
address: 127.0.0.1:%(hasty_tls)d
tls: {certificates: [a], handshake_timeout: 2s}
---
kind: Upstream
name: up
endpoints: [{address: "127.0.0.1:%(up)d"}]
---
kind: Route
name: all
upstream: up
"""

SLOW = 300


def serve(server, connection):
    """/large is answered with 4 MiB."""
    while True:
        head, _ = server.read_request(connection)
        size = 4 << 20 if b" /large " in head else 2
        connection.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size + b"x" * size)


class SlowClientTest(unittest.TestCase):
    def setUp(self):
        authority = Authority()
        self.addCleanup(authority.close)
        upstream = Server(serve)
        self.addCleanup(upstream.close)
        tls_port, self.hasty_port, self.hasty_tls_port = free_port(), free_port(), free_port()
        self.proxy = Proxy(CONFIG % {"tls": tls_port, "hasty": self.hasty_port, "up": upstream.port,
                                     "hasty_tls": self.hasty_tls_port} +
                           authority.issue("a", "DNS:a.example").yaml("a"))
        self.addCleanup(self.proxy.stop)
        # Who is not slow, at the same worker, and has time where the machine is slow.
        self.others = load.Load(
            new=lambda: load.new_connections(load.plain(self.proxy.port)),
            kept=lambda: load.kept_connections(load.plain(self.proxy.port)),
            http2=lambda: load.http2(self.proxy.port),
            tls=lambda: load.new_connections(load.tls(tls_port, authority, "a.example")))
        self.addCleanup(self.others.stop)

    def connect(self, port, receive_buffer=None):
        client = Client.__new__(Client)
        client.buffer = b""
        client.socket = socket.socket()
        if receive_buffer is not None:
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        client.socket.settimeout(60)
        client.socket.connect(("127.0.0.1", port))
        self.addCleanup(client.close)
        return client

    def assert_others_get_on(self):
        before = dict(self.others.served)
        wait_until(lambda: all(self.others.served[name] > count + 20
                               for name, count in before.items()), "the others", 60)

    def assert_no_failure(self):
        failures = self.others.stop()
        self.assertEqual(failures, [])

    def test_heads_that_come_byte_by_byte_are_answered_408(self):
        clients = [self.connect(self.hasty_port) for _ in range(SLOW)]
        done = threading.Event()

        def dribble():
            head = b"GET / HTTP/1.1\r\nHost: a\r\nX-Slow: " + b"a" * 10000
            for byte in head:
                for client in clients:
                    try:
                        client.socket.send(bytes([byte]))
                    except OSError:
                        pass  # It was closed: as it should be.
                if done.wait(0.1):
                    return
        thread = threading.Thread(target=dribble)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(done.set)
        self.assert_others_get_on()
        for client in clients:
            answer = client.read_to_end()
            # Or a reset, because more came after the answer.
            self.assertIn(answer[:12], (b"HTTP/1.1 408", b""))
        self.assertEqual(
            self.proxy.metric('sluice_local_replies_total{details="request_header_timeout"}'), SLOW)
        self.assert_others_get_on()
        self.assert_no_failure()

    def test_responses_that_are_not_read_cost_nobody_else_anything(self):
        for _ in range(SLOW):
            self.connect(self.proxy.port, receive_buffer=4096).send(
                b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assert_others_get_on()
        # 256 KiB of a response may wait; the rest stays with the upstream.
        self.assertLess(self.proxy.metric("sluice_buffer_bytes"), SLOW * (512 << 10))
        self.assert_no_failure()

    def test_handshakes_that_do_not_go_on_end_and_others_are_taken_meanwhile(self):
        clients = [self.connect(self.hasty_tls_port) for _ in range(SLOW)]
        for client in clients[::2]:
            client.send(b"\x16\x03\x01\x02\x00")  # A record's head and nothing in it.
        self.assert_others_get_on()
        for client in clients:
            self.assertTrue(client.is_closed())
        self.assert_no_failure()


if __name__ == "__main__":
    unittest.main()
