"""A thousand changes of every kind under load: no request fails or goes astray, no connection ends.

SLUICE_CHURN_SECONDS=60 goes on for so long."""

import http.client
import os
import threading
import time
import unittest

from harness.fleet_case import FleetCase
from harness.process import FleetProxy, free_port, wait_until
from harness.raw import Client, Server, ok, once

CHANGES = 1000
SECONDS = float(os.environ.get("SLUICE_CHURN_SECONDS", 0))


class Load(threading.Thread):
    """One connection that is never opened again. What `check` says is wrong ends it."""

    def __init__(self, port, targets, check, stop):
        super().__init__()
        self.requests = 0
        self.problem = None
        self._port, self._targets, self._check, self._stop_asked = port, targets, check, stop

    def run(self):
        try:
            with Client(self._port) as client:
                while not self._stop_asked.is_set():
                    for target in self._targets:
                        client.send(b"GET %s HTTP/1.1\r\nHost: a\r\n\r\n" % target)
                        self.problem = self._check(target, client.response())
                        if self.problem is not None:
                            return
                        self.requests += 1
        except (OSError, EOFError) as error:
            self.problem = repr(error)


class ChurnTest(FleetCase):
    proxies_at_start = 1

    def start_proxy(self, i):
        return FleetProxy(self.grpc_port, self.path("state%d" % i), "edge-%d" % i, "g%d" % i,
                          extra=("--workers", "2"))

    def setUp(self):
        super().setUp()
        # Each upstream may have two endpoints.
        self.servers = {name: [Server(once(ok(name.encode()))) for _ in range(2)] for name in "ab"}
        for servers in self.servers.values():
            for server in servers:
                self.addCleanup(server.close)
        self.extra_port = free_port()
        self.changes = 0

    # --- Resources ---

    def upstream_of(self, name, endpoints=2, **settings):
        return {"kind": "Upstream", "name": name, **settings,
                "endpoints": [{"address": "127.0.0.1:%d" % server.port}
                              for server in self.servers[name][:endpoints]]}

    def route_to(self, name, path, upstream):
        """Its responses say where they should come from."""
        return {"kind": "Route", "name": name, "paths": [path], "upstream": upstream,
                "plugins": {"headers": {"response": {"set": {"x-from": upstream}}}}}

    def put(self, *resources):
        status, answer = self.post("/v1/apply", list(resources))
        self.assertEqual(status, 200, answer)
        self.changes += len(resources)

    def remove(self, kind, name):
        connection = http.client.HTTPConnection("127.0.0.1", self.http_port, timeout=60)
        connection.request("DELETE", "/v1/%s/%s" % (kind, name))
        answer = connection.getresponse()
        self.assertEqual(answer.status, 200, answer.read())
        connection.close()
        self.changes += 1

    # --- One round of changes, `i` counting rounds ---

    def change_all(self, i):
        at, other = "ab"[i % 2], "ba"[i % 2]
        self.put(self.route_to("flip", "/flip", at))
        self.put(self.upstream_of("a", endpoints=1 + i % 2))
        self.put(self.upstream_of("b", **({"policy": "maglev", "hash_on": "path"} if i % 2 else
                                          {"policy": "least_request"})))
        self.put(self.route_to("one", "/one/{id}", at))
        self.put({"kind": "GlobalRule", "name": "ids", "plugins": {"request_id": {}}})
        # A new route with its own upstream, at once: neither is ever seen without the other.
        self.put({**self.upstream_of("a"), "name": "u%d" % i},
                 {**self.route_to("flip2", "/flip2", other), "upstream": "u%d" % i,
                  "plugins": {"headers": {"response": {"set": {"x-from": "a"}}}}})
        self.put({"kind": "Listener", "name": "extra", "groups": ["g0"],
                  "address": "127.0.0.1:%d" % self.extra_port})
        self.check_extra_listener()
        self.put({**self.route_to("one", "/one/{id}", other),
                  "plugins": {"headers": {"response": {"set": {"x-from": other}}},
                              "limit_count": {"count": 1000000000, "window": "1h"}}})
        self.remove("globalrule", "ids")
        self.remove("listener", "extra")
        wait_until(self.extra_is_gone, "the listener to be gone")
        self.put(self.route_to("flip2", "/flip2", at))
        self.remove("upstream", "u%d" % i)

    def check_extra_listener(self):
        """A listener that was added is served soon; whoever connects then is served at once."""
        wait_until(self.connects_to_extra, "the new listener")
        with Client(self.extra_port) as client:
            client.send(b"GET /flip HTTP/1.1\r\nHost: a\r\n\r\n")
            self.assertIsNone(self.check(b"/flip", client.response()))

    def connects_to_extra(self):
        try:
            Client(self.extra_port).close()
            return True
        except ConnectionRefusedError:
            return False

    def extra_is_gone(self):
        try:
            return not self.connects_to_extra()
        except ConnectionResetError:  # In the instant in which the socket closes: refused then.
            return False

    def check(self, target, response):
        """Null, or what is wrong: a failure, or an answer from elsewhere than its route says."""
        if response.status != 200:
            return "%s: %d %s" % (target, response.status, response.headers)
        origin = response.headers.get("x-from")
        if response.body != (b"a" if target == b"/stay" else origin.encode()):
            return "%s: from %s by way of %s" % (target, response.body, origin)
        return None

    def test_a_thousand_changes_fail_no_request_and_end_no_connection(self):
        self.put({"kind": "Listener", "name": "main", "groups": ["g0"],
                  "address": "127.0.0.1:%d" % self.ports[0]},
                 self.upstream_of("a"), self.upstream_of("b"),
                 {"kind": "Route", "name": "stay", "paths": ["/stay"], "upstream": "a"},
                 self.route_to("flip", "/flip", "a"), self.route_to("flip2", "/flip2", "a"),
                 self.route_to("one", "/one/{id}", "a"))
        self.proxies[0].wait_for_line("serving generation 1")
        self.changes = 0
        stop = threading.Event()
        loads = [Load(self.ports[0], [b"/stay", b"/flip", b"/one/%d" % i, b"/flip2"], self.check,
                      stop) for i in range(4)]
        for load in loads:
            load.start()
        began = time.monotonic()
        rounds = 0
        try:
            while self.changes < CHANGES or time.monotonic() - began < SECONDS:
                self.change_all(rounds)
                rounds += 1
        finally:
            stop.set()
            for load in loads:
                load.join()
        seconds = time.monotonic() - began
        print("%d changes and %d requests in %.1f s" % (
            self.changes, sum(load.requests for load in loads), seconds))
        self.assertEqual([load.problem for load in loads], [None] * len(loads))
        # Each connection of the start carried requests to the end.
        for load in loads:
            self.assertGreater(load.requests, 0)


if __name__ == "__main__":
    unittest.main()
