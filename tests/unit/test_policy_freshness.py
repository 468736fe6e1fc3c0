"""How old a report and its scanner's database may be."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.policy import freshness
from shared.policy.actions import Hold, StartScan, Wait
from shared.policy.facts import Progress, Scan
from tests.builders import a_gate
from tests.candidates import AMD64, CHILD, HOUR, a_report, a_scan
from tests.fake_clock import START

DAY, NEVER = 24 * HOUR, timedelta()
AGAIN = StartScan(AMD64, CHILD, 2)


def a_scan_made(made: datetime | None, database: datetime | None, **changes: Any) -> Scan:
    return a_scan(report=a_report(created_at=made, database_date=database), **changes)


def action(
    scan: Scan, now: datetime = START, *, max_age: timedelta = DAY, database: timedelta = DAY
) -> StartScan | Hold | Wait | None:
    found = freshness.step(scan, a_gate(max_age=max_age, max_database_age=database), now, 3)
    return found.action if found else None


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (START, None),
        (START - DAY, None),
        (START - DAY - timedelta(seconds=1), AGAIN),
        (None, AGAIN),
        (START + HOUR, None),
        (START + HOUR + timedelta(seconds=1), AGAIN),
    ],
)
def test_a_report_too_old_undated_or_of_the_future_is_made_again(
    made: datetime | None, expected: StartScan | None
):
    assert action(a_scan_made(made, START)) == expected


@pytest.mark.parametrize(
    ("made", "database", "expected"),
    [
        (START - HOUR, START - DAY, None),
        (START - HOUR, START - 2 * DAY, Hold(START + 5 * HOUR)),
        (START - HOUR, None, Hold(START + 5 * HOUR)),
        (START - HOUR, START + 2 * HOUR, Hold(START + 5 * HOUR)),
        (START - 6 * HOUR, START - 2 * DAY, AGAIN),
        (START - 6 * HOUR, None, AGAIN),
    ],
)
def test_an_old_or_undated_database_is_waited_for_six_hours_before_a_scan(
    made: datetime, database: datetime | None, expected: Hold | StartScan | None
):
    assert action(a_scan_made(made, database)) == expected


@pytest.mark.parametrize("made", [None, START - 400 * DAY, START + 400 * DAY])
def test_what_is_not_asked_is_not_looked_at(made: datetime | None):
    assert action(a_scan_made(made, None), max_age=NEVER, database=NEVER) is None


def test_an_old_report_is_no_matter_where_only_the_database_is_asked_for():
    assert action(a_scan_made(START - 9 * DAY, START), max_age=NEVER) is None


def test_a_young_report_does_not_excuse_an_old_database():
    assert action(a_scan_made(START, START - 9 * DAY), max_age=NEVER) == Hold(START + 6 * HOUR)


def test_without_a_report_there_is_nothing_to_say():
    assert action(a_scan(report=None)) is None


@pytest.mark.parametrize("made", [START - 9 * DAY, START - HOUR, None])
def test_a_scan_under_way_is_waited_for_where_the_old_report_is_no_use(made: datetime | None):
    scan = a_scan_made(made, START - 9 * DAY, progress=Progress.UNDERWAY)

    assert action(scan) == Wait()


def test_a_scan_under_way_is_not_waited_for_where_the_old_report_will_do():
    assert action(a_scan_made(START, START, progress=Progress.UNDERWAY)) is None


@pytest.mark.parametrize(
    ("failures", "attempt", "expected"),
    [(2, 7, StartScan(AMD64, CHILD, 8)), (3, 7, Hold(None)), (0, 99, StartScan(AMD64, CHILD, 100))],
)
def test_only_failures_since_the_last_report_end_the_attempts(
    failures: int, attempt: int, expected: Hold | StartScan
):
    scan = a_scan_made(START - 9 * DAY, START, attempt=attempt, failures=failures)

    assert action(scan) == expected


@pytest.mark.parametrize("made", [None, START + 9 * DAY])
@pytest.mark.parametrize("max_age", [NEVER, DAY])
def test_a_report_that_stays_undated_is_not_made_again_for_ever(
    made: datetime | None, max_age: timedelta
):
    scan = a_scan_made(made, None, attempt=9, recent=3)

    assert action(replace(scan, recent=2), max_age=max_age) == StartScan(AMD64, CHILD, 10)
    assert action(scan, max_age=max_age) == Hold(None)


@pytest.mark.parametrize(
    ("scan", "reason"),
    [
        (
            a_scan_made(START - 9 * DAY, START, failures=3, error="no agent"),
            "the report on linux/amd64 was made 2026-11-14 12:00 UTC, and must not be older than"
            " 24 hours; scanning again failed 3 times: no agent",
        ),
        (
            a_scan_made(START, START - 2 * DAY),
            "the scanner's database for the report on linux/amd64 is of 2026-11-21 12:00 UTC, and must not be"
            " older than 24 hours; it is scanned again on 2026-11-23 at 18:00 UTC",
        ),
        (
            a_scan_made(None, START),
            "the report on linux/amd64 does not say when it was made, or says a time to come; scanning again",
        ),
        (
            a_scan_made(START - 6 * HOUR, None),
            "the scanner's database for the report on linux/amd64 does not say of when it is,"
            " or says a time to come; scanning again",
        ),
    ],
)
def test_a_sentence_says_what_is_stale_and_what_happens(scan: Scan, reason: str):
    found = freshness.step(scan, a_gate(max_age=DAY, max_database_age=DAY), START, 3)

    assert found is not None
    assert found.reason == reason


_times = st.none() | st.integers(-300, 300).map(lambda hours: START + hours * HOUR)


@given(_times, _times, st.integers(-300, 300), st.integers(0, 300))
def test_what_is_stale_stays_so_until_it_is_scanned_again(
    made: datetime | None, database: datetime | None, at: int, later: int
):
    scan = a_scan_made(made, database)
    first, second = (START + hours * HOUR for hours in (at, at + later))
    future = max((each for each in (made, database) if each), default=first)
    if action(scan, first) is not None and first + HOUR >= future:
        assert action(scan, second) is not None


@given(_times, _times, st.sampled_from(Progress), st.integers(0, 9), st.integers(0, 4))
def test_a_hold_for_a_database_ends_in_a_scan(
    made: datetime | None,
    database: datetime | None,
    progress: Progress,
    attempt: int,
    failures: int,
):
    scan = a_scan_made(made, database, progress=progress, attempt=attempt, failures=failures)
    found = action(scan)
    if isinstance(found, Hold) and found.until is not None:
        assert START < found.until <= START + 7 * HOUR
        assert not isinstance(action(scan, found.until), Wait)


def test_what_is_held_names_the_key_that_holds_it():
    failed: dict[str, Any] = {"failures": 3, "error": "no agent"}
    old = a_scan_made(START - 2 * DAY, START, **failed)
    unknowing = a_scan_made(START - 7 * HOUR, START - 2 * DAY, **failed)
    gate = a_gate(max_age=DAY, max_database_age=DAY)

    found = [freshness.step(each, gate, START, 3) for each in (old, unknowing)]

    assert [(each.action, each.key) for each in found if each is not None] == [
        (Hold(None), "max_age"),
        (Hold(None), "max_database_age"),
    ]


def test_a_dated_report_is_made_again_however_often_it_was_that_day():
    assert action(a_scan_made(START - 2 * DAY, START, recent=9)) == AGAIN
