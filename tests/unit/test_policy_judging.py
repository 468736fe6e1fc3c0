"""What a candidate's reports come to, by themselves and beside what is promoted."""

from dataclasses import replace
from typing import Any

import pytest

from shared.catalog import Compare, Counted, Gate, Severity
from shared.policy.actions import Delta, Excused
from shared.policy.facts import Promoted, Scan, Staged
from shared.policy.judging import Judgement, end_of_life, judge
from shared.reports.findings import Finding
from tests.builders import a_digest, a_finding, a_gate
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
    a_foreign,
    a_promoted,
    a_report,
    a_scan,
    an_excuse,
)
from tests.fake_clock import START

NOT_WORSE = a_gate(compare=Compare.NOT_WORSE)
HIGH, CRITICAL, UNKNOWN = Severity.HIGH, Severity.CRITICAL, Severity.UNKNOWN
THIRD, THIRD_CHILD = a_digest(3), a_digest(31)


def judged(*scans: Scan, gate: Gate = NOT_WORSE, **changes: Any) -> Judgement:
    given: dict[str, Any] = {"promoted": (), "excuses": (), "now": START}
    return judge(scans=scans, gate=gate, **{**given, **changes})


def on_arm(*findings: Finding, **changes: Any) -> Scan:
    report = a_report(*findings, subject=ARM_CHILD)
    return replace(a_scan(platform=ARM64, digest=ARM_CHILD, report=report), **changes)


def on_both(amd64: tuple[Finding, ...] = (), arm64: tuple[Finding, ...] = ()) -> Promoted:
    """What is promoted, scanned on two platforms."""
    report = a_report(*arm64, subject=OTHER_ARM_CHILD)
    arm = a_scan(platform=ARM64, digest=OTHER_ARM_CHILD, report=report)
    one = a_promoted(*amd64)
    staged = Staged("", START, {AMD64: OTHER_CHILD, ARM64: OTHER_ARM_CHILD})
    return replace(one, staged=staged, scans=(*one.scans, arm))


def another(*findings: Finding) -> Promoted:
    """What is promoted under another tag."""
    scan = a_scan(digest=THIRD_CHILD, report=a_report(*findings, subject=THIRD_CHILD))
    return Promoted(THIRD, ("20",), Staged("", START, {AMD64: THIRD_CHILD}), (scan,))


def test_the_worst_finding_is_named_first():
    high, critical = a_finding(id="CVE-1"), a_finding(id="CVE-2", severity=CRITICAL)

    found = judged(a_scan(high, critical), gate=a_gate())

    assert [reason.split()[0] for reason in found.reasons] == ["CVE-2", "CVE-1"]


def test_a_refusal_names_five_findings_and_counts_the_rest():
    found = judged(a_scan(*(a_finding(id=f"CVE-{each}") for each in range(8))), gate=a_gate())

    assert len(found.reasons) == 6
    assert found.reasons[-1] == "and 3 more at or above high"


def test_what_platforms_and_packages_share_is_said_once():
    several = [a_finding(package=name, target=target) for name in "ba" for target in "xy"]

    found = judged(on_arm(*several), a_scan(*several), gate=a_gate())

    assert found.reasons == (
        "CVE-2025-0001 (high) in a, b 3.1.4-r5 on linux/amd64 and linux/arm64, fixed in 3.1.4-r6",
    )


def test_two_scans_of_one_platform_are_both_judged():
    found = judged(a_scan(a_finding(id="CVE-1")), a_scan(a_finding(id="CVE-2")), gate=a_gate())

    assert [reason.split()[0] for reason in found.reasons] == ["CVE-1", "CVE-2"]


def test_a_platform_without_a_report_is_a_reason():
    found = judged(a_scan(), on_arm(report=None), gate=a_gate())

    assert found.reasons == ("linux/arm64 has no report",)
    assert judged(a_scan(), gate=a_gate()).reasons == ()


def test_names_that_a_publisher_chose_do_not_make_long_sentences():
    long = [a_finding(package=f"{each}{'x' * 300}", installed="1" * 300) for each in range(30)]

    found = judged(a_scan(*long), gate=a_gate())

    assert len(found.reasons) == 1
    assert len(found.reasons[0]) < 500
    assert "and 25 more" in found.reasons[0]


@pytest.mark.parametrize(
    ("mine", "theirs", "passes"),
    [
        (a_finding(), a_finding(), True),
        (a_finding(), a_finding(installed="3.0", fixed="", target="other", title="t"), True),
        (a_finding(), a_finding(severity=CRITICAL), True),
        (a_finding(severity=CRITICAL), a_finding(), False),
        (a_finding(severity=UNKNOWN), a_finding(severity=CRITICAL), False),
        (a_finding(severity=CRITICAL), a_finding(severity=UNKNOWN), True),
        (a_finding(), a_finding(package="openssl"), False),
        (a_finding(), a_finding(id="CVE-2"), False),
        (a_finding(), a_finding(suppressed=True), True),
    ],
)
def test_what_is_promoted_forgives_what_it_has_in_the_same_package_no_milder(
    mine: Finding, theirs: Finding, passes: bool
):
    found = judged(a_scan(mine), promoted=[a_promoted(theirs)])

    assert (found.reasons == ()) is passes
    assert judged(a_scan(mine), promoted=[a_promoted(theirs)], gate=a_gate()).reasons != ()


def test_what_promoteds_scanner_suppressed_it_does_not_have_where_the_gate_ignores_that():
    promoted = a_promoted(a_finding(suppressed=True))
    gate = replace(NOT_WORSE, suppressed=Counted.IGNORE)

    assert judged(a_scan(a_finding()), promoted=[promoted], gate=gate).reasons
    assert not judged(a_scan(a_finding(suppressed=True)), gate=gate).reasons


def test_a_finding_at_two_severities_is_had_as_the_worse_one():
    promoted = a_promoted(a_finding(severity=Severity.LOW), a_finding(severity=CRITICAL))

    assert not judged(a_scan(a_finding()), promoted=[promoted]).reasons


def test_every_promoted_digest_must_have_it():
    both = [a_promoted(a_finding()), another(a_finding())]

    assert not judged(a_scan(a_finding()), promoted=both).reasons
    assert judged(a_scan(a_finding()), promoted=[a_promoted(a_finding()), another()]).reasons


def test_each_platform_is_compared_with_its_own():
    promoted = on_both(amd64=(a_finding(),))

    assert not judged(a_scan(a_finding()), on_arm(), promoted=[promoted]).reasons
    found = judged(a_scan(a_finding()), on_arm(a_finding()), promoted=[promoted])
    assert found.reasons[0].endswith("on linux/arm64, fixed in 3.1.4-r6")


def test_foreign_reports_about_what_is_promoted_forgive_nothing():
    promoted = a_promoted()
    scan = replace(promoted.scans[0], foreign=(a_foreign(a_finding()),))

    assert judged(a_scan(a_finding()), promoted=[replace(promoted, scans=(scan,))]).reasons


@pytest.mark.parametrize(("foreign", "passes"), [(Counted.COUNT, False), (Counted.IGNORE, True)])
def test_foreign_reports_about_the_candidate_add_findings(foreign: Counted, passes: bool):
    scan = a_scan(foreign=(a_foreign(a_finding()), a_foreign(report=None, error="not JSON")))

    assert (not judged(scan, gate=a_gate(foreign=foreign)).reasons) is passes


NO = ", so every finding counts"
NAME = f"base's {TAG} (sha256:{OTHER.short}…)"


@pytest.mark.parametrize(
    ("promoted", "unheld", "told"),
    [
        ((), (), f"nothing to compare with: base holds nothing else under its tags{NO}"),
        (
            (a_promoted(a_finding()),),
            ("20",),
            f"nothing to compare with under 20: base does not hold it yet{NO}",
        ),
        (
            (a_promoted(a_finding(), staged=Staged("", START, {ARM64: OTHER_CHILD})),),
            (),
            f"compared with {NAME}: nothing to compare with on linux/amd64{NO}: it has no such platform",
        ),
        (
            (a_promoted(a_finding(), lost="its import failed"),),
            (),
            f"compared with {NAME}: nothing to compare with on linux/amd64{NO}: its import failed",
        ),
    ],
)
def test_with_nothing_to_compare_with_every_finding_counts_and_the_reasons_say_so(
    promoted: tuple[Promoted, ...], unheld: tuple[str, ...], told: str
):
    found = judged(a_scan(a_finding()), promoted=promoted, unheld=unheld)

    assert found.reasons[0].startswith("CVE-2025-0001 (high)")
    assert found.reasons[-1] == found.notes[-1] == told


@pytest.mark.parametrize(
    "changes",
    [
        {"database_date": None},
        {"database_date": DATABASE + HOUR},
        {"scanner": "grype"},
        {"scanner_version": "0.70.0"},
        {"subject": CHILD},
        {"subject": None},
    ],
)
def test_only_a_report_about_it_of_the_same_database_by_the_same_scanner_forgives(
    changes: dict[str, Any],
):
    promoted = a_promoted(a_finding())
    report = a_report(a_finding(), **{"subject": OTHER_CHILD, **changes})
    spoilt = replace(promoted, scans=(replace(promoted.scans[0], report=report),))

    found = judged(a_scan(a_finding()), promoted=[spoilt])

    assert found.reasons
    assert found.deltas == ()
    assert not judged(a_scan(a_finding()), promoted=[promoted]).reasons


def test_two_reports_without_a_database_date_are_not_of_the_same_database():
    promoted = a_promoted(a_finding())
    report = a_report(a_finding(), subject=OTHER_CHILD, database_date=None)
    undated = replace(promoted, scans=(replace(promoted.scans[0], report=report),))

    scan = a_scan(report=a_report(a_finding(), database_date=None))

    assert judged(scan, promoted=[undated]).reasons


def test_the_difference_is_told_by_severity_for_each_platform():
    old = [a_finding(id=f"CVE-{each}") for each in range(12)]
    medium = a_finding(id="CVE-M", severity=Severity.MEDIUM)
    promoted = on_both(amd64=tuple(old))

    found = judged(a_scan(medium), on_arm(), promoted=[promoted])

    assert found.deltas == (
        Delta(OTHER, AMD64, {Severity.MEDIUM: 1}, {HIGH: 12}),
        Delta(OTHER, ARM64),
    )
    assert found.notes == (
        f"compared with {NAME}: \N{MINUS SIGN}12 high, +1 medium on linux/amd64; no difference on linux/arm64",
    )


def test_what_is_excused_is_in_no_difference():
    gone, come = a_finding(id="CVE-1"), a_finding(id="CVE-2")
    excuses = [an_excuse(id="cve-1"), an_excuse(id="CVE-2")]

    found = judged(a_scan(come), promoted=[a_promoted(gone)], excuses=excuses)

    assert found.deltas == (Delta(OTHER, AMD64),)


def test_a_comparison_that_is_not_asked_for_is_not_made():
    found = judged(a_scan(), promoted=[a_promoted(a_finding())], gate=a_gate())

    assert found == Judgement()


def test_an_operating_system_at_its_end_is_named_with_its_platforms():
    old: dict[str, Any] = {"end_of_life": True, "operating_system": "alpine 3.12"}
    amd64 = a_scan(report=a_report(**old))
    arm64 = on_arm(report=a_report(**old))

    assert end_of_life([arm64, amd64, on_arm(report=None)]) == (
        "its operating system alpine 3.12 gets no more fixes on linux/amd64 and linux/arm64",
    )
    foreign = a_foreign(report=a_report(**old))
    assert end_of_life([a_scan(foreign=(foreign,))]) == ()


def test_what_is_excused_is_named_with_its_owner_and_end():
    excuse = an_excuse(until=START + HOUR)
    finding = a_finding()

    found = judged(a_scan(finding), gate=a_gate(), excuses=[excuse])

    assert found.excused == (Excused(AMD64, finding, excuse),)
    assert found.notes == (
        "CVE-2025-0001 (high) in libssl3 on linux/amd64 is excused until 2026-11-23 13:00 UTC by us"
        " (waiver): not reachable",
    )
