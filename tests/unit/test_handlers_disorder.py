"""Doubled, shuffled, late and lost messages and events, and two workers at once: the same end."""

import random
from dataclasses import dataclass
from typing import Any

import pytest

from handlers import on_base_push, on_staging_push
from shared.messages import LookMessage, encode
from shared.oci import media_types
from shared.oci.digest import Digest
from tests import builders
from tests.fake_storage import Sent
from tests.fakes import index
from tests.machine import APPS, BASE, PLATFORMS, STAGING, TAG, Life, Machine, picture


def pushes(machine: Machine) -> list[tuple[str, dict[str, Any]]]:
    """Every push event the registries would have sent so far."""
    found: list[tuple[str, dict[str, Any]]] = []
    for where, repository in (("staging", STAGING), ("base", BASE)):
        for entry in machine.world.registries.manifests(repository):
            for tag in (*entry.tags, None):
                target = {"repository": repository.path, "digest": str(entry.digest), "tag": tag}
                found.append((where, {"action": "push", "target": target}))
    return found


@dataclass
class Disorderly(Machine):
    """A machine whose queues and events double, shuffle, delay and lose what they carry."""

    chance: random.Random = random.Random(0)  # noqa: RUF009  # each test brings its own
    losses: float = 0.0

    def storm(self, rounds: int = 60) -> None:
        """Deliver a random part of what is there, some of it twice; time passes."""
        for _ in range(rounds):
            waiting = list(self.world.queues.take())
            self.chance.shuffle(waiting)
            for each in waiting:
                self._handle(each)
            events = pushes(self)
            for where, data in self.chance.sample(events, min(len(events), 2)):
                self.event(where, data)
            if self.chance.random() < 0.7:
                self._end_runs()
            if self.chance.random() < 0.1:
                self.watch()
            if self.chance.random() < 0.05:
                self.sweep()
            self.world.clock.advance(seconds=self.chance.choice([0, 1, 15, 40]))

    def _handle(self, each: Sent) -> None:
        luck = self.chance.random()
        if luck < self.losses:
            return
        if luck < 0.3:
            self.world.queues.send(each.queue, each.text)  # late
            return
        self._deliver(each.queue, each.text)
        if luck > 0.8:
            self._deliver(each.queue, each.text)

    def calm(self) -> None:
        """The timers come round, and nothing is lost any more."""
        for _ in range(2):
            self.watch()
            self.settle()
            self.world.clock.advance(hours=7)
            self.sweep()
            self.settle()


def live_slots(machine: Machine) -> list[tuple[str, str]]:
    """Every slot that is taken and whose time has not run out."""
    now = machine.world.clock.now()
    return [each for each, until in machine.world.slots._held.items() if until > now]


def orderly(contents: tuple[str, ...]) -> dict[str, Any]:
    machine = Machine()
    machine.app("hello-world", Digest.of(b"old"))
    _set(machine)
    for content in contents:
        machine.upstream(content)
        machine.watch()
        machine.settle()
        machine.world.clock.advance(hours=13)
    machine.sweep()
    machine.settle()
    return picture(machine)


def _set(machine: Machine) -> None:
    """Red fails its test, holed has a hole."""
    machine.failing.update(each.digest for each in index("red", PLATFORMS)[:-1])
    for each in index("holed", PLATFORMS)[:-1]:
        machine.findings[each.digest] = [builders.a_finding()]


STORY = ("white", "red", "blue", "holed", "white")
EXPECTED = orderly(STORY)


@pytest.mark.parametrize("losses", [0.0, 0.15], ids=["nothing lost", "some lost"])
@pytest.mark.parametrize("seed", range(6))
def test_disorder_ends_where_order_ends(seed: int, losses: float):
    machine = Disorderly(chance=random.Random(seed), losses=losses)
    machine.world.imports.eager = bool(seed % 2)
    machine.app("hello-world", Digest.of(b"old"))
    _set(machine)
    for content in STORY:
        machine.upstream(content)
        machine.watch()
        machine.storm()
        machine.calm()

    assert picture(machine)["apps"] == EXPECTED["apps"]
    assert picture(machine) == EXPECTED
    assert machine.deaths == []
    # An import whose message is lost for good is nobody's: its slot comes back by its time.
    assert losses or machine.world.slots.held() == []
    assert live_slots(machine) == []


@pytest.mark.parametrize("seed", range(4))
def test_no_double_costs_a_second_import_or_run(seed: int):
    machine = Disorderly(chance=random.Random(seed))
    machine.upstream("white")
    machine.watch()
    machine.storm()
    machine.calm()

    copies = [(each.target, each.digest) for each in machine.world.imports.started.values()]
    assert len(copies) == len(set(copies))
    scanned = [(type(r), r.platform) for r in machine.world.tasks.requests.values()]
    assert sorted(map(str, scanned)) == sorted(map(str, set(scanned)))
    told = [(each.event, each.reasons) for each in machine.world.journal.entries]
    once = {
        "detected",
        "imported",
        "scan started",
        "scan ended",
        "test started",
        "tag moved",
        "decision attached",
    }
    for event in once:
        entries = [each for each in told if each[0] == event]
        assert len(entries) == len(set(entries)), event


@dataclass
class Meddler(Life):
    """At one call, another worker comes in and does something whole."""

    at: int = 0
    machine: "Meddled | None" = None
    done: bool = False

    def spend(self, name: str, *, after: bool) -> None:
        if after or self.machine is None:
            return
        self.calls += 1
        if self.calls == self.at and not self.done:
            self.done = True
            machine, self.machine = self.machine, None
            machine.meddle()
            self.machine = machine


@dataclass
class Meddled(Machine):
    """A machine with a second worker that handles every message and event there is."""

    def meddle(self) -> None:
        for each in tuple(self.world.queues.sent):
            self._deliver(each.queue, each.text)
        self.watch()
        self.sweep()
        for where, data in pushes(self):
            self.event(where, data)
        for row in list(self.world.ledger.all("state")):
            look = LookMessage("node", str(row.values["digest"]), "ab" * 8)
            self._deliver("candidates", encode(look))


def meddled_story(at: int) -> Meddled:
    life = Meddler(at=at)
    machine = Meddled(life=life)
    life.machine = machine
    machine.app("hello-world", Digest.of(b"old"))
    machine.upstream("white")
    machine.watch()
    machine.settle()
    return machine


def test_a_second_worker_in_the_middle_of_any_call_changes_nothing():
    undisturbed = meddled_story(0)
    expected, calls = picture(undisturbed), undisturbed.life.calls
    assert calls > 100
    for at in range(1, calls + 1, 5):
        machine = meddled_story(at)

        assert picture(machine) == expected, at
        assert machine.world.slots.held() == [], at
        copies = [(each.target, each.digest) for each in machine.world.imports.started.values()]
        assert len(copies) == len(set(copies)), (at, copies)
        runs = [(type(r), r.platform) for r in machine.world.tasks.requests.values()]
        assert len(runs) == len(set(runs)) == 3, (at, runs)
        assert machine.events().count("promoted") == 1, at
        assert machine.events().count("tag moved") == 1, at
        assert machine.events().count("detected") == 1, at
        kinds = [e.artifact_type for e in machine.world.registries.referrers(BASE, _white())]
        assert kinds.count(media_types.DECISION_ARTIFACT) == 1, at


def _white() -> Digest:
    return index("white", PLATFORMS)[-1].digest


@dataclass
class Waiting(Machine):
    """A machine whose runs are still going on."""

    def _end_runs(self) -> None:
        return


def turn(machine: Machine) -> int:
    """Deliver what is due within ten seconds or so, let them pass; how many looks there were."""
    messages = machine.world.queues.take()
    for each in messages:
        machine._deliver(each.queue, each.text)
    machine.world.clock.advance(seconds=13)
    return len(messages)


def test_however_often_a_waiting_candidate_is_mentioned_it_has_one_chain_of_looks():
    machine = Waiting()
    digest = machine.upstream("white")
    machine.watch()
    for _ in range(8):
        turn(machine)
    assert machine.state(digest) == "scanning"
    target = {"repository": "node", "digest": str(digest), "tag": TAG}

    for _ in range(10):
        on_staging_push.handle(machine.services, {"action": "push", "target": target})
        machine.sweep()
        for each in machine.world.queues.take():
            machine._deliver(each.queue, each.text)
            machine._deliver(each.queue, each.text)

    looks = [turn(machine) for _ in range(10)]
    assert looks[-5:] == [1] * 5


def test_a_chain_whose_message_was_lost_is_taken_up_by_whoever_looks_next():
    machine = Waiting()
    digest = machine.upstream("white")
    machine.watch()
    for _ in range(8):
        turn(machine)
    machine.world.queues.take()  # lost

    machine.world.clock.advance(minutes=2)
    machine.sweep()
    looks = [turn(machine) for _ in range(6)]

    assert looks[-3:] == [1] * 3
    assert machine.state(digest) == "scanning"


def test_a_candidate_that_rests_leaves_no_turn_behind():
    machine = Machine()
    machine.upstream("white")
    machine.watch()
    machine.settle()

    assert list(machine.world.ledger.all("again")) == []


def test_a_dead_worker_leaves_no_slot_beyond_its_time():
    alive = Machine()
    alive.upstream("white")
    alive.watch()
    alive.settle()
    for number in range(1, alive.life.calls, 11):
        machine = Machine(life=Life(ends_at=number))
        machine.upstream("white")
        for _ in range(2):
            machine.watch()
            machine.settle()
            machine.sweep()
            machine.settle()
        machine.world.clock.advance(seconds=90)
        kept = [kind for kind, _ in live_slots(machine)]
        assert all(kind.startswith("upstream:") for kind in kept), machine.deaths
        # A dead watch's lanes are kept for as long as it could have been asking.
        machine.world.clock.advance(seconds=machine.world.settings.watch_seconds)

        assert live_slots(machine) == [], machine.deaths


def test_an_event_about_base_and_the_promotions_own_question_rebuild_an_app_once():
    machine = Machine()
    machine.app("hello-world", Digest.of(b"old"))
    digest = machine.upstream("white")
    machine.watch()
    machine.settle()
    target = {"repository": "base/node", "digest": str(digest), "tag": TAG}
    for _ in range(3):
        on_base_push.handle(machine.services, {"action": "push", "target": target})
    machine.settle()

    assert len(machine.world.tasks.recent_runs(APPS, "hello-world")) == 1
