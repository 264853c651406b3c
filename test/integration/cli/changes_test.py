"""Commands of sluicectl that change what a control plane has, and that show it."""

import json
import os
import re
import stat
import unittest

from desk import CONFIG, STREAMS, DeskTest
from harness.process import runfile


class ApplyTest(DeskTest):
    def test_what_changed_and_the_generation_are_said(self):
        self.assertEqual(self.apply(CONFIG), "created Route/orders\ncreated Route/users\n"
                         "created Upstream/orders\ngeneration 1 committed\n")

    def test_an_update_names_its_fields(self):
        self.apply(CONFIG)
        self.assertEqual(self.apply(CONFIG.replace("15s", "20s")),
                         "updated Route/users (timeout)\ngeneration 2 committed\n")

    def test_what_is_there_already_is_unchanged(self):
        self.apply(CONFIG)
        self.assertEqual(self.apply(CONFIG), "unchanged: generation 1\n")

    def test_files_and_folders_are_read_together(self):
        self.write("a.yaml", "kind: Upstream\nname: a\n")
        os.mkdir(os.path.join(self.folder, "more"))
        self.write("more/b.yaml", "kind: Upstream\nname: b\n")
        out = self.ctl("apply", "-f", "a.yaml", "-f", "more")
        self.assertIn("created Upstream/a\ncreated Upstream/b\n", out)

    def test_a_dry_run_shows_the_difference_and_commits_nothing(self):
        self.apply(CONFIG)
        out = self.apply(CONFIG.replace("15s", "20s"), "--dry-run")
        self.assertIn("-timeout: 15s\n+timeout: 20s\n", out)
        self.assertIn("dry run: nothing is committed; generation 1 stands", out)
        self.assertIn("unchanged: generation 1", self.apply(CONFIG))

    def test_five_mistakes_are_five_problems_with_their_lines(self):
        out = self.apply("kind: Route\nname: a b\nhots: [a]\npaths: [x]\ntimeout: 25h\n"
                         "upstream: nope\n", status=1)
        self.assertEqual([line.split(": ")[0] for line in out.splitlines()],
                         ["-:2", "-:3", "-:4", "-:5", "-:6"], out)
        self.assertEqual(self.run_ctl("get", "all").out, "")

    def test_what_only_the_server_knows_is_said_with_file_and_line(self):
        self.write("r.yaml", "kind: Route\nname: r\nupstream: nope\n")
        out = self.ctl("apply", "-f", "r.yaml", status=1)
        self.assertRegex(out, r'r\.yaml:3: Route "r": upstream: there is no Upstream "nope"')

    def test_hundreds_of_problems_arrive(self):
        routes = "---\n".join("kind: Route\nname: r%d\npaths: [/%d]\nupstream: u\n" % (i, i)
                              for i in range(500))
        self.assertEqual(len(self.apply(routes, status=1).splitlines()), 500)

    def test_prune_deletes_what_is_absent_and_carries_the_label(self):
        self.apply(CONFIG, "--prune", "-l", "repo=x")
        self.apply("kind: Upstream\nname: other\n")
        without_users = CONFIG.rsplit("---", 1)[0]
        out = self.apply(without_users, "--prune", "-l", "repo=x")
        self.assertIn("deleted Route/users\n", out)
        self.assertNotIn("other", out)

    def test_prune_leaves_what_is_anothers_unless_it_is_adopted(self):
        self.apply(CONFIG)
        self.assertIn("--adopt", self.apply(CONFIG, "--prune", "-l", "repo=x", status=1))
        self.assertIn("(labels.repo)",
                      self.apply(CONFIG, "--prune", "-l", "repo=x", "--adopt"))

    def test_prune_by_no_files_must_be_meant(self):
        self.apply(CONFIG, "--prune", "-l", "repo=x")
        self.assertIn("--allow-empty", self.apply("", "--prune", "-l", "repo=x", status=1))
        self.assertIn("deleted Route/users",
                      self.apply("", "--prune", "-l", "repo=x", "--allow-empty"))

    def test_expect_refuses_what_has_changed_since(self):
        self.apply(CONFIG)
        self.apply(CONFIG.replace("15s", "20s"))
        self.apply(CONFIG.replace("15s", "25s"), "--expect", "1", status=1)
        self.apply(CONFIG.replace("15s", "25s"), "--expect", "2")

    def test_credentials_come_from_the_environment_and_from_files(self):
        self.write("key.txt", "f1le-secret\n")
        consumer = ("kind: Consumer\nname: alice\ncredentials:\n  key_auth:\n"
                    "    - key: {from_env: ALICE_KEY}\n    - key: {from_file: key.txt}\n")
        self.ctl("apply", "-f", "-", stdin=consumer, environment={"ALICE_KEY": "env-secret"})
        shown = self.ctl("get", "consumer", "alice", "-o", "yaml")
        self.assertEqual(shown.count("sha256:"), 2)
        self.assertNotIn("secret", shown)
        # A listing can be applied again.
        self.assertIn("unchanged", self.apply(shown))

    def test_a_credential_that_is_not_there_is_a_problem_with_its_line(self):
        out = self.apply("kind: Consumer\nname: a\ncredentials:\n  key_auth:\n"
                         "    - key: {from_env: NO_SUCH_KEY}\n", status=1)
        self.assertRegex(out, r"-:5: .*NO_SUCH_KEY")

    def test_a_call_of_many_parts_is_one_generation(self):
        config = "---\n".join("kind: Upstream\nname: u%d\ndescription: %s\n" % (i, "x" * 600)
                              for i in range(2000))
        out = self.apply(config)
        self.assertIn("and 1900 more: 2000 created\ngeneration 1 committed\n", out)
        self.assertEqual(self.ctl("get", "upstreams", "-o", "yaml").count("kind:"), 2000)

    def test_waiting_without_proxies_says_so(self):
        self.assertTrue(self.apply(CONFIG, "--wait").endswith(
            "generation 1 committed; no proxy is connected\n"))


class GetTest(DeskTest):
    def test_tables_have_the_name_first(self):
        self.apply(CONFIG)
        lines = self.ctl("get", "Routes").splitlines()
        self.assertRegex(lines[0], "^NAME +HOSTS +PATHS +TARGET")
        self.assertRegex(lines[1], r"^orders +\* +/orders/\* +Upstream/orders .*team=a$")

    def test_everything_as_yaml_can_be_applied_again(self):
        self.apply(CONFIG)
        self.assertEqual(self.apply(self.ctl("get", "all", "-o", "yaml")),
                         "unchanged: generation 1\n")

    def test_everything_as_json_can_be_applied_again(self):
        self.apply(CONFIG)
        shown = self.ctl("get", "all", "-o", "json")
        self.assertEqual(len(json.loads(shown)["resources"]), 3)
        self.assertEqual(self.apply(shown), "unchanged: generation 1\n")

    def test_labels_and_generations_select(self):
        self.apply(CONFIG)
        self.apply(CONFIG.replace("15s", "20s"))
        self.assertNotIn("users", self.ctl("get", "all", "-l", "team=a"))
        self.assertIn("timeout: 15s",
                      self.ctl("get", "route", "users", "--generation", "1", "-o", "yaml"))

    def test_what_does_not_exist_fails(self):
        self.assertIn('Route "nope": does not exist', self.ctl("get", "route", "nope", status=1))

    def test_configured_endpoints_are_listed(self):
        self.apply(CONFIG)
        lines = self.ctl("get", "endpoints", "orders").splitlines()
        self.assertRegex(lines[0], "^UPSTREAM +ADDRESS +WEIGHT +PRIORITY +ZONE +LABELS +SOURCE")
        self.assertRegex(lines[1], r"^orders +10\.0\.0\.1:80 +1 +0 +- +- +configuration +-$")


class StreamTest(DeskTest):
    def test_stream_routes_are_listed_with_what_they_take(self):
        self.apply(STREAMS)
        out = self.ctl("get", "stream-routes")
        self.assertRegex(out, r"NAME +LISTENERS +SERVER NAMES +UPSTREAM +GROUPS")
        self.assertRegex(out, r"tenants +\* +\*\.example\.com +up +\*")
        self.assertRegex(self.ctl("get", "listeners"), r"through +127\.0\.0\.1:8443 +tls_passthrough")

    def test_a_route_for_a_listener_of_the_other_sort_is_refused(self):
        out = self.ctl("apply", "-f", self.write("bad.yaml", STREAMS + """---
kind: Route
name: r
listeners: [through]
upstream: up
"""), status=1)
        self.assertIn('Route "r": listeners[0]: Listener "through" does not speak HTTP', out)


class DeleteTest(DeskTest):
    def test_a_resource_goes(self):
        self.apply(CONFIG)
        self.assertEqual(self.ctl("delete", "route", "users"),
                         "deleted Route/users\ngeneration 2 committed\n")

    def test_what_is_referred_to_stays_and_the_referrers_are_named(self):
        self.apply(CONFIG)
        out = self.ctl("delete", "upstream", "orders", status=1)
        self.assertIn('Route "orders"', out)


class EditTest(DeskTest):
    def editor(self, script):
        path = self.write("editor.sh", "#!/bin/sh\n" + script)
        os.chmod(path, os.stat(path).st_mode | stat.S_IXUSR)
        return {"EDITOR": path, "VISUAL": "", "TMPDIR": self.folder}

    def edit(self, script, status=0):
        self.apply(CONFIG)
        return self.ctl("edit", "route", "users", environment=self.editor(script), status=status)

    def test_what_the_editor_leaves_is_applied(self):
        self.assertEqual(self.edit("sed -i s/15s/20s/ $1"),
                         "updated Route/users (timeout)\ngeneration 2 committed\n")

    def test_an_edit_that_changes_nothing_commits_nothing(self):
        self.assertEqual(self.edit("true"), "unchanged\n")

    def test_what_is_refused_is_opened_again_with_the_problems(self):
        # The first time it breaks the file; the second it mends it if the problem is there.
        out = self.edit("""
            if grep -q '^#! .*timeout: out of range' $1; then sed -i s/25h/30s/ $1
            else sed -i s/15s/25h/ $1; fi""")
        self.assertIn("updated Route/users (timeout)", out)
        self.assertIn("timeout: 30s", self.ctl("get", "route", "users", "-o", "yaml"))

    def test_giving_up_keeps_the_file(self):
        out = self.edit("sed -i s/15s/25h/ $1", status=1)
        path = re.search(r"kept in (\S+)", out).group(1)
        with open(path) as file:
            self.assertIn("timeout: 25h", file.read())

    def test_a_change_by_somebody_else_meanwhile_is_not_overwritten(self):
        self.write("other.yaml", CONFIG.replace("15s", "17s"))
        program = runfile("tools/sluicectl/sluicectl")
        self.edit("%s apply -f %s/other.yaml\nsed -i s/15s/20s/ $1" % (program, self.folder),
                  status=1)
        self.assertIn("timeout: 17s", self.ctl("get", "route", "users", "-o", "yaml"))

    def test_the_name_cannot_be_edited(self):
        self.assertIn("kind and name stay", self.edit("sed -i 's/^name: .*/name: x/' $1", status=1))


if __name__ == "__main__":
    unittest.main()
