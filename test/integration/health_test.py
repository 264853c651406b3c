"""Health checks and outlier detection, with real servers, as pages and numbers show them."""

import json
import threading
import unittest

from harness.fleet_case import FleetCase, route
from harness.grpc import message, serve_grpc
from harness.process import Proxy, free_port, wait_until
from harness.raw import Client, Server

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
"""

# No answer is late, however slow the machine.
HTTP_CHECK = ("health_checks: [{http: {path: /healthz}, interval: 100ms, jitter: 0%, "
              "timeout: 60s, unhealthy_threshold: 2}]")


def answer_as_told(server, connection):
    """`server.status` to everything; checks are counted apart from requests."""
    while True:
        head, _ = server.read_request(connection)
        if head.startswith(b"GET /healthz"):
            server.checks += 1
            status = server.health
        else:
            server.served += 1
            status = server.status
        connection.send(b"HTTP/1.1 %d X\r\nContent-Length: 0\r\n\r\n" % status)


def server_with(status=200, health=200, serve=answer_as_told):
    server = Server(serve)
    server.status, server.health, server.checks, server.served = status, health, 0, 0
    return server


def health(serving):
    """The answer of grpc.health.v1: 1 is SERVING, 2 NOT_SERVING."""
    return message(bytes([8, serving]))


def serve_ping(server, connection):
    while True:
        connection.read_until(b"PING\r\n")
        server.checks += 1
        connection.send(server.pong)


class HealthTest(unittest.TestCase):
    def start(self, *servers, upstream, workers=1):
        for server in servers:
            self.addCleanup(server.close)
        self.servers = servers
        self.proxy = Proxy(self.config(upstream), workers=workers)
        self.addCleanup(self.proxy.stop)

    def config(self, upstream):
        return CONFIG % {"upstream": upstream, "endpoints": ", ".join(
            '{address: "127.0.0.1:%d"}' % server.port for server in self.servers)}

    def endpoint(self, i=0):
        """What /clusters says of the i-th server."""
        clusters = json.loads(self.proxy.page("/clusters"))["clusters"]
        endpoints = {e["name"]: e for e in clusters[0]["endpoints"]}
        return endpoints["127.0.0.1:%d" % self.servers[i].port]

    def wait_for_health(self, health, i=0):
        return wait_until(lambda: self.endpoint(i)["health"] == health and self.endpoint(i),
                          "endpoint %d to be %s" % (i, health))

    def of_endpoint(self, name, label, i=0):
        return self.proxy.metric('%s{upstream="up",endpoint="127.0.0.1:%d",%s}' % (
            name, self.servers[i].port, label))

    def get(self):
        with Client(self.proxy.port) as client:
            client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            return client.response()

    # --- Checks ---

    def test_an_endpoint_that_fails_its_checks_is_shown_until_it_passes_again(self):
        self.start(server_with(), upstream=HTTP_CHECK)
        self.wait_for_health("healthy")
        self.servers[0].health = 500
        endpoint = self.wait_for_health("failed_check")
        self.assertEqual(endpoint["last_error"], "status 500")
        state = "sluice_upstream_endpoint_state"
        self.assertEqual(self.of_endpoint(state, 'state="failed_check"'), 1)
        self.servers[0].health = 200
        self.assertEqual(self.wait_for_health("healthy")["last_error"], "")
        self.assertEqual(self.of_endpoint(state, 'state="failed_check"'), 0)
        checks = "sluice_upstream_endpoint_health_checks_total"
        self.assertGreaterEqual(self.of_endpoint(checks, 'result="wrong"'), 1)
        self.assertGreaterEqual(self.of_endpoint(checks, 'result="passed"'), 3)

    def test_an_endpoint_that_fails_its_checks_gets_no_requests(self):
        self.start(server_with(), server_with(), server_with(health=500), upstream=HTTP_CHECK)
        for i, health in enumerate(("healthy", "healthy", "failed_check")):
            self.wait_for_health(health, i)
        for server in self.servers:
            server.served = 0
        for _ in range(30):
            self.assertEqual(self.get().status, 200)
        self.assertEqual([server.served for server in self.servers], [15, 15, 0])
        self.servers[2].health = 200
        self.wait_for_health("healthy", 2)
        for _ in range(30):
            self.get()
        self.assertGreater(self.servers[2].served, 5)

    def test_a_server_that_cannot_be_reached_fails_by_the_network(self):
        self.start(server_with(), upstream=HTTP_CHECK)
        self.wait_for_health("healthy")
        self.servers[0].close()
        endpoint = self.wait_for_health("failed_check")
        self.assertEqual(endpoint["last_error"], "cannot connect")

    def test_requests_do_not_wait_for_the_first_check(self):
        def only_requests(server, connection):
            head, _ = server.read_request(connection)
            if head.startswith(b"GET /healthz"):
                server.asked.set()
                connection.read_to_end()
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        server = server_with(serve=only_requests)
        server.asked = threading.Event()
        self.start(server, upstream="health_checks: [{http: {path: /healthz}, timeout: 60s}]")
        self.assertTrue(server.asked.wait(30))
        self.assertEqual(self.endpoint()["health"], "unchecked")
        self.assertEqual(self.get().status, 200)

    def test_what_is_known_survives_a_change_of_the_configuration(self):
        self.start(server_with(health=500), upstream=HTTP_CHECK)
        self.wait_for_health("failed_check")
        self.proxy.reload(self.config(HTTP_CHECK.replace("100ms", "1h")))
        self.assertEqual(self.endpoint()["health"], "failed_check")
        self.proxy.reload(self.config(""))
        self.wait_for_health("healthy")

    def test_a_grpc_server_says_whether_it_serves(self):
        server = server_with(serve=serve_grpc)
        server.answer = health(1)
        self.start(server, upstream="protocol: http2\nhealth_checks: "
                   "[{grpc: {service: shop.Prices}, interval: 100ms}]")
        self.wait_for_health("healthy")
        self.assertIn(b"\0\0\0\0\x0d\x0a\x0bshop.Prices", server.requests)
        server.answer = health(2)
        self.assertEqual(self.wait_for_health("failed_check")["last_error"], "NOT_SERVING")
        server.answer = health(1)
        self.wait_for_health("healthy")

    def test_a_tcp_server_is_asked_by_bytes(self):
        server = server_with(serve=serve_ping)
        server.pong = b"+PONG\r\n"
        self.start(server, upstream="health_checks: [{tcp: {send: \"PING\\r\\n\", "
                   "receive: \"hex:50 4f 4e 47\"}, interval: 100ms, timeout: 200ms, "
                   "unhealthy_threshold: 1}]")
        self.wait_for_health("healthy")
        server.pong = b"-LOADING\r\n"
        self.assertEqual(self.wait_for_health("failed_check")["last_error"],
                         "no answer within 200ms")

    # --- Outlier detection ---

    def test_five_failures_in_a_row_eject_at_once(self):
        self.start(server_with(status=500),
                   upstream="outlier_detection: {base_ejection_time: 1h, max_ejection_time: 1h}")
        for _ in range(4):
            self.get()
        self.assertEqual(self.endpoint()["health"], "healthy")
        self.get()
        self.assertEqual(self.endpoint()["health"], "ejected")
        self.assertEqual(self.endpoint()["ejected_by"], "consecutive_5xx")
        self.assertEqual(
            self.proxy.metric('sluice_upstream_ejections_total{upstream="up",cause="consecutive_5xx"}'), 1)
        self.assertEqual(self.proxy.metric('sluice_upstream_ejections_active{upstream="up"}'), 1)
        # With nobody else left it is used nevertheless.
        self.servers[0].status = 200
        self.assertEqual(self.get().status, 200)

    def test_an_ejected_endpoint_comes_back_when_its_time_is_over(self):
        self.start(server_with(status=502), upstream="outlier_detection: {consecutive_5xx: 1, "
                   "base_ejection_time: 500ms, interval: 100ms}")
        self.get()
        wait_until(lambda: self.proxy.metric('sluice_upstream_ejections_active{upstream="up"}') == 0 and
                   self.endpoint()["health"] == "healthy", "the endpoint to come back")
        self.assertEqual(self.proxy.metric(
            'sluice_upstream_ejections_total{upstream="up",cause="consecutive_5xx"}'), 1)

    def test_a_server_that_cannot_be_reached_is_ejected_as_well(self):
        server = server_with()
        self.start(server, upstream="outlier_detection: {split_local_origin_errors: true, "
                   "consecutive_local_origin_failures: 2, base_ejection_time: 1h}")
        server.close()
        for _ in range(2):
            self.assertEqual(self.get().status, 503)
        self.assertEqual(self.endpoint()["ejected_by"], "consecutive_local_origin_failures")

    def test_an_ejected_endpoint_gets_no_requests(self):
        self.start(server_with(), server_with(), server_with(status=500),
                   upstream="outlier_detection: {consecutive_5xx: 2, base_ejection_time: 1h}")
        for _ in range(60):
            self.get()
        self.assertEqual(self.servers[2].served, 2)
        self.assertEqual(self.endpoint(2)["health"], "ejected")

    def test_no_more_are_ejected_than_may_be(self):
        self.start(server_with(status=500), server_with(status=500), server_with(status=500),
                   upstream="outlier_detection: {consecutive_5xx: 1, base_ejection_time: 1h, "
                   "max_ejection_percent: 70}", workers=2)
        for _ in range(60):
            self.get()
        self.assertEqual(self.proxy.metric('sluice_upstream_ejections_active{upstream="up"}'), 2)


class FleetHealthTest(FleetCase):
    proxies_at_start = 1

    def test_status_names_endpoints_that_are_not_well(self):
        port = free_port()
        self.apply(self.base + "---\nkind: Upstream\nname: ill\nendpoints: [{address: "
                   "\"127.0.0.1:%d\"}]\nhealth_checks: [{tcp: {}, interval: 100ms}]\n" % port +
                   route("ill", "/ill", "ill"), "--wait")
        text = wait_until(lambda: "failed_check" in self.ctl("status") and self.ctl("status"),
                          "status to name the endpoint")
        self.assertIn("ill", text)
        self.assertIn("127.0.0.1:%d" % port, text)
        self.assertIn("failed_check: cannot connect", self.ctl("status", "--problems"))
        # It is no fault of the proxy.
        self.assertIn("1 active", text)
        self.assertIn("failed_check", self.ctl("admin", "edge-0", "/clusters"))


if __name__ == "__main__":
    unittest.main()
