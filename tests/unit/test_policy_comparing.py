"""What has to happen before a candidate can be compared with what is promoted."""

from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest

from shared.catalog import Compare, Gate
from shared.policy import comparing
from shared.policy.actions import Stage, StartScan, Wait
from shared.policy.facts import Progress, Promoted, Scan, Staged
from tests.builders import a_digest, a_gate
from tests.candidates import (
    AMD64,
    ARM64,
    ARM_CHILD,
    CHILD,
    DATABASE,
    HOUR,
    OTHER,
    OTHER_ARM_CHILD,
    OTHER_CHILD,
    TAG,
    a_promoted,
    a_report,
    a_scan,
)
from tests.fake_clock import START

NAME = f"base's {TAG} (sha256:{OTHER.short}…)"
THEIRS = StartScan(AMD64, OTHER_CHILD, 2, of=OTHER)
MINE = StartScan(AMD64, CHILD, 2)
NEWER = {"database_date": DATABASE + HOUR}


def mine(*, report: dict[str, Any] | None = None, **changes: Any) -> Scan:
    """The candidate's scan, with these changes to its report and to itself."""
    return replace(a_scan(report=a_report(**report or {})), **changes)


def theirs(*, report: dict[str, Any] | None = None, **changes: Any) -> Promoted:
    """What is promoted, with these changes to its only scan's report and to the scan."""
    about = a_report(**{"subject": OTHER_CHILD, **(report or {})})
    return a_promoted(scans=(a_scan(**{"digest": OTHER_CHILD, "report": about, **changes}),))


def action(scan: Scan, *promoted: Promoted) -> Stage | StartScan | Wait | None:
    step = comparing.step([scan], promoted, 3)
    return step.action if step else None


@pytest.mark.parametrize(
    ("gate", "needed"),
    [
        (a_gate(), False),
        (a_gate(compare=Compare.NOT_WORSE), True),
        (a_gate(skip_age_for_fixes=True), True),
    ],
)
def test_a_comparison_is_needed_where_the_gate_asks_for_one(gate: Gate, needed: bool):
    assert comparing.needed(gate) is needed


def test_reports_of_one_database_need_nothing():
    assert action(mine(), theirs()) is None
    assert comparing.incomparable(mine(), theirs()) == ""


def test_what_staging_does_not_hold_is_brought_there():
    promoted = a_promoted(staged=None, scans=())

    assert action(mine(), promoted) == Stage(OTHER, (TAG,))
    assert comparing.incomparable(mine(), promoted) == "staging does not hold it"


def test_what_is_promoted_is_scanned():
    unscanned = a_promoted(scans=(Scan(AMD64, OTHER_CHILD),))

    assert action(mine(), unscanned) == replace(THEIRS, attempt=1)


@pytest.mark.parametrize(
    ("scan", "promoted", "expected"),
    [
        (mine(report=NEWER), theirs(), THEIRS),
        (mine(), theirs(report=NEWER), MINE),
        (mine(report={"scanner_version": "0.70.0", "created_at": START + HOUR}), theirs(), THEIRS),
        (mine(report={"scanner_version": "0.70.0", "created_at": START - HOUR}), theirs(), MINE),
        (mine(), theirs(report={"scanner": "grype", "created_at": START - HOUR}), THEIRS),
        (mine(report=NEWER), theirs(progress=Progress.UNDERWAY), Wait()),
        (mine(progress=Progress.UNDERWAY), theirs(report=NEWER), Wait()),
        (mine(report=NEWER), theirs(failures=2, attempt=40), replace(THEIRS, attempt=41)),
        (mine(attempt=99, recent=14), theirs(report=NEWER), replace(MINE, attempt=100)),
    ],
)
def test_the_scan_with_the_older_database_is_done_again(
    scan: Scan, promoted: Promoted, expected: StartScan | Wait
):
    assert action(scan, promoted) == expected


@pytest.mark.parametrize(
    ("scan", "promoted", "why"),
    [
        (
            mine(report=NEWER),
            theirs(report={"created_at": START + HOUR}),
            "its scanner's database is of 2026-11-23 06:00 UTC, the candidate's of 2026-11-23 07:00 UTC",
        ),
        (
            mine(report={"created_at": START + HOUR}),
            theirs(report=NEWER),
            "its scanner's database is of 2026-11-23 07:00 UTC, the candidate's of 2026-11-23 06:00 UTC",
        ),
        (
            mine(report={"scanner_version": "0.70.0"}),
            theirs(),
            "trivy 0.69.0 scanned it, and trivy 0.70.0 the candidate",
        ),
        (
            mine(report={"scanner": "grype", "scanner_version": ""}),
            theirs(),
            "trivy 0.69.0 scanned it, and grype the candidate",
        ),
        (
            mine(),
            theirs(report={"database_date": None}),
            "its report has no database date",
        ),
        (
            mine(report={"database_date": None}),
            theirs(),
            "the candidate's report has no database date",
        ),
        (
            mine(report=NEWER),
            theirs(report={"created_at": None}),
            "its scanner's database is of 2026-11-23 06:00 UTC, the candidate's of 2026-11-23 07:00 UTC",
        ),
        (
            mine(report=NEWER),
            theirs(failures=3, error="no agent"),
            "its scanner's database is of 2026-11-23 06:00 UTC, the candidate's of 2026-11-23 07:00 UTC;"
            " scanning again failed: no agent",
        ),
        (
            mine(),
            a_promoted(scans=(Scan(AMD64, OTHER_CHILD, failures=3, error="no agent"),)),
            "it could not be scanned: no agent",
        ),
        (mine(), a_promoted(scans=()), "it could not be scanned"),
        (mine(), a_promoted(scans=(Scan(AMD64, a_digest(99)),)), "it could not be scanned"),
        (mine(), a_promoted(staged=None, lost="it is gone"), "it is gone"),
        (mine(), a_promoted(lost="it is gone"), "it is gone"),
        (mine(), theirs(digest=a_digest(99)), "its scan is about another digest"),
        (mine(), theirs(report={"subject": None}), "its scan is about another digest"),
        (
            mine(),
            a_promoted(staged=Staged("", START, {ARM64: OTHER_ARM_CHILD})),
            "it has no such platform",
        ),
        (
            mine(recent=15),
            theirs(report=NEWER),
            "its scanner's database is of 2026-11-23 07:00 UTC, the candidate's of 2026-11-23 06:00 UTC",
        ),
    ],
)
def test_what_cannot_be_compared_is_not_waited_for(scan: Scan, promoted: Promoted, why: str):
    assert action(scan, promoted) is None
    assert comparing.incomparable(scan, promoted) == why
    assert comparing.report_of(promoted, scan) is None


def test_a_candidate_without_a_database_date_has_nothing_brought_or_scanned():
    undated = mine(report={"database_date": None})

    assert action(undated, a_promoted(staged=None, scans=())) is None
    assert action(undated, a_promoted(scans=(Scan(AMD64, OTHER_CHILD),))) is None


def test_what_can_be_started_goes_before_what_must_be_waited_for():
    arm = a_scan(platform=ARM64, digest=ARM_CHILD)
    running = Scan(AMD64, OTHER_CHILD, Progress.UNDERWAY, 1)
    both = a_promoted(
        staged=Staged("", START, {AMD64: OTHER_CHILD, ARM64: OTHER_ARM_CHILD}),
        scans=(running, Scan(ARM64, OTHER_ARM_CHILD)),
    )

    step = comparing.step([mine(), arm], [both], 3)

    assert step is not None
    assert step.action == StartScan(ARM64, OTHER_ARM_CHILD, 1, of=OTHER)


def test_the_order_of_platforms_scans_and_promoted_digests_changes_nothing():
    arm = a_scan(platform=ARM64, digest=ARM_CHILD)
    unscanned = (Scan(AMD64, OTHER_CHILD), Scan(ARM64, OTHER_ARM_CHILD))
    staged = Staged("", START, {each.platform: each.digest for each in unscanned})
    promoted = [a_promoted(digest=a_digest(31 + number), staged=staged) for number in range(3)]

    steps = {
        comparing.step(scans, [replace(each, scans=theirs) for each in others], 3)
        for scans in permutations([mine(), arm])
        for theirs in permutations(unscanned)
        for others in permutations(promoted)
    }

    assert len(steps) == 1


@pytest.mark.parametrize(
    ("scan", "promoted", "reason"),
    [
        (
            mine(),
            a_promoted(staged=None),
            f"staging does not hold {NAME}, which it is compared with",
        ),
        (
            mine(),
            a_promoted(scans=(Scan(AMD64, OTHER_CHILD),)),
            f"scanning {NAME} on linux/amd64, to compare with",
        ),
        (
            mine(report=NEWER),
            theirs(progress=Progress.UNDERWAY),
            f"scanning {NAME} on linux/amd64 again, with the candidate's database",
        ),
        (
            mine(),
            theirs(report=NEWER),
            f"scanning linux/amd64 again, with the database of {NAME} on linux/amd64",
        ),
    ],
)
def test_a_step_says_what_happens(scan: Scan, promoted: Promoted, reason: str):
    step = comparing.step([scan], [promoted], 3)

    assert step is not None
    assert step.reason == reason


def test_a_hundred_scans_to_wait_for_make_one_bounded_sentence():
    running = Scan(AMD64, OTHER_CHILD, Progress.UNDERWAY, 1)
    many = [
        a_promoted(
            digest=a_digest(number),
            tags=tuple(f"{tag}-{'x' * 120}" for tag in range(50)),
            scans=(running,),
        )
        for number in range(100)
    ]

    step = comparing.step([mine()], many, 3)

    assert step is not None
    assert step.action == Wait()
    assert len(step.reason) < 2500
