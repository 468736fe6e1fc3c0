"""What is promoted forgives nothing where the two scans cannot be compared, and scans do not chase each other."""

from dataclasses import replace
from typing import Any

import pytest

from shared.policy import comparing
from shared.policy.actions import Wait
from shared.policy.facts import Progress, Promoted, Scan, Staged
from tests.builders import a_digest
from tests.candidates import (
    AMD64,
    DATABASE,
    HOUR,
    OTHER_CHILD,
    a_promoted,
    a_report,
    a_scan,
)
from tests.fake_clock import START

ELSE = a_digest(77)


def theirs(*, report: dict[str, Any] | None = None, **changes: Any) -> Promoted:
    """What is promoted, with these changes to its only scan's report and to the scan."""
    about = a_report(**{"subject": OTHER_CHILD, **(report or {})})
    return a_promoted(scans=(a_scan(**{"digest": OTHER_CHILD, "report": about, **changes}),))


@pytest.mark.parametrize(
    "promoted",
    [
        theirs(digest=ELSE, report={"subject": ELSE}),  # at one with itself, and not with staging
        theirs(digest=ELSE),
        theirs(report={"subject": ELSE}),
        replace(theirs(), staged=Staged("", START, {AMD64: ELSE})),
    ],
)
def test_a_scan_of_another_digest_than_staging_holds_forgives_nothing(promoted: Promoted):
    assert comparing.incomparable(a_scan(), promoted) == "its scan is about another digest"
    assert comparing.report_of(promoted, a_scan()) is None


def test_a_candidate_without_a_report_is_compared_with_nothing():
    scan = a_scan(report=None)

    assert comparing.incomparable(scan, theirs()) == "the candidate has no report"
    assert comparing.report_of(theirs(), scan) is None
    assert comparing.step([scan], [theirs()], 3) is None


def test_failures_of_scans_that_agree_at_last_are_no_fault():
    assert comparing.incomparable(a_scan(failures=1, error="x"), theirs(failures=2)) == ""


@pytest.mark.parametrize(
    ("mine", "promoted", "said"),
    [
        ({}, {"failures": 1, "error": "theirs"}, "; scanning again failed: theirs"),
        ({"failures": 1, "error": "mine"}, {}, "; scanning again failed: mine"),
        ({}, {}, ""),
    ],
)
def test_whose_scan_failed_is_told_where_they_differ(
    mine: dict[str, Any], promoted: dict[str, Any], said: str
):
    other = theirs(report={"database_date": DATABASE + HOUR}, **promoted)

    why = comparing.incomparable(a_scan(**mine), other)

    assert why.startswith("its scanner's database is of ")
    assert why.endswith(said or " UTC")


@pytest.mark.parametrize("hours", [-1, 1])
def test_reports_of_one_scanner_and_database_are_compared_whenever_they_were_made(hours: int):
    made = a_report().created_at
    assert made is not None
    scan = a_scan(report=a_report(created_at=made + hours * HOUR))

    assert comparing.step([scan], [theirs()], 3) is None


@pytest.mark.parametrize("whose", ["mine", "theirs"])
def test_a_report_that_does_not_say_when_it_was_made_is_not_made_again(whose: str):
    undated: dict[str, Any] = {"created_at": None, "database_date": DATABASE + HOUR}
    mine: Scan = a_scan(report=a_report(**undated)) if whose == "mine" else a_scan()
    promoted = theirs() if whose == "mine" else theirs(report=undated)

    assert comparing.step([mine], [promoted], 3) is None


def test_what_is_waited_for_is_told_in_one_order():
    underway = a_scan(digest=OTHER_CHILD, report=None, progress=Progress.UNDERWAY)
    waiting = [
        a_promoted(digest=a_digest(80 + number), tags=(f"{number}-x",), scans=(underway,))
        for number in range(3)
    ]

    step = comparing.step([a_scan()], waiting, 3)

    assert step is not None
    assert step.action == Wait()
    told = step.reason.split("; ")
    assert told == sorted(told)
    assert len(told) == 3
