"""Rebuilds, judged by their result: an app is up to date when its task was built on the tag's digest."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.oci.digest import Digest
from shared.oci.reference import Repository
from shared.values import Run, RunState, Task

MAX_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Asked:
    """What the ledger knows of one rebuild: when it was asked for, and the run that is followed.

    `succeeded` is when the followed run's success was first seen.
    """

    at: datetime
    attempt: int = 0
    run_id: str = ""
    pending: bool = False  # a start was written down just now; its run id may still come
    succeeded: datetime | None = None


@dataclass(frozen=True, slots=True)
class UpToDate:
    """The app is built on the digest."""


@dataclass(frozen=True, slots=True)
class WaitFor:
    """Look again after this long."""

    delay: timedelta
    reason: str


@dataclass(frozen=True, slots=True)
class Follow:
    """A run that someone else started builds on the digest: follow it."""

    run_id: str


@dataclass(frozen=True, slots=True)
class Start:
    """Start a run."""

    attempt: int


@dataclass(frozen=True, slots=True)
class GiveUp:
    """It cannot be rebuilt; an operator must look."""

    reason: str


type RebuildStep = UpToDate | WaitFor | Follow | Start | GiveUp


def dependants(
    tasks: Iterable[Task], base: Repository, tag: str, digest: Digest
) -> tuple[Task, ...]:
    """Return the tasks last built on another digest of this tag."""
    return tuple(
        task
        for task in tasks
        if _built_on(task, base, tag) and not up_to_date(task, base, tag, digest)
    )


def up_to_date(task: Task, base: Repository, tag: str, digest: Digest) -> bool:
    """Tell whether every dependency of the task on this tag has this digest."""
    return all(
        each.digest == digest
        for each in task.dependencies
        if each.repository == base and each.tag == tag
    )


def decide(
    task: Task,
    base: Repository,
    tag: str,
    digest: Digest,
    *,
    runs: tuple[Run, ...],
    asked: Asked,
    grace: timedelta,
    again: timedelta,
    now: datetime,
) -> RebuildStep:
    """Return what to do about one app after its base tag moved to `digest`.

    ACR's own base-image trigger gets `grace` to start a run: it may fire once, twice or never
    (Azure/acr#295, #300), so the dependency's digest is the only proof. A run that has succeeded
    gets `grace` too, as ACR writes down only afterwards what it was built on.
    """
    if up_to_date(task, base, tag, digest):
        return UpToDate()
    if not task.enabled:
        return GiveUp("its task is disabled")
    if asked.pending and not asked.run_id:
        return WaitFor(again, "a run is being started")
    followed = next((run for run in runs if run.id == asked.run_id), None) if asked.run_id else None
    if followed is not None and followed.state in (RunState.QUEUED, RunState.RUNNING):
        return WaitFor(again, f"run {followed.id} is {followed.state.value}")
    triggered = next((run for run in runs if _is_for(run, base, tag, digest)), None)
    if triggered is not None:
        return Follow(triggered.id)
    if followed is not None and followed.state is RunState.SUCCEEDED:
        ends = (asked.succeeded or now) + grace
        if now < ends:
            return WaitFor(min(again, ends - now), f"what run {followed.id} used is not known yet")
    if asked.attempt == 0 and now < asked.at + grace:
        left = min(again, asked.at + grace - now)
        return WaitFor(left, "its own trigger may still start a run")
    if asked.attempt >= MAX_ATTEMPTS:
        why = followed.error or followed.status if followed is not None else "its runs were lost"
        return GiveUp(f"{asked.attempt} runs did not bring it up to date: {why}")
    return Start(asked.attempt + 1)


def _built_on(task: Task, base: Repository, tag: str) -> bool:
    return any(each.repository == base and each.tag == tag for each in task.dependencies)


def _is_for(run: Run, base: Repository, tag: str, digest: Digest) -> bool:
    return run.state in (RunState.QUEUED, RunState.RUNNING) and (base, tag, digest) in run.updated
