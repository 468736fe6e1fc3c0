"""Which candidates a sweep looks at again."""

from datetime import timedelta

import pytest

from shared.oci.digest import Digest
from shared.oci.tags import unique_tag
from shared.policy.actions import FINAL, State
from shared.policy.sweeping import Known, has_drifted, worth_a_look
from shared.values import Locks, TagEntry
from tests.builders import a_digest
from tests.fake_clock import START

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def looked_at(state: str, *, current: bool, since: timedelta = -2 * HOUR) -> bool:
    return worth_a_look(Known(state, START + since, current), START, HOUR)


@pytest.mark.parametrize("state", [each.value for each in State if each not in FINAL] + [""])
@pytest.mark.parametrize("current", [True, False])
def test_what_is_undecided_is_looked_at(state: str, current: bool):
    assert looked_at(state, current=current)


@pytest.mark.parametrize("state", [State.SUPERSEDED, State.REJECTED])
def test_what_is_settled_is_looked_at_only_while_a_tag_points_at_it(state: State):
    assert looked_at(state.value, current=True)
    assert not looked_at(state.value, current=False)


@pytest.mark.parametrize("current", [True, False])
def test_what_failed_gets_new_attempts_after_a_while(current: bool):
    failed = State.FAILED.value

    assert not looked_at(failed, current=current, since=timedelta(minutes=-59))
    assert looked_at(failed, current=current, since=-HOUR)
    assert worth_a_look(Known(failed, None, current), START, HOUR)


def test_what_no_event_ever_mentioned_is_looked_at():
    assert worth_a_look(Known("", None, current=False), START, HOUR)


def promoted(*, since: timedelta, looked: timedelta | None = None, **known: bool) -> bool:
    fields = {"current": True, "drifted": False} | known
    last = None if looked is None else START + looked
    return worth_a_look(
        Known(State.PROMOTED.value, START + since, looked=last, **fields), START, HOUR
    )


def test_what_was_promoted_is_looked_at_once_a_day():
    assert not promoted(since=timedelta(hours=-23))
    assert promoted(since=-DAY)
    assert not promoted(since=-9 * DAY, looked=timedelta(hours=-23))
    assert promoted(since=-9 * DAY, looked=-DAY)


def test_what_was_promoted_and_nobody_knows_when_it_was_looked_at_is_looked_at():
    assert worth_a_look(Known(State.PROMOTED.value, None, current=True), START, HOUR)


def test_a_promotion_after_the_last_look_was_a_look_too():
    assert not promoted(since=-HOUR, looked=-9 * DAY)


def test_what_was_promoted_and_has_drifted_is_looked_at_at_once():
    assert promoted(since=-HOUR, looked=-HOUR, drifted=True)


def test_what_was_promoted_and_is_nobodys_any_more_is_left_alone():
    assert not promoted(since=-9 * DAY, current=False)


DIGEST, OTHER = a_digest(1), a_digest(2)
WRITABLE, KEPT, FIXED = Locks(), Locks(delete=False), Locks(write=False, delete=False)


def tags(**held: tuple[Digest, Locks]) -> dict[str, TagEntry]:
    """Tag entries by name: `stable` is the tag 9, `unique` its unique tag for DIGEST."""
    names = {"stable": "9", "unique": unique_tag("9", DIGEST), "other": "8"}
    return {
        names[each]: TagEntry(names[each], digest, locks) for each, (digest, locks) in held.items()
    }


@pytest.mark.parametrize(
    "base",
    [
        tags(unique=(DIGEST, FIXED)),
        tags(stable=(OTHER, KEPT), unique=(DIGEST, FIXED)),
        tags(stable=(DIGEST, WRITABLE), unique=(DIGEST, FIXED)),
        tags(stable=(DIGEST, KEPT)),
        tags(stable=(DIGEST, KEPT), unique=(OTHER, FIXED)),
        tags(stable=(DIGEST, KEPT), unique=(DIGEST, KEPT)),
        tags(stable=(DIGEST, KEPT), unique=(DIGEST, Locks(write=False))),
    ],
    ids=[
        "no stable tag",
        "stable tag moved",
        "stable tag deletable",
        "no unique tag",
        "unique tag moved",
        "unique tag writable",
        "unique tag deletable",
    ],
)
def test_whatever_differs_in_base_is_drift(base: dict[str, TagEntry]):
    assert has_drifted(DIGEST, ["9"], base)


def test_one_of_several_tags_that_differs_is_drift():
    base = tags(stable=(DIGEST, KEPT), unique=(DIGEST, FIXED), other=(OTHER, KEPT))

    assert has_drifted(DIGEST, ["9", "8"], base)
    assert not has_drifted(DIGEST, [], base)


def test_base_as_promotion_leaves_it_has_not_drifted():
    base = tags(stable=(DIGEST, KEPT), unique=(DIGEST, FIXED), other=(OTHER, WRITABLE))

    assert not has_drifted(DIGEST, ["9"], base)
