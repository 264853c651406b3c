"""Manual pages made of --help."""

import unittest

import man_page

HELP = """sluice-x: Serves things.

  --listen IP:PORT                 where to serve (127.0.0.1:1)
  --help                           this text

examples:
  sluice-x --listen 127.0.0.1:80
.dotted 'line'
"""


class ManPageTest(unittest.TestCase):
    page = man_page.page("sluice-x", "8", "0.1", HELP)

    def test_flags_become_paragraphs_with_their_text(self):
        self.assertIn(".TP\n\\fB\\-\\-listen IP:PORT\\fR\nwhere to serve (127.0.0.1:1)\n", self.page)

    def test_the_name_line_is_what_whatis_reads(self):
        self.assertIn(".SH NAME\nsluice\\-x \\- serves things\n", self.page)

    def test_other_text_stays_as_it_is_and_is_no_command(self):
        self.assertIn(".SH EXAMPLES\n.nf\n  sluice\\-x \\-\\-listen 127.0.0.1:80\n", self.page)
        self.assertIn("\\&.dotted", self.page)


if __name__ == "__main__":
    unittest.main()
