"""Which candidates a sweep looks at again."""

from datetime import timedelta

import pytest

from shared.policy.candidate import FINAL, State
from shared.policy.sweeping import Known, worth_a_look
from tests.fake_clock import START

HOUR = timedelta(hours=1)


def looked_at(state: str, *, current: bool, since: timedelta = -2 * HOUR) -> bool:
    return worth_a_look(Known(state, START + since, current), START, HOUR)


@pytest.mark.parametrize("state", [each.value for each in State if each not in FINAL] + [""])
@pytest.mark.parametrize("current", [True, False])
def test_what_is_undecided_is_looked_at(state: str, current: bool):
    assert looked_at(state, current=current)


@pytest.mark.parametrize("state", [State.PROMOTED, State.SUPERSEDED, State.REJECTED])
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
