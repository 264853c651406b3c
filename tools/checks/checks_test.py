"""The checks find what they are for."""

import unittest

import includes
import layout
import paths
import protos
import sizes

ARCHITECTURE = """# Architecture

## Who may include whom

| folder | may include | libraries |
|---|---|---|
| `base` | | |
| `api` | `base` | protobuf re2 |
| `api/match` | `base` | re2 |
| `proxy/http` | `base` | |
| `proxy/plugins` | `proxy/http`, `api/match` | |
| `proxy/plugins/*` | `proxy/plugins`, `api/sluice/plugins` | protobuf |
| `proxy/exchange` | `proxy/plugins` | |
| `controlplane` | `api` | protobuf, grpc |

## After
"""


class IncludesTest(unittest.TestCase):
    table = includes.Table.parse(ARCHITECTURE)

    def problem(self, path, include):
        return includes.problem_of(self.table, path, include)

    def test_an_arrow_includes_all_below_its_target(self):
        self.assertIsNone(self.problem("proxy/exchange/a.cc", "proxy/http/b.h"))
        self.assertIsNone(self.problem("proxy/exchange/a.cc", "base/log.h"))
        self.assertIsNone(self.problem("controlplane/store/a.cc", "api/match/b.h"))

    def test_an_arrow_does_not_point_back(self):
        self.assertIn("may not include", self.problem("proxy/http/a.cc", "proxy/exchange/b.h"))
        self.assertIn("may not include", self.problem("api/match/a.cc", "api/resource/b.h"))

    def test_libraries_are_not_handed_down(self):
        self.assertIsNone(self.problem("proxy/plugins/x/plugin.cc", "sluice/plugins/v1/x.pb.h"))
        self.assertIn("protobuf", self.problem("proxy/exchange/a.cc", "google/protobuf/any.pb.h"))

    def test_plugins_do_not_know_each_other(self):
        self.assertIn("each other",
                      self.problem("proxy/plugins/x/plugin.cc", "proxy/plugins/y/plugin.h"))
        self.assertIsNone(self.problem("proxy/plugins/x/a.cc", "proxy/plugins/x/plugin.h"))
        self.assertIsNone(self.problem("proxy/plugins/x/plugin.cc", "proxy/plugins/plugin.h"))
        self.assertIsNone(self.problem("proxy/plugins/registry.cc", "proxy/plugins/x/plugin.h"))

    def test_proxy_and_control_plane_never_meet_even_in_tests(self):
        self.assertIn("meet", self.problem("proxy/http/a_test.cc", "controlplane/store/b.h"))
        self.assertIsNone(self.problem("proxy/http/a_test.cc", "api/resource/b.h"))

    def test_a_folder_without_a_row_is_named(self):
        self.assertIn("proxy/new has no row", self.problem("proxy/new/a.cc", "base/log.h"))

    def test_an_architecture_without_the_table_is_refused(self):
        with self.assertRaises(ValueError):
            includes.Table.parse("# Architecture\n")


class LayoutTest(unittest.TestCase):

    def test_each_file_that_differs_is_named_once(self):
        said = ("b.cc:1:5: error: code should be clang-formatted [-Wclang-format-violations]\n"
                "int  a;\n    ^\n"
                "a.h:3:1: error: code should be clang-formatted [-Wclang-format-violations]\n"
                "a.h:9:1: error: code should be clang-formatted [-Wclang-format-violations]\n")
        self.assertEqual(layout.differing(said), ["a.h", "b.cc"])


class ProtosTest(unittest.TestCase):

    def problems(self, body, path="api/sluice/v1/route.proto"):
        return protos.problems_of(path, f"message Route {{\n{body}\n}}\n")

    def test_a_documented_field_is_accepted(self):
        self.assertEqual(self.problems("// Required.\nstring a = 1 [(field) = {since: 1}];"), [])
        self.assertEqual(self.problems("// Which.\n// Default: none.\nmap<string, X> a = 1\n"
                                       "    [(field) = {since: 1}];"), [])

    def test_a_field_without_comment_default_or_schema_is_named(self):
        self.assertIn("a: has no comment", self.problems("string a = 1 [(field) = {since: 1}];")[0])
        self.assertIn("Default", self.problems("// A name.\nstring a = 1 [(field) = {since: 1}];")[0])
        self.assertIn("since", self.problems("// Default: 1.\nint32 a = 1;")[0])

    def test_elsewhere_fields_may_share_a_comment_up_to_an_empty_line(self):
        found = self.problems("// From whom.\nstring a = 1;\nstring b = 2;\n\nstring c = 3;",
                              "api/sluice/v1/admin.proto")
        self.assertEqual(found, ["api/sluice/v1/admin.proto:6: c: has no comment"])

    def test_values_of_enumerations_are_not_fields(self):
        self.assertEqual(self.problems("enum E {\nE_UNSPECIFIED = 0;  // x\nE_A = 1;\n}"), [])

    def test_a_oneof_may_speak_for_its_members(self):
        self.assertEqual(self.problems("// Required.\noneof x {\nA a = 1;\nB b = 2;\n}",
                                       "api/sluice/v1/admin.proto"), [])


class SizesTest(unittest.TestCase):

    def test_a_long_file_needs_a_reason(self):
        self.assertIsNone(sizes.problem_of("a.cc", "x\n" * 800))
        self.assertIn("801 lines", sizes.problem_of("a.cc", "x\n" * 801))
        self.assertIsNone(sizes.problem_of("a.cc", "// LONG: a table.\n" + "x\n" * 900))


class FakeTree:

    def __init__(self, files):
        self._files = files

    def files(self, *suffixes):
        return [path for path in self._files if path.endswith(suffixes)]

    def exists(self, path):
        return path in self._files

    def read(self, path):
        return self._files[path]


class PathsTest(unittest.TestCase):

    def test_a_named_path_must_exist(self):
        tree = FakeTree({"README.md": "`tools/run` and `tools/gone` and `proxy/<name>/x`"
                                      " and [a](docs/a.md)\n", "tools/run": ""})
        self.assertEqual(paths.check(tree), ["README.md:1: tools/gone does not exist",
                                             "README.md:1: docs/a.md does not exist"])


if __name__ == "__main__":
    unittest.main()
