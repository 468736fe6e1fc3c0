"""What never makes a verdict better: findings, foreign reports, lost excuses, plain approvals, time that passes."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.operators import RulingKind
from shared.policy.candidate import Decision, Promote, decide
from shared.policy.facts import Facts, Foreign, Scan
from shared.policy.waiving import Excuse
from shared.reports.findings import Finding
from tests.any_candidates import EXAMPLES, any_facts, excuses, findings, foreign_reports
from tests.builders import a_digest
from tests.candidates import ARM64, a_ruling
from tests.fake_clock import START
from tests.twists import excused, forgiven, young_fix

# Excuses end at whole hours around the start: just then, just before and after, or whenever.
_EDGES = st.sampled_from([edge + step for edge in (-60, 0, 60) for step in (-1, 0, 1)])
_MINUTES = (_EDGES | st.integers(-240, 240)).map(lambda each: START + timedelta(minutes=each))
_FIXES = any_facts((young_fix,), spoilt=False)
_AT_EDGES = any_facts((young_fix, young_fix, forgiven, excused))


def passes(decision: Decision) -> bool:
    """Whether it is promoted, and not only because its gate observes."""
    return isinstance(decision.action, Promote) and decision.enforced is None


def gated(facts: Facts, **changes: Any) -> Facts:
    image = replace(facts.image, gate=replace(facts.image.gate, **changes))
    return replace(facts, image=image)


def found_in(facts: Facts) -> list[str]:
    """What was found in the candidate, or in what it is compared with."""
    scans = (*facts.scans, *(scan for each in facts.promoted for scan in each.scans))
    reports = (scan.report for scan in scans if scan.report is not None)
    return sorted({finding.id for report in reports for finding in report.findings})


def with_finding(scan: Scan, finding: Finding) -> Scan:
    if scan.report is None:
        return scan
    found = scan.report.findings | {finding}
    return replace(scan, report=replace(scan.report, findings=found))


@settings(max_examples=EXAMPLES, deadline=None)
@given(any_facts() | _AT_EDGES, findings, st.integers(0, 1))
def test_one_more_finding_never_turns_a_refusal_into_a_promotion(
    facts: Facts, finding: Finding, number: int
):
    scans = tuple(
        with_finding(scan, finding) if n == number else scan for n, scan in enumerate(facts.scans)
    )

    worse = decide(replace(facts, scans=scans), START)

    assert passes(decide(facts, START)) or not passes(worse)


@settings(max_examples=EXAMPLES, deadline=None)
@given(any_facts() | _AT_EDGES, foreign_reports, st.booleans(), st.booleans(), st.booleans())
def test_somebody_elses_report_never_turns_a_refusal_into_a_promotion(
    facts: Facts, foreign: Foreign, mine: bool, theirs: bool, copied: bool
):
    if copied and facts.scans:  # it says of what base holds just what was found in the candidate
        foreign = replace(foreign, report=facts.scans[0].report)

    def attached(scans: tuple[Scan, ...]) -> tuple[Scan, ...]:
        return tuple(replace(scan, foreign=(*scan.foreign, foreign)) for scan in scans)

    promoted = tuple(replace(each, scans=attached(each.scans)) for each in facts.promoted)
    changed = replace(
        facts,
        scans=attached(facts.scans) if mine else facts.scans,
        promoted=promoted if theirs else facts.promoted,
    )

    assert passes(decide(facts, START)) or not passes(decide(changed, START))


@settings(max_examples=EXAMPLES, deadline=None)
@given(any_facts())
def test_a_platform_that_comes_along_never_turns_a_refusal_into_a_promotion(facts: Facts):
    if facts.staged is None or ARM64 in facts.image.platforms:
        return
    platforms = {**facts.staged.platforms, ARM64: a_digest(99)}
    changed = replace(facts, staged=replace(facts.staged, platforms=platforms))

    assert passes(decide(facts, START)) or not passes(decide(changed, START))


@settings(max_examples=2 * EXAMPLES, deadline=None)
@given(any_facts() | _FIXES, excuses, st.integers(0, 3), st.data())
def test_an_excuse_more_never_turns_a_promotion_into_a_refusal(
    facts: Facts, excuse: Excuse, place: int, data: st.DataObject
):
    if data.draw(st.booleans(), "of what was found"):
        of = data.draw(st.sampled_from([excuse.id, *found_in(facts)]), "of")
        excuse = replace(excuse, id=of, package="", version="")
    more = replace(facts, excuses=(*facts.excuses[:place], excuse, *facts.excuses[place:]))

    assert passes(decide(more, START)) or not passes(decide(facts, START))


@settings(max_examples=EXAMPLES, deadline=None)
@given(any_facts(), st.booleans())
def test_an_approval_answers_nothing_but_the_question_for_one(facts: Facts, override: bool):
    approval = a_ruling(
        RulingKind.APPROVE, image=facts.image.name, at=START, override=override, comment=""
    )

    before = decide(facts, START)
    after = decide(replace(facts, rulings=(*facts.rulings, approval)), START)

    assert before.rule == "approved" or (before.action, before.state, before.rule) == (
        after.action,
        after.state,
        after.rule,
    )


@settings(max_examples=EXAMPLES, deadline=None)
@given(any_facts() | any_facts((excused,)), _MINUTES, _MINUTES)
def test_excuses_make_a_step_function_of_time(facts: Facts, one: Any, other: Any):
    nothing = timedelta()
    facts = gated(facts, age=nothing, dwell=nothing, max_age=nothing, max_database_age=nothing)
    first, second = sorted((one, other))
    ends = [each.until for each in facts.excuses if each.until is not None]

    if not any(first < end <= second for end in ends):
        assert decide(facts, first) == decide(facts, second)
    # An excuse that has ended is one that never was, but for the advice to renew it.
    rest = tuple(each for each in facts.excuses if each.until is None or second < each.until)
    without = decide(replace(facts, excuses=rest), second)
    assert decide(facts, second) == replace(without, remedies=decide(facts, second).remedies)
