"""Limits of an upstream, retries and hedges, with real sockets."""

import socket
import struct
import threading
import unittest

from harness.matrix import Client, Proxy, Server, http1_upstream
from harness.process import free_port, wait_until
from harness.raw import once

CONFIG = """
kind: Listener
name: public
address: 127.0.0.1:{port}
---
kind: Upstream
name: up
endpoints: [%(endpoints)s]
%(upstream)s
---
kind: Route
name: all
upstream: up
%(route)s
"""

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
UNAVAILABLE = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"

RESET_ON_CLOSE = struct.pack("ii", 1, 0)


def get(target="/", headers=""):
    return ("GET %s HTTP/1.1\r\nHost: a\r\n%s\r\n" % (target, headers)).encode()


def post(body=b"x"):
    return b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


class ResilienceTest(unittest.TestCase):
    def start(self, *serves, upstream="", route="", endpoints=(), workers=1):
        """A proxy before one server for each function of `serves`, and `endpoints` besides."""
        self.servers = [Server(serve) for serve in serves]
        for server in self.servers:
            self.addCleanup(server.close)
        self.endpoints = ["127.0.0.1:%d" % server.port for server in self.servers]
        self.endpoints += list(endpoints)
        self.config = CONFIG
        self.proxy = Proxy(self.fill(upstream, route), workers=workers)
        self.addCleanup(self.proxy.stop)

    def fill(self, upstream="", route=""):
        return CONFIG % {
            "endpoints": ", ".join('{address: "%s"}' % e for e in self.endpoints),
            "upstream": upstream, "route": route}

    def client(self):
        client = Client(self.proxy.port)
        self.addCleanup(client.close)
        return client

    def exchange(self, request):
        return self.client().send(request).response()

    def hold(self):
        """A serve function that answers each request when the event is set."""
        release = threading.Event()
        self.addCleanup(release.set)

        def serve(server, connection):
            while True:
                server.read_request(connection)
                release.wait(60)
                connection.send(OK)
        return serve, release

    # --- Breakers ---

    def test_more_requests_than_the_breaker_allows_are_answered_at_once(self):
        serve, release = self.hold()
        self.start(serve, upstream="breakers: {requests: 2}", workers=2)
        busy = [self.client().send(get()) for _ in range(2)]
        wait_until(lambda: len(self.servers[0].requests) == 2, "both requests")
        refused = self.exchange(get())
        self.assertEqual(refused.status, 503)
        self.assertIn("upstream_overflow", refused.headers["proxy-status"])
        self.assertIn("connection_limit_reached", refused.headers["proxy-status"])
        self.assertEqual(self.proxy.metric(
            'sluice_upstream_overflows_total{limit="requests"}'), 1)
        release.set()
        self.assertEqual([client.response().status for client in busy], [200, 200])
        self.assertEqual(self.exchange(get()).status, 200)

    @http1_upstream("one HTTP/2 connection has room for all of them")
    def test_at_the_limit_of_connections_requests_wait_for_a_free_one(self):
        serve, release = self.hold()
        self.start(serve, upstream="breakers: {connections: 1}")
        clients = [self.client().send(get()) for _ in range(3)]
        wait_until(lambda: self.proxy.metric("sluice_upstream_pending_active") == 2, "two that wait")
        release.set()
        self.assertEqual([client.response().status for client in clients], [200] * 3)
        self.assertEqual(self.servers[0].connections, 1)

    def test_who_waits_for_a_connection_gets_one_when_another_closes(self):
        def serve(server, connection):
            server.read_request(connection)
            connection.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
        self.start(serve, upstream="breakers: {connections: 1}")
        clients = [self.client().send(get()) for _ in range(5)]
        self.assertEqual([client.response().status for client in clients], [200] * 5)

    @http1_upstream("one HTTP/2 connection has room for all of them")
    def test_more_that_wait_than_the_breaker_allows_are_answered_at_once(self):
        serve, release = self.hold()
        self.start(serve, upstream="breakers: {connections: 1, pending: 1}")
        busy = [self.client().send(get())]
        wait_until(lambda: len(self.servers[0].requests) == 1, "the first")
        busy.append(self.client().send(get()))
        wait_until(lambda: self.proxy.metric("sluice_upstream_pending_active") == 1, "the second")
        refused = self.exchange(get())
        self.assertEqual(refused.status, 503)
        self.assertIn("upstream_overflow", refused.headers["proxy-status"])
        release.set()
        self.assertEqual([client.response().status for client in busy], [200, 200])

    def test_what_is_counted_survives_a_change_of_the_limits(self):
        serve, release = self.hold()
        self.start(serve, upstream="breakers: {requests: 1}")
        busy = self.client().send(get())
        wait_until(lambda: len(self.servers[0].requests) == 1, "the first")
        self.proxy.reload(self.fill("breakers: {requests: 2}"))
        second = self.client().send(get())
        wait_until(lambda: len(self.servers[0].requests) == 2, "the second")
        self.assertEqual(self.exchange(get()).status, 503)
        release.set()
        self.assertEqual((busy.response().status, second.response().status), (200, 200))

    # --- Retries ---

    def test_a_failure_goes_to_another_endpoint_if_the_policy_says_so(self):
        failures = {
            "503": once(UNAVAILABLE),
            "reset": lambda server, connection: server.read_request(connection),
            "garbage": once(b"garbage\r\n\r\n"),
        }
        for name, failing in failures.items():
            with self.subTest(name):
                self.start(failing, once(OK), route="retry: {on: [gateway_error, reset]}")
                statuses = [self.exchange(get()).status for _ in range(10)]
                self.assertEqual(statuses, [200] * 10)
                self.assertGreater(len(self.servers[0].requests), 0)
                self.assertGreater(self.proxy.metric("sluice_upstream_retries_total"), 0)

    def test_without_a_policy_a_status_is_passed_on(self):
        self.start(once(UNAVAILABLE))
        self.assertEqual(self.exchange(get()).status, 503)
        self.assertEqual(len(self.servers[0].requests), 1)

    def test_the_routes_policy_replaces_the_upstreams(self):
        self.start(once(UNAVAILABLE), upstream="retry: {on: [5xx], attempts: 5}",
                   route="retry: {on: [5xx], attempts: 3}")
        self.assertEqual(self.exchange(get()).status, 503)
        self.assertEqual(len(self.servers[0].requests), 3)

    def test_attempts_bound_how_often_a_request_is_sent(self):
        self.start(once(UNAVAILABLE), upstream="retry: {on: [\"503\"], attempts: 4}")
        self.assertEqual(self.exchange(get()).status, 503)
        self.assertEqual(len(self.servers[0].requests), 4)

    def test_a_post_is_not_repeated_unless_asked_for(self):
        for fields, sent in (("", 1), (", non_idempotent: true", 2)):
            with self.subTest(fields):
                self.start(once(UNAVAILABLE), route="retry: {on: [5xx]%s}" % fields)
                self.assertEqual(self.exchange(post()).status, 503)
                self.assertEqual(len(self.servers[0].requests), sent)

    def test_a_post_that_never_left_goes_to_another_endpoint(self):
        self.start(once(OK), endpoints=["127.0.0.1:%d" % free_port()])
        statuses = [self.exchange(post()).status for _ in range(10)]
        self.assertEqual(statuses, [200] * 10)
        self.assertEqual(len(self.servers[0].requests), 10)

    @http1_upstream("its server speaks HTTP/1.1 only")
    def test_a_post_does_not_leave_at_once_for_who_was_silent_and_may_close_again(self):
        def close_at_once(server, connection):
            connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        self.start(once(OK), close_at_once)
        failures = sum(self.exchange(post()).status != 200 for _ in range(40))
        self.assertGreaterEqual(self.servers[1].connections, 20)
        # The first, which could not know; of the others those for which the machine was too slow.
        self.assertLess(failures, 10)

    def test_a_repeated_request_has_its_body(self):
        bodies = []

        def serve(server, connection):
            while True:
                bodies.append(server.read_request(connection)[1])
                connection.send(UNAVAILABLE if len(bodies) == 1 else OK)
        self.start(serve, route="retry: {on: [5xx], non_idempotent: true}")
        self.assertEqual(self.exchange(post(b"x" * 60000)).status, 200)
        self.assertEqual(bodies, [b"x" * 60000] * 2)

    def test_a_body_above_64_kib_is_not_repeated(self):
        self.start(once(UNAVAILABLE), route="retry: {on: [5xx], non_idempotent: true}")
        self.assertEqual(self.exchange(post(b"x" * 70000)).status, 503)
        self.assertEqual(len(self.servers[0].requests), 1)

    def test_an_attempt_that_hangs_is_given_up_after_its_time(self):
        serve, _ = self.hold()
        # Long enough for a slow machine's good answer.
        self.start(serve, once(OK), route="retry: {per_try_timeout: 1s}")
        statuses = [self.exchange(get()).status for _ in range(4)]
        self.assertEqual(statuses, [200] * 4)
        self.assertGreater(len(self.servers[0].requests), 0)

    def test_if_all_attempts_hang_the_answer_is_504(self):
        serve, _ = self.hold()
        self.start(serve, route="retry: {per_try_timeout: 1s, attempts: 2}")
        response = self.exchange(get())
        self.assertEqual(response.status, 504)
        self.assertIn("per_try_timeout", response.headers["proxy-status"])
        wait_until(lambda: len(self.servers[0].requests) == 2, "both attempts")

    def test_the_budget_bounds_retries_under_way(self):
        release = threading.Event()
        self.addCleanup(release.set)

        def serve(server, connection):
            while True:
                head, _ = server.read_request(connection)
                if server.requests.count(head) == 1:
                    connection.send(UNAVAILABLE)
                else:
                    release.wait(60)
                    connection.send(OK)
        self.start(serve, route="retry: {on: [5xx], budget: 0%, min_retries: 1, "
                                "back_off: {base: 1ms, max: 1ms}}")
        repeated = self.client().send(get("/1"))
        wait_until(lambda: len(self.servers[0].requests) == 2, "the retry, which hangs")
        self.assertEqual(self.exchange(get("/2")).status, 503)
        self.assertEqual(self.proxy.metric(
            'sluice_upstream_overflows_total{limit="retries"}'), 1)
        release.set()
        self.assertEqual(repeated.response().status, 200)

    def test_a_budget_of_all_requests_lets_each_of_them_be_repeated_though_all_fail_at_once(self):
        # Requests that waited for their retry counted as retries, and no longer as requests: of
        # those that failed together half were given up.
        everybody = threading.Barrier(16)

        def serve(server, connection):
            while True:
                head, _ = server.read_request(connection)
                if server.requests.count(head) == 1:
                    everybody.wait(60)
                    connection.send(UNAVAILABLE)
                elif server.requests.count(head) == 2:
                    connection.send(UNAVAILABLE)
                else:
                    connection.send(OK)
        self.start(serve, route="retry: {attempts: 3, on: [5xx], budget: 100%, min_retries: 0, "
                                "back_off: {base: 100ms, max: 100ms}}")
        clients = [self.client().send(get("/%d" % i)) for i in range(16)]
        self.assertEqual([client.response().status for client in clients], [200] * 16)

    def test_the_breaker_of_retries_bounds_them_too(self):
        self.start(once(UNAVAILABLE), upstream="breakers: {retries: 0}", route="retry: {on: [5xx]}")
        self.assertEqual(self.exchange(get()).status, 503)
        self.assertEqual(len(self.servers[0].requests), 1)

    # --- Hedges ---

    def test_a_hedge_runs_beside_the_slow_attempt_and_the_first_answer_counts(self):
        slow_done = threading.Event()

        def slow(server, connection):
            server.read_request(connection)
            slow_done.wait(30)
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nslow")
        self.addCleanup(slow_done.set)
        self.start(slow, once(OK), route="retry: {per_try_timeout: 50ms, hedge: true}")
        self.assertEqual([self.exchange(get()).body for _ in range(4)], [b"ok"] * 4)
        self.assertGreater(len(self.servers[0].requests), 0)

    def test_the_slow_attempt_of_a_hedge_is_kept_and_may_win(self):
        hedged = threading.Event()

        def serve(server, connection):
            server.read_request(connection)
            if len(server.requests) == 1:
                hedged.wait(30)  # Until the other one has come.
                connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirst")
            else:
                hedged.set()
                connection.read_to_end()  # It never answers.
        self.start(serve, route="retry: {per_try_timeout: 50ms, hedge: true}")
        self.assertEqual(self.exchange(get()).body, b"first")

    def test_a_hedge_that_cannot_begin_leaves_the_slow_attempt_its_time(self):
        # The client was told 503, though an answer was on its way.
        go_on = threading.Event()
        self.addCleanup(go_on.set)

        def serve(server, connection):
            server.read_request(connection)
            go_on.wait(30)
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirst")
        self.start(serve, upstream="breakers: {requests: 1}",
                   route="retry: {per_try_timeout: 50ms, hedge: true}")
        client = self.client().send(get())
        overflows = 'sluice_upstream_overflows_total{limit="requests"}'
        wait_until(lambda: self.proxy.metric(overflows) > 0, "the hedge")
        go_on.set()
        self.assertEqual(client.response().body, b"first")

    def test_who_is_hedged_has_failed(self):
        # An endpoint that answered nothing was never ejected while others were faster.
        silence = threading.Event()
        self.addCleanup(silence.set)

        def hang(server, connection):
            server.read_request(connection)
            silence.wait(30)
        self.start(hang, once(OK),
                   upstream="outlier_detection: {consecutive_5xx: 1, max_ejection_percent: 50}",
                   route="retry: {per_try_timeout: 500ms, hedge: true}")
        self.assertEqual([self.exchange(get()).body for _ in range(4)], [b"ok"] * 4)
        self.assertEqual(
            self.proxy.metric('sluice_upstream_ejections_total{cause="consecutive_5xx"}'), 1)


if __name__ == "__main__":
    unittest.main()
