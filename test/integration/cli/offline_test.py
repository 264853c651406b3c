"""What sluicectl does without a control plane."""

import os
import re
import subprocess
import unittest

from desk import CONFIG, run_program
from harness.process import free_port, runfile


class OfflineTest(unittest.TestCase):
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
