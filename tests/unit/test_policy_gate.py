"""The gate: what reports and a test say against a policy."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.catalog import Approval, Counted, ScanMode, Severity
from shared.oci.platform import Platform
from shared.policy.facts import Progress, Tested
from shared.policy.gate import blocking, demands_something, judge_test
from shared.reports.findings import Finding
from tests.builders import a_digest, a_finding, a_gate

AMD64 = Platform("linux", "amd64")


@pytest.mark.parametrize(
    ("changes", "tested", "demands"),
    [
        ({"scan": ScanMode.NONE}, False, False),
        ({"scan": ScanMode.NONE}, True, True),
        ({"scan": ScanMode.NONE, "age": timedelta(seconds=1)}, False, True),
        ({"scan": ScanMode.NONE, "approval": Approval.MANUAL}, False, True),
        ({}, False, True),
        ({"scan": ScanMode.NONE, "dwell": timedelta(days=3)}, False, False),
    ],
)
def test_a_gate_demands_a_scan_a_test_an_age_or_an_approval(
    changes: dict[str, Any], tested: bool, demands: bool
):
    assert demands_something(a_gate(**changes), tested=tested) is demands


@pytest.mark.parametrize("block", [each for each in Severity if each is not Severity.UNKNOWN])
@pytest.mark.parametrize("severity", list(Severity))
def test_what_reaches_the_threshold_blocks_and_unknown_always_does(
    block: Severity, severity: Severity
):
    found = blocking([a_finding(severity=severity)], a_gate(block=block))

    assert bool(found) is (severity >= block or severity is Severity.UNKNOWN)


def test_what_has_no_fix_blocks_unless_the_gate_says_only_fixable():
    unfixed = a_finding(fixed="")

    assert blocking([unfixed], a_gate())
    assert not blocking([unfixed], a_gate(fixable_only=True))
    assert blocking([a_finding()], a_gate(fixable_only=True))


def test_what_a_scanner_suppressed_blocks_unless_the_gate_ignores_it():
    suppressed = a_finding(suppressed=True)

    assert blocking([suppressed], a_gate())
    assert not blocking([suppressed], a_gate(suppressed=Counted.IGNORE))


def test_a_finding_that_is_not_suppressed_everywhere_blocks_whatever_the_gate_ignores():
    both = [a_finding(suppressed=True), a_finding()]

    assert blocking(both, a_gate(suppressed=Counted.IGNORE)) == (a_finding(),)


@pytest.mark.parametrize(("passed", "refused"), [(True, False), (False, True), (None, True)])
def test_only_a_test_that_passed_is_no_refusal(passed: bool | None, refused: bool):
    tested = Tested(AMD64, a_digest(), Progress.ENDED, 1, "r2", passed)

    refusal = judge_test(tested)

    assert bool(refusal) is refused
    assert not refusal or "(run r2)" in refusal


@pytest.mark.parametrize(("error", "said"), [("", ""), ("exit code 3", ": exit code 3")])
def test_a_test_that_failed_says_where_in_which_run_and_why_if_that_is_known(error: str, said: str):
    tested = Tested(AMD64, a_digest(1), Progress.ENDED, 1, "r2", passed=False, error=error)

    assert judge_test(tested) == f"the test failed on linux/amd64 (run r2){said}"


_findings = st.lists(
    st.builds(
        a_finding,
        id=st.sampled_from(["CVE-1", "CVE-2"]),
        fixed=st.sampled_from(["", "1", "2"]),
        target=st.sampled_from(["a", "b"]),
        title=st.sampled_from(["t", "u"]),
        severity=st.sampled_from(Severity),
    ),
    max_size=8,
)


@given(_findings, st.randoms())
def test_the_order_of_findings_changes_no_word(findings: list[Finding], random: Any):
    shuffled = list(findings)
    random.shuffle(shuffled)

    assert blocking(findings, a_gate()) == blocking(shuffled, a_gate())


def test_findings_that_differ_in_their_fix_alone_have_an_order():
    several = [a_finding(fixed=f"3.1.{number}") for number in range(20)]

    found = blocking(several, a_gate())

    assert [each.fixed for each in found] == sorted(each.fixed for each in several)


@given(_findings, _findings, st.booleans())
def test_more_findings_never_block_less(some: list[Finding], more: list[Finding], fixable: bool):
    gate = a_gate(fixable_only=fixable)

    assert set(blocking(some, gate)) <= set(blocking([*some, *more], gate))
    assert set(blocking(some, gate)) <= set(blocking(some, replace(gate, fixable_only=False)))
