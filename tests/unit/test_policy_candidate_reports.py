"""The one decision, where it rests on reports: missing, stale, foreign, and what they found."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from shared.catalog import Counted, EndOfLife, ScanMode, Severity
from shared.policy.candidate import (
    Action,
    Hold,
    Promote,
    Rest,
    StartScan,
    State,
    Wait,
    decide,
)
from shared.policy.facts import Facts, Progress, Scan, Staged
from tests.builders import a_finding, a_gate, an_image
from tests.candidates import (
    AMD64,
    ARM64,
    ARM_CHILD,
    CHILD,
    DIGEST,
    HOUR,
    TAG,
    a_foreign,
    a_report,
    a_scan,
    an_excuse,
    an_override,
    some_facts,
)
from tests.fake_clock import START

DAY = timedelta(days=1)
LOST = Scan(AMD64, CHILD, Progress.ENDED, 7, "r1", error="it broke", failures=3)
OLD = a_scan(report=a_report(created_at=START - 8 * DAY))
OLD_DATABASE = a_scan(report=a_report(created_at=START - 2 * DAY, database_date=START - 8 * DAY))
YOUNG = a_scan(report=a_report(created_at=START - HOUR, database_date=None))
UNREADABLE = a_foreign(report=None, error="it is no JSON")
UNSUPPORTED = a_scan(report=a_report(end_of_life=True, operating_system="alpine 3.12"))


def gated(gate: dict[str, Any], **changes: Any) -> Facts:
    """The candidate that passes, with this gate and these changes."""
    return some_facts(image=an_image(gate=a_gate(**gate), script="tests/node.sh"), **changes)


def two(*scans: Scan, **changes: Any) -> Facts:
    """A candidate of two platforms."""
    image = an_image(gate=a_gate(**changes), platforms=("linux/amd64", "linux/arm64"))
    staged = Staged("", START, {AMD64: CHILD, ARM64: ARM_CHILD})
    return some_facts(image=image, staged=staged, scans=scans)


@pytest.mark.parametrize(
    ("gate", "scan", "action", "state", "rule"),
    [
        ({}, LOST, Rest(), State.FAILED, "scanned"),
        ({}, replace(LOST, progress=Progress.UNDERWAY), Wait(), State.SCANNING, "scanned"),
        (
            {},
            a_scan(report=None, failures=2),
            StartScan(AMD64, CHILD, 2),
            State.SCANNING,
            "scanned",
        ),
        ({}, OLD, StartScan(AMD64, CHILD, 2), State.SCANNING, "fresh"),
        ({"max_age": timedelta()}, OLD, Promote((TAG,)), State.PROMOTING, ""),
        ({"max_age": 9 * DAY}, OLD, Promote((TAG,)), State.PROMOTING, ""),
        ({}, OLD_DATABASE, StartScan(AMD64, CHILD, 2), State.SCANNING, "fresh"),
        ({"max_database_age": timedelta()}, OLD_DATABASE, Promote((TAG,)), State.PROMOTING, ""),
        ({}, YOUNG, Hold(START + 5 * HOUR), State.HELD, "fresh"),
        ({}, a_scan(foreign=(UNREADABLE,)), Hold(None), State.HELD, "foreign"),
        ({}, a_scan(foreign=(a_foreign(report=None),)), Hold(None), State.HELD, "foreign"),
        (
            {"foreign": Counted.IGNORE},
            a_scan(foreign=(UNREADABLE,)),
            Promote((TAG,)),
            State.PROMOTING,
            "",
        ),
        ({}, a_scan(foreign=(a_foreign(),)), Promote((TAG,)), State.PROMOTING, ""),
        ({}, a_scan(foreign=(a_foreign(a_finding()),)), Rest(), State.REJECTED, "clean"),
        (
            {"foreign": Counted.IGNORE},
            a_scan(foreign=(a_foreign(a_finding()),)),
            Promote((TAG,)),
            State.PROMOTING,
            "",
        ),
        ({}, a_scan(a_finding()), Rest(), State.REJECTED, "clean"),
        ({}, a_scan(a_finding(suppressed=True)), Rest(), State.REJECTED, "clean"),
        (
            {"suppressed": Counted.IGNORE},
            a_scan(a_finding(suppressed=True)),
            Promote((TAG,)),
            State.PROMOTING,
            "",
        ),
        ({"block": Severity.CRITICAL}, a_scan(a_finding()), Promote((TAG,)), State.PROMOTING, ""),
        ({}, UNSUPPORTED, Promote((TAG,)), State.PROMOTING, ""),
        ({"eol": EndOfLife.BLOCK}, UNSUPPORTED, Rest(), State.REJECTED, "eol"),
        (
            {"scan": ScanMode.NONE, "eol": EndOfLife.BLOCK},
            UNSUPPORTED,
            Promote((TAG,)),
            State.PROMOTING,
            "",
        ),
    ],
)
def test_what_becomes_of_a_scan(
    gate: dict[str, Any], scan: Scan, action: Action, state: State, rule: str
):
    decision = decide(gated(gate, scans=(scan,)), START)

    assert (decision.action, decision.state, decision.rule) == (action, state, rule)
    assert bool(decision.remedies) is not isinstance(action, Promote)


def test_an_unreadable_foreign_report_is_named_with_its_error():
    decision = decide(some_facts(scans=(a_scan(foreign=(UNREADABLE,)),)), START)

    assert str(UNREADABLE.digest) in decision.reasons[0]
    assert "it is no JSON" in decision.reasons[0]


def test_an_excused_finding_does_not_block_and_is_named_with_its_excuse():
    facts = some_facts(scans=(a_scan(a_finding()),), excuses=(an_excuse(),))

    decision = decide(facts, START)

    assert decision.state is State.PROMOTING
    assert [each.excuse for each in decision.grounds.excused] == [an_excuse()]
    assert decision.reasons[0].startswith(
        "nothing at or above high on linux/amd64 save what is excused, its test passed"
    )
    assert any("CVE-2025-0001" in each and "not reachable" in each for each in decision.reasons)


def test_an_excuse_ends_the_moment_it_says():
    excuse = an_excuse(until=START + HOUR)
    facts = gated({"max_age": timedelta()}, scans=(a_scan(a_finding()),), excuses=(excuse,))

    assert decide(facts, START + HOUR - timedelta(microseconds=1)).state is State.PROMOTING
    assert decide(facts, START + HOUR).state is State.REJECTED


def test_a_stale_report_is_awaited_while_its_scan_is_done_again():
    scan = a_scan(report=OLD.report, progress=Progress.UNDERWAY, attempt=2)

    assert decide(some_facts(scans=(scan,)), START).action == Wait()


def test_a_report_that_will_do_is_used_while_its_scan_is_done_again():
    scan = a_scan(progress=Progress.UNDERWAY, attempt=2)

    assert decide(some_facts(scans=(scan,)), START).action == Promote((TAG,))


def test_a_scan_is_started_before_another_one_is_awaited():
    underway = Scan(AMD64, CHILD, Progress.UNDERWAY, 1, "r1")

    decision = decide(two(underway, Scan(ARM64, ARM_CHILD)), START)

    assert decision.action == StartScan(ARM64, ARM_CHILD, 1)


def test_a_stale_scan_is_started_before_another_stale_one_is_held():
    held = a_scan(report=a_report(created_at=START, database_date=START - 8 * DAY))
    stale = a_scan(
        platform=ARM64,
        digest=ARM_CHILD,
        report=a_report(subject=ARM_CHILD, created_at=START - 8 * DAY),
    )

    assert decide(two(held, stale), START).action == StartScan(ARM64, ARM_CHILD, 2)


def test_two_reports_with_old_databases_are_held_until_the_first_may_be_better():
    early = a_scan(report=a_report(created_at=START - 2 * HOUR, database_date=START - 8 * DAY))
    late = a_scan(
        platform=ARM64,
        digest=ARM_CHILD,
        report=a_report(subject=ARM_CHILD, created_at=START, database_date=START - 8 * DAY),
    )

    decision = decide(two(late, early), START)

    assert decision.action == Hold(START + 4 * HOUR)
    assert len(decision.reasons) == 2


def test_a_report_of_a_platform_nobody_asked_for_is_not_judged():
    other = a_scan(
        platform=ARM64, digest=ARM_CHILD, report=a_report(a_finding(), subject=ARM_CHILD)
    )
    staged = Staged("", START, {AMD64: CHILD, ARM64: ARM_CHILD})

    decision = decide(some_facts(scans=(a_scan(), other), staged=staged), START)

    assert decision.state is State.PROMOTING
    assert decision.grounds.unexamined == (ARM64,)
    assert "linux/arm64 comes along unexamined" in decision.reasons


@pytest.mark.parametrize(
    ("scan", "said"),
    [
        (LOST, "although scanning linux/amd64 failed 3 times: it broke"),
        (OLD, "although the report on linux/amd64 was made 2026-11-15 12:00 UTC"),
        (OLD_DATABASE, "although the scanner's database for the report on linux/amd64"),
        (YOUNG, "although the scanner's database for the report on linux/amd64"),
        (a_scan(foreign=(UNREADABLE,)), "although the report sha256:"),
    ],
)
def test_an_override_stands_in_for_what_is_missing_and_is_recorded(scan: Scan, said: str):
    decision = decide(some_facts(scans=(scan,), rulings=(an_override(),)), START)

    assert decision.state is State.PROMOTING
    assert decision.grounds.approval == an_override()
    assert "jane approved it on 2026-11-23: looked at it" in decision.reasons
    assert any(f"by override of jane, {said}" in each for each in decision.reasons)
    assert not any("again" in each for each in decision.reasons)


@pytest.mark.parametrize(
    "scan",
    [
        Scan(AMD64, CHILD),
        Scan(AMD64, CHILD, Progress.UNDERWAY, 1, "r1"),
        a_scan(report=None, failures=2),
        a_scan(a_finding()),
        a_scan(foreign=(a_foreign(a_finding()),)),
        a_scan(report=a_report(subject=DIGEST)),
    ],
    ids=["unscanned", "underway", "not lost yet", "found", "found by others", "of another digest"],
)
def test_an_override_forgives_nothing_that_was_found_or_can_still_be_had(scan: Scan):
    decision = decide(some_facts(scans=(scan,)), START)

    overridden = decide(some_facts(scans=(scan,), rulings=(an_override(),)), START)

    assert not isinstance(overridden.action, Promote)
    assert overridden == decision


def test_an_override_for_one_platform_leaves_the_other_ones_finding():
    found = a_scan(
        platform=ARM64, digest=ARM_CHILD, report=a_report(a_finding(), subject=ARM_CHILD)
    )
    image = two().image
    staged = two().staged
    facts = some_facts(image=image, staged=staged, scans=(LOST, found), rulings=(an_override(),))

    assert decide(facts, START).state is State.REJECTED
