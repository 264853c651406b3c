"""Endpoints that an orchestrator registers, on their way through the three programs."""

import json
import unittest

from harness.endpoints import endpoint, register
from harness.fleet_case import FleetCase, fetch, route
from harness.process import wait_until
from harness.raw import Server


def named(name):
    """A serve function that answers with its name."""

    def serve(server, connection):
        while True:
            server.read_request(connection)
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(name), name))
    return serve


class RegisteredEndpointsTest(FleetCase):
    proxies_at_start = 1

    def setUp(self):
        super().setUp()
        self.server = Server(named(b"registered"))
        self.addCleanup(self.server.close)
        self.address = "127.0.0.1:%d" % self.server.port
        self.apply(self.base.replace(
            "name: up\n", "name: up\nsubsets: {selectors: [{labels: [version]}]}\n") +
            route("by-label", "/v2") + "subset: {version: v2}\n")

    def register(self, **traits):
        return register(self.grpc_port, "k8s", "up", endpoint(self.address, **traits))

    def shown(self):
        """What /clusters of the proxy says of the endpoint; None if nothing."""
        clusters = json.loads(fetch(self.proxies[0].admin_port, "/clusters"))["clusters"]
        found = [e for c in clusters for e in c["endpoints"] if e["name"] == self.address]
        return found[0] if found else None

    def test_an_endpoint_has_what_one_of_a_file_has(self):
        self.register(priority=1, zone="eu-1", labels={"version": "v2"})
        shown = wait_until(self.shown, "the endpoint")
        self.assertEqual((shown["weight"], shown["priority"], shown["zone"], shown["labels"]),
                         (1, 1, "eu-1", {"version": "v2"}))
        self.assertRegex(self.ctl("get", "endpoints", "up"),
                         "%s +1 +1 +eu-1 +version=v2 +k8s" % self.address)
        # Its priority is not needed.
        self.assertEqual({self.get(self.ports[0], "/stay").body for _ in range(4)}, {b""})
        self.register(priority=1, zone="eu-2", labels={"version": "v2"})
        wait_until(lambda: self.shown()["zone"] == "eu-2", "another zone")

    def test_routes_choose_it_by_its_labels_also_when_the_control_plane_is_gone(self):
        generation = self.register(labels={"version": "v2"})
        wait_until(self.shown, "the endpoint")
        self.assertEqual(self.get(self.ports[0], "/v2").body, b"registered")
        wait_until(lambda: self.persisted() == generation, "the journal")
        self.kill_control_plane()
        self.restart_proxy(0)
        wait_until(self.shown, "the endpoint, from disk")
        wait_until(self.serves_v2, "the proxy to serve")

    def persisted(self):
        return json.loads(fetch(self.proxies[0].admin_port, "/config"))["persisted_generation"]

    def serves_v2(self):
        try:
            return self.get(self.ports[0], "/v2").body == b"registered"
        except OSError:
            return False  # It does not listen yet.


if __name__ == "__main__":
    unittest.main()
