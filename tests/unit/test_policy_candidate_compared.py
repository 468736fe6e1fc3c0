"""The one decision, where a candidate is compared with what is promoted: no worse, or a fix that need not age."""

from dataclasses import replace
from typing import Any

import pytest

from shared.catalog import Compare, ScanMode, Severity
from shared.policy.candidate import (
    Action,
    Hold,
    Promote,
    Rest,
    Stage,
    StartScan,
    State,
    Wait,
    decide,
)
from shared.policy.facts import Facts, Progress, Promoted, Scan, Staged
from tests.builders import a_finding, a_gate, an_image
from tests.candidates import (
    AMD64,
    ARM64,
    ARM_CHILD,
    CHILD,
    DATABASE,
    DIGEST,
    HOUR,
    OTHER,
    OTHER_CHILD,
    TAG,
    a_foreign,
    a_promoted,
    a_report,
    a_scan,
    an_excuse,
    an_override,
    some_facts,
)
from tests.fake_clock import START

HIGH = a_finding()
NEW = a_finding(id="CVE-2026-7777", package="curl")
LOST = Scan(AMD64, OTHER_CHILD, Progress.ENDED, 3, "r1", error="it broke", failures=3)
NOT_WORSE: dict[str, Any] = {"compare": Compare.NOT_WORSE}
HASTY: dict[str, Any] = {"age": 96 * HOUR, "skip_age_for_fixes": True}


def against(
    promoted: Promoted | None, *findings: Any, gate: dict[str, Any] | None = None, **changes: Any
) -> Facts:
    """The candidate with these findings, and what it would replace."""
    image = an_image(gate=a_gate(**(NOT_WORSE if gate is None else gate)), script="t.sh")
    held = () if promoted is None else (promoted,)
    facts = some_facts(
        image=image,
        scans=(a_scan(*findings),),
        base={TAG: promoted.digest if promoted else None},
        promoted=held,
    )
    return replace(facts, **changes)


def scanned_as(**changes: Any) -> Promoted:
    """What base holds, with the finding, by a report that differs so."""
    report = a_report(HIGH, subject=OTHER_CHILD, **changes)
    return a_promoted(scans=(a_scan(digest=OTHER_CHILD, report=report),))


@pytest.mark.parametrize(
    ("facts", "state"),
    [
        (against(a_promoted(HIGH), HIGH), State.PROMOTING),
        (against(a_promoted(HIGH), HIGH, gate={}), State.REJECTED),
        (against(a_promoted(), HIGH), State.REJECTED),
        (against(a_promoted(HIGH), HIGH, NEW), State.REJECTED),
        (against(None, HIGH), State.REJECTED),
        (against(None), State.PROMOTING),
        (against(a_promoted(HIGH, lost="base no longer gives it"), HIGH), State.REJECTED),
        (against(a_promoted(HIGH, lost="base no longer gives it")), State.PROMOTING),
        (against(a_promoted(HIGH), HIGH, base={TAG: None}), State.REJECTED),
        (against(scanned_as(database_date=None), HIGH), State.REJECTED),
        (against(a_promoted(scans=(LOST,)), HIGH), State.REJECTED),
        (against(a_promoted(scans=(LOST,))), State.PROMOTING),
        (
            against(a_promoted(scans=(LOST,)), HIGH, rulings=(an_override(),)),
            State.REJECTED,
        ),
        (against(a_promoted(a_finding(severity=Severity.MEDIUM)), HIGH), State.REJECTED),
        (against(a_promoted(NEW), HIGH, NEW, excuses=(an_excuse(),)), State.PROMOTING),
        (against(a_promoted(NEW), HIGH, NEW), State.REJECTED),
    ],
)
def test_a_finding_that_base_has_too_does_not_block(facts: Facts, state: State):
    assert decide(facts, START).state is state


@pytest.mark.parametrize("gate", [NOT_WORSE, {**HASTY, "age": 480 * HOUR}])
def test_what_base_holds_already_is_not_compared_with_itself(gate: dict[str, Any]):
    decision = decide(against(None, HIGH, gate=gate, base={TAG: DIGEST}), START)

    assert (decision.action, decision.rule) == (Rest(), "clean")
    assert not decision.grounds.hastened


def test_foreign_reports_about_what_base_holds_forgive_nothing():
    scan = replace(a_promoted().scans[0], foreign=(a_foreign(HIGH),))

    assert decide(against(a_promoted(scans=(scan,)), HIGH), START).state is State.REJECTED


def test_a_pass_by_comparison_tells_the_difference_and_with_what():
    mild = a_finding(id="CVE-2026-1", severity=Severity.LOW)

    decision = decide(against(a_promoted(HIGH, NEW), HIGH, mild), START)

    assert decision.reasons[0] == (
        "nothing at or above high on linux/amd64 that base does not hold already, its test passed"
    )
    told = next(each for each in decision.reasons if each.startswith("compared with"))
    assert TAG in told
    assert OTHER.hex[:16] in told
    assert "\N{MINUS SIGN}1 high, +1 low on linux/amd64" in told
    [delta] = decision.grounds.deltas
    assert (delta.promoted, delta.added, delta.removed) == (
        OTHER,
        {Severity.LOW: 1},
        {Severity.HIGH: 1},
    )


def test_a_refusal_keeps_what_it_was_compared_with_too():
    decision = decide(against(a_promoted(HIGH), HIGH, NEW), START)

    assert decision.rule == "clean"
    assert [each.added for each in decision.grounds.deltas] == [{Severity.HIGH: 1}]


@pytest.mark.parametrize(
    ("promoted", "action"),
    [
        (a_promoted(staged=None, scans=()), Stage(OTHER, (TAG,))),
        (a_promoted(staged=None), Stage(OTHER, (TAG,))),
        (a_promoted(scans=(Scan(AMD64, OTHER_CHILD),)), StartScan(AMD64, OTHER_CHILD, 1, OTHER)),
        (a_promoted(scans=(Scan(AMD64, OTHER_CHILD, Progress.UNDERWAY, 1),)), Wait()),
        (
            scanned_as(database_date=DATABASE - HOUR, created_at=START - HOUR),
            StartScan(AMD64, OTHER_CHILD, 2, OTHER),
        ),
        (
            scanned_as(database_date=DATABASE + HOUR, created_at=START + HOUR),
            StartScan(AMD64, CHILD, 2),
        ),
    ],
    ids=["unstaged", "unstaged, with scans", "unscanned", "underway", "older", "newer"],
)
def test_both_are_scanned_with_one_database_before_they_are_compared(
    promoted: Promoted, action: Action
):
    decision = decide(against(promoted, HIGH), START)

    assert (decision.action, decision.state, decision.rule) == (action, State.SCANNING, "compared")
    assert decision.remedies
    assert decide(against(promoted, gate={}), START).state is State.PROMOTING


@pytest.mark.parametrize(
    "scans",
    [
        (a_scan(digest=CHILD, report=a_report(HIGH, subject=CHILD)),),
        (a_scan(digest=OTHER_CHILD, report=a_report(HIGH, subject=CHILD)),),
        (*a_promoted(HIGH).scans, *a_promoted().scans),
    ],
    ids=["another manifest's", "a report about another", "two of them"],
)
def test_a_comparison_with_another_digest_is_none(scans: tuple[Scan, ...]):
    decision = decide(against(a_promoted(scans=scans), HIGH), START)

    assert (decision.action, decision.state, decision.rule) == (Hold(None), State.HELD, "exact")
    assert str(OTHER) in decision.reasons[0]


@pytest.mark.parametrize(
    ("facts", "hastened"),
    [
        (against(a_promoted(HIGH), gate=HASTY), True),
        (against(a_promoted(HIGH, NEW), gate=HASTY), True),
        (against(a_promoted(), gate=HASTY), False),
        (against(None, gate=HASTY), False),
        (against(a_promoted(HIGH), gate={"age": 96 * HOUR}), False),
        (against(a_promoted(HIGH), gate={"age": 96 * HOUR, **NOT_WORSE}), False),
        (against(a_promoted(a_finding(severity=Severity.LOW)), gate=HASTY), False),
        (against(a_promoted(HIGH), gate={**HASTY, "scan": ScanMode.NONE}), False),
        (against(a_promoted(scans=(LOST,)), gate=HASTY), False),
        (against(a_promoted(HIGH), gate=HASTY, excuses=(an_excuse(),)), True),
        (against(a_promoted(HIGH, NEW), HIGH, gate={**HASTY, **NOT_WORSE}), True),
    ],
)
def test_what_fixes_all_that_base_holds_need_not_age_where_the_gate_says_so(
    facts: Facts, hastened: bool
):
    decision = decide(facts, START)

    assert (decision.state is State.PROMOTING) is hastened
    assert decision.grounds.hastened is hastened
    assert any(each.startswith("it need not age 4 days") for each in decision.reasons) is hastened


def test_a_platform_without_a_report_hastens_nothing():
    whole = {AMD64: CHILD, ARM64: ARM_CHILD}
    lost = Scan(ARM64, ARM_CHILD, Progress.ENDED, 3, "r1", error="it broke", failures=3)
    gate = a_gate(**HASTY)
    facts = against(
        a_promoted(HIGH),
        image=an_image(gate=gate, platforms=("linux/amd64", "linux/arm64"), script="t.sh"),
        staged=Staged("", START - HOUR, whole),
        scans=(a_scan(), lost),
        rulings=(an_override(),),
    )

    assert decide(facts, START).rule == "aged"


def test_what_has_aged_is_not_compared_only_to_be_hastened():
    unstaged = a_promoted(staged=None, scans=())
    facts = against(unstaged, gate=HASTY)

    assert decide(facts, START).action == Stage(OTHER, (TAG,))
    later = decide(facts, START + 96 * HOUR)
    assert later.action == Promote((TAG,))
    assert not any("compared" in each for each in later.reasons)
    assert not later.grounds.hastened
    first = decide(against(None, gate=HASTY), START + 96 * HOUR)
    assert not any("compare" in each for each in first.reasons)


def test_what_has_aged_is_not_called_hastened_although_it_is_compared_anyway():
    facts = against(a_promoted(HIGH), gate={**HASTY, **NOT_WORSE})
    assert decide(facts, START).grounds.hastened

    later = decide(facts, START + 96 * HOUR)

    assert later.grounds.deltas
    assert not later.grounds.hastened
    assert not any("need not age" in each for each in later.reasons)


def test_what_it_would_replace_changes_nothing_where_nothing_is_compared():
    promoted = a_promoted(staged=Staged("", START), scans=(a_scan(),))

    assert decide(against(promoted, gate={}), START).action == Promote((TAG,))
    assert decide(against(promoted, HIGH, gate={}), START).action == Rest()
