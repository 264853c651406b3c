"""Which endpoint a request goes to: priorities, zones and slow start, with real sockets."""

import unittest

from harness.process import Proxy, free_port
from harness.raw import Client, Server, ok, once

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


class BalancingTest(unittest.TestCase):
    def server(self, name):
        server = Server(once(ok(name.encode())))
        self.addCleanup(server.close)
        return "127.0.0.1:%d" % server.port

    def start(self, endpoints, upstream="", extra=(), route=""):
        self.proxy = Proxy(self.config(endpoints, upstream, route), extra=extra)
        self.addCleanup(self.proxy.stop)

    @staticmethod
    def config(endpoints, upstream="", route=""):
        return CONFIG % {"endpoints": ", ".join("{%s}" % e for e in endpoints),
                         "upstream": upstream, "route": route}

    def answers(self, count=40, headers=""):
        """Who answered, by the number of answers; a status in place of a name where nobody did."""
        client = Client(self.proxy.port)
        self.addCleanup(client.close)
        found = {}
        request = ("GET / HTTP/1.1\r\nHost: a\r\n%s\r\n" % headers).encode()
        for _ in range(count):
            response = client.send(request).response()
            name = response.body.decode() if response.status == 200 else response.status
            found[name] = found.get(name, 0) + 1
        return found

    # --- Priorities ---

    def test_lower_priorities_are_idle_while_the_first_is_well(self):
        self.start(['address: "%s", priority: 1' % self.server("second"),
                    'address: "%s"' % self.server("first")])
        self.assertEqual(self.answers(), {"first": 40})

    def test_a_retry_goes_on_to_the_next_priority(self):
        self.start(['address: "127.0.0.1:%d"' % free_port(),
                    'address: "%s", priority: 5' % self.server("second")])
        self.assertEqual(self.answers(), {"second": 40})

    # --- Zones ---

    def zones(self):
        return ['address: "%s", zone: eu-1' % self.server("near"),
                'address: "%s", zone: eu-2' % self.server("far")]

    def test_a_proxy_with_a_zone_stays_in_it(self):
        self.start(self.zones(), "zone_preference: {min_endpoints: 2}", extra=["--zone", "eu-1"])
        self.assertEqual(self.answers(), {"near": 40})

    def test_a_proxy_without_a_zone_prefers_none(self):
        self.start(self.zones(), "zone_preference: {min_endpoints: 2}")
        self.assertEqual(self.answers(), {"near": 20, "far": 20})

    def test_zones_do_not_count_for_an_upstream_that_does_not_ask_for_it(self):
        self.start(self.zones(), extra=["--zone", "eu-1"])
        self.assertEqual(self.answers(), {"near": 20, "far": 20})

    def test_a_retry_leaves_the_zone(self):
        self.start(['address: "127.0.0.1:%d", zone: eu-1' % free_port(),
                    'address: "%s", zone: eu-2' % self.server("far")],
                   "zone_preference: {min_endpoints: 2}", extra=["--zone", "eu-1"])
        self.assertEqual(self.answers(), {"far": 40})

    # --- Subsets ---

    def versions(self):
        return ['address: "%s", labels: {version: v1}' % self.server("one"),
                'address: "%s", labels: {version: v2}' % self.server("two")]

    def test_a_route_goes_to_its_subset(self):
        self.start(self.versions(), "subsets: {selectors: [{labels: [version]}]}",
                   route="subset: {version: v2}")
        self.assertEqual(self.answers(), {"two": 40})

    def test_a_header_may_choose_the_subset(self):
        self.start(self.versions(), "subsets: {selectors: [{labels: [version]}], "
                   "fallback: default, default_subset: {version: v1}}",
                   route='subset: {version: "header:X-Version"}')
        self.assertEqual(self.answers(headers="x-version: v2\r\n"), {"two": 40})
        self.assertEqual(self.answers(headers="x-version: v1\r\n"), {"one": 40})
        self.assertEqual(self.answers(headers="x-version: v3\r\n"), {"one": 40})
        self.assertEqual(self.answers(), {"one": 40})

    def test_a_subset_that_is_not_there_is_answered(self):
        self.start(self.versions(), "subsets: {selectors: [{labels: [version]}]}",
                   route="subset: {version: v3}")
        response = Client(self.proxy.port).send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").response()
        self.assertEqual(response.status, 503)
        self.assertIn("no_healthy_upstream", response.headers["proxy-status"])

    def test_a_retry_stays_in_the_subset(self):
        self.start(['address: "127.0.0.1:%d", labels: {version: v2}' % free_port()]
                   + self.versions(), "subsets: {selectors: [{labels: [version]}]}",
                   route="subset: {version: v2}")
        self.assertEqual(self.answers(), {"two": 40})

    # --- Slow start ---

    def test_an_endpoint_that_is_added_gets_little_at_first(self):
        endpoints = ['address: "%s"' % self.server("old")]
        self.start(endpoints, "slow_start: {window: 1h}")
        endpoints.append('address: "%s"' % self.server("new"))
        self.proxy.reload(self.config(endpoints, "slow_start: {window: 1h}"))
        found = self.answers(440)
        # One in eleven: 40, give or take 6.
        self.assertGreater(found["new"], 5)
        self.assertLess(found["new"], 90)

    def test_at_the_start_of_the_proxy_all_get_their_share(self):
        self.start(['address: "%s"' % self.server(name) for name in ("a", "b")],
                   "slow_start: {window: 1h}")
        self.assertEqual(self.answers(), {"a": 20, "b": 20})


if __name__ == "__main__":
    unittest.main()
