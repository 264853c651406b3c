"""Programs of different builds together.

With SLUICE_PREVIOUS=DIR, a folder with the three programs of an earlier build, also that build
against this one, both ways round:

  bazel test --test_env=SLUICE_PREVIOUS=DIR //test/integration:controlplane_skew_test
"""

import os
import subprocess
import unittest

from harness.fleet_case import FleetCase, route
from harness.process import ControlPlane, FleetProxy, runfile, sluicectl

PREVIOUS = os.environ.get("SLUICE_PREVIOUS", "")
NEW_FIELD = route("r", "/r") + "plugins:\n  key_auth: {}\n"


class OlderProxyTest(FleetCase):
    """A proxy without the plugin key_auth beside one of this build."""

    proxies_at_start = 1

    def setUp(self):
        super().setUp()
        self.older = subprocess.Popen(
            [runfile("test/integration/older_proxy"), "127.0.0.1:%d" % self.grpc_port, "older",
             "respond,request_id"], stdin=subprocess.PIPE)
        self.addCleanup(self.end_older)
        self.apply(self.base)
        self.wait_for_states(["active", "active"])

    def end_older(self):
        self.older.stdin.close()
        self.older.wait()

    def test_what_it_cannot_read_is_refused_naming_line_field_and_proxy(self):
        output = self.apply(NEW_FIELD, status=1)
        self.assertIn('-:7: Route "r": plugins.key_auth: cannot be read by connected proxies: '
                      'older (', output)
        self.assertIn("without key_auth", output)
        self.assertIn("--allow-skew", output)
        self.assertEqual(self.status_of(self.ports[0], "/r"), 404)
        self.assertEqual(len(self.json("/v1/generations")["generations"]), 1)

    def test_with_allow_skew_it_is_held_at_what_it_has(self):
        output = self.apply(NEW_FIELD, "--allow-skew", "--wait", status=4)
        self.assertIn("active 1/2", output)
        self.assertIn("held older", output)
        self.wait_for_states(["active", "held"])
        self.assertEqual(self.status_of(self.ports[0], "/r"), 401)
        shown = self.node("older")
        self.assertEqual((shown["active"]["number"], shown["target"]["number"]), (1, 2))
        self.assertIn("lacks the plugins key_auth", self.ctl("status"))
        # What it could read alone is held too: it would come without the rest.
        self.apply(route("s", "/s"))
        self.wait_for_states(["active", "held"])
        self.assertEqual(self.node("older")["active"]["number"], 1)
        # It needs no word from anybody once it can read everything again.
        self.assertIn("active 2/2", self.apply(route("r", "/r"), "--wait"))

    def test_a_proxy_that_is_away_refuses_nothing(self):
        self.end_older()
        self.wait_for_states(["active", "disconnected"])
        self.assertIn("active 1/1", self.apply(NEW_FIELD, "--wait"))


@unittest.skipUnless(PREVIOUS, "SLUICE_PREVIOUS names no earlier build")
class PreviousBuildTest(FleetCase):
    proxies_at_start = 0

    def previous(self, name):
        return os.path.join(PREVIOUS, name)

    def follow(self, i, program=None):
        proxy = FleetProxy(self.grpc_port, self.path("state%d" % i), "edge-%d" % i, program=program)
        self.addCleanup(proxy.stop)
        proxy.wait_for_line("connected")
        return proxy

    def assert_changes_reach_both(self):
        for i in range(3):
            output = self.apply(route("r", "/%d" % i), "--wait")
            self.assertIn("active 2/2", output)
        self.assertIn("2 active", self.ctl("status"))

    def test_a_proxy_of_the_previous_build_follows_this_control_plane(self):
        self.apply(self.base)
        self.follow(0, self.previous("sluice-proxy"))
        self.follow(1)
        self.assert_changes_reach_both()

    def use_previous_control_plane(self):
        self.kill_control_plane()
        self.control_plane = ControlPlane(self.path("old"), self.grpc_port, self.http_port,
                                          program=self.previous("sluice-controlplane"))

    def test_this_proxy_and_sluicectl_work_with_the_previous_control_plane(self):
        self.use_previous_control_plane()
        self.apply(self.base)
        self.follow(0, self.previous("sluice-proxy"))
        self.follow(1)
        self.assert_changes_reach_both()

    def test_the_previous_sluicectl_works_with_this_control_plane(self):
        program = self.previous("sluicectl")
        out = sluicectl(self.grpc_port, "apply", "-f", "-", stdin=self.base, program=program)
        self.assertIn("generation 1", out)
        self.assertIn("stay", sluicectl(self.grpc_port, "get", "routes", program=program))
        sluicectl(self.grpc_port, "status", program=program)

    def test_a_data_directory_of_the_previous_build_is_taken_over(self):
        self.use_previous_control_plane()
        self.apply(self.base)
        self.apply(route("r", "/r"))
        proxies = [self.follow(i) for i in range(2)]
        self.wait_for_states(["active", "active"])
        self.kill_control_plane()
        self.control_plane = ControlPlane(self.path("old"), self.grpc_port, self.http_port)
        self.wait_for_states(["active", "active"])
        self.assertEqual(self.counter('sluice_fleet_updates_total{kind="full"}'), 0)
        self.assertEqual(len(self.json("/v1/generations")["generations"]), 2)
        self.assert_changes_reach_both()
        for proxy in proxies:
            self.assertEqual([line for line in proxy.lines if "refused" in line], [])

    def test_the_state_of_a_proxy_of_the_previous_build_is_served_without_a_control_plane(self):
        self.apply(self.base)
        older = self.follow(0, self.previous("sluice-proxy"))
        self.wait_for_states(["active"])
        older.stop()
        self.kill_control_plane()
        newer = FleetProxy(self.grpc_port, self.path("state0"), "edge-0")
        self.addCleanup(newer.stop)
        newer.wait_for_line("serving generation 1")


if __name__ == "__main__":
    unittest.main()
