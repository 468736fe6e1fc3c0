"""The gate: what a candidate's reports and test say against its policy."""

from collections.abc import Iterable
from dataclasses import astuple, dataclass, replace

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
    scans = tuple(scans)
    reasons = [f"{scan.platform} has no report" for scan in scans if scan.report is None]
    grouped: dict[tuple[Finding, ...], list[str]] = {}
    for scan in scans:
        for group in _alike(blocking(scan.report.findings, gate) if scan.report else ()):
            grouped.setdefault(group, []).append(str(scan.platform))
    sentences = [_sentence(group, platforms) for group, platforms in grouped.items()]
    reasons += sentences[:_NAMED]
    if len(sentences) > _NAMED:
        reasons.append(f"and {len(sentences) - _NAMED} more at or above {gate.block}")
    return Refusal(tuple(reasons)) if reasons else None


def judge_test(test: Tested) -> Refusal | None:
    """Refuse unless the test's run succeeded."""
    if test.passed:
        return None
    said = f": {test.error}" if test.error else ""
    return Refusal((f"the test failed on {test.platform} (run {test.run_id}){said}",))


def _alike(findings: Iterable[Finding]) -> Iterable[tuple[Finding, ...]]:
    """Group what one sentence can say: the same finding in several packages of one version."""
    groups: dict[tuple[object, ...], dict[str, Finding]] = {}
    for each in findings:
        key = (each.id, each.severity, each.installed, each.fixed)
        groups.setdefault(key, {}).setdefault(each.package, each)
    for packages in groups.values():
        yield tuple(replace(each, title="", target="") for each in packages.values())


def _sentence(group: tuple[Finding, ...], platforms: list[str]) -> str:
    first = group[0]
    fix = f"fixed in {first.fixed}" if first.fixed else "no fix yet"
    packages = ", ".join(each.package for each in group[:_NAMED])
    more = f" and {len(group) - _NAMED} more" if len(group) > _NAMED else ""
    return (
        f"{first.id} ({first.severity}) in {packages}{more} {first.installed}"
        f" on {' and '.join(platforms)}, {fix}"
    )
