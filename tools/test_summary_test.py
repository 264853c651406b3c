"""The closing line of tools/test."""

import collections
import json
import pathlib
import tempfile
import unittest

import test_summary

SUITE = """<testsuites><testsuite name="A">
  <testcase name="a" status="run" result="completed"/>
  <testcase name="b" status="run"><failure message="x"/></testcase>
  <testcase name="c" status="run" result="skipped"><skipped/></testcase>
  <testcase name="d" status="notrun" result="suppressed"/>
</testsuite></testsuites>"""


class TestSummaryTest(unittest.TestCase):

    def test_cases_are_counted_and_filtered_ones_are_not(self):
        self.assertEqual(test_summary.count_xml(SUITE),
                         collections.Counter(passed=1, failed=1, skipped=1))

    def test_a_target_that_crashed_counts_a_failure(self):
        good = '<testsuites><testcase name="a" status="run"/></testsuites>'
        self.assertEqual(test_summary.count_target("FAILED", good)["failed"], 1)
        self.assertEqual(test_summary.count_target("TIMEOUT", None)["failed"], 1)
        self.assertEqual(test_summary.count_target("FAILED", "<cut")["failed"], 1)

    def test_a_program_without_cases_counts_as_one(self):
        self.assertEqual(test_summary.count_target("PASSED", None)["passed"], 1)

    def test_events_name_what_failed_and_what_did_not_build(self):
        with tempfile.TemporaryDirectory() as folder:
            xml = pathlib.Path(folder) / "test.xml"
            xml.write_text(SUITE, encoding="utf-8")
            events = [
                {"id": {"testResult": {"label": "//a:b"}}, "testResult": {
                    "status": "FAILED",
                    "testActionOutput": [{"name": "test.xml", "uri": xml.as_uri()}]}},
                {"id": {"targetCompleted": {"label": "//c:d"}}, "aborted": {}},
                {"id": {"targetCompleted": {"label": "//e:f"}}, "completed": {"success": True}},
            ]
            path = pathlib.Path(folder) / "events.json"
            path.write_text("\n".join(json.dumps(event) for event in events), encoding="utf-8")
            counts, failed = test_summary.read_events(path)
        self.assertEqual(counts, collections.Counter(passed=1, failed=2, skipped=1))
        self.assertEqual(failed, ["//a:b", "//c:d (did not build)"])

    def test_the_line_names_skipped_ones_only_where_there_are_some(self):
        self.assertEqual(test_summary.closing_line(collections.Counter(passed=2)),
                         "2 passed, 0 failed")
        self.assertEqual(test_summary.closing_line(collections.Counter(passed=2, skipped=1)),
                         "2 passed, 0 failed, 1 skipped")


if __name__ == "__main__":
    unittest.main()
