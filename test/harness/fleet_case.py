"""A control plane with proxies that follow it: what tests of the three programs together start from."""

import http.client
import json
import os
import signal
import tempfile
import unittest

from harness.pages import fetch, metric
from harness.process import ControlPlane, FleetProxy, free_port, sluicectl, wait_until
from harness.raw import Client, Server


def route(name, path, upstream="up"):
    return "---\nkind: Route\nname: %s\npaths: [%s]\nupstream: %s\n" % (name, path, upstream)


class FleetCase(unittest.TestCase):
    """An empty store and an upstream that answers 200. Proxy i is node edge-i in the group gi, and
    `base` gives it a listener of its own on `ports[i]` and the route /stay."""

    proxies_at_start = 2

    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)
        self.upstream = Server()
        self.addCleanup(self.upstream.close)
        self.control_plane = ControlPlane(self.path("data"))
        self.addCleanup(lambda: self.control_plane.stop())
        self.grpc_port = self.control_plane.grpc_port
        self.http_port = self.control_plane.http_port
        self.ports = [free_port() for _ in range(self.proxies_at_start)]
        self.proxies = [self.start_proxy(i) for i in range(self.proxies_at_start)]
        self.addCleanup(lambda: [proxy.stop() for proxy in self.proxies])
        for proxy in self.proxies:
            proxy.wait_for_line("connected")
        self.base = "".join(
            "kind: Listener\nname: l%d\naddress: 127.0.0.1:%d\ngroups: [g%d]\n---\n" % (i, port, i)
            for i, port in enumerate(self.ports))
        self.base += ("kind: Upstream\nname: up\nendpoints: [{address: \"127.0.0.1:%d\"}]\n"
                      % self.upstream.port) + route("stay", "/stay")

    def path(self, name):
        return os.path.join(self.directory.name, name)

    def start_proxy(self, i):
        return FleetProxy(self.grpc_port, self.path("state%d" % i), "edge-%d" % i, "g%d" % i)

    def restart_proxy(self, i):
        """kill -9, and another process of the same node."""
        self.proxies[i].stop()
        self.proxies[i] = self.start_proxy(i)
        return self.proxies[i]

    def kill_control_plane(self):
        self.control_plane.stop()

    def stop_control_plane(self):
        """In order: what it has to write is written."""
        self.control_plane.signal(signal.SIGTERM)
        self.control_plane.wait()
        self.control_plane.stop()

    def start_control_plane(self):
        """On the ports that it had."""
        self.control_plane = ControlPlane(self.path("data"), self.grpc_port, self.http_port)

    def restart_control_plane(self):
        self.kill_control_plane()
        self.start_control_plane()

    def ctl(self, *arguments, **options):
        return sluicectl(self.grpc_port, *arguments, **options)

    def apply(self, text, *arguments, status=0):
        return self.ctl("apply", "-f", "-", *arguments, stdin=text, status=status)

    def json(self, path):
        return json.loads(fetch(self.http_port, path))

    def counter(self, name):
        """A series of the control plane."""
        return metric(fetch(self.http_port, "/metrics"), name)

    def proxy_counter(self, i, name):
        """A series of a proxy."""
        return self.proxies[i].metric(name)

    def node(self, name):
        """What the control plane shows of a proxy; None if it lists none of that name."""
        found = [p for p in self.json("/v1/proxies")["proxies"] if p["node"] == name]
        return found[0] if found else None

    def wait_for_states(self, states, seconds=60):
        """Until the fleet is in exactly these states, by node name."""
        def are_there():
            now = [p["state"] for p in self.json("/v1/proxies")["proxies"]]
            return now == list(states)
        wait_until(are_there, "the states %s" % (states,), seconds)

    def get(self, port, target):
        with Client(port) as client:
            return client.send(
                ("GET %s HTTP/1.1\r\nHost: a\r\n\r\n" % target).encode()).response()

    def status_of(self, port, target):
        return self.get(port, target).status

    def post(self, path, body):
        """Status and decoded body of a call of the JSON API."""
        connection = http.client.HTTPConnection("127.0.0.1", self.http_port, timeout=60)
        try:
            connection.request("POST", path, json.dumps(body), {"content-type": "application/json"})
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()
