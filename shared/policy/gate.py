"""The gate: what a candidate's reports and test say against its policy."""

from collections.abc import Iterable
from dataclasses import astuple, dataclass

from shared.catalog import Approval, Gate, ScanMode
from shared.policy.facts import Scan, Tested
from shared.reports.findings import Finding

_NAMED = 5  # findings a sentence can carry


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why the gate says no."""

    reasons: tuple[str, ...]


def demands_something(gate: Gate, *, tested: bool) -> bool:
    """Tell whether the gate asks for anything at all; one that does not promotes nothing."""
    return (
        gate.scan is not ScanMode.NONE
        or tested
        or bool(gate.age)
        or gate.approval is not Approval.NONE
    )


def blocking(findings: Iterable[Finding], gate: Gate) -> tuple[Finding, ...]:
    """Return the findings at or above the threshold, worst first; order in does not matter.

    The order out is total: the same findings always make the same sentences.
    """
    found = {
        finding
        for finding in findings
        if finding.severity >= gate.block and (finding.fixed or not gate.fixable_only)
    }
    return tuple(sorted(found, key=lambda each: (-each.severity, astuple(each))))


def judge_scans(scans: Iterable[Scan], gate: Gate) -> Refusal | None:
    """Refuse if any platform's report has a blocking finding; every scan must have a report."""
    reasons: list[str] = []
    for scan in scans:
        if scan.report is None:
            reasons.append(f"{scan.platform} has no report")
            continue
        found = blocking(scan.report.findings, gate)
        # One package in several places is one sentence.
        sentences = tuple(dict.fromkeys(_sentence(finding, scan) for finding in found))
        reasons += sentences[:_NAMED]
        if len(sentences) > _NAMED:
            more = len(sentences) - _NAMED
            reasons.append(f"and {more} more at or above {gate.block} on {scan.platform}")
    return Refusal(tuple(reasons)) if reasons else None


def judge_test(test: Tested) -> Refusal | None:
    """Refuse unless the test's run succeeded."""
    if test.passed:
        return None
    said = f": {test.error}" if test.error else ""
    return Refusal((f"the test failed on {test.platform} (run {test.run_id}){said}",))


def _sentence(finding: Finding, scan: Scan) -> str:
    fix = f"fixed in {finding.fixed}" if finding.fixed else "no fix yet"
    return (
        f"{finding.id} ({finding.severity}) in {finding.package} {finding.installed}"
        f" on {scan.platform}, {fix}"
    )
