"""Judging a candidate's reports: what blocks, what excuses it, and how it compares with what is promoted."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.catalog import Compare, Counted, Gate
from shared.oci.platform import Platform
from shared.policy import comparing, comparison, sentences
from shared.policy.actions import Delta, Excused
from shared.policy.facts import Promoted, Scan
from shared.policy.gate import blocking, counted
from shared.policy.waiving import Excuse, excuse_for, in_force
from shared.reports.findings import Finding, Report, merged
from shared.severity import Severity


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the reports come to: no reasons, and they pass.

    `excused` are the findings that block but for an excuse; `fixes` says that what is promoted has findings that
    block, which the candidate removes, adding none. `notes` are sentences for a verdict that passes: the
    comparison and the excuses it rests on. Reasons carry the comparison's already.
    """

    reasons: tuple[str, ...] = ()
    excused: tuple[Excused, ...] = ()
    deltas: tuple[Delta, ...] = ()
    fixes: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Terms:
    """What findings are judged by; `forgiving`: what is promoted may forgive what it has too."""

    gate: Gate
    excuses: Mapping[str, Sequence[Excuse]]  # by id, case folded: thousands of findings look here
    now: datetime
    forgiving: bool


@dataclass(frozen=True, slots=True)
class _Against:
    """One promoted digest on one platform: what its own report has; nothing where that cannot be compared with."""

    promoted: Promoted
    report: Report | None
    findings: frozenset[Finding]
    worst: Mapping[tuple[str, str], Severity]

    def has(self, finding: Finding) -> bool:
        """Tell whether it has the finding in the same package, no milder."""
        return self.worst.get((finding.id, finding.package), 0) >= finding.severity


@dataclass(frozen=True, slots=True)
class _Side:
    """One platform of the candidate: all that was found there, and everything it is compared with."""

    scan: Scan
    findings: frozenset[Finding]
    against: tuple[_Against, ...]


def judge(
    *,
    scans: Iterable[Scan],
    promoted: Iterable[Promoted],
    gate: Gate,
    excuses: Iterable[Excuse],
    now: datetime,
    unheld: Iterable[str] = (),
    foregone: Iterable[Scan] = (),
) -> Judgement:
    """Judge all platforms' reports; a platform without one is a reason.

    `unheld` are tags the candidate would get that base does not hold yet: under these there is nothing
    to compare with, so every finding counts. Nothing but promoted's own reports of the same database forgives.
    `foregone` are scans that left no report and that an operator does without: what others found there counts
    all the same, whatever is promoted.
    """
    scans = tuple(sorted(scans, key=lambda each: (each.platform, each.digest, each.attempt)))
    asked = promoted if comparing.needed(gate) else ()
    others = tuple(sorted(asked, key=lambda each: (each.digest, each.tags)))
    new = tuple(sorted(unheld)) if gate.compare is Compare.NOT_WORSE else ()
    forgiving = gate.compare is Compare.NOT_WORSE and not new
    terms = _Terms(gate, _by_id(in_force(excuses, now)), now, forgiving)
    sides = [_side(each, others, gate) for each in scans if each.report is not None]
    deltas = [_delta(side, each, terms) for side in sides for each in side.against]
    judged = (*sides, *(_side(each, (), gate) for each in foregone))
    excused = tuple(each for side in judged for each in _excused(side, terms))
    blocked = [(side.scan.platform, _blocking(side, terms)) for side in judged]
    refused = sentences.without_report(scans) + sentences.blocked(blocked, gate.block)
    given = [each for each in deltas if each]
    compared = comparison.told(scans, others, given, gate, new) if scans else ()
    return Judgement(
        reasons=refused + compared if refused else (),
        excused=excused,
        deltas=tuple(given),
        fixes=gate.skip_age_for_fixes and len(sides) == len(scans) and _fixes(sides, others, terms),
        notes=compared + sentences.excused(excused),
    )


def end_of_life(scans: Iterable[Scan]) -> tuple[str, ...]:
    """Return a reason for each operating system that gets no more fixes, by our own reports alone."""
    found: dict[str, list[Platform]] = {}
    for scan in scans:
        if scan.report is not None and scan.report.end_of_life:
            found.setdefault(scan.report.operating_system, []).append(scan.platform)
    told = [
        f"its operating system{f' {sentences.clipped(name)}' if name else ''} gets no more fixes"
        f" on {sentences.platforms(where)}"
        for name, where in sorted(found.items())
    ]
    more = len(told) - sentences.NAMED
    return (*told[: sentences.NAMED], *([f"and {more} more"] if more > 0 else []))


def _by_id(excuses: Iterable[Excuse]) -> Mapping[str, Sequence[Excuse]]:
    found: dict[str, list[Excuse]] = {}
    for each in excuses:
        found.setdefault(each.id.casefold(), []).append(each)
    return found


def _side(scan: Scan, others: Sequence[Promoted], gate: Gate) -> _Side:
    """Gather one platform; foreign reports only ever add to the candidate's own, if there is one."""
    foreign = scan.foreign if gate.foreign is Counted.COUNT else ()
    added = [each.report for each in foreign if each.report is not None]
    if scan.report is not None:
        findings = merged(scan.report, added).findings
    else:
        findings = frozenset(finding for report in added for finding in report.findings)
    return _Side(scan, findings, tuple(_against(scan, each, gate) for each in others))


def _against(scan: Scan, other: Promoted, gate: Gate) -> _Against:
    report = comparing.report_of(other, scan)
    theirs = counted(report.findings, gate) if report is not None else frozenset()
    return _Against(other, report, theirs, comparing.worst(theirs))


def _excuse(finding: Finding, side: _Side, terms: _Terms) -> Excuse | None:
    """Return what excuses the finding in the candidate; there it is looked up for promoted's findings too."""
    found = terms.excuses.get(finding.id.casefold(), ())
    return excuse_for(finding, found, terms.now, side.scan.digest)


def _unexcused(findings: Iterable[Finding], side: _Side, terms: _Terms) -> tuple[Finding, ...]:
    return tuple(each for each in findings if _excuse(each, side, terms) is None)


def _unforgiven(side: _Side, terms: _Terms) -> tuple[Finding, ...]:
    """Return what blocks, excuses aside: all of it, or what something promoted does not have."""
    found = blocking(side.findings, terms.gate)
    if not terms.forgiving or not side.against:
        return found
    return tuple(each for each in found if not all(other.has(each) for other in side.against))


def _blocking(side: _Side, terms: _Terms) -> tuple[Finding, ...]:
    return _unexcused(_unforgiven(side, terms), side, terms)


def _excused(side: _Side, terms: _Terms) -> Iterable[Excused]:
    for finding in _unforgiven(side, terms):
        excuse = _excuse(finding, side, terms)
        if excuse is not None:
            yield Excused(side.scan.platform, finding, excuse)


def _delta(side: _Side, against: _Against, terms: _Terms) -> Delta | None:
    if against.report is None:
        return None
    mine = _unexcused(counted(side.findings, terms.gate), side, terms)
    theirs = _unexcused(against.findings, side, terms)
    return comparing.delta(side.scan, mine, against.promoted, theirs)


def _fixes(sides: Sequence[_Side], others: Sequence[Promoted], terms: _Terms) -> bool:
    """Tell whether each promoted digest loses a finding that blocks, and gets none, on platforms all comparable."""
    if not sides or not others:
        return False
    for number, _ in enumerate(others):
        pairs = [(side, side.against[number]) for side in sides]
        if not all(_saw_as_much(side, against) for side, against in pairs):
            return False
        if any(_adds(side, against, terms) for side, against in pairs):
            return False
        if not any(_removes(side, against, terms) for side, against in pairs):
            return False
    return True


def _saw_as_much(side: _Side, against: _Against) -> bool:
    """Tell whether the two can be compared, and the candidate's scan saw an operating system if the other's did."""
    if side.scan.report is None or against.report is None:
        return False
    return bool(side.scan.report.operating_system or not against.report.operating_system)


def _adds(side: _Side, against: _Against, terms: _Terms) -> bool:
    found = blocking(side.findings, terms.gate)
    return any(not against.has(each) for each in _unexcused(found, side, terms))


def _removes(side: _Side, against: _Against, terms: _Terms) -> bool:
    """Tell whether a finding that reaches `block` is gone: milder, suppressed or in another package it is not gone.

    One that a waiver forgives counts too: a waiver must not make its fix wait longer.
    """
    left = {(each.id, each.package) for each in side.findings}
    moved = {id_ for id_, package in left if (id_, package) not in against.worst}
    found = blocking(against.findings, terms.gate)
    return any((each.id, each.package) not in left and each.id not in moved for each in found)
