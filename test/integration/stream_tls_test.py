"""Connections that are not HTTP, within TLS: that ends at the proxy, and that passes through."""

import os
import ssl
import subprocess
import threading
import unittest

from harness.raw import Client
from harness.stream_case import StreamCase, route, say, upstream
from harness.tls import Authority, TlsClient


class TlsCase(StreamCase):
    @classmethod
    def setUpClass(cls):
        cls.authority = Authority()
        cls.addClassCleanup(cls.authority.close)
        cls.names = cls.authority.issue("all", *("DNS:%s.example" % name for name in (
            "a", "c", "w", "one", "two", "x.deep")))

    def tls(self, proxy, host):
        client = TlsClient(proxy.port, self.authority, host)
        self.addCleanup(client.close)
        return client

    def tls_server(self, text, configure=None):
        """Ends TLS itself, and says who it is."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.names.certificate, self.names.key)
        if configure is not None:
            configure(context)

        def serve(server, connection):
            with context.wrap_socket(connection.socket, server_side=True) as secure:
                secure.sendall(text)
                while True:
                    data = secure.recv(65536)
                    if not data:
                        return
                    secure.sendall(data)

        return self.server(serve)


class PassthroughTest(TlsCase):
    def setUp(self):
        super().setUp()
        self.a, self.b = self.tls_server(b"a"), self.tls_server(b"b")
        self.rest = self.tls_server(b"r")
        self.resources = (upstream("a", self.a.port) + upstream("b", self.b.port) +
                          upstream("rest", self.rest.port) +
                          route("a", "a", "server_names: [A.example]") +
                          route("b", "b", 'server_names: ["*.example"]') +
                          route("rest", "rest", 'server_names: ["*.deep.example"]'))
        self.proxy = self.start(self.resources, "tls_passthrough")

    def test_the_name_says_where_and_tls_ends_there(self):
        for host, who in (("a.example", b"a"), ("c.example", b"b"), ("x.deep.example", b"r")):
            client = self.tls(self.proxy, host)
            self.assertEqual(client.read_exactly(1), who)
            self.assertEqual(client.send(b"echo").read_exactly(4), b"echo")
            client.socket.unwrap().close()
            line = self.line()
            self.assertEqual((line[0], line[5]), ({b"a": "a", b"b": "b", b"r": "rest"}[who], host))

    def test_a_name_that_nobody_serves_is_closed(self):
        with self.assertRaises(OSError):
            self.tls(self.proxy, "a.other")
        line = self.line()
        self.assertEqual((line[0], line[2], line[5]), ("-", "no_route", "a.other"))

    def test_who_asks_for_no_name_gets_the_route_without_names(self):
        context = ssl.create_default_context(cafile=self.authority.pem)
        context.check_hostname = False
        self.proxy.reload(self.config(self.resources + route("none", "rest"), "tls_passthrough"))
        with context.wrap_socket(self.connect(self.proxy).socket) as secure:
            self.assertEqual(secure.recv(1), b"r")

    def test_a_first_message_in_many_segments_is_put_together(self):
        context = ssl.create_default_context(cafile=self.authority.pem)
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = context.wrap_bio(incoming, outgoing, server_hostname="a.example")
        with self.assertRaises(ssl.SSLWantReadError):
            client.do_handshake()
        message = outgoing.read()[5:]
        raw = self.connect(self.proxy)
        # Records of 30 bytes, each in two segments.
        for at in range(0, len(message), 30):
            part = message[at:at + 30]
            record = b"\x16\x03\x01" + len(part).to_bytes(2, "big") + part
            raw.send(record[:7])
            raw.send(record[7:])
        self.assertEqual(raw.read_exactly(3)[:1], b"\x16")  # The server's answer.
        self.assertEqual(self.a.connections, 1)

    def test_what_is_no_tls_is_closed(self):
        for first in (b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x00\x05hello", os.urandom(40)):
            with Client(self.proxy.port) as client:
                self.assertTrue(client.send(first).is_closed())
            self.assertEqual(self.line()[2], "bad_client_hello")

    def test_a_first_message_that_does_not_come_is_not_waited_for(self):
        self.proxy.reload(self.config(self.resources, "tls_passthrough",
                                      "timeouts: {header: 300ms}"))
        client = self.connect(self.proxy).send(b"\x16\x03\x01")
        self.assertTrue(client.is_closed())
        self.assertEqual(self.line()[2], "client_hello_timeout")

    def test_curl_and_openssl_pass(self):
        done = subprocess.run(
            ["openssl", "s_client", "-connect", "127.0.0.1:%d" % self.proxy.port, "-servername",
             "a.example", "-CAfile", self.authority.pem, "-verify_return_error", "-brief"],
            input=b"", capture_output=True, timeout=60)
        self.assertIn(b"CONNECTION ESTABLISHED", done.stdout + done.stderr)

        def configure(context):
            context.set_alpn_protocols(["http/1.1"])

        def web(server, connection):
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.names.certificate, self.names.key)
            configure(context)
            with context.wrap_socket(connection.socket, server_side=True) as secure:
                secure.recv(65536)
                secure.sendall(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nthrough")

        up = self.server(web)
        self.proxy.reload(self.config(
            upstream("web", up.port) + route("web", "web", "server_names: [w.example]"),
            "tls_passthrough"))
        done = subprocess.run(
            ["curl", "-sS", "--cacert", self.authority.pem, "--resolve",
             "w.example:%d:127.0.0.1" % self.proxy.port,
             "https://w.example:%d/" % self.proxy.port],
            capture_output=True, timeout=60)
        self.assertEqual(done.stdout, b"through", done.stderr)


class TerminationTest(TlsCase):
    def test_tls_ends_here_and_the_name_says_where(self):
        one, two = self.server(say(b"one")), self.server(say(b"two"))
        proxy = self.start(
            upstream("one", one.port) + upstream("two", two.port) + route("one", "one") +
            route("two", "two", "server_names: [two.example]") + self.names.yaml("names"),
            listener="tls: {certificates: [names]}")
        self.assertEqual(self.tls(proxy, "one.example").read_exactly(3), b"one")
        self.assertEqual(self.tls(proxy, "two.example").read_exactly(3), b"two")

    def test_the_end_that_a_client_announces_reaches_the_server(self):
        heard, done = [], threading.Event()

        def serve(server, connection):
            heard.append(connection.read_to_end())
            done.set()

        proxy = self.start(upstream("up", self.server(serve).port) + route("all", "up") +
                           self.names.yaml("names"), listener="tls: {certificates: [names]}")
        client = self.tls(proxy, "a.example").send(b"x" * 1000)
        client.socket.unwrap()
        self.assertTrue(done.wait(30))
        self.assertEqual(len(heard[0]), 1000)
        self.assertEqual(self.line()[2], "connection_ended")

    def test_a_client_may_offer_any_protocol(self):
        proxy = self.start(upstream("up", self.server(say(b"x")).port) + route("all", "up") +
                           self.names.yaml("names"), listener="tls: {certificates: [names]}")
        client = TlsClient(proxy.port, self.authority, "a.example",
                           configure=lambda context: context.set_alpn_protocols(["postgresql"]))
        self.addCleanup(client.close)
        self.assertEqual(client.read_exactly(1), b"x")
        self.assertIsNone(client.socket.selected_alpn_protocol())

    def test_large_transfers_pass(self):
        size = 10_000_000
        proxy = self.start(upstream("up", self.server().port) + route("all", "up") +
                           self.names.yaml("names"), listener="tls: {certificates: [names]}")
        client = self.tls(proxy, "a.example")
        piece = os.urandom(100_000)
        for _ in range(0, size, len(piece)):
            client.send(piece)
            self.assertEqual(client.read_exactly(len(piece)), piece)


if __name__ == "__main__":
    unittest.main()
