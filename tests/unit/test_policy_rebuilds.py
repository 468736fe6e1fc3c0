"""Rebuilds, judged by what the app was really built on."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.oci.digest import Digest
from shared.oci.reference import Repository
from shared.policy.rebuilds import (
    MAX_ATTEMPTS,
    Asked,
    Follow,
    GiveUp,
    RebuildStep,
    Start,
    UpToDate,
    WaitFor,
    decide,
    dependants,
    up_to_date,
)
from shared.values import Dependency, Run, RunState, Task
from tests.builders import a_digest, a_task
from tests.fake_clock import START

BASE, OTHER_BASE = Repository("b.azurecr.io", "node"), Repository("b.azurecr.io", "python")
OLD, NEW = a_digest(1), a_digest(2)
GRACE, AGAIN = timedelta(seconds=120), timedelta(seconds=10)
STALE = replace(a_task(), dependencies=(Dependency(BASE, "20", OLD),))


def a_run(name: str = "r1", state: RunState = RunState.RUNNING, *updated: Digest) -> Run:
    images = tuple((BASE, "20", digest) for digest in updated)
    return Run(name, state, state.value.capitalize(), updated=images)


def step(
    task: Task = STALE,
    *runs: Run,
    asked: Asked | None = None,
    after: timedelta = timedelta(),
) -> RebuildStep:
    asked = asked or Asked(START)
    return decide(
        task, BASE, "20", NEW, runs=runs, asked=asked, grace=GRACE, again=AGAIN, now=START + after
    )


def built_on(*digests: Digest | None, tag: str = "20", base: Repository = BASE) -> Task:
    return replace(a_task(), dependencies=tuple(Dependency(base, tag, each) for each in digests))


@pytest.mark.parametrize(
    ("task", "dependant"),
    [
        (built_on(OLD), True),
        (built_on(None), True),
        (built_on(NEW, OLD), True),
        (built_on(NEW), False),
        (built_on(), False),
        (built_on(OLD, tag="22"), False),
        (built_on(OLD, base=OTHER_BASE), False),
    ],
)
def test_who_was_built_on_another_digest_of_the_tag_depends_on_it(task: Task, dependant: bool):
    assert bool(dependants([task], BASE, "20", NEW)) is dependant
    assert up_to_date(task, BASE, "20", NEW) is not dependant


def test_an_app_built_on_the_digest_is_up_to_date_whatever_its_runs_say():
    failed = a_run("r1", RunState.FAILED)
    assert step(built_on(NEW), failed, asked=Asked(START, 3, "r1")) == UpToDate()
    assert step(replace(built_on(NEW), enabled=False)) == UpToDate()


def test_a_disabled_task_is_given_up_with_the_reason():
    assert step(replace(STALE, enabled=False)) == GiveUp("its task is disabled")


def test_the_tasks_own_trigger_gets_a_grace_period():
    first, late = step(), step(after=GRACE - timedelta(seconds=1))

    assert isinstance(first, WaitFor)
    assert first.delay == AGAIN
    assert isinstance(late, WaitFor)
    assert late.delay == timedelta(seconds=1)
    assert step(after=GRACE) == Start(1)


@pytest.mark.parametrize("state", [RunState.QUEUED, RunState.RUNNING])
def test_a_run_that_its_own_trigger_started_is_followed(state: RunState):
    assert step(STALE, a_run("r7", state, NEW)) == Follow("r7")


@pytest.mark.parametrize(
    "run",
    [
        a_run("r7", RunState.RUNNING),
        a_run("r7", RunState.RUNNING, OLD),
        a_run("r7", RunState.FAILED, NEW),
    ],
    ids=["no trigger", "another digest", "ended"],
)
def test_any_other_run_is_not_followed(run: Run):
    assert isinstance(step(STALE, run), WaitFor)
    assert step(STALE, run, after=GRACE) == Start(1)


def test_a_run_that_is_followed_is_waited_for():
    asked = Asked(START, 1, "r1")

    found = step(STALE, a_run("r1"), asked=asked, after=GRACE)

    assert isinstance(found, WaitFor)
    assert found.delay == AGAIN


def test_a_start_without_a_run_id_yet_is_waited_for():
    asked = Asked(START, 1, pending=True)

    assert isinstance(step(asked=asked, after=GRACE), WaitFor)
    assert step(asked=replace(asked, pending=False), after=GRACE) == Start(2)


@pytest.mark.parametrize("attempt", [0, 1, MAX_ATTEMPTS])
def test_a_run_that_succeeded_gets_a_grace_period_for_what_it_was_built_on(attempt: int):
    """ACR writes an app's dependencies down some time after its run has succeeded."""
    done, asked = a_run("r1", RunState.SUCCEEDED), Asked(START, attempt, "r1")
    after = 10 * GRACE
    seen = replace(asked, succeeded=START + after)

    first = step(STALE, done, asked=asked, after=after)
    last = step(STALE, done, asked=seen, after=after + GRACE - timedelta(seconds=1))
    then = step(STALE, done, asked=seen, after=after + GRACE)

    assert isinstance(first, WaitFor)
    assert first.delay == AGAIN
    assert isinstance(last, WaitFor)
    assert last.delay == timedelta(seconds=1)
    assert isinstance(then, GiveUp if attempt == MAX_ATTEMPTS else Start)


def test_a_run_of_its_own_trigger_is_followed_even_in_the_grace_after_another():
    done, fired = a_run("r1", RunState.SUCCEEDED), a_run("r2", RunState.RUNNING, NEW)
    asked = Asked(START, 1, "r1", succeeded=START)

    assert step(STALE, fired, done, asked=asked) == Follow("r2")


def test_a_run_that_did_not_help_is_tried_again_and_then_given_up_with_its_error():
    failed = replace(a_run("r1", RunState.FAILED), error="no space left")

    assert step(STALE, failed, asked=Asked(START, 1, "r1"), after=GRACE) == Start(2)
    given_up = step(STALE, failed, asked=Asked(START, 3, "r1"), after=GRACE)
    assert given_up == GiveUp("3 runs did not bring it up to date: no space left")


def test_lost_runs_are_given_up_too():
    found = step(asked=Asked(START, 3), after=GRACE)

    assert found == GiveUp("3 runs did not bring it up to date: its runs were lost")


_runs = st.lists(
    st.builds(
        a_run, st.sampled_from(["r1", "r2"]), st.sampled_from(RunState), st.sampled_from([OLD, NEW])
    ),
    max_size=3,
)
_asked = st.builds(
    Asked,
    st.just(START),
    st.integers(0, 3),
    st.sampled_from(["", "r1", "r9"]),
    st.booleans(),
    st.sampled_from([None, START]),
)


@given(_runs, _asked, st.integers(0, 600), st.sampled_from([STALE, built_on(NEW), built_on(None)]))
def test_whatever_is_known_the_step_is_one_that_ends_in_time(
    runs: list[Run], asked: Asked, seconds: int, task: Task
):
    found = step(task, *runs, asked=asked, after=timedelta(seconds=seconds))

    match found:
        case Start(attempt):
            assert attempt == asked.attempt + 1 <= MAX_ATTEMPTS
        case WaitFor(delay):
            assert timedelta() < delay <= AGAIN
        case Follow(run):
            assert any(each.id == run for each in runs)
        case UpToDate():
            assert up_to_date(task, BASE, "20", NEW)
        case GiveUp(reason):
            assert reason
