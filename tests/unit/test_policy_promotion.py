"""Promotion's steps: their order, and that the effect of each leads to the next."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.oci.tags import unique_tag
from shared.policy.promotion import (
    KEEP,
    UNIQUE_TAG_LOCKS,
    AskRebuilds,
    AttachDecision,
    Base,
    Collision,
    CopyImage,
    CopyReferrers,
    Lock,
    MoveTag,
    Step,
    TagHeld,
    TagUnique,
    next_step,
)
from shared.values import Locks
from tests.builders import a_digest

DIGEST, OTHER, CHILD, DECISION, SIGNATURE = map(a_digest, range(1, 6))
TAGS = ("20", "22")
UNIQUE = {tag: unique_tag(tag, DIGEST) for tag in TAGS}


def complete(tags: tuple[str, ...] = TAGS) -> Base:
    """Base as it should be."""
    return Base(
        holds=True,
        stable=dict.fromkeys(tags, (DIGEST, KEEP)),
        unique=dict.fromkeys(tags, (DIGEST, UNIQUE_TAG_LOCKS)),
        decision=DECISION,
        kept=dict.fromkeys((DIGEST, CHILD, DECISION), KEEP),
        rebuilds_asked=frozenset(tags),
    )


def effect(base: Base, step: Step) -> Base:
    """What base is like once the step has been taken."""
    match step:
        case CopyImage(tags):
            fresh = {tag: (DIGEST, Locks()) for tag in TAGS if UNIQUE[tag] in tags}
            kept = dict.fromkeys((DIGEST, CHILD), Locks())
            return replace(base, holds=True, unique={**base.unique, **fresh}, kept=kept)
        case CopyReferrers():
            return replace(base, missing_referrers=())
        case TagUnique(tag):
            stable = next(each for each in TAGS if UNIQUE[each] == tag)
            return replace(base, unique={**base.unique, stable: (DIGEST, Locks())})
        case AttachDecision():
            return replace(base, decision=DECISION, kept={**base.kept, DECISION: Locks()})
        case Lock(wanted):
            return replace(
                base,
                kept={each: wanted.get(each, locks) for each, locks in base.kept.items()},
                unique={
                    tag: (found[0], wanted.get(UNIQUE[tag], found[1])) if found else None
                    for tag, found in base.unique.items()
                },
                stable={
                    tag: (found[0], wanted.get(tag, found[1])) if found else None
                    for tag, found in base.stable.items()
                },
            )
        case MoveTag(tag):
            return replace(base, stable={**base.stable, tag: (DIGEST, Locks())})
        case AskRebuilds(tag):
            return replace(base, rebuilds_asked=base.rebuilds_asked | {tag})
        case Collision() | TagHeld():  # test_policy_promotion_keeping.py has what others hold
            return base


def story(base: Base, tags: tuple[str, ...] = TAGS) -> list[Step]:
    """Every step from here until there is none."""
    steps: list[Step] = []
    while (step := next_step(DIGEST, tags, base)) is not None:
        assert len(steps) < 50, steps
        steps.append(step)
        if isinstance(step, Collision):
            break
        base = effect(base, step)
    return steps


def test_an_empty_base_is_filled_in_the_designs_order():
    base = Base(holds=False, missing_referrers=(SIGNATURE,))

    assert story(base, ("20",)) == [
        CopyImage((UNIQUE["20"],)),
        CopyReferrers((SIGNATURE,)),
        AttachDecision(),
        Lock({DIGEST: KEEP, CHILD: KEEP, DECISION: KEEP, UNIQUE["20"]: UNIQUE_TAG_LOCKS}),
        MoveTag("20"),
        Lock({"20": KEEP}),
        AskRebuilds("20"),
    ]


def test_a_base_that_is_as_it_should_be_needs_nothing():
    assert next_step(DIGEST, TAGS, complete()) is None


def test_no_tags_need_nothing_but_the_copy():
    assert next_step(DIGEST, (), complete(())) is None


@pytest.mark.parametrize(
    ("changes", "step"),
    [
        ({"unique": {"20": (DIGEST, UNIQUE_TAG_LOCKS), "22": None}}, TagUnique(UNIQUE["22"])),
        ({"missing_referrers": (SIGNATURE,)}, CopyReferrers((SIGNATURE,))),
        ({"decision": None}, AttachDecision()),
        ({"kept": {CHILD: Locks(), DIGEST: KEEP}}, Lock({CHILD: KEEP})),
        (
            {"unique": dict.fromkeys(TAGS, (DIGEST, KEEP))},
            Lock(dict.fromkeys(UNIQUE.values(), UNIQUE_TAG_LOCKS)),
        ),
        ({"stable": {"20": (DIGEST, KEEP), "22": (OTHER, KEEP)}}, MoveTag("22")),
        ({"stable": {"20": (DIGEST, KEEP), "22": None}}, MoveTag("22")),
        ({"stable": {"20": (DIGEST, Locks()), "22": (DIGEST, KEEP)}}, Lock({"20": KEEP})),
        ({"rebuilds_asked": frozenset({"20"})}, AskRebuilds("22")),
    ],
)
def test_what_has_drifted_is_put_right_and_nothing_else(changes: dict[str, Any], step: Step):
    base = replace(complete(), **changes)

    assert story(base)[0] == step
    assert next_step(DIGEST, TAGS, effect(base, step)) != step


def test_a_write_lock_that_is_stricter_than_ours_stays():
    base = replace(complete(), kept={DIGEST: Locks(write=False, delete=False)})

    assert next_step(DIGEST, TAGS, base) is None


@pytest.mark.parametrize("holds", [True, False])
def test_a_unique_tag_of_another_digest_is_never_overwritten(holds: bool):
    base = replace(complete(), holds=holds, unique={"20": (OTHER, UNIQUE_TAG_LOCKS)})

    step = next_step(DIGEST, TAGS, base)

    assert isinstance(step, Collision)
    assert UNIQUE["20"] in step.reason
    assert str(OTHER) in step.reason


_locks = st.builds(Locks, st.booleans(), st.booleans())
_entries = st.none() | st.tuples(st.sampled_from([DIGEST, OTHER]), _locks)


@st.composite
def _bases(draw: st.DrawFn) -> Base:
    unique = st.none() | st.tuples(st.just(DIGEST), _locks)
    return Base(
        holds=draw(st.booleans()),
        stable={tag: draw(_entries) for tag in TAGS},
        unique={tag: draw(unique) for tag in TAGS},
        missing_referrers=draw(st.sampled_from([(), (SIGNATURE,)])),
        decision=draw(st.sampled_from([None, DECISION])),
        kept={each: draw(_locks) for each in (DIGEST, CHILD)},
        rebuilds_asked=draw(st.sets(st.sampled_from(TAGS)).map(frozenset)),
    )


@given(_bases())
def test_from_anywhere_the_steps_lead_to_the_end_and_no_step_is_taken_twice(base: Base):
    steps = story(base)

    for position, step in enumerate(steps):
        assert step not in steps[:position], steps


@given(_bases())
def test_no_stable_tag_moves_before_its_digest_is_copied_decided_and_locked(base: Base):
    for step in story(base):
        if isinstance(step, MoveTag):
            assert base.holds
            assert base.decision is not None
            assert not base.missing_referrers
            assert all(not locks.delete for locks in base.kept.values())
            entry = base.unique[step.tag]
            assert entry is not None
            assert entry == (DIGEST, UNIQUE_TAG_LOCKS)
        base = effect(base, step)
