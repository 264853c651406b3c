"""The control plane is gone: proxies serve and start from what they have on disk; it comes back, with
what it had or with an older copy of it, and the fleet follows."""

import json
import shutil
import time
import unittest

from harness.fleet_case import FleetCase, route
from harness.process import wait_until

ROUTES = 10_000


class ControlPlaneDownTest(FleetCase):
    def assert_no_updates_sent(self):
        """By the control plane that runs now."""
        for kind in ("full", "delta"):
            self.assertEqual(self.counter('sluice_fleet_updates_total{kind="%s"}' % kind), 0, kind)

    def persisted(self, i):
        """The generation that proxy i has on disk."""
        return json.loads(self.proxies[i].page("/config"))["persisted_generation"]

    def serving_time(self, i, target):
        """Kills proxy i; how long another process of it takes from its start to its first answer."""
        self.proxies[i].stop()
        began = time.monotonic()
        self.proxies[i] = self.start_proxy(i)

        def answers():
            try:
                return self.status_of(self.ports[i], target) == 200
            except OSError:
                return False  # It does not listen yet.
        wait_until(answers, "proxy %d to serve" % i)
        return time.monotonic() - began

    def test_a_proxy_that_is_killed_serves_ten_thousand_routes_from_disk(self):
        self.apply(self.base + "".join(route("r%d" % i, "/r%d/*" % i) for i in range(ROUTES)),
                   "--wait", "--timeout", "5m")
        last = "/r%d/x" % (ROUTES - 1)
        self.assertEqual(self.status_of(self.ports[0], last), 200)
        wait_until(lambda: all(self.persisted(i) == 1 for i in range(2)), "the journals")
        self.kill_control_plane()
        self.assertEqual(self.status_of(self.ports[1], last), 200)
        took = self.serving_time(0, last)
        print("%d routes served from disk %.0f ms after the start" % (ROUTES, took * 1e3))

        self.start_control_plane()
        self.wait_for_states(["active", "active"])
        self.assert_no_updates_sent()
        self.assertEqual(self.proxy_counter(0, "sluice_config_applied_total"), 1, "from disk")
        self.assertIn("active 2/2", self.apply(route("r0", "/new"), "--wait"))
        self.assertEqual(self.counter('sluice_fleet_updates_total{kind="full"}'), 0)
        for port in self.ports:
            self.assertEqual(self.status_of(port, "/new"), 200)

    def test_proxies_that_never_stopped_are_sent_nothing_either(self):
        self.apply(self.base, "--wait")
        applied = [self.proxy_counter(i, "sluice_config_applied_total") for i in range(2)]
        for _ in range(3):
            self.restart_control_plane()
            self.wait_for_states(["active", "active"])
            self.assert_no_updates_sent()
        for i in range(2):
            self.assertEqual(self.proxy_counter(i, "sluice_config_applied_total"), applied[i])
        self.assertIn("active 2/2", self.apply(route("new", "/new"), "--wait"))

    def test_a_proxy_whose_state_is_lost_as_well_comes_back_with_the_control_plane(self):
        self.apply(self.base, "--wait")
        self.kill_control_plane()
        self.proxies[0].stop()
        shutil.rmtree(self.path("state0"))
        self.proxies[0] = self.start_proxy(0)
        self.proxies[0].wait_for_line("admin pages on")
        self.start_control_plane()
        self.wait_for_states(["active", "active"])
        self.assertEqual(self.status_of(self.ports[0], "/stay"), 200)
        self.assertEqual(self.counter('sluice_fleet_updates_total{kind="full"}'), 1, "to it alone")

    def test_a_proxy_that_does_not_come_back_is_still_listed(self):
        self.apply(self.base, "--wait")
        self.stop_control_plane()
        self.proxies[0].stop()
        self.start_control_plane()
        self.wait_for_states(["disconnected", "active"])
        self.assertEqual(self.node("edge-0")["groups"], ["g0"])
        self.assertEqual(self.node("edge-0")["active"]["number"], 1)
        self.ctl("forget", "edge-0")
        self.restart_control_plane()
        self.wait_for_states(["active"])

    def test_a_proxy_that_missed_changes_over_a_restart_is_sent_only_those(self):
        self.apply(self.base, "--wait")
        self.proxies[0].stop()
        self.apply(route("a", "/a"))
        self.restart_control_plane()
        self.wait_for_states(["disconnected", "active"])
        self.apply(route("b", "/b"), "--wait")
        self.proxies[0] = self.start_proxy(0)
        self.wait_for_states(["active", "active"])
        for port in self.ports:
            self.assertEqual(self.status_of(port, "/a"), 200)
            self.assertEqual(self.status_of(port, "/b"), 200)
        self.assertEqual(self.counter('sluice_fleet_updates_total{kind="full"}'), 0)

    def restore(self, copy):
        """Puts the copy of the data directory in its place, with the control plane down."""
        self.kill_control_plane()
        shutil.rmtree(self.path("data"))
        shutil.copytree(copy, self.path("data"))
        self.start_control_plane()

    def back_up(self):
        copy = self.path("backup")
        self.kill_control_plane()
        shutil.copytree(self.path("data"), copy)
        self.start_control_plane()
        self.wait_for_states(["active", "active"])
        return copy

    def test_a_restored_older_database_is_noticed_and_the_fleet_follows_it(self):
        self.apply(self.base + route("moved", "/before"), "--wait")
        copy = self.back_up()
        self.apply(route("moved", "/after"), "--wait")
        self.apply(route("later", "/later"), "--wait")
        for port in self.ports:
            self.assertEqual(self.status_of(port, "/after"), 200)

        self.restore(copy)
        self.control_plane.wait_for_line("must have been restored")
        self.wait_for_states(["active", "active"])
        for port in self.ports:
            self.assertEqual(self.status_of(port, "/before"), 200)
            self.assertEqual(self.status_of(port, "/after"), 404)
            self.assertEqual(self.status_of(port, "/later"), 404)
        self.assertEqual(self.node("edge-0")["active"]["number"], 1)
        self.assertEqual(self.node("edge-0")["active"]["epoch"], 2)

        # Numbers that the lost generations had come again, with other content.
        self.assertIn("active 2/2", self.apply(route("other", "/other"), "--wait"))
        for port in self.ports:
            self.assertEqual(self.status_of(port, "/other"), 200)
            self.assertEqual(self.status_of(port, "/after"), 404)

    def test_a_restored_database_that_has_gone_on_by_itself_is_followed_too(self):
        self.apply(self.base, "--wait")
        copy = self.back_up()
        self.apply(route("lost", "/lost"), "--wait")
        self.kill_control_plane()
        for proxy in self.proxies:
            proxy.stop()
        self.restore(copy)
        self.apply(route("a", "/a"))
        self.apply(route("b", "/b"))
        self.proxies[:] = [self.start_proxy(i) for i in range(2)]
        self.wait_for_states(["active", "active"])
        for port in self.ports:
            self.assertEqual(self.status_of(port, "/lost"), 404)
            self.assertEqual(self.status_of(port, "/b"), 200)


if __name__ == "__main__":
    unittest.main()
