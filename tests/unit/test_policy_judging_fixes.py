"""Which candidates fix what is promoted, and what excuses make of a verdict."""

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from shared.catalog import Compare, Counted, Gate, Severity
from shared.policy.facts import Promoted, Scan, Staged
from shared.policy.judging import Judgement, judge
from shared.policy.waiving import Excuse
from shared.reports.findings import Finding
from tests.builders import a_digest, a_finding, a_gate
from tests.candidates import (
    AMD64,
    ARM64,
    ARM_CHILD,
    CHILD,
    HOUR,
    OTHER_ARM_CHILD,
    OTHER_CHILD,
    a_foreign,
    a_promoted,
    a_report,
    a_scan,
    an_excuse,
)
from tests.fake_clock import START

HASTY = a_gate(skip_age_for_fixes=True)
OLD, NEW = a_finding(id="CVE-1"), a_finding(id="CVE-2")
MILD = a_finding(id="CVE-3", severity=Severity.LOW)


def judged(*scans: Scan, gate: Gate = HASTY, **changes: Any) -> Judgement:
    given: dict[str, Any] = {"promoted": (), "excuses": (), "now": START}
    return judge(scans=scans, gate=gate, **{**given, **changes})


def on_arm(*findings: Finding) -> Scan:
    report = a_report(*findings, subject=ARM_CHILD)
    return a_scan(platform=ARM64, digest=ARM_CHILD, report=report)


def another(*findings: Finding) -> Promoted:
    child = a_digest(31)
    scan = a_scan(digest=child, report=a_report(*findings, subject=child))
    return Promoted(a_digest(3), ("20",), Staged("", START, {AMD64: child}), (scan,))


@pytest.mark.parametrize(
    ("mine", "theirs", "fixes"),
    [
        ((), (OLD,), True),
        ((MILD,), (OLD,), True),
        ((), (), False),
        ((), (MILD,), False),
        ((OLD,), (OLD,), False),
        ((NEW,), (OLD,), False),
        ((NEW,), (OLD, NEW), True),
        ((replace(OLD, severity=Severity.LOW),), (OLD,), False),
        ((replace(OLD, suppressed=True),), (OLD,), False),
    ],
)
def test_a_fix_removes_a_finding_that_blocks_and_adds_none(
    mine: tuple[Finding, ...], theirs: tuple[Finding, ...], fixes: bool
):
    assert judged(a_scan(*mine), promoted=[a_promoted(*theirs)]).fixes is fixes


@pytest.mark.parametrize(("block", "fixes"), [(Severity.LOW, True), (Severity.HIGH, False)])
def test_only_what_reaches_the_threshold_is_a_fix(block: Severity, fixes: bool):
    gate = replace(HASTY, block=block)

    assert judged(a_scan(), promoted=[a_promoted(MILD)], gate=gate).fixes is fixes


def test_what_has_no_fix_is_none_where_only_the_fixable_blocks():
    promoted = [a_promoted(replace(OLD, fixed=""))]

    assert judged(a_scan(), promoted=promoted).fixes
    assert not judged(a_scan(), promoted=promoted, gate=replace(HASTY, fixable_only=True)).fixes


def test_a_waiver_of_what_is_fixed_does_not_make_the_fix_wait():
    promoted, excuses = [a_promoted(OLD)], [an_excuse(id="CVE-1")]

    assert judged(a_scan(), promoted=promoted).fixes
    assert judged(a_scan(), promoted=promoted, excuses=excuses).fixes


def test_an_excused_finding_is_not_added():
    excuses = [an_excuse(id="CVE-2")]

    assert judged(a_scan(NEW), promoted=[a_promoted(OLD)], excuses=excuses).fixes


@pytest.mark.parametrize("fixable_only", [False, True])
@pytest.mark.parametrize(
    "change", [{"severity": Severity.LOW}, {"fixed": "", "severity": Severity.LOW}, {"fixed": ""}]
)
def test_what_is_now_in_another_package_is_not_removed(fixable_only: bool, change: dict[str, Any]):
    moved = replace(OLD, package="renamed", **change)
    gate = replace(HASTY, fixable_only=fixable_only)
    assert not judged(a_scan(moved), promoted=[a_promoted(OLD)], gate=gate).fixes


def test_an_excused_finding_in_another_package_is_not_removed_either():
    moved, excuses = replace(OLD, package="renamed"), [an_excuse(id=OLD.id)]
    assert not judged(a_scan(moved), promoted=[a_promoted(OLD)], excuses=excuses).fixes


def test_what_is_left_in_a_package_that_had_it_too_does_not_hide_the_fix_in_another():
    beside = replace(OLD, package="libcrypto3", severity=Severity.LOW)
    assert judged(a_scan(beside), promoted=[a_promoted(OLD, beside)]).fixes


@pytest.mark.parametrize(
    ("mine", "theirs", "fixes"),
    [("", "alpine 3.19", False), ("alpine 3.20", "alpine 3.19", True), ("", "", True)],
)
def test_an_operating_system_that_the_scan_no_longer_saw_is_not_fixed(
    mine: str, theirs: str, fixes: bool
):
    promoted = a_promoted(OLD)
    (scan,) = promoted.scans
    assert scan.report is not None
    scan = replace(scan, report=replace(scan.report, operating_system=theirs))
    candidate = a_scan(report=a_report(operating_system=mine))
    assert judged(candidate, promoted=[replace(promoted, scans=(scan,))]).fixes is fixes


def test_every_promoted_digest_must_be_fixed():
    assert judged(a_scan(), promoted=[a_promoted(OLD), another(OLD)]).fixes
    assert not judged(a_scan(), promoted=[a_promoted(OLD), another()]).fixes


def test_a_fix_on_one_platform_adds_nothing_on_another():
    amd64 = a_promoted(OLD)
    arm = a_scan(
        platform=ARM64,
        digest=OTHER_ARM_CHILD,
        report=a_report(subject=OTHER_ARM_CHILD),
    )
    staged = Staged("", START, {AMD64: OTHER_CHILD, ARM64: OTHER_ARM_CHILD})
    both = replace(amd64, staged=staged, scans=(*amd64.scans, arm))

    assert judged(a_scan(), on_arm(), promoted=[both]).fixes
    assert not judged(a_scan(), on_arm(NEW), promoted=[both]).fixes


def test_what_cannot_be_compared_everywhere_is_no_fix():
    assert not judged(a_scan(), on_arm(), promoted=[a_promoted(OLD)]).fixes
    assert not judged(a_scan(), promoted=[a_promoted(OLD, lost="it is gone")]).fixes
    unscanned = replace(on_arm(), report=None)
    assert not judged(a_scan(), unscanned, promoted=[a_promoted(OLD)]).fixes
    assert not judged(a_scan()).fixes


def test_a_finding_that_a_foreign_report_still_has_is_not_removed():
    scan = a_scan(foreign=(a_foreign(OLD),))

    assert not judged(scan, promoted=[a_promoted(OLD)]).fixes
    ignoring = replace(HASTY, foreign=Counted.IGNORE)
    assert judged(scan, promoted=[a_promoted(OLD)], gate=ignoring).fixes


@pytest.mark.parametrize("compare", list(Compare))
def test_a_gate_that_does_not_ask_for_fixes_is_told_of_none(compare: Compare):
    gate = a_gate(compare=compare)

    assert not judged(a_scan(), promoted=[a_promoted(OLD)], gate=gate).fixes


@pytest.mark.parametrize(
    ("excuse", "passes"),
    [
        (an_excuse(), True),
        (an_excuse(id="cve-2025-0001"), True),
        (an_excuse(id="CVE-2025-00012"), False),
        (an_excuse(package="libssl3", version="3.1.4-r5"), True),
        (an_excuse(package="openssl"), False),
        (an_excuse(version="3.1.4-r6"), False),
        (an_excuse(until=START), False),
        (an_excuse(until=START + HOUR), True),
        (an_excuse(part=CHILD), True),
        (an_excuse(part=ARM_CHILD), False),
    ],
)
def test_an_excuse_in_force_for_that_very_finding_lets_it_pass(excuse: Excuse, passes: bool):
    found = judged(a_scan(a_finding()), gate=a_gate(), excuses=[excuse])

    assert (found.reasons == ()) is passes
    assert bool(found.excused) is passes


def test_an_excuse_for_one_platforms_version_leaves_the_others_blocking():
    excuses = [an_excuse(version="3.1.4-r5")]

    found = judged(
        a_scan(a_finding()),
        on_arm(a_finding(installed="3.1.4-r4")),
        gate=a_gate(),
        excuses=excuses,
    )

    assert [each.platform for each in found.excused] == [AMD64]
    assert found.reasons == (
        "CVE-2025-0001 (high) in libssl3 3.1.4-r4 on linux/arm64, fixed in 3.1.4-r6",
    )


def test_an_excuse_for_one_package_leaves_the_same_id_in_another():
    both = a_scan(a_finding(), a_finding(package="openssl"))

    found = judged(both, gate=a_gate(), excuses=[an_excuse(package="openssl")])

    assert [each.finding.package for each in found.excused] == ["openssl"]
    assert "in libssl3 " in found.reasons[0]


def test_what_does_not_block_anyway_needs_no_excuse():
    gate = a_gate(compare=Compare.NOT_WORSE)

    found = judged(
        a_scan(a_finding(), MILD),
        gate=gate,
        promoted=[a_promoted(a_finding())],
        excuses=[an_excuse(), an_excuse(id=MILD.id)],
    )

    assert found.excused == ()
    assert found.reasons == ()


@pytest.mark.parametrize("until", [None, START + HOUR])
def test_a_hundred_excuses_are_named_in_a_few_bounded_sentences(until: datetime | None):
    many = [a_finding(id=f"CVE-{each}") for each in range(100)]
    excuses = [
        an_excuse(id=each.id, reason="r" * 900, owner="o" * 900, until=until) for each in many
    ]

    found = judged(a_scan(*many), gate=a_gate(), excuses=excuses)

    assert len(found.excused) == 100
    assert len(found.notes) == 6
    assert found.notes[-1] == "and 95 more are excused"
    assert max(map(len, found.notes)) < 500
