"""Before a stable tag moves, what it held has its unique tag: no promotion loses an image."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.oci.digest import Digest
from shared.oci.tags import unique_tag
from shared.policy.promotion import (
    KEEP,
    UNIQUE_TAG_LOCKS,
    Base,
    Collision,
    Held,
    Lock,
    MoveTag,
    TagHeld,
    decided,
    keep,
    next_step,
)
from shared.registry import artifacts
from shared.values import Layer, Locks
from tests.builders import a_digest, an_artifact, an_index

DIGEST, OLD, CHILD, THIRD = map(a_digest, range(1, 5))
TAG = "20"
KEPT = unique_tag(TAG, OLD)


def holding(held: Held) -> Base:
    """Base with everything but the stable tag as it should be; that one holds OLD."""
    return Base(
        holds=True,
        stable={TAG: (OLD, KEEP)},
        unique={TAG: (DIGEST, UNIQUE_TAG_LOCKS)},
        decision=a_digest(9),
        held={TAG: held},
    )


def story(held: Held) -> list[object]:
    """The steps from here until the tag moves, or cannot."""
    steps: list[object] = []
    while True:
        step = next_step(DIGEST, (TAG,), holding(held))
        steps.append(step)
        assert len(steps) < 9, steps
        match step:
            case TagHeld():
                held = Held(OLD, (OLD, Locks()), {OLD: Locks(), CHILD: Locks()})
            case Lock(wanted):
                unique = (OLD, wanted.get(KEPT, held.unique[1] if held.unique else Locks()))
                kept = {each: wanted.get(each, locks) for each, locks in held.kept.items()}
                held = replace(held, unique=unique, kept=kept)
            case _:
                return steps


def test_what_nobody_kept_gets_its_tag_and_then_its_locks_before_the_tag_moves():
    assert story(Held(OLD)) == [
        TagHeld(KEPT, OLD),
        Lock({OLD: KEEP, CHILD: KEEP, KEPT: UNIQUE_TAG_LOCKS}),
        MoveTag(TAG),
    ]


def test_what_promotion_has_kept_already_costs_no_step():
    assert story(Held(OLD, (OLD, UNIQUE_TAG_LOCKS))) == [MoveTag(TAG)]


def test_the_unique_tag_is_locked_last_so_that_dying_in_between_is_noticed():
    (lock, *_) = story(Held(OLD, (OLD, Locks()), {OLD: KEEP, CHILD: Locks()}))

    assert lock == Lock({CHILD: KEEP, KEPT: UNIQUE_TAG_LOCKS})
    assert isinstance(lock, Lock)
    assert list(lock.wanted)[-1] == KEPT


def test_a_unique_tag_that_is_something_else_stops_the_move_and_says_so():
    (step,) = story(Held(OLD, (THIRD, UNIQUE_TAG_LOCKS)))

    assert isinstance(step, Collision)
    assert step.reason == (
        f"unique tag collision: {KEPT} is {THIRD}, so what {TAG} holds cannot be kept"
    )


_locks = st.builds(Locks, st.booleans(), st.booleans())


@given(
    st.builds(
        Held,
        st.just(OLD),
        st.none() | st.tuples(st.just(OLD), _locks),
        st.dictionaries(st.sampled_from([OLD, CHILD]), _locks),
    )
)
def test_from_anywhere_the_tag_moves_at_last_and_what_it_held_is_kept_then(held: Held):
    steps = story(held)

    assert steps[-1] == MoveTag(TAG)
    locked = held.unique == (OLD, UNIQUE_TAG_LOCKS)
    assert keep(TAG, held) is None if locked else len(steps) > 1


SUBJECT = an_index()
PROMOTION = "application/vnd.in-toto+json"
ARTIFACT = "application/vnd.breakwater.decision.v1+json"


def artifact(*kinds: str) -> tuple[Digest | None, Digest]:
    """What is read as the decision in an artifact with these layers, and its first blob."""
    layers = [Layer(kind, f"content {number}".encode()) for number, kind in enumerate(kinds)]
    made = artifacts.artifact(
        SUBJECT.descriptor, artifact_type=ARTIFACT, layers=layers, annotations={}
    )
    return decided(made, SUBJECT.digest), Digest.of(b"content 0")


@pytest.mark.parametrize("count", [1, 2, 7])
def test_the_decision_is_the_first_of_its_statements(count: int):
    found, first = artifact(*[PROMOTION] * count)

    assert found == first


@pytest.mark.parametrize("kinds", [(), (PROMOTION, "text/plain"), ("text/plain", PROMOTION)])
def test_an_artifact_with_anything_but_statements_in_it_is_no_decision(kinds: tuple[str, ...]):
    found, _ = artifact(*kinds)

    assert found is None


def test_a_decision_of_one_layer_is_what_it_was_before():
    old = an_artifact(ARTIFACT, SUBJECT.descriptor, b"said")

    assert decided(old, SUBJECT.digest) == Digest.of(b"said")
    assert b'"annotations":{}' in old.raw
    assert b"predicate-type" not in old.raw
