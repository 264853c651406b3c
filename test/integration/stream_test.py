"""Connections that are not HTTP: TCP, TLS that ends at the proxy, and TLS that passes through."""

import hashlib
import os
import socket
import ssl
import struct
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.request

from harness.process import Proxy, free_port, wait_until
from harness.raw import Client, Server
from harness.tls import Authority, TlsClient

LISTENER = """
kind: Listener
name: raw
address: 127.0.0.1:{port}
protocol: %s
access_log:
  path: %s
  template: "%%ROUTE%% %%UPSTREAM_HOST%% %%RESPONSE_CODE_DETAILS%% %%BYTES_RECEIVED%% \
%%BYTES_SENT%% %%REQUESTED_SERVER_NAME%% %%RESPONSE_FLAGS%%"
%s
"""


def upstream(name, *ports, more=""):
    endpoints = ", ".join('{address: "127.0.0.1:%d"}' % port for port in ports)
    return "---\nkind: Upstream\nname: %s\nendpoints: [%s]\n%s\n" % (name, endpoints, more)


def route(name, to, more=""):
    return "---\nkind: StreamRoute\nname: %s\nupstream: %s\n%s\n" % (name, to, more)


def echo(server, connection):
    """Sends back what comes, and ends when the other side has ended."""
    while True:
        data = connection.socket.recv(65536)
        if not data:
            return
        connection.send(data)


def say(text):
    """Says who it is and waits for the end."""

    def serve(server, connection):
        connection.send(text)
        while connection.socket.recv(65536):
            pass

    return serve


class Case(unittest.TestCase):
    def setUp(self):
        self.log = tempfile.NamedTemporaryFile(mode="r", suffix=".log")
        self.addCleanup(self.log.close)

    def server(self, serve=echo):
        server = Server(serve)
        self.addCleanup(server.close)
        return server

    def config(self, resources, protocol="tcp", listener=""):
        return LISTENER % (protocol, self.log.name, listener) + resources

    def start(self, resources, protocol="tcp", listener="", extra=()):
        proxy = Proxy(self.config(resources, protocol, listener), extra=extra)
        self.addCleanup(proxy.stop)
        return proxy

    def connect(self, proxy):
        client = Client(proxy.port)
        self.addCleanup(client.close)
        return client

    def line(self):
        """The next one of the access log, in words."""
        return wait_until(self.log.readline, "a line in the log").split()

    def metric(self, proxy, name, label):
        with urllib.request.urlopen("http://127.0.0.1:%d/metrics" % proxy.admin_port) as page:
            for line in page.read().decode().splitlines():
                if line.startswith(name + "{") and label in line:
                    return float(line.rsplit(" ", 1)[1])
        return 0


class TcpTest(Case):
    def test_bytes_pass_both_ways_and_the_log_counts_them(self):
        up = self.server()
        proxy = self.start(upstream("up", up.port) + route("all", "up"))
        client = self.connect(proxy)
        client.send(b"hello")
        self.assertEqual(client.read_exactly(5), b"hello")
        client.send(b", world")
        self.assertEqual(client.read_exactly(7), b", world")
        self.assertEqual(self.metric(proxy, "sluice_stream_connections_active", '"all"'), 1)
        client.socket.shutdown(socket.SHUT_WR)
        self.assertTrue(client.is_closed())
        self.assertEqual(self.line(), ["all", "127.0.0.1:%d" % up.port, "connection_ended", "12",
                                       "12", "-", "-"])
        self.assertEqual(self.metric(proxy, "sluice_stream_connections_active", '"all"'), 0)
        self.assertEqual(self.metric(proxy, "sluice_stream_connections_total", '"all"'), 1)
        self.assertEqual(self.metric(proxy, "sluice_stream_received_bytes_total", '"all"'), 12)

    def test_a_server_may_speak_first(self):
        up = self.server(say(b"220 ready\r\n"))
        client = self.connect(self.start(upstream("up", up.port) + route("all", "up")))
        self.assertEqual(client.read_until(b"\r\n"), b"220 ready\r\n")

    def test_a_client_that_has_ended_its_side_still_gets_the_answer(self):
        def count(server, connection):
            total = len(connection.read_to_end())
            connection.send(b"%d\n" % total)

        client = self.connect(self.start(
            upstream("up", self.server(count).port) + route("all", "up")))
        client.send(b"x" * 300_000)
        client.socket.shutdown(socket.SHUT_WR)
        self.assertEqual(client.read_to_end(), b"300000\n")

    def test_a_server_that_has_ended_its_side_still_hears_the_client(self):
        heard = []
        done = threading.Event()

        def serve(server, connection):
            connection.send(b"bye\n")
            connection.socket.shutdown(socket.SHUT_WR)
            heard.append(connection.read_to_end())
            done.set()

        client = self.connect(self.start(
            upstream("up", self.server(serve).port) + route("all", "up")))
        self.assertEqual(client.read_to_end(), b"bye\n")
        client.send(b"y" * 200_000)
        client.socket.shutdown(socket.SHUT_WR)
        self.assertTrue(done.wait(30))
        self.assertEqual(len(heard[0]), 200_000)
        self.assertEqual(self.line()[2], "connection_ended")

    def test_a_reset_is_passed_on(self):
        def serve(server, connection):
            connection.read_exactly(1)
            connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

        client = self.connect(self.start(
            upstream("up", self.server(serve).port) + route("all", "up")))
        client.send(b"x")
        with self.assertRaises(ConnectionResetError):
            client.socket.recv(1)
        self.assertEqual(self.line()[2:3] + ["UC"], ["upstream_disconnected", "UC"])

    def test_a_client_that_resets_ends_the_servers_connection(self):
        ended = threading.Event()

        def serve(server, connection):
            connection.send(b"hello")
            connection.read_to_end()
            ended.set()

        client = self.connect(self.start(
            upstream("up", self.server(serve).port) + route("all", "up")))
        client.read_exactly(5)
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
        self.assertTrue(ended.wait(30))
        self.assertEqual(self.line()[2], "downstream_disconnected")

    def test_large_transfers_take_little_memory(self):
        size = 200_000_000
        received = []

        def sink(server, connection):
            left = size
            digest = hashlib.sha256()
            while left > 0:
                data = connection.socket.recv(1 << 20)
                if not data:
                    break
                left -= len(data)
                digest.update(data)
            received.append(digest.digest())
            connection.send(b"done")

        proxy = self.start(upstream("up", self.server(sink).port) + route("all", "up"))
        client = self.connect(proxy)
        piece = os.urandom(1 << 20)
        digest = hashlib.sha256()
        left, most = size, 0
        while left > 0:
            data = piece[:left]
            client.send(data)
            digest.update(data)
            left -= len(data)
            most = max(most, self.resident(proxy))
        self.assertEqual(client.read_exactly(4), b"done")
        self.assertEqual(received[0], digest.digest())
        self.assertLess(most, 200 << 20)

    def resident(self, proxy):
        with open("/proc/%d/statm" % proxy.pid) as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def test_a_server_that_does_not_read_holds_the_client_back(self):
        go_on = threading.Event()
        self.addCleanup(go_on.set)

        def serve(server, connection):
            go_on.wait()
            total = 0
            while total < 60_000_000:
                data = connection.socket.recv(1 << 20)
                if not data:
                    return
                total += len(data)
            connection.send(b"all")

        up = self.server(serve)
        up.limit_receive_buffer(65536)
        proxy = self.start(upstream("up", up.port) + route("all", "up"))
        client = self.connect(proxy)
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
        client.socket.setblocking(False)
        sent, piece = 0, b"z" * 65536
        quiet_since = time.monotonic()
        # Until nothing has gone for a while: the kernel's buffers and the proxy's mark are full.
        while time.monotonic() - quiet_since < 1:
            try:
                sent += client.socket.send(piece[:60_000_000 - sent])
                quiet_since = time.monotonic()
            except BlockingIOError:
                time.sleep(0.01)
            self.assertLess(sent, 60_000_000)
        go_on.set()
        client.socket.setblocking(True)
        client.socket.settimeout(60)
        while sent < 60_000_000:
            sent += client.socket.send(piece[:60_000_000 - sent])
        self.assertEqual(client.read_exactly(3), b"all")

    def test_a_connection_that_is_refused_goes_to_another_endpoint(self):
        up = self.server(say(b"here"))
        proxy = self.start(upstream("up", free_port(), up.port) + route("all", "up"))
        for _ in range(4):
            client = self.connect(proxy)
            self.assertEqual(client.read_exactly(4), b"here")
            client.close()
        self.assertGreater(self.metric(proxy, "sluice_upstream_retries_total", '"up"'), 0)

    def test_without_an_endpoint_that_answers_the_client_is_told_so_by_the_end(self):
        proxy = self.start(upstream("up", free_port(), free_port()) + route("all", "up"))
        self.assertTrue(self.connect(proxy).is_closed())
        line = self.line()
        self.assertEqual((line[0], line[2], line[6]), ("all", "upstream_connect_refused", "UF"))
        self.assertEqual(
            self.metric(proxy, "sluice_local_replies_total", '"upstream_connect_refused"'), 1)

    def test_without_endpoints_and_without_a_route_it_is_closed(self):
        proxy = self.start(upstream("up") + route("all", "up"))
        self.assertTrue(self.connect(proxy).is_closed())
        self.assertEqual(self.line()[2], "no_endpoints")
        proxy.reload(self.config(
            upstream("up") + route("all", "up", "client_ips: [192.0.2.0/24]")))
        self.assertTrue(self.connect(proxy).is_closed())
        self.assertEqual(self.line()[2], "no_route")

    def test_the_client_chooses_by_its_address(self):
        one, two = self.server(say(b"one")), self.server(say(b"two"))
        proxy = self.start(upstream("one", one.port) + upstream("two", two.port) +
                           route("all", "one") + route("us", "two", "client_ips: [127.0.0.0/8]"))
        self.assertEqual(self.connect(proxy).read_exactly(3), b"two")

    def test_the_breaker_bounds_connections(self):
        up = self.server()
        proxy = self.start(upstream("up", up.port, more="breakers: {connections: 1}") +
                           route("all", "up"))
        first = self.connect(proxy)
        first.send(b"a").read_exactly(1)
        self.assertTrue(self.connect(proxy).is_closed())
        self.assertEqual(self.line()[2], "upstream_overflow")
        first.close()
        self.assertEqual(self.line()[2], "connection_ended")
        self.assertEqual(self.connect(proxy).send(b"b").read_exactly(1), b"b")

    def test_a_listeners_limit_counts(self):
        up = self.server()
        proxy = self.start(upstream("up", up.port) + route("all", "up"),
                           listener="limits: {connections: 1}")
        self.connect(proxy).send(b"a").read_exactly(1)
        self.assertTrue(self.connect(proxy).is_closed())

    def test_a_connection_where_nothing_passes_is_closed(self):
        up = self.server()
        proxy = self.start(upstream("up", up.port) + route("all", "up", "idle_timeout: 300ms"))
        client = self.connect(proxy)
        client.send(b"a").read_exactly(1)
        self.assertTrue(client.is_closed())
        self.assertEqual(self.line()[2], "stream_idle_timeout")

    def test_ip_hash_sends_a_client_to_one_endpoint(self):
        ups = [self.server(say(b"%d" % i)) for i in range(4)]
        proxy = self.start(upstream("up", *[up.port for up in ups], more="policy: ip_hash") +
                           route("all", "up"))
        self.assertEqual(len({self.connect(proxy).read_exactly(1) for _ in range(8)}), 1)

    def test_an_upstream_hears_of_the_client(self):
        def serve(server, connection):
            connection.send(connection.read_until(b"\r\n"))
            connection.send(connection.read_exactly(2))

        proxy = self.start(upstream("up", self.server(serve).port, more="proxy_protocol: v1") +
                           route("all", "up"),
                           listener="proxy_protocol: {trusted_sources: [127.0.0.1]}")
        client = self.connect(proxy)
        header = b"PROXY TCP4 192.0.2.1 198.51.100.7 4711 443\r\n"
        client.send(header + b"hi")
        self.assertEqual(client.read_until(b"\r\n"), header)
        self.assertEqual(client.read_exactly(2), b"hi")


class ChangeTest(Case):
    def test_a_change_closes_no_connection_and_new_ones_follow_it(self):
        one, two = self.server(), self.server(say(b"two"))
        proxy = self.start(upstream("up", one.port) + route("all", "up"))
        client = self.connect(proxy)
        client.send(b"a").read_exactly(1)
        proxy.reload(self.config(upstream("other", two.port) + route("else", "other")))
        self.assertEqual(client.send(b"b").read_exactly(1), b"b")
        self.assertEqual(self.connect(proxy).read_exactly(3), b"two")
        client.close()
        self.assertEqual(self.line()[0], "all")

    def test_a_listener_may_change_what_it_speaks(self):
        def http(server, connection):
            server.read_request(connection)
            connection.send(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")

        up, web = self.server(), self.server(http)
        proxy = self.start(upstream("up", up.port) + route("all", "up"))
        client = self.connect(proxy)
        client.send(b"a").read_exactly(1)
        proxy.reload(self.config(upstream("web", web.port) +
                                 "---\nkind: Route\nname: all\nupstream: web\n", protocol="http"))
        self.assertEqual(client.send(b"b").read_exactly(1), b"b")
        other = self.connect(proxy).send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertEqual(other.response().status, 200)

    def test_a_proxy_that_goes_lets_connections_finish(self):
        up = self.server()
        proxy = self.start(upstream("up", up.port) + route("all", "up"))
        client = self.connect(proxy)
        client.send(b"a").read_exactly(1)
        proxy.terminate()
        proxy.wait_for_line("draining")
        self.assertEqual(client.send(b"b").read_exactly(1), b"b")
        client.close()
        self.assertEqual(proxy.wait(30), 0)

    def test_a_proxy_that_goes_waits_no_longer_than_it_may(self):
        up = self.server()
        proxy = self.start(upstream("up", up.port) + route("all", "up"),
                           extra=("--drain-timeout", "300ms"))
        client = self.connect(proxy)
        client.send(b"a").read_exactly(1)
        proxy.terminate()
        self.assertTrue(client.is_closed())
        proxy.wait(30)
        self.assertEqual(self.line()[2], "draining")


class TlsCase(Case):
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
