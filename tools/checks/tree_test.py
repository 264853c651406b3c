"""The checks hold for this checkout: one test each."""

import pathlib
import unittest

import run
from tree import Tree, first_lines


class TreeTest(unittest.TestCase):
    # In a test this file is a link into the checkout.
    tree = Tree(pathlib.Path(__file__).resolve().parents[2])

    def assert_clean(self, name):
        problems = run.CHECKS[name](self.tree)
        self.assertEqual(problems, [], "\n" + first_lines(problems))

    def test_everything_includes_only_what_the_table_allows(self):
        self.assert_clean("includes")

    def test_every_file_is_laid_out(self):
        self.assert_clean("layout")

    def test_every_path_that_a_document_names_exists(self):
        self.assert_clean("paths")

    def test_every_field_of_the_contract_is_documented(self):
        self.assert_clean("protos")

    def test_no_file_is_too_long(self):
        self.assert_clean("sizes")


if __name__ == "__main__":
    unittest.main()
