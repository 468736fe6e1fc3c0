"""Any facts at all about a candidate, for laws that hold whatever they are."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import strategies as st

from shared.catalog import (
    Approval,
    Compare,
    Counted,
    EndOfLife,
    Gate,
    Mode,
    Requirement,
    ScanMode,
    Severity,
)
from shared.oci import media_types
from shared.oci.digest import Digest
from shared.oci.platform import Platform
from shared.operators import Ruling, RulingKind
from shared.policy.candidate import MAX_ATTEMPTS
from shared.policy.facts import (
    Facts,
    Foreign,
    Progress,
    Promoted,
    Scan,
    Span,
    Staged,
    Tested,
    Watched,
)
from shared.policy.waiving import Excuse
from shared.reports.findings import Finding, Report
from tests.builders import a_digest, a_finding, a_gate, an_image
from tests.candidates import (
    AMD64,
    ARM64,
    ARM_CHILD,
    CHILD,
    DATABASE,
    DIGEST,
    HOUR,
    OTHER,
    OTHER_ARM_CHILD,
    OTHER_CHILD,
    REPORT,
    TAG,
    a_promoted,
    a_report,
    a_scan,
    some_facts,
)
from tests.fake_clock import START
from tests.twists import TWISTS, Twist

# What a law is about is one in fifty of these or so, where it is about a fix that need not age, say.
EXAMPLES = 150
digests = st.sampled_from([DIGEST, OTHER, CHILD, ARM_CHILD])
_times = st.integers(-100, 0).map(lambda hours: START + hours * HOUR)
_ids = st.sampled_from(["CVE-1", "CVE-2", "CVE-3"])
findings = st.builds(
    a_finding,
    id=_ids,
    severity=st.sampled_from(Severity),
    fixed=st.sampled_from(["", "2"]),
    suppressed=st.booleans(),
)
_found = st.frozensets(findings, max_size=3)
_databases = st.sampled_from(
    [DATABASE, DATABASE, DATABASE, DATABASE - HOUR, START - 200 * HOUR, None]
)
_created = st.sampled_from([START, START, START - 24 * HOUR, START - 300 * HOUR, None])


@st.composite
def _spans(draw: st.DrawFn) -> tuple[Span, ...]:
    starts = sorted(draw(st.lists(_times, max_size=3)))
    found = [draw(digests) for _ in starts]
    ends = [*starts[1:], draw(st.sampled_from([None, START]))]
    return tuple(map(Span, found, starts, ends))


def reports(subject: st.SearchStrategy[object]) -> st.SearchStrategy[Report]:
    return st.builds(
        Report,
        st.just("trivy"),
        subject,
        _created,
        _found,
        st.just(("os-pkgs: x",)),
        _databases,
        st.just("0.69.0"),
        end_of_life=st.sampled_from([False, False, True]),
    )


foreign_reports = st.builds(
    Foreign,
    st.integers(60, 63).map(a_digest),
    st.none() | reports(st.just(CHILD)),
    st.sampled_from(["", "it is no JSON"]),
)


@st.composite
def scans(draw: st.DrawFn, platform: Platform, digest: Digest) -> Scan:
    """A scan of this manifest, mostly about what it should be about."""
    about = draw(st.sampled_from([digest, digest, digest, OTHER]))
    return Scan(
        platform,
        digest,
        draw(st.sampled_from(Progress)),
        draw(st.integers(0, MAX_ATTEMPTS)),
        "r1",
        draw(st.none() | reports(st.just(about)) | reports(st.just(about))),
        REPORT,
        failures=draw(st.integers(0, MAX_ATTEMPTS)),
        foreign=draw(st.lists(foreign_reports, max_size=1).map(tuple)),
    )


def _some(*found: st.SearchStrategy[Scan]) -> st.SearchStrategy[tuple[Scan, ...]]:
    """All of these, mostly; else some, in any order, even twice."""
    whole: st.SearchStrategy[tuple[Scan, ...]] = st.tuples(*found)
    return whole | whole | st.lists(st.one_of(*found), max_size=3).map(tuple)


_GATE: dict[str, st.SearchStrategy[Any]] = {
    "scan": st.sampled_from(ScanMode),
    "block": st.sampled_from(Severity),
    "fixable_only": st.booleans(),
    "age": st.sampled_from([HOUR, 24 * HOUR, 99 * HOUR]),
    "dwell": st.just(12 * HOUR),
    "approval": st.sampled_from(Approval),
    "mode": st.sampled_from(Mode),
    "max_age": st.just(timedelta()),
    "max_database_age": st.just(timedelta()),
    "suppressed": st.sampled_from(Counted),
    "foreign": st.sampled_from(Counted),
    "eol": st.sampled_from(EndOfLife),
    "require": st.sampled_from([(Requirement.SBOM,), tuple(Requirement)]),
}


@st.composite
def _gates(draw: st.DrawFn) -> Gate:
    """A gate with a few keys that are not as usual; comparing is usual."""
    keys = draw(st.sets(st.sampled_from(sorted(_GATE)), max_size=3))
    changes = {key: draw(_GATE[key]) for key in sorted(keys)}
    comparing = draw(st.sampled_from(Compare)), draw(st.booleans())
    return a_gate(compare=comparing[0], skip_age_for_fixes=comparing[1], **changes)


_scripts = st.sampled_from(["", "t.sh"])
_whole = {AMD64: CHILD, ARM64: ARM_CHILD}
_staged = st.builds(
    Staged,
    st.just(""),
    _times,
    st.sampled_from([_whole, _whole, {AMD64: CHILD}, {}]),
)
_tests = st.builds(
    Tested,
    st.sampled_from([AMD64, AMD64, ARM64]),
    digests,
    st.sampled_from(Progress),
    st.integers(0, MAX_ATTEMPTS),
    passed=st.none() | st.booleans(),
)
excuses = st.builds(
    Excuse,
    _ids,
    st.just("not reachable"),
    st.sampled_from(["us", "them"]),
    st.just("waiver"),
    st.sampled_from(["", "libssl3", "curl"]),
    st.sampled_from(["", "3.1.4-r5", "1"]),
    st.sampled_from([None, START - HOUR, START, START + HOUR]),
)
rulings = st.builds(
    Ruling,
    st.sampled_from(["node", "node", "node", "python"]),
    st.sampled_from([DIGEST, DIGEST, DIGEST, OTHER]),
    st.sampled_from([RulingKind.APPROVE, RulingKind.APPROVE, RulingKind.RELEASE, RulingKind.DENY]),
    st.sampled_from(["jane", "john"]),
    _times,
    st.sampled_from(["", "looked at it"]),
    st.booleans(),
)


@st.composite
def promoted(draw: st.DrawFn) -> Promoted:
    platforms = {AMD64: OTHER_CHILD, ARM64: OTHER_ARM_CHILD}
    held = st.builds(
        Staged, st.just(""), _times, st.sampled_from([platforms, {AMD64: OTHER_CHILD}])
    )
    return Promoted(
        draw(st.sampled_from([OTHER, a_digest(3)])),
        (TAG,),
        draw(st.none() | held | held),
        draw(_some(scans(AMD64, OTHER_CHILD), scans(ARM64, OTHER_ARM_CHILD))),
        draw(st.sampled_from(["", "", "base no longer gives it"])),
    )


def _distinct(found: list[Promoted]) -> tuple[Promoted, ...]:
    return tuple({each.digest: each for each in found}.values())


_FACTS: dict[str, st.SearchStrategy[Any]] = {
    "watched": st.lists(_spans(), max_size=2).map(
        lambda found: tuple(map(Watched, (TAG, "22-alpine"), found))
    ),
    "staged": _staged | st.none(),
    "scans": _some(scans(AMD64, CHILD), scans(ARM64, ARM_CHILD)),
    "test": _tests | st.none(),
    "base": st.fixed_dictionaries({TAG: st.none() | digests, "22-alpine": st.none() | digests}),
    "decided": st.booleans(),
    "promoted": st.lists(promoted(), max_size=2).map(_distinct),
    "excuses": st.lists(excuses, max_size=3).map(tuple),
    "rulings": st.lists(rulings, max_size=2).map(tuple),
    "proven": st.just(frozenset(Requirement)),
}


_names = st.sampled_from(sorted(_FACTS))
_CHANGED: st.SearchStrategy[set[str]] = st.just(set()) | st.sets(_names, max_size=3)


@st.composite
def any_facts(draw: st.DrawFn, twists: tuple[Twist, ...] = TWISTS, *, spoilt: bool = True) -> Facts:
    """A candidate that passes but for a twist or two, and, `spoilt`, a few facts drawn from all they could be."""
    platforms = draw(st.sampled_from([*5 * [("linux/amd64",), ("linux/amd64", "linux/arm64")], ()]))
    image = an_image(gate=draw(_gates()), platforms=platforms, script=draw(_scripts))
    findings = draw(_found)
    mine = a_scan(), a_scan(platform=ARM64, digest=ARM_CHILD, report=a_report(subject=ARM_CHILD))
    facts = some_facts(
        image=image,
        staged=Staged(media_types.OCI_INDEX, START - 47 * HOUR, _whole),
        scans=tuple(_with(each, findings) for each in mine[: len(platforms)]),
        base={TAG: OTHER, "22-alpine": None},
        promoted=(a_promoted(*draw(_found)),),
    )
    for twist in draw(st.lists(st.sampled_from(twists), min_size=not spoilt, max_size=2)):
        facts = twist(draw, facts)
    changed = draw(_CHANGED) if spoilt else ()
    return replace(facts, **{name: draw(_FACTS[name]) for name in sorted(changed)})


def _with(scan: Scan, findings: frozenset[Finding]) -> Scan:
    return (
        scan
        if scan.report is None
        else replace(scan, report=replace(scan.report, findings=findings))
    )
