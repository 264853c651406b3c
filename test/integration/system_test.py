"""All three programs together: what is applied is served, and survives everything."""

import os
import random
import tempfile
import threading
import time
import unittest

from harness.process import ControlPlane, FleetProxy, free_port, sluicectl, wait_until
from harness.raw import Client, Server


def get(target):
    return ("GET %s HTTP/1.1\r\nHost: a\r\n\r\n" % target).encode()


def route(name, path, upstream="up"):
    return "---\nkind: Route\nname: %s\npaths: [%s]\nupstream: %s\n" % (name, path, upstream)


class SystemTest(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)
        self.upstream = Server()
        self.addCleanup(self.upstream.close)
        self.control_plane = ControlPlane(self.path("data"))
        self.addCleanup(lambda: self.control_plane.stop())
        self.grpc_port = self.control_plane.grpc_port
        self.ports = [free_port(), free_port()]
        self.proxies = [self.start_proxy(0), self.start_proxy(1)]
        self.addCleanup(lambda: [proxy.stop() for proxy in self.proxies])
        for proxy in self.proxies:
            proxy.wait_for_line("connected")
        self.base = (
            "kind: Listener\nname: one\naddress: 127.0.0.1:%d\ngroups: [g0]\n---\n"
            "kind: Listener\nname: two\naddress: 127.0.0.1:%d\ngroups: [g1]\n---\n"
            "kind: Upstream\nname: up\nendpoints: [{address: \"127.0.0.1:%d\"}]\n" % (
                self.ports[0], self.ports[1], self.upstream.port)) + route("stay", "/stay")

    def path(self, name):
        return os.path.join(self.directory.name, name)

    def start_proxy(self, i):
        return FleetProxy(self.grpc_port, self.path("state%d" % i), "edge-%d" % i, "g%d" % i)

    def restart_control_plane(self):
        self.control_plane.stop()
        self.control_plane = ControlPlane(
            self.path("data"), self.grpc_port, self.control_plane.http_port)

    def apply(self, text, *arguments, status=0):
        return sluicectl(self.grpc_port, "apply", "-f", "-", *arguments, stdin=text, status=status)

    def status_of(self, port, target):
        with Client(port) as client:
            return client.send(get(target)).response().status

    def test_an_applied_route_is_served_by_every_proxy_when_apply_returns(self):
        self.assertIn("active 2/2", self.apply(self.base, "--wait"))
        for port in self.ports:
            self.assertEqual(self.status_of(port, "/stay"), 200)

    def test_proxies_serve_and_restart_without_a_control_plane_and_converge_with_it(self):
        self.apply(self.base, "--wait")
        self.control_plane.signal(9)
        self.control_plane.wait()
        self.assertEqual(self.status_of(self.ports[0], "/stay"), 200)
        self.proxies[0].stop()
        self.proxies[0] = self.start_proxy(0)
        self.proxies[0].wait_for_line("serving generation 1")
        self.assertEqual(self.status_of(self.ports[0], "/stay"), 200)
        self.restart_control_plane()
        wait_until(lambda: "2 proxies: 2 active" in sluicectl(self.grpc_port, "status"),
                   "both to be back")
        self.assertIn("active 2/2", self.apply(route("new", "/new"), "--wait"))
        self.assertEqual(self.status_of(self.ports[0], "/new"), 200)

    def test_five_mistakes_give_five_problems_with_lines_and_commit_nothing(self):
        text = ("kind: Route\nname: r1\npath: /a\nupstream: up\n"
                "---\nkind: Route\nname: r2\nupstream: missing\n"
                "---\nkind: Route\nname: r3\nupstream: up\ntimeout: 25h\n"
                "---\nkind: Upstream\nname: u4\nendpoints: [{address: nowhere}]\n"
                "---\nkind: Route\nname: r5\nupstream: up\nplugins: {limit_count: {count: 0, window: 60s}}\n")
        self.apply(self.base)
        output = self.apply(text, status=1)
        for line, words in ((3, "did you mean"), (8, "missing"), (13, "timeout"), (17, "address"),
                            (22, "count")):
            self.assertTrue(any((":%d:" % line) in out and words in out
                                for out in output.splitlines()), (line, words, output))
        self.assertNotIn("r3", sluicectl(self.grpc_port, "get", "routes"))

    def test_a_taken_port_is_degraded_and_everything_else_is_served(self):
        taken = Server()
        self.addCleanup(taken.close)
        output = self.apply(
            self.base + "---\nkind: Listener\nname: taken\naddress: 127.0.0.1:%d\ngroups: [g0]\n"
            % taken.port, "--wait")
        self.assertIn("active 2/2", output)
        self.assertEqual(self.status_of(self.ports[0], "/stay"), 200)
        self.assertIn("degraded", sluicectl(self.grpc_port, "status").lower())

    def test_every_acknowledged_apply_survives_a_kill_at_any_moment(self):
        self.apply(self.base)
        acknowledged = []
        chance = random.Random(20)
        for i in range(40):
            if i % 4 == 3:
                # Killed while the call may be under way: it happened as a whole, or not at all.
                killer = threading.Timer(chance.random() * 0.05,
                                         lambda: self.control_plane.signal(9))
                killer.start()
            try:
                self.apply(route("a%d" % i, "/a%d" % i) + route("b%d" % i, "/b%d" % i))
                acknowledged.append(i)
            except AssertionError:
                pass
            if i % 4 == 3:
                killer.join()
                self.control_plane.wait()
                self.restart_control_plane()
        stored = sluicectl(self.grpc_port, "get", "routes").split()
        for i in acknowledged:
            self.assertIn("a%d" % i, stored)
        for i in range(40):
            self.assertEqual("a%d" % i in stored, "b%d" % i in stored, i)
        self.assertGreater(len(acknowledged), 29)

    def test_changes_under_load_fail_no_request_and_close_no_connection(self):
        self.apply(self.base, "--wait")
        stop = threading.Event()
        wrong, counts = [], []

        def load(port):
            count = 0
            with Client(port) as client:
                while not stop.is_set():
                    status = client.send(get("/stay")).response().status
                    count += 1
                    if status != 200:
                        wrong.append(status)
            counts.append(count)
        threads = [threading.Thread(target=load, args=(port,)) for port in self.ports * 2]
        for thread in threads:
            thread.start()
        extra = free_port()
        try:
            deadline = time.monotonic() + 8
            i = 0
            while time.monotonic() < deadline:
                i += 1
                text = "".join(route("c%d" % j, "/c%d-%d" % (j, i)) for j in range(5))
                if i % 3 == 0:
                    text += "---\nkind: Listener\nname: extra\naddress: 127.0.0.1:%d\n" % extra
                self.apply(text, "--prune", "-l", "part=churn", "--wait")
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        self.assertEqual(wrong, [])
        self.assertEqual(len(counts), 4, "every connection lived to the end")


if __name__ == "__main__":
    unittest.main()
