"""The gate: which findings reach its threshold, and what it makes of a test."""

from collections.abc import Iterable

from shared.catalog import Approval, Counted, Gate, ScanMode
from shared.policy import sentences
from shared.policy.facts import Tested
from shared.reports.findings import Finding


def demands_something(gate: Gate, *, tested: bool) -> bool:
    """Tell whether the gate asks for anything at all; one that does not promotes nothing."""
    return (
        gate.scan is not ScanMode.NONE
        or tested
        or bool(gate.age)
        or gate.approval is not Approval.NONE
    )


def counted(findings: Iterable[Finding], gate: Gate) -> frozenset[Finding]:
    """Return the findings that count at all: what a scanner suppressed does unless the gate ignores it."""
    ignored = gate.suppressed is Counted.IGNORE
    return frozenset(each for each in findings if not (ignored and each.suppressed))


def blocking(findings: Iterable[Finding], gate: Gate) -> tuple[Finding, ...]:
    """Return the findings at or above the threshold, worst first; order in does not matter.

    The order out is total: the same findings always make the same sentences.
    """
    found = (
        finding
        for finding in counted(findings, gate)
        if finding.severity >= gate.block and (finding.fixed or not gate.fixable_only)
    )
    return tuple(sorted(found, key=sentences.worst_first))


def judge_test(test: Tested) -> str:
    """Say why the test refuses the image; "" where its run succeeded."""
    if test.passed:
        return ""
    said = f": {test.error}" if test.error else ""
    return f"the test failed on {test.platform} (run {test.run_id}){said}"
