"""Commands of sluicectl about what was committed, what differs, and what happens."""

import json
import unittest

from desk import CONFIG, DeskTest
from harness.process import Process, runfile


class DiffTest(DeskTest):
    def test_files_are_compared_with_what_is_stored(self):
        self.apply(CONFIG)
        path = self.write("c.yaml", CONFIG.replace("15s", "20s"))
        out = self.ctl("diff", "-f", path)
        self.assertIn("updated Route/users (timeout)\n", out)
        self.assertIn("-timeout: 15s\n+timeout: 20s\n", out)

    def test_the_exit_status_says_whether_there_is_a_difference(self):
        self.apply(CONFIG)
        same = self.write("same.yaml", CONFIG)
        other = self.write("other.yaml", CONFIG.replace("15s", "20s"))
        self.assertEqual(self.ctl("diff", "-f", same, "--exit-code"), "no difference\n")
        self.ctl("diff", "-f", other, "--exit-code", status=3)

    def test_generations_are_compared(self):
        self.apply(CONFIG)
        self.ctl("delete", "route", "users")
        out = self.ctl("diff", "1", "2")
        self.assertIn("deleted Route/users\n-kind: Route\n", out)
        self.assertTrue(out.endswith("1 deleted\n"))

    def test_prune_shows_what_would_go(self):
        self.apply(CONFIG, "--prune", "-l", "repo=x")
        path = self.write("c.yaml", CONFIG.rsplit("---", 1)[0])
        self.assertIn("deleted Route/users", self.ctl("diff", "-f", path, "--prune", "-l", "repo=x"))


class HistoryTest(DeskTest):
    def test_commits_are_listed_newest_first_with_why(self):
        self.apply(CONFIG, "-m", "first words")
        self.ctl("delete", "route", "users", "-m", "moved")
        lines = self.ctl("history").splitlines()
        self.assertRegex(lines[1], r"^2 .* 1 deleted +moved$")
        self.assertRegex(lines[2], r"^1 .*@.* 3 created +first words$")

    def test_json_has_the_names_of_the_contract(self):
        self.apply(CONFIG)
        generations = json.loads(self.ctl("history", "-o", "json"))["generations"]
        self.assertEqual(generations[0]["generation"], 1)
        self.assertEqual(generations[0]["origin"], "configuration")
        self.assertEqual(generations[0]["rollback_of"], 0)
        self.assertRegex(generations[0]["time"], r"^2\d\d\d-.*Z$")


class RollbackTest(DeskTest):
    def setUp(self):
        super().setUp()
        self.apply(CONFIG)
        self.apply(CONFIG.replace("15s", "20s").replace("[/orders/*]", "[/o/*]"))

    def test_everything_goes_back_as_a_new_generation(self):
        out = self.ctl("rollback", "1", "-m", "was bad")
        self.assertIn("generation 3 committed\n", out)
        self.assertIn("rollback to 1: was bad", self.ctl("history"))
        self.assertEqual(self.ctl("diff", "1", "3"), "no difference\n")

    def test_labels_select(self):
        self.assertEqual(self.ctl("rollback", "1", "-l", "team=b"),
                         "updated Route/users (timeout)\ngeneration 3 committed\n")

    def test_a_name_selects(self):
        self.assertEqual(self.ctl("rollback", "1", "route", "orders"),
                         "updated Route/orders (paths)\ngeneration 3 committed\n")

    def test_a_dry_run_commits_nothing(self):
        self.assertIn("dry run", self.ctl("rollback", "1", "--dry-run"))
        self.assertIn("unchanged: generation 2", self.ctl("rollback", "2"))


class WatchTest(DeskTest):
    def test_commits_are_printed_as_they_happen(self):
        self.apply(CONFIG, "-m", "before")
        with Process([runfile("tools/sluicectl/sluicectl"), "--server", self.server.address,
                      "watch", "--after", "0"]) as watch:
            # A watch begins some time after its start: commits go on until one is seen.
            for number in range(2, 1000):
                self.apply(CONFIG.replace("15s", "%dms" % number), "-m", "change")
                if any("generation %d " % number in line for line in watch.lines):
                    break
            watch.wait_for_line("1 updated (change)")

    def test_earlier_commits_come_first(self):
        self.apply(CONFIG)
        self.apply(CONFIG.replace("15s", "20s"), "-m", "second")
        with Process([runfile("tools/sluicectl/sluicectl"), "--server", self.server.address,
                      "watch", "--after", "1"]) as watch:
            self.assertIn("generation 2 by", watch.wait_for_line("(second)"))


class StatusTest(DeskTest):
    def test_a_fleet_without_proxies_is_a_line(self):
        self.assertEqual(self.ctl("status"), "0 proxies; generation 0\n")

    def test_both_builds_are_printed(self):
        self.assertRegex(self.ctl("version"), r"^sluicectl \S+ \(schema \d+\)\n"
                         r"control plane \S+ \(schema \d+\), generation 0\n$")


if __name__ == "__main__":
    unittest.main()
