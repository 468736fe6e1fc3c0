"""What holds for any facts at all: no input raises, promotes unproven, or is acted on twice."""

from collections.abc import Mapping
from dataclasses import replace
from random import Random
from typing import assert_never

from hypothesis import event, given, settings
from hypothesis import strategies as st

from shared.catalog import Approval, Compare, Counted, Image, Mode, ScanMode
from shared.oci import media_types
from shared.oci.digest import Digest
from shared.oci.platform import Platform
from shared.operators import Ruling, RulingKind
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
from shared.policy.facts import Facts, Progress, Promoted, Scan, Staged, Tested
from shared.policy.waiving import excuse_for, in_force
from tests.any_candidates import EXAMPLES, any_facts
from tests.candidates import AMD64, ARM64, ARM_CHILD, CHILD, OTHER_ARM_CHILD, OTHER_CHILD, a_ruling
from tests.fake_clock import START


def overridden(facts: Facts) -> bool:
    """Say in other words than the policy's whether somebody overrides."""
    return any(
        each.kind is RulingKind.APPROVE
        and each.override
        and each.comment != ""
        and (each.image, each.digest) == (facts.image.name, facts.digest)
        for each in facts.rulings
    )


def proven(facts: Facts, image: Image, at: Mapping[Platform, Digest]) -> bool:
    """Say in other words than the policy's what must hold before a verdict may be "promote"."""
    for platform in image.platforms if image.gate.scan is ScanMode.TRIVY else ():
        scans = [each for each in facts.scans if each.platform == platform]
        if len(scans) != 1 or scans[0].digest != at[platform]:
            return False
        if scans[0].report is None:
            if not overridden(facts) or blocks(facts, scans[0]):
                return False
        elif scans[0].report.subject != at[platform] or blocks(facts, scans[0]):
            return False
    if image.test is None:
        return True
    test = facts.test
    if test is None or at.get(test.platform) != test.digest:
        return False
    return test.passed is True or (test.passed is None and overridden(facts))


def blocks(facts: Facts, scan: Scan) -> bool:
    """Say whether some finding is neither excused nor, by any account, known of what is promoted."""
    gate, known = facts.image.gate, set[str]()
    if gate.compare is Compare.NOT_WORSE:
        reports = [each.report for promoted in facts.promoted for each in promoted.scans]
        known = {found.id for report in reports if report for found in report.findings}
    reports = [scan.report]
    reports += [each.report for each in scan.foreign if gate.foreign is Counted.COUNT]
    return any(
        found.severity >= gate.block
        and (found.fixed or not gate.fixable_only)
        and not (found.suppressed and gate.suppressed is Counted.IGNORE)
        and excuse_for(found, in_force(facts.excuses, START), START) is None
        and found.id not in known
        for report in reports
        if report is not None
        for found in report.findings
    )


@settings(max_examples=EXAMPLES, deadline=None)
@given(any_facts())
def test_any_facts_get_one_action_with_reasons(facts: Facts):
    decision = decide(facts, START)

    event(f"{decision.rule or 'passed'}: {decision.state.value}")
    assert decision.reasons
    assert all(decision.reasons)
    assert decision == decide(facts, START)
    promotes = isinstance(decision.action, Promote)
    assert bool(decision.remedies) is not promotes
    assert all(decision.remedies)
    assert bool(decision.rule) is not (decision.state is State.PROMOTING)
    assert decision.enforced is None or facts.image.gate.mode is Mode.OBSERVE


@settings(max_examples=EXAMPLES, deadline=None)
@given(any_facts())
def test_only_a_passing_verdict_on_exactly_that_digest_promotes(facts: Facts):
    decision = decide(facts, START)
    if not isinstance(decision.action, Promote) or decision.enforced is not None:
        return
    assert decision.action.tags
    if decision.state is State.PROMOTED:
        assert facts.decided
        assert all(facts.base[tag] == facts.digest for tag in decision.action.tags)
        return
    assert decision.state is State.PROMOTING
    staged, gate = facts.staged, facts.image.gate
    assert staged is not None
    own = [each for each in facts.rulings if each.digest == facts.digest]
    approvals = [each for each in own if each.kind is RulingKind.APPROVE]
    assert gate.approval is Approval.NONE or approvals
    assert gate.scan is ScanMode.TRIVY or facts.image.test or gate.age or approvals
    assert staged.first_seen + gate.age <= START or (
        gate.skip_age_for_fixes and decision.grounds.hastened
    )
    assert facts.proven.issuperset(gate.require) or overridden(facts)
    assert proven(facts, facts.image, staged.platforms)


@settings(max_examples=EXAMPLES, deadline=None)
@given(any_facts())
def test_what_was_denied_is_never_promoted_and_never_costs_a_run(facts: Facts):
    denied = replace(facts, rulings=(*facts.rulings, denial(facts)))

    assert isinstance(decide(denied, START).action, Rest | Hold)


@settings(max_examples=EXAMPLES, deadline=None)
@given(any_facts())
def test_what_base_holds_under_all_its_tags_is_never_rejected_but_by_a_person(facts: Facts):
    base = {each.tag: facts.digest for each in facts.watched}
    rulings = tuple(each for each in facts.rulings if each.kind is not RulingKind.DENY)

    state = decide(replace(facts, base=base, rulings=rulings), START).state

    assert not base or state not in {State.REJECTED, State.FAILED, State.HELD, State.SUPERSEDED}


def denial(facts: Facts) -> Ruling:
    return a_ruling(RulingKind.DENY, image=facts.image.name, digest=facts.digest)


def effect(facts: Facts, action: Action) -> Facts:
    """What the world looks like once the action has been taken."""
    match action:
        case Import():
            return replace(facts, staged=_imported(CHILD, ARM_CHILD))
        case Stage(digest) if digest == facts.digest:
            return replace(facts, staged=_imported(CHILD, ARM_CHILD))
        case Stage(digest):
            return replace(facts, promoted=tuple(_staged(each, digest) for each in facts.promoted))
        case StartScan(of=of) if of is not None:
            others = (_started(each, action) for each in facts.promoted)
            return replace(facts, promoted=tuple(others))
        case StartScan():
            scans = tuple(_scanning(each, action) for each in facts.scans)
            return replace(facts, scans=scans)
        case StartTest(platform, digest, attempt):
            return replace(facts, test=Tested(platform, digest, Progress.UNDERWAY, attempt, "r9"))
        case Promote(tags):
            base = {**facts.base, **dict.fromkeys(tags, facts.digest)}
            return replace(facts, base=base, decided=True)
        case Hold() | Wait() | Rest():
            return facts
        case _:
            assert_never(action)


def _imported(amd64: Digest, arm64: Digest) -> Staged:
    return Staged(media_types.OCI_INDEX, START, {AMD64: amd64, ARM64: arm64})


def _staged(promoted: Promoted, digest: Digest) -> Promoted:
    if promoted.digest != digest:
        return promoted
    return replace(promoted, staged=_imported(OTHER_CHILD, OTHER_ARM_CHILD))


def _started(promoted: Promoted, action: StartScan) -> Promoted:
    if promoted.digest != action.of:
        return promoted
    return replace(promoted, scans=tuple(_scanning(each, action) for each in promoted.scans))


def _scanning(scan: Scan, action: StartScan) -> Scan:
    if scan.platform != action.platform:
        return scan
    return replace(scan, progress=Progress.UNDERWAY, attempt=action.attempt)


@settings(max_examples=EXAMPLES, deadline=None)
@given(any_facts())
def test_deciding_again_after_the_action_does_not_take_it_again(facts: Facts):
    action = decide(facts, START).action

    again = decide(effect(facts, action), START)

    match action:
        case Hold() | Wait() | Rest():
            assert again == decide(facts, START)
        case Promote(tags):
            assert again.state is State.PROMOTED
            assert again.action == Promote(tags)
        case _:
            assert again.action != action


@settings(max_examples=EXAMPLES, deadline=None)
@given(any_facts(), st.randoms(use_true_random=False))
def test_the_order_of_what_is_known_does_not_matter(facts: Facts, random: Random):
    def shuffled[T](found: tuple[T, ...]) -> tuple[T, ...]:
        return tuple(random.sample(found, len(found)))

    others = replace(
        facts,
        scans=tuple(replace(s, foreign=shuffled(s.foreign)) for s in shuffled(facts.scans)),
        promoted=tuple(replace(p, scans=shuffled(p.scans)) for p in shuffled(facts.promoted)),
        excuses=shuffled(facts.excuses),
        rulings=shuffled(facts.rulings),
    )

    assert decide(others, START) == decide(facts, START)
