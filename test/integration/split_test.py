"""Requests divided among upstreams: by weight, by condition, and clients that stay where they were."""

import json
import os
import re
import tempfile
import unittest

from harness.process import Proxy, wait_until
from harness.raw import Client, Server, ok

BASE = """
kind: Listener
name: public
address: 127.0.0.1:{port}
access_log: {path: %(log)s, template: "%%UPSTREAM_CLUSTER%% %%UPSTREAM_HOST%%"}
---
kind: Upstream
name: stable
endpoints: [{address: "127.0.0.1:%(stable)d"}]
---
kind: Upstream
name: canary
host: canary.internal
endpoints: [{address: "127.0.0.1:%(canary)d"}]
---
kind: Upstream
name: broken
endpoints: [{address: "127.0.0.1:1"}]
retry: {attempts: 3, on: [connect_failure]}
---
kind: Route
name: weighted
paths: [/weighted]
upstreams: [{upstream: stable, weight: 3}, {upstream: canary, weight: 1}]
---
kind: Route
name: sticky
paths: [/sticky]
upstreams: [{upstream: stable}, {upstream: canary}]
sticky: {cookie: lane, ttl: 1h, path: /sticky}
---
kind: Route
name: picky
paths: [/picky]
upstreams:
- {upstream: canary, when: {headers: {x-canary: "~yes|1"}}}
- {upstream: canary, when: {query: {canary: "*"}, cookies: {beta: "on"}}}
- {upstream: canary, when: {headers: {x-internal: "!", x-wanted: "*"}}}
- {upstream: stable}
plugins:
  headers: {request: {set: {x-upstream: "${upstream}"}}}
---
kind: Route
name: broken
paths: [/broken]
upstreams: [{upstream: broken, when: {headers: {x-broken: "*"}}}, {upstream: stable}]
---
kind: Service
name: shop
upstreams: [{upstream: stable, weight: 0}, {upstream: canary}]
---
kind: Route
name: by-service
paths: [/service]
service: shop
"""


def named(name):
    """Answers every request with a name and the Host and x-upstream that came."""

    def serve(server, connection):
        while True:
            head, _ = server.read_request(connection)
            lines = dict(line.split(": ", 1) for line in head.decode().lower().split("\r\n")[1:]
                         if ": " in line)
            body = json.dumps({"name": name, "host": lines["host"],
                               "upstream": lines.get("x-upstream")}).encode()
            connection.send(ok(body))
    return serve


class SplitTest(unittest.TestCase):
    def setUp(self):
        self.servers = {name: Server(named(name)) for name in ("stable", "canary")}
        for server in self.servers.values():
            self.addCleanup(server.close)
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.log = os.path.join(directory.name, "access.log")
        self.config = BASE % {"log": self.log,
                              **{name: server.port for name, server in self.servers.items()}}
        self.proxy = Proxy(self.config)
        self.addCleanup(self.proxy.stop)
        self.client = Client(self.proxy.port)
        self.addCleanup(self.client.close)

    def get(self, path, extra=""):
        """Who answered, and its response."""
        request = "GET %s HTTP/1.1\r\nHost: a.example\r\n%s\r\n" % (path, extra)
        response = self.client.send(request.encode()).response()
        return (json.loads(response.body) if response.status == 200 else {"name": None}), response

    def name(self, path, extra=""):
        return self.get(path, extra)[0]["name"]

    def metric(self, name, upstream):
        return self.proxy.metric('%s{upstream="%s"}' % (name, upstream))

    def test_weights_divide_and_each_upstream_keeps_its_own_ways(self):
        answers = [self.get("/weighted")[0] for _ in range(400)]
        stable = sum(answer["name"] == "stable" for answer in answers)
        # Five standard deviations.
        self.assertGreater(stable, 256)
        self.assertLess(stable, 344)
        hosts = {answer["name"]: answer["host"] for answer in answers}
        self.assertEqual(hosts, {"stable": "a.example", "canary": "canary.internal"})
        wait_until(lambda: self.metric("sluice_upstream_requests_total", "stable") == stable,
                   "requests of each upstream")
        self.assertEqual(self.metric("sluice_upstream_requests_total", "canary"), 400 - stable)
        self.assertIsNone(self.get("/weighted")[1].headers.get("set-cookie"))

        def logged():
            if not os.path.exists(self.log):
                return False
            with open(self.log) as log:
                return sum(line.startswith("stable ") for line in log) >= stable
        wait_until(logged, "the upstream in the access log")

    def test_the_first_condition_that_holds_takes_the_request(self):
        self.assertEqual(self.name("/picky"), "stable")
        self.assertEqual(self.name("/picky", "X-Canary: yes\r\n"), "canary")
        self.assertEqual(self.name("/picky", "X-Canary: yess\r\n"), "stable")
        self.assertEqual(self.name("/picky?canary=", "Cookie: a=b; beta=on\r\n"), "canary")
        self.assertEqual(self.name("/picky?canary=", "Cookie: beta=off\r\n"), "stable")
        self.assertEqual(self.name("/picky", "X-Wanted: 1\r\n"), "canary")
        self.assertEqual(self.name("/picky", "X-Wanted: 1\r\nX-Internal: 1\r\n"), "stable")

    def test_plugins_know_the_upstream_that_was_chosen(self):
        self.assertEqual(self.get("/picky", "X-Canary: 1\r\n")[0]["upstream"], "canary")
        self.assertEqual(self.get("/picky")[0]["upstream"], "stable")

    def test_retries_stay_with_the_upstream_and_go_by_its_policy(self):
        self.assertEqual(self.name("/broken"), "stable")
        _, response = self.get("/broken", "X-Broken: 1\r\n")
        self.assertEqual(response.status, 503)
        wait_until(lambda: self.metric("sluice_upstream_retries_total", "broken") == 2, "retries")

    def test_a_service_divides_for_its_routes_and_weight_0_takes_nothing(self):
        self.assertEqual({self.name("/service") for _ in range(20)}, {"canary"})

    def test_a_client_stays_until_its_upstream_takes_no_more(self):
        first, response = self.get("/sticky")
        cookie = response.headers["set-cookie"]
        matched = re.fullmatch(
            r"(lane=[0-9a-f]{16}); Path=/sticky; Max-Age=3600; HttpOnly; SameSite=Lax", cookie)
        self.assertTrue(matched, cookie)
        extra = "Cookie: x=y; %s\r\n" % matched[1]
        for _ in range(20):
            answer, response = self.get("/sticky", extra)
            self.assertEqual(answer["name"], first["name"])
            self.assertNotIn("set-cookie", response.headers)
        # All clients are drawn anew where theirs is no choice any more; a forged cookie is none.
        other = {"stable": "canary", "canary": "stable"}[first["name"]]
        self.proxy.reload(self.config.replace(
            "upstreams: [{upstream: stable}, {upstream: canary}]",
            "upstreams: [{upstream: %s, weight: 0}, {upstream: %s}]" % (first["name"], other)))
        for stale in (extra, "Cookie: lane=forged\r\n"):
            answer, response = self.get("/sticky", stale)
            self.assertEqual(answer["name"], other)
            self.assertIn("lane=", response.headers["set-cookie"])


if __name__ == "__main__":
    unittest.main()
