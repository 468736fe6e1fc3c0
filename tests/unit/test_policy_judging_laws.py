"""What holds of every judgement: more findings never help, more forgiveness never hurts, order is nothing."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import product
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from shared.catalog import Compare, Counted, Gate, Severity
from shared.policy import comparing
from shared.policy.facts import Foreign, Promoted, Scan, Staged
from shared.policy.judging import Judgement, end_of_life, judge
from shared.policy.waiving import Excuse
from shared.reports.findings import Finding, Report
from tests.builders import a_digest, a_finding, a_gate
from tests.candidates import AMD64, ARM64, DATABASE, HOUR, a_report, a_scan, an_excuse
from tests.fake_clock import START

PLATFORMS = (AMD64, ARM64)

# Drawn from all there are: to draw every field would take most of the tests' time.
findings = st.sampled_from(
    [
        a_finding(
            id=f"CVE-{number}",
            package=package,
            installed=installed,
            fixed=fixed,
            severity=severity,
            suppressed=suppressed,
        )
        for number, package, installed, fixed, severity, suppressed in product(
            "12", "ab", "12", ("", "3"), Severity, (False, True)
        )
    ]
)
found_sets = st.frozensets(findings, max_size=4)
foreign_reports = st.lists(
    found_sets.map(lambda found: Foreign(a_digest(60), a_report(*found))), max_size=2
).map(tuple)
excuses = st.sampled_from(
    [
        an_excuse(id=name, package=package, version=version, until=until)
        for name, package, version, until in product(
            ("CVE-1", "cve-2"), ("", "a"), ("", "1"), (None, START - HOUR, START, START + HOUR)
        )
    ]
)
gates = st.builds(
    a_gate,
    block=st.sampled_from([Severity.LOW, Severity.HIGH, Severity.CRITICAL]),
    fixable_only=st.booleans(),
    compare=st.sampled_from(Compare),
    suppressed=st.sampled_from(Counted),
    foreign=st.sampled_from(Counted),
    skip_age_for_fixes=st.booleans(),
)


@dataclass(frozen=True)
class World:
    """All that a judgement is made of."""

    scans: tuple[Scan, ...]
    promoted: tuple[Promoted, ...]
    gate: Gate
    excuses: tuple[Excuse, ...]
    unheld: tuple[str, ...]
    now: datetime = START

    def judged(self, **changes: Any) -> Judgement:
        world = replace(self, **changes)
        return judge(**{name: getattr(world, name) for name in World.__dataclass_fields__})


@st.composite
def _scan(draw: st.DrawFn, of: int, number: int) -> Scan:
    child = a_digest(10 * of + number)
    database = draw(st.sampled_from([DATABASE, DATABASE, DATABASE, DATABASE - HOUR, None]))
    report: Report = a_report(*draw(found_sets), subject=child, database_date=database)
    foreign = draw(foreign_reports)
    return a_scan(platform=PLATFORMS[number], digest=child, report=report, foreign=foreign)


@st.composite
def worlds(draw: st.DrawFn, comparable: bool = True) -> World:
    numbers = range(draw(st.integers(1, 2)))
    promoted = []
    for of in range(2, 2 + draw(st.integers(0, 2))):
        scans = tuple(draw(_scan(of, number)) for number in numbers)
        scans = scans[: draw(st.integers(0 if not comparable else len(scans), len(scans)))]
        staged = Staged("", START, {each.platform: each.digest for each in scans})
        lost = "" if comparable else draw(st.sampled_from(["", "it is gone"]))
        promoted.append(Promoted(a_digest(of), (f"tag-{of}",), staged, scans, lost))
    return World(
        tuple(draw(_scan(1, number)) for number in numbers),
        tuple(promoted),
        draw(gates),
        tuple(draw(st.lists(excuses, max_size=3))),
        draw(st.sampled_from([(), (), ("new",)])),
    )


def with_finding(scan: Scan, finding: Finding) -> Scan:
    assert scan.report is not None
    report = replace(scan.report, findings=scan.report.findings | {finding})
    return replace(scan, report=report)


def no_better(worse: Judgement, better: Judgement) -> bool:
    """Whether everything that the worse one lets happen the better one does too."""
    passes = bool(better.reasons == () or worse.reasons)
    return passes and better.fixes >= worse.fixes


@given(worlds(comparable=False), findings, st.integers(0, 1))
def test_a_finding_more_in_the_candidate_never_helps(world: World, finding: Finding, at: int):
    at %= len(world.scans)
    scans = [with_finding(each, finding) if i == at else each for i, each in enumerate(world.scans)]

    assert no_better(world.judged(scans=scans), world.judged())


@given(worlds(comparable=False), findings)
def test_a_foreign_report_more_never_helps_the_candidate(world: World, finding: Finding):
    foreign = Foreign(a_digest(61), a_report(finding))
    scans = [replace(each, foreign=(*each.foreign, foreign)) for each in world.scans]

    assert no_better(world.judged(scans=scans), world.judged())


def _spoiling(promoted: Sequence[Promoted], finding: Finding) -> list[Promoted]:
    return [
        replace(each, scans=tuple(with_finding(scan, finding) for scan in each.scans))
        for each in promoted
    ]


@given(worlds(comparable=False), findings)
def test_a_finding_more_in_what_is_promoted_never_hurts(world: World, finding: Finding):
    spoilt = _spoiling(world.promoted, finding)

    assert no_better(world.judged(), world.judged(promoted=spoilt))


@given(worlds(comparable=False), found_sets)
def test_foreign_reports_about_what_is_promoted_change_nothing(
    world: World, found: frozenset[Finding]
):
    foreign = (Foreign(a_digest(61), a_report(*found)),)
    told = [
        replace(each, scans=tuple(replace(scan, foreign=foreign) for scan in each.scans))
        for each in world.promoted
    ]

    assert world.judged(promoted=told) == world.judged()


@given(worlds(comparable=False), excuses)
def test_an_excuse_less_never_lets_more_pass(world: World, excuse: Excuse):
    more = world.judged(excuses=(*world.excuses, excuse))

    assert not more.reasons or world.judged().reasons


@given(worlds(comparable=False), st.randoms())
def test_the_order_of_what_is_given_changes_no_word(world: World, random: Any):
    def shuffled(given: Sequence[Any]) -> tuple[Any, ...]:
        return tuple(random.sample(given, len(given)))

    scans = [replace(each, foreign=shuffled(each.foreign)) for each in world.scans]
    promoted = [replace(each, scans=shuffled(each.scans)) for each in world.promoted]

    again = world.judged(
        scans=shuffled(scans), promoted=shuffled(promoted), excuses=shuffled(world.excuses)
    )

    assert again == world.judged()
    assert end_of_life(shuffled(scans)) == end_of_life(world.scans)


@given(worlds(comparable=False))
def test_not_worse_is_never_stricter_than_any(world: World):
    lax = world.judged(gate=replace(world.gate, compare=Compare.NOT_WORSE))
    strict = world.judged(gate=replace(world.gate, compare=Compare.ANY))

    assert not lax.reasons or strict.reasons


@given(worlds(comparable=False))
def test_not_worse_is_any_where_nothing_can_be_compared(world: World):
    lost = [replace(each, lost="it is gone") for each in world.promoted]
    lax = world.judged(gate=replace(world.gate, compare=Compare.NOT_WORSE), promoted=lost)
    strict = world.judged(gate=replace(world.gate, compare=Compare.ANY), promoted=lost)

    assert bool(lax.reasons) is bool(strict.reasons)
    assert lax.excused == strict.excused
    assert lax.reasons[: len(strict.reasons)] == strict.reasons or world.gate.skip_age_for_fixes
    assert not lax.deltas
    assert not lax.fixes


@given(worlds(comparable=False), excuses)
def test_an_excuse_holds_until_its_end_and_never_after(world: World, excuse: Excuse):
    ends = START + HOUR
    alone = (replace(excuse, until=ends),)
    endless, none = (replace(excuse, until=None),), ()

    for now in (START, ends - HOUR / 3600):
        held, for_good = (world.judged(excuses=each, now=now) for each in (alone, endless))
        assert (held.reasons, held.fixes) == (for_good.reasons, for_good.fixes)
    for now in (ends, ends + HOUR):
        assert world.judged(excuses=alone, now=now) == world.judged(excuses=none, now=now)


@given(worlds(comparable=False))
def test_a_judgement_is_a_bounded_number_of_bounded_sentences(world: World):
    found = world.judged()

    assert len(found.reasons) <= 15
    assert all(len(each) < 800 for each in (*found.reasons, *found.notes))
    assert len(set(found.reasons)) == len(found.reasons)


@given(worlds())
def test_added_minus_removed_is_the_difference_of_the_counts(world: World):
    gate = replace(world.gate, compare=Compare.NOT_WORSE, foreign=Counted.IGNORE)
    found = world.judged(gate=replace(gate, suppressed=Counted.COUNT), excuses=())
    of = {(each.digest, scan.platform): scan for each in world.promoted for scan in each.scans}
    own = {scan.platform: scan for scan in world.scans}

    for delta in found.deltas:
        mine, theirs = own[delta.platform].report, of[delta.promoted, delta.platform].report
        assert mine is not None
        assert theirs is not None
        after = list(comparing.worst(mine.findings).values())
        before = list(comparing.worst(theirs.findings).values())
        for each in Severity:
            difference = delta.added.get(each, 0) - delta.removed.get(each, 0)
            assert difference == after.count(each) - before.count(each)
