"""A generation that proxies cannot apply: they keep the one before and say why; it is shown, and not
sent again."""

import hashlib
import os
import sqlite3
import time
import unittest

from harness.fleet_case import FleetCase, route
from harness.process import ControlPlane, sluicectl, wait_until
from harness.seal import Sealer

FULL = 'sluice_fleet_updates_total{kind="full"}'
DELTA = 'sluice_fleet_updates_total{kind="delta"}'
REJECTED = 'sluice_fleet_statuses_total{phase="rejected"}'


class RefusalTest(FleetCase):
    def spoil(self, name):
        """Stores a Route that no validator has seen, as one of another build might have let it
        through: its path /frail becomes ~(rail, which is no regular expression. The control plane
        must be down."""
        database = sqlite3.connect(os.path.join(self.path("data"), "sluice.db"))
        with database:
            sealer = Sealer(self.path("data.seal-key"))
            digest, sealed = database.execute(
                "SELECT r.digest, bytes FROM resource r JOIN blob b ON b.digest = r.digest "
                "WHERE kind = 'Route' AND name = ?", (name,)).fetchone()
            stored = sealer.open(sealed, b"resource " + digest)
            self.assertEqual(stored.count(b"/frail"), 1)
            spoilt = stored.replace(b"/frail", b"~(rail")
            key = b"Route\0\0" + name.encode()
            self.assertEqual(hashlib.sha256(key + b"\0" + stored).digest(), digest)
            other = hashlib.sha256(key + b"\0" + spoilt).digest()
            database.execute("INSERT INTO blob VALUES (?, ?)", (
                other, sealer.seal_like(sealed, spoilt, b"resource " + other)))
            database.execute("UPDATE resource SET digest = ? WHERE digest = ?", (other, digest))
            database.execute("UPDATE change SET after = ? WHERE after = ?", (other, digest))
            database.execute("UPDATE change SET before = ? WHERE before = ?", (other, digest))
        database.close()

    def setUp(self):
        """Both proxies serve generation 1; generation 2 adds the Route that they cannot apply."""
        super().setUp()
        self.apply(self.base, "--wait")
        self.kill_control_plane()
        # Out of the proxies' reach, or they would take generation 2 before it is spoilt.
        with ControlPlane(self.path("data")) as elsewhere:
            sluicectl(elsewhere.grpc_port, "apply", "-f", "-", stdin=route("frail", "/frail"))
        self.spoil("frail")
        self.start_control_plane()
        self.wait_for_states(["rejected", "rejected"])

    def counts(self):
        """Updates that the control plane has sent, and how many of them were rejected."""
        return self.counter(FULL) + self.counter(DELTA), self.counter(REJECTED)

    def test_it_is_shown_with_the_reason_and_traffic_goes_on(self):
        output = self.ctl("status", "--problems")
        self.assertIn("2 rejected", output)
        self.assertIn('Route "frail": paths[0]: ', output)
        for i, port in enumerate(self.ports):
            self.assertEqual(self.status_of(port, "/stay"), 200)
            shown = self.node("edge-%d" % i)
            self.assertEqual(shown["active"]["number"], 1)
            self.assertEqual(shown["target"]["number"], 2)
            self.assertEqual(self.proxy_counter(i, "sluice_config_generation"), 1)
            self.assertEqual(self.proxy_counter(i, "sluice_config_rejected_total"), 1)

    def test_it_is_not_sent_again(self):
        self.assertEqual(self.counts(), (2, 2))
        # Other content for one of them is worth a try; for the other it is the same as before.
        self.apply(route("other", "/other") + "groups: [g0]\n")
        wait_until(lambda: self.counts()[1] >= 3, "edge-0 to refuse that too")
        # The fleet looks at every proxy once a second: a loop would show in that time.
        time.sleep(2.5)
        self.assertEqual(self.counts(), (3, 3))
        self.assertEqual(self.proxy_counter(1, "sluice_config_rejected_total"), 1)

    def test_another_control_plane_on_the_same_data_does_not_send_it_again(self):
        self.stop_control_plane()
        self.start_control_plane()
        self.wait_for_states(["rejected", "rejected"])
        self.assertIn('Route "frail": paths[0]: ', self.ctl("status", "--problems"))
        self.assertEqual(self.counts()[0], 0)

    def test_waiting_for_it_names_who_rejected_it(self):
        output = self.apply(route("other", "/other"), "--wait", status=4)
        self.assertIn("active 0/2", output)
        self.assertIn("rejected edge-0: ", output)

    def test_what_is_mended_is_served(self):
        self.assertIn("active 2/2", self.apply(route("frail", "/mended"), "--wait"))
        for port in self.ports:
            self.assertEqual(self.status_of(port, "/mended"), 200)
        self.wait_for_states(["active", "active"])
        self.assertNotIn("frail", self.ctl("status", "--problems"))

    def test_a_proxy_that_restarts_keeps_what_it_had_and_is_asked_once_more(self):
        # Another process may be another build.
        self.restart_proxy(0).wait_for_line("serving generation 1")
        self.assertEqual(self.status_of(self.ports[0], "/stay"), 200)
        wait_until(lambda: self.counts()[1] >= 3, "it to refuse the generation again")
        self.assertEqual(self.counts(), (3, 3))


if __name__ == "__main__":
    unittest.main()
