"""Whether summary.py can fail: it judges reports that were made up.

    python3 summary_test.py
"""

import contextlib
import io
import json
import tempfile
import unittest

import summary

GOOD = {
    "1.1.1": ("OK", "OK"),
    "6.4.1": ("NON-STRICT", "OK"),
    "7.1.6": ("INFORMATIONAL", "INFORMATIONAL"),
    "12.1.1": ("OK", "OK"),
    "13.7.18": ("OK", "OK"),
}


def judged(changes=None, patterns=(), agent="byway"):
    """The exit status for the good report with these changes, and what is printed."""
    cases = {**GOOD, **(changes or {})}
    report = {case: {"behavior": b, "behaviorClose": c} for case, (b, c) in cases.items() if b}
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump({agent: report}, file)
        file.flush()
        with contextlib.redirect_stdout(io.StringIO()) as out:
            status = summary.main(file.name, "byway", *patterns)
    return status, out.getvalue()


class Summary(unittest.TestCase):
    def test_a_report_in_which_all_is_fine_passes(self):
        status, said = judged(patterns=("1.*", "12.*", "13.*"))
        self.assertEqual(status, 0, said)
        self.assertIn("autobahn: 5 cases, 0 failed", said)

    def test_compression_that_was_not_agreed_to_fails(self):
        status, said = judged({"12.1.1": ("UNIMPLEMENTED", "OK"), "13.7.18": ("UNIMPLEMENTED", "OK")})
        self.assertEqual(status, 1)
        self.assertIn("12.1.1: behavior UNIMPLEMENTED", said)
        self.assertIn("autobahn: 5 cases, 2 failed", said)

    def test_what_says_nothing_is_fine_only_where_nothing_can_be_said(self):
        self.assertEqual(judged({"12.1.1": ("INFORMATIONAL", "INFORMATIONAL")})[0], 1)
        self.assertEqual(judged({"7.13.1": ("INFORMATIONAL", "INFORMATIONAL")})[0], 0)

    def test_a_wrong_message_and_a_wrong_close_fail(self):
        self.assertEqual(judged({"1.1.1": ("FAILED", "OK")})[0], 1)
        for close in ("FAILED", "UNCLEAN", "WRONG CODE", "FAILED BY CLIENT"):
            self.assertEqual(judged({"1.1.1": ("OK", close)})[0], 1, close)

    def test_a_section_that_was_asked_for_and_not_run_fails(self):
        status, said = judged({"12.1.1": (None, None)}, patterns=("1.*", "12.*"))
        self.assertEqual(status, 1)
        self.assertIn("12.*: no such case was run", said)

    def test_no_case_at_all_fails(self):
        status, said = judged(agent="somebody else")
        self.assertEqual(status, 1)
        self.assertIn("no case was run", said)


if __name__ == "__main__":
    unittest.main()
