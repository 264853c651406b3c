"""`sluicectl explain`: which route serves a request or takes a connection, and why not another."""

import unittest

from desk import STREAMS, DeskTest

EXPLAINED = """\
kind: Listener
name: public
address: 0.0.0.0:8080
---
kind: Listener
name: inner
address: 0.0.0.0:8081
---
kind: Upstream
name: orders
endpoints: [{address: "10.0.0.1:80"}]
---
kind: Service
name: orders
upstream: orders
plugins:
  request_id: {}
  limit_count: {count: 1, window: 1s}
---
kind: PluginSet
name: standard
plugins:
  limit_count: {count: 2, window: 1s}
---
kind: Route
name: orders
listeners: [public]
hosts: [api.example.com]
paths: [/orders/*]
service: orders
plugin_sets: [standard]
plugins:
  key_auth: {}
  request_id: {disabled: true}
---
kind: Route
name: orders-beta
listeners: [public]
hosts: [api.example.com]
paths: [/orders/*]
headers: {x-team: beta}
upstream: orders
---
kind: Route
name: inner
listeners: [inner]
hosts: [api.example.com]
paths: [/orders/*]
upstream: orders
---
kind: Route
name: edge
listeners: [public]
groups: [edge]
paths: [/edge]
methods: [POST]
upstream: orders
---
kind: Upstream
name: next
endpoints: [{address: "10.0.1.1:80"}]
---
kind: Upstream
name: shadow
---
kind: Route
name: split
listeners: [public]
hosts: [split.example]
upstreams:
- {upstream: next, when: {headers: {x-beta: "*"}, query: {to: next}}}
- {upstream: orders, weight: 3}
- {upstream: next}
sticky: {cookie: lane}
mirrors: [{upstream: shadow, percent: 10%}]
---
kind: ConsumerGroup
name: gold
plugins:
  limit_count: {count: 3, window: 1s}
---
kind: Consumer
name: alice
consumer_group: gold
credentials: {key_auth: [{key: s3cret-enough}]}
---
kind: GlobalRule
name: everywhere
plugins:
  ip_restriction: {deny: [192.0.2.0/24]}
"""


class ExplainTest(DeskTest):
    def explain(self, *arguments, status=0):
        path = self.write("c.yaml", EXPLAINED)
        return self.ctl("explain", *arguments, "-f", path, status=status,
                        environment={"SLUICE_SERVER": "127.0.0.1:1"})

    def test_route_service_and_upstream_are_named(self):
        out = self.explain("GET", "http://api.example.com:8080/orders/7")
        self.assertRegex(out, r"listener +public \(0\.0\.0\.0:8080\)")
        self.assertRegex(out, r"route +orders \(host api\.example\.com, path /orders/\*\)")
        self.assertRegex(out, r"service +orders\nupstream +orders \(10\.0\.0\.1:80\)")

    def test_each_plugin_says_where_it_comes_from(self):
        out = self.explain("GET", "http://api.example.com:8080/orders/7")
        self.assertRegex(out, r"ip_restriction +access +GlobalRule/everywhere")
        self.assertRegex(out, r"key_auth +authenticate +Route/orders")
        self.assertRegex(out, r"limit_count +limit +PluginSet/standard +Service/orders")
        self.assertRegex(out, r"request_id +trace +removed by Route/orders +Service/orders")

    def test_a_split_says_what_takes_the_request_or_what_is_drawn(self):
        out = self.explain("GET", "http://split.example:8080/")
        self.assertRegex(out, r"upstream +drawn by weight: 75% orders \(10\.0\.0\.1:80\), "
                              r"25% next \(.*\); kept by the cookie lane")
        self.assertRegex(out, r"mirror +10% to shadow \(")
        out = self.explain("GET", "http://split.example:8080/?to=next", "-H", "X-Beta: 1")
        self.assertRegex(out, r"upstream +next \(.*\) by headers\.x-beta, query\.to\n")

    def test_connect_is_explained(self):
        out = self.explain("CONNECT", "http://split.example:8080/")
        self.assertRegex(out, r"connect +405: the route does not allow it")

    def test_a_consumer_brings_its_groups_plugins(self):
        out = self.explain("GET", "http://api.example.com:8080/orders/7", "--consumer", "alice")
        self.assertRegex(out, r"limit_count +limit +ConsumerGroup/gold +PluginSet/standard, Serv")

    def test_without_authentication_nobody_is_known(self):
        out = self.explain("GET", "http://api.example.com:8080/orders/7", "-H", "X-Team: beta",
                           "--consumer", "alice")
        self.assertIn("no plugin authenticates", out)

    def test_near_misses_name_the_first_condition_that_fails(self):
        out = self.explain("GET", "http://api.example.com:8080/orders/7")
        self.assertRegex(out, r"orders-beta +fails headers\.x-team")
        self.assertRegex(out, r"inner +fails listeners")

    def test_headers_decide(self):
        self.explain("GET", "http://api.example.com:8080/orders/7", "-H", "X-Team: beta",
                     "--expect", "orders-beta")

    def test_the_host_header_replaces_that_of_the_url(self):
        self.explain("GET", "http://127.0.0.1:8080/orders/7", "-H", "Host: api.example.com",
                     "--expect", "orders")

    def test_the_port_of_the_url_chooses_the_listener(self):
        self.explain("GET", "http://api.example.com:8081/orders/7", "--expect", "inner")

    def test_groups_decide_what_is_seen(self):
        self.explain("POST", "http://x:8080/edge", "--groups", "edge", "--expect", "edge")
        out = self.explain("POST", "http://x:8080/edge", "--groups", "core")
        self.assertIn("none: 404", out)
        self.assertRegex(out, r"edge +fails groups")

    def test_a_wrong_method_is_405(self):
        self.assertRegex(self.explain("GET", "http://x:8080/edge"), r"none: 405, Allow: POST")

    def test_what_was_not_expected_fails(self):
        out = self.explain("GET", "http://api.example.com:8080/orders/7", "--expect", "inner",
                           status=1)
        self.assertIn('expected route "inner", got "orders"', out)

    def test_a_path_that_a_listener_refuses_is_400(self):
        self.assertIn("none: 400, path_above_root",
                      self.explain("GET", "http://api.example.com:8080/../x"))

    def test_a_connection_that_is_not_http_is_explained_by_the_name_that_it_asks_for(self):
        def explain(url, *more, status=0):
            return self.ctl("explain", "CONNECT", url, "-f", self.write("s.yaml", STREAMS), *more,
                            status=status, environment={"SLUICE_SERVER": "127.0.0.1:1"})

        out = explain("tls://a.example.com:8443")
        self.assertRegex(out, r"listener +through")
        self.assertRegex(out, r"route +tenants \(server name \*\.example\.com\)")
        self.assertRegex(out, r"upstream +up \(10\.0\.0\.1:1\)")
        self.assertRegex(explain("tcp://127.0.0.1:8443"), r"route +none")
        explain("tcp://127.0.0.1:5432", "--client-ip", "10.1.2.3", "--expect", "database")
        out = explain("tcp://127.0.0.1:5432", "--client-ip", "192.0.2.1")
        self.assertRegex(out, r"database +fails client_ips")
        explain("tls://a.example.com", status=2)

    def test_generations_of_the_server_are_explained(self):
        self.apply(EXPLAINED)
        self.ctl("delete", "route", "edge")
        arguments = ("explain", "POST", "http://x:8080/edge", "--expect", "edge")
        self.ctl(*arguments, "--generation", "1")
        self.ctl(*arguments, status=1)


if __name__ == "__main__":
    unittest.main()
