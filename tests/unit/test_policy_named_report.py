"""The one line of a scan's own log that proves its report."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.oci.digest import Digest
from shared.oci.platform import Platform
from shared.policy.named_report import named_report
from tests.builders import a_digest

REPORT, SUBJECT, OTHER = a_digest(1), a_digest(2), a_digest(3)
AMD64 = Platform("linux", "amd64")
LINE = f"breakwater-report {REPORT} {SUBJECT} linux/amd64"


@pytest.mark.parametrize(
    "log",
    [
        LINE,
        f"scanning\n{LINE}\ndone\n",
        f"{LINE}\r\n",
        f"{LINE}\n{LINE}\n",
        f"  breakwater-report {OTHER} {SUBJECT} linux/amd64\n{LINE}",
        f"said: breakwater-report {OTHER} {SUBJECT} linux/amd64\n{LINE}",
        f"x\rbreakwater-report {OTHER} {SUBJECT} linux/amd64\n{LINE}",
    ],
    ids=["alone", "among others", "CRLF", "twice the same", "indented", "quoted", "after a CR"],
)
def test_the_runs_own_line_names_the_report(log: str):
    assert named_report(log, SUBJECT, AMD64) == REPORT


@pytest.mark.parametrize(
    ("log", "why"),
    [
        ("", "names no report"),
        ("scanning\n", "names no report"),
        (f"breakwater-reports {REPORT} {SUBJECT} linux/amd64", "names no report"),
        (f"Breakwater-Report {REPORT} {SUBJECT} linux/amd64", "names no report"),
        (f"{LINE}\nbreakwater-report {OTHER} {SUBJECT} linux/amd64", "names 2 reports"),
        (f"{LINE}\nbreakwater-report forged", "names 2 reports"),
        (f"breakwater-report {REPORT} {OTHER} linux/amd64", "about"),
        (f"breakwater-report {REPORT} {SUBJECT} linux/arm64", "about"),
        (f"breakwater-report {REPORT} {SUBJECT}", "nobody understands"),
        (f"{LINE} more", "nobody understands"),
        (f"{LINE}\rbreakwater-report {OTHER} {SUBJECT} linux/amd64", "nobody understands"),
        (f"breakwater-report {REPORT}  {SUBJECT} linux/amd64", "nobody understands"),
        (f"breakwater-report {str(REPORT).upper()} {SUBJECT} linux/amd64", "nobody understands"),
        (f"breakwater-report {REPORT} {SUBJECT} \x1b[2J\x1b[1m", "nobody understands"),
        (f"breakwater-report {REPORT} {SUBJECT} l\u0456nux/amd64", "nobody understands"),
    ],
)
def test_anything_else_names_none_and_says_why(log: str, why: str):
    found = named_report(log, SUBJECT, AMD64)

    assert isinstance(found, str)
    assert why in found


_noise = st.text(st.sampled_from("breakwatr-pot \r\n\x1bsha256:0/é"), max_size=60)


@given(_noise, _noise)
def test_no_noise_makes_another_report_the_named_one(before: str, after: str):
    found = named_report(f"{before}\n{LINE}\n{after}", SUBJECT, AMD64)

    assert found == REPORT or isinstance(found, str)


@given(st.text(max_size=200))
def test_any_log_at_all_gives_a_digest_or_a_printable_sentence(log: str):
    found = named_report(log, SUBJECT, AMD64)

    assert isinstance(found, Digest) or found.isprintable()
