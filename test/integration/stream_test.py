"""Connections that are not HTTP, in the clear: bytes both ways, endpoints, limits, time, changes."""

import hashlib
import os
import socket
import struct
import threading
import time
import unittest

from harness.process import IS_SANITIZED, free_port
from harness.stream_case import StreamCase, route, say, upstream


class TcpTest(StreamCase):
    def test_bytes_pass_both_ways_and_the_log_counts_them(self):
        up = self.server()
        proxy = self.start(upstream("up", up.port) + route("all", "up"))
        client = self.connect(proxy)
        client.send(b"hello")
        self.assertEqual(client.read_exactly(5), b"hello")
        client.send(b", world")
        self.assertEqual(client.read_exactly(7), b", world")
        self.assertEqual(proxy.metric('sluice_stream_connections_active{stream_route="all"}'), 1)
        client.socket.shutdown(socket.SHUT_WR)
        self.assertTrue(client.is_closed())
        self.assertEqual(self.line(), ["all", "127.0.0.1:%d" % up.port, "connection_ended", "12",
                                       "12", "-", "-"])
        self.assertEqual(proxy.metric('sluice_stream_connections_active{stream_route="all"}'), 0)
        self.assertEqual(proxy.metric('sluice_stream_connections_total{stream_route="all"}'), 1)
        self.assertEqual(proxy.metric('sluice_stream_received_bytes_total{stream_route="all"}'), 12)

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
        line = self.line()
        self.assertEqual((line[2], line[6]), ("upstream_disconnected", "UC"))

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
            most = max(most, proxy.memory("VmRSS"))
        self.assertEqual(client.read_exactly(4), b"done")
        self.assertEqual(received[0], digest.digest())
        if not IS_SANITIZED:
            self.assertLess(most, 200 << 20)

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
        self.assertGreater(proxy.metric('sluice_upstream_retries_total{upstream="up"}'), 0)

    def test_without_an_endpoint_that_answers_the_client_is_told_so_by_the_end(self):
        proxy = self.start(upstream("up", free_port(), free_port()) + route("all", "up"))
        self.assertTrue(self.connect(proxy).is_closed())
        line = self.line()
        self.assertEqual((line[0], line[2], line[6]), ("all", "upstream_connect_refused", "UF"))
        self.assertEqual(
            proxy.metric('sluice_local_replies_total{details="upstream_connect_refused"}'), 1)

    def test_an_endpoint_that_refuses_is_ejected(self):
        up = self.server(say(b"here"))
        proxy = self.start(
            upstream("up", free_port(), up.port,
                     more="outlier_detection: {consecutive_5xx: 2, max_ejection_percent: 50}") +
            route("all", "up"))
        for _ in range(8):
            client = self.connect(proxy)
            self.assertEqual(client.read_exactly(4), b"here")
            client.close()
        self.assertEqual(
            proxy.metric('sluice_upstream_ejections_total{cause="consecutive_5xx"}'), 1)
        self.assertEqual(
            proxy.metric('sluice_upstream_connect_failures_total{reason="refused"}'), 2)

    def test_connections_go_to_the_subset_of_their_route(self):
        one, two = self.server(say(b"one")), self.server(say(b"two"))
        proxy = self.start(
            "---\nkind: Upstream\nname: up\nsubsets: {selectors: [{labels: [role]}]}\nendpoints:\n"
            '- {address: "127.0.0.1:%d", labels: {role: primary}}\n'
            '- {address: "127.0.0.1:%d", labels: {role: replica}}\n' % (one.port, two.port) +
            route("all", "up", "subset: {role: replica}"))
        for _ in range(4):
            self.assertEqual(self.connect(proxy).read_exactly(3), b"two")

    def test_a_subset_without_endpoints_has_none(self):
        up = self.server()
        proxy = self.start(upstream("up", up.port,
                                    more="subsets: {selectors: [{labels: [role]}]}") +
                           route("all", "up", "subset: {role: replica}"))
        self.assertTrue(self.connect(proxy).is_closed())
        self.assertEqual(self.line()[2], "no_healthy_upstream")

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
        proxy = self.start(upstream("up", up.port) + route("all", "up", "idle_timeout: 2s"))
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


class ChangeTest(StreamCase):
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


if __name__ == "__main__":
    unittest.main()
