"""What rarely comes together by chance, brought about: a candidate at the very edge of a verdict."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from shared.catalog import Approval, Compare, Mode, Requirement
from shared.operators import RulingKind
from shared.policy.facts import Facts, Promoted, Scan, Span, Watched
from shared.reports.findings import Finding
from shared.severity import Severity
from tests.builders import a_digest, a_finding
from tests.candidates import DIGEST, HOUR, OTHER, TAG, a_foreign, a_ruling, an_excuse, an_override
from tests.fake_clock import START

type Draw = st.DrawFn
type Twist = Callable[[Draw, Facts], Facts]

_BLOCKS = st.sampled_from([Severity.HIGH, Severity.CRITICAL])
_UNTIL = st.sampled_from([None, START - HOUR, START, START + HOUR, START + HOUR])
_PACKAGES = st.sampled_from(["", "", "libssl3", "curl"])


def gated(facts: Facts, **changes: Any) -> Facts:
    return replace(facts, image=replace(facts.image, gate=replace(facts.image.gate, **changes)))


def added(scans: tuple[Scan, ...], *findings: Finding) -> tuple[Scan, ...]:
    return tuple(
        replace(each, report=replace(each.report, findings=each.report.findings | {*findings}))
        if each.report is not None
        else each
        for each in scans
    )


def _plain(draw: Draw, facts: Facts) -> Facts:
    return facts


def young_fix(draw: Draw, facts: Facts) -> Facts:
    """Too young, while what base holds has something that blocks, on all platforms and of all digests or not."""
    fixed = a_finding(id=draw(st.sampled_from(["CVE-8", "CVE-8", "CVE-1"])), severity=draw(_BLOCKS))

    else_spotless = draw(st.booleans())

    def holed(promoted: Promoted) -> Promoted:
        scans = tuple(map(_spotless, promoted.scans)) if else_spotless else promoted.scans
        return replace(promoted, scans=added(scans, fixed))

    facts = gated(facts, age=24 * HOUR, skip_age_for_fixes=True)
    if draw(st.booleans()):
        facts = replace(facts, scans=tuple(map(_spotless, facts.scans)))
    assert facts.staged is not None
    seen = START - draw(st.sampled_from([1, 1, 23, 24])) * HOUR
    return replace(
        facts,
        staged=replace(facts.staged, first_seen=seen),
        promoted=tuple(map(holed, facts.promoted)),
    )


def _spotless(scan: Scan) -> Scan:
    if scan.report is None:
        return scan
    return replace(scan, report=replace(scan.report, findings=frozenset()))


def excused(draw: Draw, facts: Facts) -> Facts:
    """Findings that block, and excuses that fit them, nearly or for now."""
    excuses = []
    found = []
    for number in range(draw(st.integers(1, 2))):
        finding = a_finding(id=f"CVE-{number + 1}", severity=draw(_BLOCKS))
        found.append(finding)
        excuses += [
            an_excuse(id=finding.id, package=draw(_PACKAGES), until=draw(_UNTIL))
            for _ in range(draw(st.integers(0, 2)))
        ]
    return replace(facts, scans=added(facts.scans, *found), excuses=tuple(excuses))


def forgiven(draw: Draw, facts: Facts) -> Facts:
    """Findings that block and that what base holds has too: as bad, worse or milder."""
    mine = a_finding(id="CVE-7", severity=draw(_BLOCKS))
    theirs = replace(mine, severity=draw(st.sampled_from(Severity)))
    promoted = (replace(each, scans=added(each.scans, theirs)) for each in facts.promoted)
    facts = replace(facts, scans=added(facts.scans, mine), promoted=tuple(promoted))
    return gated(facts, compare=Compare.NOT_WORSE)


def _moved_on(draw: Draw, facts: Facts) -> Facts:
    """Upstream has another digest by now: it was there long enough, or is released, or not."""
    start = START - 40 * HOUR
    end = start + draw(st.sampled_from([1, 11, 12, 30])) * HOUR
    spans = (Span(DIGEST, start, end), Span(a_digest(5), end))
    at = end + draw(st.integers(-2, 2)) * HOUR
    said = [a_ruling(RulingKind.RELEASE, at=at)] if draw(st.booleans()) else []
    watched = (Watched(TAG, spans), *facts.watched[1:])
    facts = gated(facts, dwell=12 * HOUR)
    return replace(facts, watched=watched, rulings=(*facts.rulings, *said))


def _overridden(draw: Draw, facts: Facts) -> Facts:
    """Something is missing, and somebody may override."""
    missing = draw(st.sampled_from(["report", "proof", "foreign", "fresh"]))
    if missing == "report" and facts.scans:
        lost = replace(facts.scans[0], report=None, report_digest=None, failures=3)
        facts = replace(facts, scans=(lost, *facts.scans[1:]))
    elif missing == "proof":
        facts = gated(facts, require=(Requirement.SBOM,))
    elif missing == "foreign":
        unread = a_foreign(report=None, error="it is no JSON")
        facts = replace(facts, scans=tuple(replace(s, foreign=(unread,)) for s in facts.scans))
    else:
        facts = gated(facts, max_age=HOUR)
        old = (_dated(scan) for scan in facts.scans)
        facts = replace(facts, scans=tuple(old))
    said = [an_override(comment=draw(st.sampled_from(["why", "why", ""])))]
    return replace(facts, rulings=(*facts.rulings, *(said if draw(st.booleans()) else [])))


def _dated(scan: Scan) -> Scan:
    if scan.report is None:
        return scan
    return replace(scan, failures=3, report=replace(scan.report, created_at=START - 9 * HOUR))


def _asked(draw: Draw, facts: Facts) -> Facts:
    """The gate asks for an approval, and somebody said something of this digest or of another one."""
    kind = draw(st.sampled_from([RulingKind.APPROVE, RulingKind.APPROVE, RulingKind.RELEASE]))
    about = draw(st.sampled_from([DIGEST, DIGEST, OTHER]))
    said = [a_ruling(kind, digest=about)] if draw(st.booleans()) else []
    return replace(gated(facts, approval=Approval.MANUAL), rulings=(*facts.rulings, *said))


def _adopted(draw: Draw, facts: Facts) -> Facts:
    """Base holds it already, by a decision of ours or by others'."""
    decided = draw(st.sampled_from([False, False, True]))
    base = {**facts.base, TAG: DIGEST}
    return replace(facts, base=base, promoted=(), decided=decided, adopted=frozenset({TAG}))


def _observed(draw: Draw, facts: Facts) -> Facts:
    """The gate observes what it would refuse."""
    found = [a_finding(severity=draw(_BLOCKS))] if draw(st.booleans()) else []
    facts = gated(facts, mode=Mode.OBSERVE, approval=draw(st.sampled_from(Approval)))
    return replace(facts, scans=added(facts.scans, *found))


TWISTS: tuple[Twist, ...] = (
    _plain,
    young_fix,
    excused,
    forgiven,
    _moved_on,
    _overridden,
    _asked,
    _adopted,
    _observed,
)
