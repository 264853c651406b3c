"""Commands of sluicectl that are about proxies, with real ones."""

import http.client
import re
import signal
import socket
import unittest

from desk import DeskTest
from harness.process import FleetProxy, Process, free_port, runfile, wait_until

ROUTE = "kind: Route\nname: hello\nplugins: {respond: {status: 200, body: %s}}\n"


# Each says where it stands.
RESPOND = "plugins: {respond: {status: 200, body: %s}}\n"
LAYERS = "---\n".join((
    "kind: Upstream\nname: u\n",
    "kind: Service\nname: s\nupstream: u\n" + RESPOND % "Service/s",
    "kind: PluginSet\nname: a\n" + RESPOND % "PluginSet/a",
    "kind: PluginSet\nname: b\n" + RESPOND % "PluginSet/b",
    "kind: PluginSet\nname: none\nplugins: {respond: {disabled: true}}\n",
    "kind: Route\nname: service\npaths: [/service]\nservice: s\n",
    "kind: Route\nname: set\npaths: [/set]\nservice: s\nplugin_sets: [a]\n",
    "kind: Route\nname: sets\npaths: [/sets]\nservice: s\nplugin_sets: [b, a]\n",
    "kind: Route\nname: route\npaths: [/route]\nplugin_sets: [a, none]\n" + RESPOND % "Route/route",
    "kind: Route\nname: removed\npaths: [/removed]\nservice: s\nplugin_sets: [none, b]\n"))


class FleetTest(DeskTest):
    def start(self, node, groups=""):
        proxy = FleetProxy(self.server.grpc_port, self.path("state-" + node), node, groups)
        self.addCleanup(proxy.stop)
        wait_until(lambda: node in self.ctl("status"), node)
        return proxy

    def listener(self):
        self.port = free_port()
        return "---\nkind: Listener\nname: public\naddress: 127.0.0.1:%d\n" % self.port

    def body(self, path="/"):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        self.addCleanup(connection.close)
        connection.request("GET", path)
        return connection.getresponse().read().decode()

    def test_what_was_waited_for_is_served(self):
        self.start("edge-1")
        listener = self.listener()
        out = self.apply(ROUTE % "one" + listener, "--wait")
        self.assertTrue(out.endswith("generation 1 committed; active 1/1\n"), out)
        for word in ("two", "three", "four"):
            self.apply(ROUTE % word, "--wait")
            self.assertEqual(self.body(), word)

    def test_a_proxy_that_stands_still_is_late(self):
        proxy = self.start("edge-1")
        self.apply(ROUTE % "one", "--wait")
        proxy.signal(signal.SIGSTOP)
        try:
            out = self.apply(ROUTE % "two", "--wait", "--timeout", "200ms", status=4)
        finally:
            proxy.signal(signal.SIGCONT)
        self.assertRegex(out, r"generation 2 committed; active 0/1; late edge-1")

    def test_a_port_that_is_taken_is_degraded_and_counts_as_active(self):
        self.start("edge-1")
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            out = self.apply(ROUTE % "one" + "---\nkind: Listener\nname: public\n"
                             "address: 127.0.0.1:%d\n" % taken.getsockname()[1], "--wait")
            self.assertIn("active 1/1; degraded edge-1: ", out)
            self.assertRegex(self.ctl("status"), r"1 proxy: 1 degraded; generation 1")
            self.assertIn("public", self.ctl("status", "--problems"))

    def test_whom_it_does_not_concern_is_not_waited_for(self):
        self.start("edge-1", "edge")
        out = self.apply("kind: Route\nname: r\ngroups: [core]\nplugins: {respond: {status: 200}}\n",
                         "--wait")
        self.assertTrue(out.endswith("; no connected proxy is concerned\n"), out)

    def test_status_shows_what_each_proxy_serves(self):
        self.start("edge-1", "edge,eu")
        self.start("core-1", "core")
        self.apply(ROUTE % "one", "--wait")
        lines = self.ctl("status").splitlines()
        self.assertEqual(lines[0], "2 proxies: 2 active; generation 1")
        self.assertRegex(lines[1], "^NODE +GROUPS +BUILD +ACTIVE +PHASE +LAG +LAST REPORT +PROBLEMS")
        self.assertRegex(lines[2], r"^core-1 +core +\S+ +1 +active ")
        self.assertNotIn("core-1", self.ctl("status", "--groups", "edge"))

    def test_a_proxy_that_is_gone_can_be_forgotten(self):
        self.start("edge-1").stop()
        wait_until(lambda: "disconnected" in self.ctl("status"), "the end")
        self.ctl("forget", "edge-1")
        self.assertEqual(self.ctl("status"), "0 proxies; generation 0\n")

    def test_a_node_is_explained_by_its_groups_and_generation(self):
        self.start("edge-1", "edge")
        self.apply("kind: Route\nname: r\ngroups: [edge]\nplugins: {respond: {status: 200}}\n"
                   "---\nkind: Route\nname: s\npriority: 1\ngroups: [core]\n"
                   "plugins: {respond: {status: 200}}\n", "--wait")
        out = self.ctl("explain", "GET", "http://x/", "--node", "edge-1", "--expect", "r")
        self.assertIn("generation 1 as proxy edge-1 serves it", out)
        self.assertIn("did you mean edge-1?",
                      self.ctl("explain", "GET", "/", "--node", "edge-2", status=1))

    def test_plugins_come_from_where_explain_says(self):
        self.start("edge-1")
        self.apply(LAYERS + self.listener(), "--wait")
        for path in ("/service", "/set", "/sets", "/route", "/removed"):
            url = "http://127.0.0.1:%d%s" % (self.port, path)
            explained = re.search(r"^respond +\S+ +(\S+)", self.ctl("explain", "GET", url), re.M)
            self.assertEqual(self.body(path), explained.group(1), path)

    def test_admin_pages_are_relayed(self):
        self.start("edge-1")
        self.apply(ROUTE % "one", "--wait")
        self.assertIn("sluice_", self.ctl("admin", "edge-1", "/stats/prometheus"))
        self.assertIn("404", self.ctl("admin", "edge-1", "/nope", status=1))

    def test_watch_tells_of_proxies(self):
        with Process([runfile("tools/sluicectl/sluicectl"), "--server", self.server.address,
                      "watch"]) as watch:
            self.apply(ROUTE % "one")
            # The watch has begun when it has seen a commit.
            for number in range(1000):
                self.apply(ROUTE % ("w%d" % number))
                if watch.lines:
                    break
            self.start("edge-1")
            watch.wait_for_line("proxy edge-1 connected")


if __name__ == "__main__":
    unittest.main()
