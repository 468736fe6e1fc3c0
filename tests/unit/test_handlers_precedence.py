"""Fixes before backlog: who gets a slot, who waits how long, and that nothing starves."""

import heapq
import itertools
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from handlers import import_image, importing, runs, turns
from handlers.recording import Subject
from shared.messages import BACKLOG, ImportMessage, candidate_id, encode
from shared.oci.digest import Digest
from shared.oci.platform import Platform
from shared.policy.precedence import PATIENCE
from shared.values import ImportState, ImportStatus
from tests.fake_registries import index
from tests.fake_upstreams import FakeImports
from tests.machine import BASE, PLATFORMS, STAGING, TAG, UPSTREAM, Machine

MINUTE = timedelta(seconds=60)


class Slow(FakeImports):
    """Imports that last a minute, and a record of when each digest's began."""

    def __init__(self, machine: Machine) -> None:
        super().__init__(machine.world.upstreams, machine.world.registries)
        self.clock, self.began = machine.world.clock, dict[str, tuple[Digest, datetime]]()

    def start(self, *, digest: Digest, **named: Any) -> str:
        operation = super().start(digest=digest, **named)
        self.began[operation] = (digest, self.clock.now())
        return operation

    def poll(self, operation: str) -> ImportStatus:
        if self.clock.now() < self.began[operation][1] + MINUTE:
            return ImportStatus(ImportState.RUNNING)
        return super().poll(operation)


@dataclass
class Queue:
    """A machine's imports, each message delivered when its delay is over."""

    machine: Machine
    limit: int
    waiting: list[tuple[datetime, int, str]] = field(default_factory=list)
    numbers: Any = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        world = self.machine.world
        self.imports = world.imports = Slow(self.machine)
        world.settings = replace(world.settings, import_concurrency=self.limit)

    def ask(self, content: str, urgency: str = "") -> Digest:
        digest = self.machine.world.upstreams.content.push_index(
            UPSTREAM, content=content, platforms=PLATFORMS
        )
        self.machine.world.queues.send("imports", message(digest, urgency))
        return digest

    def run(self, seconds: int) -> None:
        """Let time pass."""
        world = self.machine.world
        end = world.clock.now() + timedelta(seconds=seconds)
        while True:
            for each in world.queues.take("imports"):
                due = world.clock.now() + each.delay
                heapq.heappush(self.waiting, (due, next(self.numbers), each.text))
            if not self.waiting or self.waiting[0][0] > end:
                break
            due, _, text = heapq.heappop(self.waiting)
            world.clock.advance(seconds=max(0.0, (due - world.clock.now()).total_seconds()))
            import_image.handle(self.machine.services, text)
        world.clock.advance(seconds=max(0.0, (end - world.clock.now()).total_seconds()))

    def order(self) -> list[Digest]:
        return [digest for digest, _ in self.imports.began.values()]


def message(digest: Digest, urgency: str = "") -> str:
    return encode(ImportMessage("node", TAG, str(digest), "ab" * 8, urgency=urgency))


@pytest.mark.parametrize(("limit", "fixes"), [(8, 1), (8, 10), (2, 3), (1, 1), (1, 3)])
def test_fixes_that_arrive_start_before_the_remaining_backlog_of_200(limit: int, fixes: int):
    queue = Queue(Machine(), limit)
    for number in range(200):
        queue.ask(f"backlog {number}", BACKLOG)
    queue.run(150)
    before = len(queue.order())
    assert 0 < before < 50

    urgent = {queue.ask(f"fix {number}") for number in range(fixes)}
    queue.run(90 * fixes + 60)

    assert set(queue.order()[before : before + fixes]) == urgent


def test_a_fix_starts_at_once_though_a_backlog_uses_all_it_may():
    queue = Queue(Machine(), 8)
    for number in range(200):
        queue.ask(f"backlog {number}", BACKLOG)
    queue.run(0)
    assert len(queue.order()) == 6

    fix = queue.ask("fix")
    queue.run(0)

    assert queue.order()[6:] == [fix]


def test_a_backlog_behind_fixes_is_imported_to_its_end_and_leaves_no_slot_taken():
    queue = Queue(Machine(), 4)
    everything = {queue.ask(f"backlog {number}", BACKLOG) for number in range(40)}
    for number in range(20):
        everything.add(queue.ask(f"fix {number}"))
        queue.run(100)
    queue.run(4000)

    assert set(queue.order()) == everything
    assert len(queue.order()) == len(everything)
    assert queue.machine.world.slots.held() == []


def test_without_a_slot_a_backlog_waits_longer_than_a_fix():
    delays = dict[str, list[timedelta]]()
    for urgency in ("", BACKLOG):
        for _ in range(20):
            machine = Machine()
            until = machine.world.clock.now() + timedelta(hours=1)
            for number in range(8):
                machine.world.slots.take("imports:staging", str(number), limit=8, until=until)
            import_image.handle(machine.services, message(Digest.of(b"x"), urgency))
            (again,) = machine.world.queues.take()
            delays.setdefault(urgency, []).append(again.delay)

    assert timedelta(seconds=20) <= min(delays[""]) < max(delays[""]) <= MINUTE
    assert min(delays[BACKLOG]) >= MINUTE
    assert len(set(delays[""])) > 10


def test_a_fix_is_asked_for_though_its_digest_was_asked_for_as_a_backlog():
    machine = Machine()
    candidate = candidate_id("node", Digest.of(b"x"))
    services = machine.services
    assert importing.asking(services, candidate)
    importing.asked(services, candidate)
    assert not importing.asking(services, candidate)

    assert importing.asking(services, candidate, urgent=True)
    importing.asked(services, candidate)

    assert not importing.asking(services, candidate, urgent=True)
    assert not importing.asking(services, candidate)


def test_a_backlogs_own_message_takes_a_fixs_slot_once_it_was_asked_for_as_a_fix():
    queue = Queue(Machine(), 8)
    for number in range(8):
        queue.ask(f"backlog {number}", BACKLOG)
    queue.run(0)
    digest = index("backlog 7", PLATFORMS)[-1].digest
    assert digest not in queue.order()
    services = queue.machine.services
    candidate = candidate_id("node", digest)
    assert importing.asking(services, candidate, urgent=True)

    import_image.handle(services, message(digest, BACKLOG))

    assert digest in queue.order()
    queue.machine.world.queues.send("imports", message(digest))  # that of the fix itself
    queue.run(600)
    assert queue.order().count(digest) == 1
    assert queue.machine.world.slots.held() == []
    assert not list(queue.machine.world.ledger.all("import"))


def test_a_failed_import_of_a_backlog_is_tried_again_as_a_fix_when_one_waits_for_it():
    queue = Queue(Machine(), 1)
    queue.imports.fail_next("denied")
    digest = queue.ask("white", BACKLOG)
    queue.run(75)
    services, slots = queue.machine.services, queue.machine.world.slots
    assert not importing.asking(services, candidate_id("node", digest), urgent=True)

    until = queue.machine.world.clock.now() + MINUTE
    slots.take("imports:staging", "other", limit=1, until=until + MINUTE)
    queue.run(60)  # without a slot it leaves word, as a fix does
    assert not turns.take(services, "imports:staging", "b", limit=9, until=until, backlog=True)


def test_an_import_that_waited_for_days_competes_as_a_fix_does():
    queue = Queue(Machine(), 2)
    world, services = queue.machine.world, queue.machine.services
    until = world.clock.now() + PATIENCE + timedelta(hours=1)
    world.slots.take("imports:staging", "other", limit=2, until=until)
    digest = index("white", PLATFORMS)[-1].digest
    assert importing.asking(services, candidate_id("node", digest))
    queue.ask("white", BACKLOG)
    queue.run(3600)
    assert queue.order() == []

    queue.run(int(PATIENCE.total_seconds()) - 3000)

    assert queue.order() == [digest]


@pytest.mark.parametrize("kind", ["runs", "promotions"])
def test_what_a_backlog_holds_it_keeps_while_a_fix_waits(kind: str):
    machine = Machine()
    services, until = machine.services, machine.world.clock.now() + timedelta(hours=1)

    def take(owner: str, *, backlog: bool) -> bool:
        return turns.take(services, kind, owner, limit=1, until=until, backlog=backlog)

    assert take("old", backlog=True)
    assert not take("fix", backlog=False)
    assert take("old", backlog=True)
    services.slots.free(kind, "old")
    assert not take("new", backlog=True)
    assert take("fix", backlog=False)
    services.slots.free(kind, "fix")

    machine.world.clock.advance(minutes=2)  # a fix that never came back stands in nobody's way
    assert take("new", backlog=True)


def crowd(machine: Machine, kind: str, count: int) -> None:
    """Let others have this many slots of a kind for a long time."""
    until = machine.world.clock.now() + timedelta(hours=9)
    for number in range(count):
        assert machine.world.slots.take(kind, f"other {number}", limit=count, until=until)


def test_the_last_quarter_of_the_runs_is_for_fixes():
    machine = Machine()
    crowd(machine, "runs", 8)  # of 10
    digest = Digest.of(b"x")
    subject = Subject("node", digest, "ab" * 8)
    target = runs.Target(subject, STAGING, Platform("linux", "amd64"), digest)

    assert not runs.start_scan(machine.services, target, 1, backlog=True)
    assert runs.start_scan(machine.services, target, 1)


def test_the_last_promotion_slot_is_for_what_replaces_something_promoted():
    machine = Machine()
    first = machine.upstream("white")
    machine.watch()
    crowd(machine, "promotions", 3)  # of 4
    with pytest.raises(AssertionError, match="did not settle"):
        machine.settle(rounds=40)
    assert machine.world.registries.tag(BASE, TAG) is None

    machine.world.slots.free("promotions", "other 0")
    machine.settle()
    assert machine.state(first) == "promoted"

    assert machine.world.slots.take(
        "promotions", "other 0", limit=4, until=machine.world.clock.now() + timedelta(hours=9)
    )
    machine.world.clock.advance(hours=1)
    fix = machine.upstream("blue")
    machine.watch()
    machine.settle()
    assert machine.state(fix) == "promoted"
