"""Rebuilds, step by step: followed, started, retried, given up, and not started all over."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest

from handlers import rebuild_app
from shared.errors import Permanent, Transient
from shared.messages import RebuildMessage, encode
from shared.oci.digest import Digest
from shared.values import RunState
from tests.builders import a_digest
from tests.fake_tasks import FakeTasks
from tests.machine import APPS, BASE, PLATFORMS, TAG, Machine

APP = "hello-world"
OLD = a_digest(1)


@dataclass
class Building(Machine):
    """A machine whose builds end as told: True brings the app up to date."""

    builds: Callable[[int], bool] = lambda _: True

    def _end_runs(self) -> None:
        queued = self.world.tasks.queued_apps()
        for registry, name, run_id in queued:
            number = len(self.world.tasks.recent_runs(registry, name))
            if self.builds(number):
                continue
            self.world.tasks.finish(registry, run_id, RunState.FAILED, error="no\x1b space left")
        super()._end_runs()


def a_machine(builds: Callable[[int], bool] = lambda _: True) -> tuple[Building, Digest]:
    """An app built on an old digest, and the new one that base's tag points at."""
    machine = Building(builds=builds)
    machine.app(APP, OLD)
    new = machine.world.registries.push_index(BASE, TAG, content="new", platforms=PLATFORMS)
    return machine, new


def ask(machine: Machine, digest: Digest | str, **changes: str) -> None:
    fields = {"registry": APPS, "task": APP, "base": str(BASE), "tag": TAG, "trace": "ab" * 8}
    message = RebuildMessage(**(fields | {"digest": str(digest)} | changes))
    machine.world.queues.send("rebuilds", encode(message))


def built(machine: Machine) -> Digest | None:
    (app,) = machine.world.tasks.list(APPS)
    return app.dependencies[0].digest


def runs(machine: Machine) -> int:
    return len(machine.world.tasks.recent_runs(APPS, APP))


def test_an_app_whose_own_trigger_does_not_fire_is_built_by_one_run():
    machine, new = a_machine()

    ask(machine, new)
    machine.settle()

    assert built(machine) == new
    assert runs(machine) == 1
    assert machine.events() == ["rebuild started", "rebuilt"]


def test_a_run_that_its_own_trigger_started_is_followed_and_none_is_added():
    machine, new = a_machine()
    machine.world.tasks.triggered(APPS, APP, ((BASE, TAG, new),))

    ask(machine, new)
    (message,) = machine.world.queues.take()
    machine._deliver(message.queue, message.text)
    machine.settle()

    assert built(machine) == new
    assert runs(machine) == 1
    assert "by its own trigger" in machine.world.journal.entries[0].reasons[0]


def test_a_build_that_fails_once_is_run_again():
    machine, new = a_machine(lambda number: number > 1)

    ask(machine, new)
    machine.settle()

    assert built(machine) == new
    assert runs(machine) == 2


def test_a_build_that_always_fails_is_given_up_after_three_runs_with_its_error():
    machine, new = a_machine(lambda _: False)

    ask(machine, new)
    machine.settle()

    assert runs(machine) == 3
    assert machine.events().count("rebuild failed") == 1
    (said,) = machine.world.journal.entries[-1].reasons
    assert said == f"{APPS}/{APP}: 3 runs did not bring it up to date: no space left"


def test_asking_again_and_again_does_not_start_a_broken_build_all_over():
    machine, new = a_machine(lambda _: False)

    for _ in range(3):
        ask(machine, new)
    machine.settle()
    for _ in range(3):
        ask(machine, new)
        machine.settle()

    assert runs(machine) == 3
    assert machine.events().count("rebuild failed") == 1
    assert len(machine.world.announcements.published) == 1


def test_a_broken_build_is_tried_anew_after_some_hours():
    machine, new = a_machine(lambda number: number > 3)
    ask(machine, new)
    machine.settle()
    assert built(machine) == OLD

    machine.world.clock.advance(hours=6)
    ask(machine, new)
    machine.settle()

    assert built(machine) == new
    assert runs(machine) == 4


def test_doubled_messages_start_one_run():
    machine, new = a_machine()

    for trace in ("ab" * 8, "cd" * 8, "ef" * 8):
        ask(machine, new, trace=trace)
    machine.settle()

    assert built(machine) == new
    assert runs(machine) == 1
    assert machine.events() == ["rebuild started", "rebuilt"]
    assert machine.world.slots.held() == []


def test_a_disabled_task_is_given_up_once():
    machine, new = a_machine()
    (app,) = machine.world.tasks.list(APPS)
    machine.world.tasks.add(replace(app, enabled=False))

    for _ in range(3):
        ask(machine, new)
        machine.settle()

    assert machine.events() == ["rebuild failed"]
    assert len(machine.world.announcements.published) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"registry": "elsewhere.azurecr.io"},
        {"task": "unknown"},
        {"base": "elsewhere.azurecr.io/base/node"},
        {"base": "contosobase.azurecr.io/base/other"},
        {"tag": "latest"},
    ],
)
def test_a_message_about_what_is_not_ours_or_not_so_any_more_ends_quietly(changes: dict[str, str]):
    machine, new = a_machine()

    ask(machine, new, **changes)
    machine.settle()

    assert runs(machine) == 0
    assert machine.events() == []
    assert machine.world.slots.held() == []


def test_a_message_about_a_digest_the_tag_has_left_ends_quietly():
    machine, _ = a_machine()

    ask(machine, a_digest(9))
    machine.settle()

    assert runs(machine) == 0
    assert machine.events() == []


def test_a_rebuild_that_the_tag_outran_leaves_nothing_that_spoils_the_next_one():
    machine, new = a_machine()
    ask(machine, new)
    (first,) = machine.world.queues.take()
    rebuild_app.handle(machine.services, first.text)
    newer = machine.world.registries.push_index(BASE, TAG, content="newer", platforms=PLATFORMS)
    machine.settle()  # the message about the digest before ends
    assert list(machine.world.ledger.all("rebuild")) == []

    ask(machine, newer)
    machine.settle()

    assert built(machine) == newer
    assert runs(machine) == 1


class Flaky(FakeTasks):
    """ACR whose answers to a start are errors, a few times."""

    errors: list[Exception]

    def rebuild(self, registry: str, name: str) -> str:
        if self.errors:
            raise self.errors.pop()
        return super().rebuild(registry, name)


@pytest.mark.parametrize("error", [Transient("HTTP 504"), Permanent("quota")])
def test_a_start_that_fails_is_made_again(error: Exception):
    machine, new = a_machine()
    tasks = Flaky(machine.world.clock)
    tasks.errors = [error]
    machine.world.tasks = tasks
    machine.app(APP, OLD)
    ask(machine, new)
    for _ in range(40):
        for message in machine.world.queues.take():
            try:
                machine._deliver(message.queue, message.text)
            except (Transient, Permanent):
                machine.world.queues.send(message.queue, message.text)
        machine._end_runs()
        machine.world.clock.advance(seconds=15)

    assert built(machine) == new
    assert runs(machine) == 1


@dataclass
class Late(Machine):
    """A machine whose ACR writes down what an app was built on a while after its run."""

    seconds: int = 60
    at: datetime | None = None  # when the first run succeeded

    def _end_runs(self) -> None:
        tasks, now = self.world.tasks, self.world.clock.now()
        for registry, _, run_id in tasks.queued_apps():
            tasks.finish(registry, run_id)
            self.at = self.at or now
        if self.at is not None and now >= self.at + timedelta(seconds=self.seconds):
            head = self.world.registries.head(BASE, TAG)
            assert head is not None
            tasks.built_on(APPS, APP, BASE, TAG, head.digest)


def a_late_machine(seconds: int) -> tuple[Late, Digest]:
    machine = Late(seconds=seconds)
    machine.app(APP, OLD)
    new = machine.world.registries.push_index(BASE, TAG, content="new", platforms=PLATFORMS)
    return machine, new


def test_what_a_run_was_built_on_may_be_known_a_while_after_its_success():
    machine, new = a_late_machine(100)

    ask(machine, new)
    machine.settle()

    assert built(machine) == new
    assert runs(machine) == 1
    assert machine.events() == ["rebuild started", "rebuilt"]


def test_so_may_what_a_run_of_its_own_trigger_was_built_on():
    machine, new = a_late_machine(100)
    machine.world.tasks.triggered(APPS, APP, ((BASE, TAG, new),))
    ask(machine, new)
    (message,) = machine.world.queues.take()
    machine._deliver(message.queue, message.text)

    machine.world.clock.advance(minutes=10)
    machine.settle()

    assert built(machine) == new
    assert runs(machine) == 1


def test_each_success_has_its_own_grace_period():
    machine, new = a_late_machine(100_000)
    begun = machine.world.clock.now()

    ask(machine, new)
    machine.settle()

    assert runs(machine) == 3
    assert machine.events()[-1] == "rebuild failed"
    grace = timedelta(seconds=machine.world.services.settings.rebuild_grace_seconds)
    assert machine.world.clock.now() - begun >= 4 * grace  # before the first, and after each
