"""The one decision, where people have a say: approvals, overrides, denials, releases."""

from datetime import timedelta
from typing import Any

import pytest

from shared.catalog import Approval, Requirement
from shared.operators import Ruling, RulingKind
from shared.policy.candidate import Action, Hold, Promote, Rest, StartTest, State, decide
from shared.policy.facts import Facts, Progress, Span, Staged, Tested, Watched
from tests.builders import a_finding, a_gate, an_image
from tests.candidates import (
    AMD64,
    CHILD,
    DIGEST,
    HOUR,
    OTHER,
    TAG,
    a_ruling,
    a_scan,
    a_test,
    an_override,
    some_facts,
)
from tests.fake_clock import START

APPROVAL = a_ruling(RulingKind.APPROVE)
DENIAL = a_ruling(RulingKind.DENY, by="john", comment="it phones home")
RELEASE = a_ruling(RulingKind.RELEASE, comment="upstream only renamed it")
WITHDRAWN = (
    Watched(
        TAG, (Span(DIGEST, START - 48 * HOUR, START - 47 * HOUR), Span(OTHER, START - 47 * HOUR))
    ),
)
LOST_TEST = Tested(AMD64, CHILD, Progress.ENDED, 3, "r2", error="no agent")


def manual(*rulings: Ruling, **changes: Any) -> Facts:
    """The candidate that passes, if somebody approves it."""
    image = an_image(gate=a_gate(approval=Approval.MANUAL), script="tests/node.sh")
    return some_facts(image=image, rulings=rulings, **changes)


def withdrawn(*rulings: Ruling, **changes: Any) -> Facts:
    """The candidate that passes, but upstream withdrew it within its dwell."""
    image = an_image(gate=a_gate(dwell=12 * HOUR), script="tests/node.sh")
    return some_facts(image=image, watched=WITHDRAWN, rulings=rulings, **changes)


@pytest.mark.parametrize(
    ("rulings", "state"),
    [
        ((), State.HELD),
        ((APPROVAL,), State.PROMOTING),
        ((a_ruling(RulingKind.APPROVE, digest=OTHER),), State.HELD),
        ((a_ruling(RulingKind.APPROVE, image="python"),), State.HELD),
        ((RELEASE,), State.HELD),
        ((an_override(),), State.PROMOTING),
        ((an_override(comment=""),), State.PROMOTING),
        ((APPROVAL, DENIAL), State.REJECTED),
        ((DENIAL, a_ruling(RulingKind.APPROVE, at=START)), State.REJECTED),
        ((DENIAL, an_override(at=START)), State.REJECTED),
    ],
)
def test_a_gate_that_asks_for_an_approval_waits_for_that_of_this_very_digest(
    rulings: tuple[Ruling, ...], state: State
):
    assert decide(manual(*rulings), START).state is state


def test_a_candidate_without_approval_says_how_to_approve_it():
    decision = decide(manual(), START)

    assert decision.rule == "approved"
    assert decision.remedies == (
        f'approve it: make approve IMAGE=node DIGEST={DIGEST} COMMENT="why"',
    )


def test_who_approved_it_when_and_why_is_said_and_kept():
    decision = decide(manual(APPROVAL), START)

    assert "jane approved it on 2026-11-23: looked at it" in decision.reasons
    assert decision.grounds.approval == APPROVAL


def test_the_newest_approval_counts_but_one_that_overrides_counts_more():
    newer = a_ruling(RulingKind.APPROVE, by="john", at=START)

    assert decide(manual(newer, APPROVAL), START).grounds.approval == newer
    assert decide(manual(newer, an_override()), START).grounds.approval == an_override()


def test_an_approval_that_nobody_asked_for_is_no_ground():
    assert decide(some_facts(rulings=(APPROVAL, an_override())), START).grounds.approval is None


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({"scans": (a_scan(a_finding()),)}, State.REJECTED),
        ({"test": a_test(passed=False)}, State.REJECTED),
        ({"test": Tested(AMD64, CHILD)}, State.TESTING),
        ({"test": None}, State.HELD),
        ({"scans": ()}, State.HELD),
        ({"scans": (a_scan(digest=OTHER),)}, State.HELD),
        ({"staged": Staged("", START, {})}, State.HELD),
        ({"image": an_image(gate=a_gate(age=480 * HOUR), script="t.sh")}, State.HELD),
        ({"watched": WITHDRAWN, "image": an_image(gate=a_gate(dwell=12 * HOUR))}, State.HELD),
    ],
)
def test_an_override_does_not_forgive(changes: dict[str, Any], state: State):
    decision = decide(some_facts(rulings=(an_override(),), **changes), START)

    assert decision.state is state


@pytest.mark.parametrize(
    ("changes", "rule", "said"),
    [
        (
            {"test": LOST_TEST},
            "tested",
            "its test could not be run on linux/amd64, 3 times: no agent",
        ),
        (
            {"image": an_image(gate=a_gate(require=(Requirement.SBOM,)), script="t.sh")},
            "required",
            "its gate requires sbom, and no run of ours has made or checked one",
        ),
    ],
)
def test_an_override_stands_in_for_what_is_missing(changes: dict[str, Any], rule: str, said: str):
    without = decide(some_facts(**changes), START)
    decision = decide(some_facts(rulings=(an_override(),), **changes), START)

    assert without.rule == rule
    assert any("OVERRIDE=1" in each for each in without.remedies)
    assert decision.state is State.PROMOTING
    assert f"by override of jane, although {said}" in decision.reasons
    assert decision.grounds.approval == an_override()


@pytest.mark.parametrize(
    "ruling",
    [
        APPROVAL,
        an_override(comment=""),
        an_override(comment=" "),
        a_ruling(RulingKind.RELEASE, override=True),
    ],
    ids=["no override", "no comment", "a blank comment", "no approval"],
)
def test_what_is_no_override_stands_in_for_nothing(ruling: Ruling):
    assert decide(some_facts(test=LOST_TEST, rulings=(ruling,)), START).state is State.FAILED


def test_a_test_that_is_not_lost_yet_is_run_even_though_somebody_overrides():
    facts = some_facts(test=Tested(AMD64, CHILD, Progress.ENDED, 2), rulings=(an_override(),))

    assert decide(facts, START).action == StartTest(AMD64, CHILD, 3)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"staged": None},
        {"base": {TAG: DIGEST}, "decided": True},
        {"base": {TAG: DIGEST}},
        {"scans": ()},
    ],
    ids=["it passes", "not in staging", "promoted", "adopted", "unscanned"],
)
def test_a_denial_rejects_at_once_whatever_else_is_known(changes: dict[str, Any]):
    decision = decide(some_facts(rulings=(APPROVAL, DENIAL), **changes), START)

    assert (decision.action, decision.state, decision.rule) == (Rest(), State.REJECTED, "denied")
    assert decision.reasons == ("john denied it on 2026-11-23: it phones home",)
    assert "a denial is final" in decision.remedies[0]


def test_the_first_denial_is_the_one_that_is_told():
    later = a_ruling(RulingKind.DENY, at=START)

    assert decide(some_facts(rulings=(later, DENIAL)), START).reasons[0].startswith("john denied")


@pytest.mark.parametrize(
    ("facts", "action", "state"),
    [
        (withdrawn(), Hold(None), State.HELD),
        (withdrawn(APPROVAL), Hold(None), State.HELD),
        (withdrawn(RELEASE), Promote((TAG,)), State.PROMOTING),
        (withdrawn(RELEASE, DENIAL), Rest(), State.REJECTED),
        (withdrawn(RELEASE, base={TAG: OTHER}), Rest(), State.SUPERSEDED),
        (withdrawn(RELEASE, scans=(a_scan(a_finding()),)), Rest(), State.REJECTED),
        (withdrawn(RELEASE, staged=None), Hold(None), State.HELD),
        (some_facts(watched=(Watched(TAG),), rulings=(RELEASE,)), Hold(None), State.HELD),
    ],
)
def test_a_release_forgives_that_upstream_withdrew_it_and_nothing_else(
    facts: Facts, action: Action, state: State
):
    decision = decide(facts, START)

    assert (decision.action, decision.state) == (action, state)


def test_what_was_withdrawn_says_how_to_release_it_and_who_did():
    held, released = decide(withdrawn(), START), decide(withdrawn(RELEASE), START)

    assert any(f"make release IMAGE=node DIGEST={DIGEST}" in each for each in held.remedies)
    assert any("jane released it on 2026-11-23: upstream only" in each for each in released.reasons)


def test_what_was_withdrawn_and_denied_is_not_offered_for_release():
    decision = decide(withdrawn(DENIAL), START)

    assert decision.state is State.HELD
    assert not any("make release" in each for each in decision.remedies)
    assert any("john denied it" in each for each in decision.reasons)


@pytest.mark.parametrize("proven", [frozenset[Requirement](), frozenset({Requirement.SBOM})])
def test_all_that_a_gate_requires_must_be_there(proven: frozenset[Requirement]):
    image = an_image(gate=a_gate(require=tuple(Requirement)), script="t.sh")

    decision = decide(some_facts(image=image, proven=proven), START)

    assert (decision.action, decision.state, decision.rule) == (Hold(None), State.HELD, "required")
    assert len(decision.reasons) == len(set(Requirement) - proven)
    whole = some_facts(image=image, proven=frozenset(Requirement))
    assert decide(whole, START + timedelta(hours=1)).state is State.PROMOTING
