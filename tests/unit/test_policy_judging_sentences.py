"""The order of a verdict's sentences, and of what is named in them."""

from itertools import permutations

import pytest

from shared.catalog import Compare, Severity
from shared.oci.platform import Platform
from shared.policy.actions import Delta
from shared.policy.facts import Promoted, Scan
from shared.policy.judging import end_of_life, judge
from shared.policy.sentences import NAMED, differs
from shared.reports.findings import Finding
from tests.builders import a_digest, a_finding, a_gate
from tests.candidates import AMD64, ARM64, ARM_CHILD, OTHER, a_report, a_scan, an_excuse
from tests.fake_clock import START

MILD = a_finding(id="CVE-1")
GRAVE = a_finding(id="CVE-2", severity=Severity.CRITICAL)
NAMES = ("amd64", "arm64", "386", "s390x", "ppc64le", "riscv64")


def on_arm(*findings: Finding) -> Scan:
    report = a_report(*findings, subject=ARM_CHILD)
    return a_scan(platform=ARM64, digest=ARM_CHILD, report=report)


def test_the_worst_finding_of_all_platforms_is_named_first():
    found = judge(
        scans=[a_scan(MILD), on_arm(GRAVE)], promoted=(), gate=a_gate(), excuses=(), now=START
    )

    assert [reason.split()[0] for reason in found.reasons] == ["CVE-2", "CVE-1"]


def test_the_worst_finding_that_is_excused_on_any_platform_is_named_first():
    found = judge(
        scans=[a_scan(MILD), on_arm(GRAVE)],
        promoted=(),
        gate=a_gate(),
        excuses=[an_excuse(id="CVE-1"), an_excuse(id="CVE-2")],
        now=START,
    )

    assert [note.split()[0] for note in found.notes] == ["CVE-2", "CVE-1"]


def test_five_platforms_are_named_in_one_order_and_the_rest_counted():
    scans = [a_scan(MILD, platform=Platform("linux", name)) for name in NAMES]

    told = {
        judge(scans=each, promoted=(), gate=a_gate(), excuses=(), now=START).reasons
        for each in permutations(scans)
    }

    assert told == {
        (
            "CVE-1 (high) in libssl3 3.1.4-r5 on linux/386, linux/amd64, linux/arm64, linux/ppc64le,"
            " linux/riscv64 and 1 more, fixed in 3.1.4-r6",
        )
    }


def test_a_difference_names_the_worst_first_and_what_went_before_what_came():
    delta = Delta(
        OTHER,
        AMD64,
        {Severity.LOW: 1, Severity.HIGH: 2},
        {Severity.HIGH: 3, Severity.UNKNOWN: 1},
    )

    minus = "\N{MINUS SIGN}"
    assert differs([delta]) == (f"{minus}1 unknown, {minus}3 high, +2 high, +1 low on linux/amd64",)


def test_many_promoted_digests_make_a_few_sentences():
    many = [Promoted(a_digest(each), (f"tag-{each}",)) for each in range(40)]
    gate = a_gate(compare=Compare.NOT_WORSE)

    found = judge(scans=[a_scan(MILD)], promoted=many, gate=gate, excuses=(), now=START)

    assert len(found.notes) == 6
    assert found.notes[-1] == "and compared with 35 more that base holds"


def test_where_and_how_a_finding_was_found_does_not_make_it_two():
    amd64 = a_scan(a_finding(target="alpine 3.19", title="a"))
    arm64 = on_arm(a_finding(target="app.jar", title="b", suppressed=True))

    found = judge(scans=[amd64, arm64], promoted=(), gate=a_gate(), excuses=(), now=START)

    assert len(found.reasons) == 1
    assert "on linux/amd64 and linux/arm64" in found.reasons[0]


def ended(number: int, name: str) -> Scan:
    """The scan of one more platform, whose operating system gets no more fixes."""
    report = a_report(end_of_life=True, operating_system=name)
    return a_scan(platform=Platform("linux", f"p{number}"), report=report)


def test_an_operating_system_without_a_name_gets_no_more_fixes_either():
    assert end_of_life([ended(1, "")]) == ("its operating system gets no more fixes on linux/p1",)


@pytest.mark.parametrize(("more", "last"), [(0, ()), (1, ("and 1 more",)), (3, ("and 3 more",))])
def test_five_operating_systems_are_named_in_one_order_and_the_rest_counted(
    more: int, last: tuple[str, ...]
):
    scans = [ended(number, f"alpine 3.{number}") for number in range(NAMED + more)]

    assert end_of_life(reversed(scans)) == (
        *(
            f"its operating system alpine 3.{number} gets no more fixes on linux/p{number}"
            for number in range(NAMED)
        ),
        *last,
    )
