"""The one decision, where nothing is stopped: a gate that observes, and what base held before Breakwater."""

from typing import Any

import pytest

from shared.catalog import Approval, EndOfLife, Mode, Requirement, ScanMode
from shared.operators import RulingKind
from shared.policy.candidate import (
    Action,
    Hold,
    Import,
    Promote,
    Rest,
    Stage,
    StartScan,
    StartTest,
    State,
    Wait,
    decide,
)
from shared.policy.facts import Facts, Progress, Scan, Span, Staged, Tested, Watched
from tests.builders import a_finding, a_gate, an_image
from tests.candidates import (
    AMD64,
    ARM64,
    ARM_CHILD,
    CHILD,
    DIGEST,
    HOUR,
    OTHER,
    TAG,
    a_foreign,
    a_report,
    a_ruling,
    a_scan,
    a_test,
    some_facts,
)
from tests.fake_clock import START

LOST = Scan(AMD64, CHILD, Progress.ENDED, 3, "r1", error="it broke", failures=3)
BOTH = ("linux/amd64", "linux/arm64")
FOUND = a_scan(a_finding())


def observed(
    gate: dict[str, Any] | None = None, platforms: Any = BOTH[:1], **changes: Any
) -> Facts:
    """The candidate that passes, under a gate that only observes."""
    observing = a_gate(**{"mode": Mode.OBSERVE, **(gate or {})})
    image = an_image(gate=observing, platforms=platforms, script="tests/node.sh")
    return some_facts(**{"image": image, **changes})


def adopted(**changes: Any) -> Facts:
    """The candidate that passes, and base held it before Breakwater did anything."""
    return some_facts(**{"base": {TAG: DIGEST}, "decided": False, **changes})


@pytest.mark.parametrize(
    ("facts", "state", "why"),
    [
        (observed(scans=(FOUND,)), State.REJECTED, "CVE-2025-0001"),
        (observed(scans=(LOST,)), State.FAILED, "failed 3 times"),
        (observed(scans=()), State.HELD, "nothing is known of a scan"),
        (observed(test=a_test(passed=False)), State.REJECTED, "the test failed"),
        (observed(test=None), State.HELD, "nothing is known of its test"),
        (observed({"age": 480 * HOUR}), State.HELD, "too young"),
        (observed({"approval": Approval.MANUAL}), State.HELD, "approval"),
        (observed({"require": (Requirement.SBOM,)}), State.HELD, "requires sbom"),
        (observed(platforms=()), State.HELD, "requires no platform"),
        (observed(platforms=BOTH), State.HELD, "it lacks linux/arm64"),
        (
            observed(scans=(a_scan(foreign=(a_foreign(report=None),)),)),
            State.HELD,
            "cannot be read",
        ),
        (
            observed(scans=(a_scan(report=a_report(database_date=None)),)),
            State.HELD,
            "the scanner's database",
        ),
        (
            observed({"eol": EndOfLife.BLOCK}, scans=(a_scan(report=a_report(end_of_life=True)),)),
            State.REJECTED,
            "",
        ),
        (
            some_facts(image=an_image(gate=a_gate(mode=Mode.OBSERVE, scan=ScanMode.NONE))),
            State.HELD,
            "demands nothing",
        ),
    ],
)
def test_a_gate_that_observes_promotes_and_keeps_what_it_would_have_said(
    facts: Facts, state: State, why: str
):
    decision = decide(facts, START)

    assert (decision.action, decision.state) == (Promote((TAG,)), State.PROMOTING)
    assert decision.enforced is not None
    assert decision.enforced.state is state
    assert any(why in each for each in decision.enforced.reasons)
    assert decision.reasons[0] == f"its gate only observes: enforced, it would be {state.value}"


def test_what_passes_says_nothing_about_observing():
    decision = decide(observed(), START)

    assert decision.enforced is None
    assert not any("observes" in each for each in decision.reasons)
    assert decision.reasons == decide(some_facts(), START).reasons


def test_what_would_have_stopped_it_first_is_what_is_kept():
    facts = observed({"age": 480 * HOUR}, scans=(FOUND,), test=a_test(passed=False))

    enforced = decide(facts, START).enforced

    assert enforced is not None
    assert "CVE-2025-0001" in enforced.reasons[0]


@pytest.mark.parametrize(
    ("changes", "action", "state"),
    [
        ({"watched": ()}, Hold(None), State.HELD),
        ({"staged": None}, Import(TAG), State.DETECTED),
        ({"base": {TAG: DIGEST}, "decided": True}, Promote((TAG,)), State.PROMOTED),
        ({"called": "another/type"}, Rest(), State.FAILED),
        ({"scans": (a_scan(digest=OTHER),)}, Hold(None), State.HELD),
        ({"rulings": (a_ruling(RulingKind.DENY),)}, Rest(), State.REJECTED),
        ({"scans": (Scan(AMD64, CHILD),)}, StartScan(AMD64, CHILD, 1), State.SCANNING),
        ({"scans": (Scan(AMD64, CHILD, Progress.UNDERWAY),)}, Wait(), State.SCANNING),
        ({"test": Tested(AMD64, CHILD)}, StartTest(AMD64, CHILD, 1), State.TESTING),
        (
            {"scans": (FOUND,), "test": Tested(AMD64, CHILD, Progress.UNDERWAY)},
            Wait(),
            State.TESTING,
        ),
    ],
)
def test_a_gate_that_observes_still_knows_what_it_promotes_and_has_it_examined(
    changes: dict[str, Any], action: Action, state: State
):
    decision = decide(observed(**changes), START)

    assert (decision.action, decision.state) == (action, state)
    assert decision.enforced is None


def test_a_gate_that_observes_scans_the_other_platforms_of_what_is_lost_on_one():
    staged = Staged("", START, {AMD64: CHILD, ARM64: ARM_CHILD})
    facts = observed(platforms=BOTH, staged=staged, scans=(LOST, Scan(ARM64, ARM_CHILD)))

    assert decide(facts, START).action == StartScan(ARM64, ARM_CHILD, 1)


def test_what_base_held_before_is_promoted_as_usual_if_it_passes():
    decision = decide(adopted(), START)

    assert (decision.action, decision.state) == (Promote((TAG,)), State.PROMOTING)


def test_what_base_held_before_and_staging_lacks_is_staged_from_base():
    gone = (Watched(TAG),)

    assert decide(adopted(staged=None, watched=gone), START).action == Stage(DIGEST, (TAG,))


@pytest.mark.parametrize(
    ("changes", "action", "said", "why"),
    [
        ({"scans": (FOUND,)}, Rest(), "rejected", "CVE-2025-0001"),
        ({"scans": (LOST,)}, Rest(), "failed", "failed 3 times"),
        ({"test": a_test(passed=False)}, Rest(), "rejected", "the test failed"),
        ({"staged": Staged("", START, {})}, Hold(None), "held", "it lacks linux/amd64"),
        (
            {"image": an_image(gate=a_gate(age=48 * HOUR), script="t.sh")},
            Hold(START + HOUR),
            "held",
            "too young",
        ),
        (
            {"image": an_image(gate=a_gate(approval=Approval.MANUAL), script="t.sh")},
            Hold(None),
            "held",
            "approval",
        ),
    ],
)
def test_what_base_held_before_stays_promoted_whatever_the_gate_says(
    changes: dict[str, Any], action: Action, said: str, why: str
):
    decision = decide(adopted(**changes), START)

    assert (decision.action, decision.state) == (action, State.PROMOTED)
    assert decision.reasons[0] == (
        f"promoted by others, before Breakwater: base's {TAG} is this digest"
    )
    assert decision.reasons[1].startswith(f"the gate would say: {said}: ")
    assert why in decision.reasons[1]
    assert decision.remedies


def test_what_base_held_before_under_one_tag_only_is_judged_as_any_other_for_the_next():
    spans = (Span(DIGEST, START - 48 * HOUR),)
    watched = (Watched(TAG, spans), Watched("20", spans))

    decision = decide(adopted(watched=watched, scans=(FOUND,)), START)

    assert decision.state is State.REJECTED


def test_what_base_holds_by_our_decision_was_not_promoted_by_others():
    decision = decide(adopted(decided=True, staged=None, unreadable="two readers differ"), START)

    assert decision.state is State.FAILED
    assert not any("others" in each for each in decision.reasons)


def test_what_was_adopted_under_a_tag_that_has_moved_on_has_had_its_time_and_another_tag_has_not():
    unseen = {"watched": (Watched(TAG, (Span(OTHER, START - HOUR),)),), "base": {TAG: OTHER}}

    there = decide(some_facts(**unseen, adopted=frozenset({TAG})), START)
    elsewhere = decide(some_facts(**unseen, adopted=frozenset({"20"})), START)

    assert (there.state, there.action) == (State.SUPERSEDED, Rest())
    assert (elsewhere.state, elsewhere.action) == (State.HELD, Hold(None))


def test_an_observing_gate_promotes_what_base_held_before():
    decision = decide(observed(base={TAG: DIGEST}, scans=(FOUND,)), START)

    assert (decision.action, decision.state) == (Promote((TAG,)), State.PROMOTING)
    assert decision.enforced is not None
