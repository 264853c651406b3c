"""Commands of sluicectl that need a control plane, or nothing at all."""

import json
import os
import re
import stat
import subprocess
import unittest

from desk import CONFIG, DeskTest, run_program
from harness.process import Process, free_port, runfile


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
        self.assertRegex(lines[1], r"^orders +10\.0\.0\.1:80 +1 +configuration +-$")


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


EXPLAINED = """\
kind: Listener
name: public
address: 0.0.0.0:8080
---
kind: Listener
name: inner
address: 0.0.0.0:8081
---
kind: Upstream
name: orders
endpoints: [{address: "10.0.0.1:80"}]
---
kind: Service
name: orders
upstream: orders
plugins:
  request_id: {}
  limit_count: {count: 1, window: 1s}
---
kind: PluginSet
name: standard
plugins:
  limit_count: {count: 2, window: 1s}
---
kind: Route
name: orders
listeners: [public]
hosts: [api.example.com]
paths: [/orders/*]
service: orders
plugin_sets: [standard]
plugins:
  key_auth: {}
  request_id: {disabled: true}
---
kind: Route
name: orders-beta
listeners: [public]
hosts: [api.example.com]
paths: [/orders/*]
headers: {x-team: beta}
upstream: orders
---
kind: Route
name: inner
listeners: [inner]
hosts: [api.example.com]
paths: [/orders/*]
upstream: orders
---
kind: Route
name: edge
listeners: [public]
groups: [edge]
paths: [/edge]
methods: [POST]
upstream: orders
---
kind: Upstream
name: next
endpoints: [{address: "10.0.1.1:80"}]
---
kind: Upstream
name: shadow
---
kind: Route
name: split
listeners: [public]
hosts: [split.example]
upstreams:
- {upstream: next, when: {headers: {x-beta: "*"}, query: {to: next}}}
- {upstream: orders, weight: 3}
- {upstream: next}
sticky: {cookie: lane}
mirrors: [{upstream: shadow, percent: 10%}]
---
kind: ConsumerGroup
name: gold
plugins:
  limit_count: {count: 3, window: 1s}
---
kind: Consumer
name: alice
consumer_group: gold
credentials: {key_auth: [{key: s3cret-enough}]}
---
kind: GlobalRule
name: everywhere
plugins:
  ip_restriction: {deny: [192.0.2.0/24]}
"""


STREAMS = """\
kind: Upstream
name: up
endpoints: [{address: "10.0.0.1:1"}]
---
kind: Listener
name: database
address: 127.0.0.1:5432
protocol: tcp
---
kind: StreamRoute
name: database
listeners: [database]
client_ips: [10.0.0.0/8]
upstream: up
---
kind: Listener
name: through
address: 127.0.0.1:8443
protocol: tls_passthrough
---
kind: StreamRoute
name: tenants
server_names: ["*.example.com"]
upstream: up
"""


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


class ExplainTest(DeskTest):
    def explain(self, *arguments, status=0):
        path = self.write("c.yaml", EXPLAINED)
        return self.ctl("explain", *arguments, "-f", path, status=status,
                        environment={"SLUICE_SERVER": "127.0.0.1:1"})

    def test_route_service_and_upstream_are_named(self):
        out = self.explain("GET", "http://api.example.com:8080/orders/7")
        self.assertRegex(out, r"listener +public \(0\.0\.0\.0:8080\)")
        self.assertRegex(out, r"route +orders \(host api\.example\.com, path /orders/\*\)")
        self.assertRegex(out, r"service +orders\nupstream +orders \(10\.0\.0\.1:80\)")

    def test_each_plugin_says_where_it_comes_from(self):
        out = self.explain("GET", "http://api.example.com:8080/orders/7")
        self.assertRegex(out, r"ip_restriction +access +GlobalRule/everywhere")
        self.assertRegex(out, r"key_auth +authenticate +Route/orders")
        self.assertRegex(out, r"limit_count +limit +PluginSet/standard +Service/orders")
        self.assertRegex(out, r"request_id +trace +removed by Route/orders +Service/orders")

    def test_a_split_says_what_takes_the_request_or_what_is_drawn(self):
        out = self.explain("GET", "http://split.example:8080/")
        self.assertRegex(out, r"upstream +drawn by weight: 75% orders \(10\.0\.0\.1:80\), "
                              r"25% next \(.*\); kept by the cookie lane")
        self.assertRegex(out, r"mirror +10% to shadow \(")
        out = self.explain("GET", "http://split.example:8080/?to=next", "-H", "X-Beta: 1")
        self.assertRegex(out, r"upstream +next \(.*\) by headers\.x-beta, query\.to\n")

    def test_connect_is_explained(self):
        out = self.explain("CONNECT", "http://split.example:8080/")
        self.assertRegex(out, r"connect +405: the route does not allow it")

    def test_a_consumer_brings_its_groups_plugins(self):
        out = self.explain("GET", "http://api.example.com:8080/orders/7", "--consumer", "alice")
        self.assertRegex(out, r"limit_count +limit +ConsumerGroup/gold +PluginSet/standard, Serv")

    def test_without_authentication_nobody_is_known(self):
        out = self.explain("GET", "http://api.example.com:8080/orders/7", "-H", "X-Team: beta",
                           "--consumer", "alice")
        self.assertIn("no plugin authenticates", out)

    def test_near_misses_name_the_first_condition_that_fails(self):
        out = self.explain("GET", "http://api.example.com:8080/orders/7")
        self.assertRegex(out, r"orders-beta +fails headers\.x-team")
        self.assertRegex(out, r"inner +fails listeners")

    def test_headers_decide(self):
        self.explain("GET", "http://api.example.com:8080/orders/7", "-H", "X-Team: beta",
                     "--expect", "orders-beta")

    def test_the_host_header_replaces_that_of_the_url(self):
        self.explain("GET", "http://127.0.0.1:8080/orders/7", "-H", "Host: api.example.com",
                     "--expect", "orders")

    def test_the_port_of_the_url_chooses_the_listener(self):
        self.explain("GET", "http://api.example.com:8081/orders/7", "--expect", "inner")

    def test_groups_decide_what_is_seen(self):
        self.explain("POST", "http://x:8080/edge", "--groups", "edge", "--expect", "edge")
        out = self.explain("POST", "http://x:8080/edge", "--groups", "core")
        self.assertIn("none: 404", out)
        self.assertRegex(out, r"edge +fails groups")

    def test_a_wrong_method_is_405(self):
        self.assertRegex(self.explain("GET", "http://x:8080/edge"), r"none: 405, Allow: POST")

    def test_what_was_not_expected_fails(self):
        out = self.explain("GET", "http://api.example.com:8080/orders/7", "--expect", "inner",
                           status=1)
        self.assertIn('expected route "inner", got "orders"', out)

    def test_a_path_that_a_listener_refuses_is_400(self):
        self.assertIn("none: 400, path_above_root",
                      self.explain("GET", "http://api.example.com:8080/../x"))

    def test_a_connection_that_is_not_http_is_explained_by_the_name_that_it_asks_for(self):
        def explain(url, *more, status=0):
            return self.ctl("explain", "CONNECT", url, "-f", self.write("s.yaml", STREAMS), *more,
                            status=status, environment={"SLUICE_SERVER": "127.0.0.1:1"})

        out = explain("tls://a.example.com:8443")
        self.assertRegex(out, r"listener +through")
        self.assertRegex(out, r"route +tenants \(server name \*\.example\.com\)")
        self.assertRegex(out, r"upstream +up \(10\.0\.0\.1:1\)")
        self.assertRegex(explain("tcp://127.0.0.1:8443"), r"route +none")
        explain("tcp://127.0.0.1:5432", "--client-ip", "10.1.2.3", "--expect", "database")
        out = explain("tcp://127.0.0.1:5432", "--client-ip", "192.0.2.1")
        self.assertRegex(out, r"database +fails client_ips")
        explain("tls://a.example.com", status=2)

    def test_generations_of_the_server_are_explained(self):
        self.apply(EXPLAINED)
        self.ctl("delete", "route", "edge")
        arguments = ("explain", "POST", "http://x:8080/edge", "--expect", "edge")
        self.ctl(*arguments, "--generation", "1")
        self.ctl(*arguments, status=1)


class OfflineTest(unittest.TestCase):
    """What needs no server."""

    def run_ctl(self, *arguments, stdin=""):
        return run_program(arguments, stdin, {"SLUICE_SERVER": "127.0.0.1:1"})

    def test_valid_files_are_counted(self):
        result = self.run_ctl("validate", "-f", "-", stdin=CONFIG)
        self.assertEqual((result.status, result.out), (0, "3 resources, all valid\n"))

    def test_references_may_lead_to_other_files(self):
        upstream, _, routes = CONFIG.partition("---\n")
        with open(os.path.join(os.environ["TEST_TMPDIR"], "up.yaml"), "w") as file:
            file.write(upstream)
        self.assertEqual(self.run_ctl("validate", "-f", "-", stdin=routes).status, 1)
        self.assertEqual(self.run_ctl("validate", "-f", "-", "--with", file.name,
                                      stdin=routes).out, "2 resources, all valid\n")

    def test_an_unreachable_server_is_said_with_its_address(self):
        result = self.run_ctl("get", "routes")
        self.assertEqual(result.status, 1)
        self.assertIn("127.0.0.1:1: Connection refused", result.err)

    def test_an_unknown_command_suggests_one(self):
        result = self.run_ctl("aply")
        self.assertEqual(result.status, 2)
        self.assertIn("did you mean apply?", result.err)

    def test_an_unknown_flag_suggests_one(self):
        result = self.run_ctl("apply", "--dry-rum")
        self.assertEqual(result.status, 2)
        self.assertIn("did you mean --dry-run?", result.err)

    def test_an_unknown_kind_suggests_one(self):
        result = self.run_ctl("get", "rutes")
        self.assertEqual(result.status, 2)
        self.assertIn("did you mean routes?", result.err)

    def test_the_server_may_stand_before_and_after_the_command(self):
        port = free_port()
        address = "127.0.0.1:%d" % port
        for arguments in (("--server", address, "status"), ("status", "--server=" + address)):
            self.assertIn(address, self.run_ctl(*arguments).err)

    def test_usage_is_status_two(self):
        for arguments in ((), ("get",), ("apply",), ("apply", "-f"), ("diff",), ("delete", "route"),
                          ("rollback", "x"), ("get", "all", "-o", "xml"), ("rollback", "1", "route"),
                          ("apply", "-f", "x", "--prune"), ("completion", "csh"),
                          ("explain", "GET", "ftp://x/")):
            self.assertEqual(self.run_ctl(*arguments).status, 2, arguments)

    def test_every_command_helps_with_examples(self):
        listed = re.findall(r"^  (\w+) {2,}\S", self.run_ctl("--help").out.split("Flags")[0], re.M)
        self.assertEqual(set(listed), {
            "admin", "apply", "completion", "context", "delete", "diff", "edit", "explain", "forget",
            "get", "help", "history", "rollback", "status", "validate", "version", "watch"})
        for command in listed:
            result = self.run_ctl(command, "--help")
            self.assertEqual(result.status, 0)
            self.assertIn("Examples:\n  ", result.out)
            self.assertIn("sluicectl " + command, result.out.split("Examples:")[1])
            self.assertIn("sluicectl %s" % command, self.run_ctl("help", "--all").out)

    def test_boringssl_is_not_linked(self):
        linked = subprocess.run(["ldd", runfile("tools/sluicectl/sluicectl")], text=True,
                                capture_output=True, check=True).stdout
        self.assertIn("libgrpc++", linked)
        self.assertNotIn("/android/", linked)


if __name__ == "__main__":
    unittest.main()
