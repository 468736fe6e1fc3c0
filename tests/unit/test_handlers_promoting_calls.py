"""What a promotion asks of the registries: ACR answers 250 listings of referrers a minute."""

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from handlers.inventory import referrer_key
from handlers.recording import Subject
from shared import values
from shared.messages import LookMessage, encode
from shared.oci.digest import Digest
from shared.services import Services
from shared.values import Row
from tests.builders import a_digest
from tests.fake_registries import FakeRegistries
from tests.fakes import index
from tests.machine import BASE, CATALOG, PLATFORMS, Machine


@dataclass
class Counting:
    """The registries, with every call counted by its name."""

    registries: FakeRegistries
    calls: Counter[str] = field(default_factory=Counter)

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.registries, name)

        def call(*args: Any, **named: Any) -> Any:
            self.calls[name] += 1
            return method(*args, **named)

        return call


@dataclass
class Counted(Machine):
    """A machine that counts what its handlers ask of the registries."""

    counting: Counting = field(init=False)

    def __post_init__(self) -> None:
        self.counting = Counting(self.world.registries)

    @property
    def services(self) -> Services:
        return replace(super().services, data_plane=self.counting)

    def turn(self) -> None:
        """Deliver what is there, once."""
        for message in self.world.queues.take():
            self._deliver(message.queue, message.text)
        self.world.clock.advance(seconds=15)


def until_tested(machine: Counted) -> Digest:
    """Bring a candidate to where its test has passed, and nobody has looked at it since."""
    digest = machine.upstream("white", PLATFORMS)
    machine.watch()
    children = [each.digest for each in index("white", PLATFORMS)]
    while True:
        machine.turn()
        machine._end_runs()
        requests = machine.world.tasks.requests.items()
        test = [
            (run, each)
            for run, each in requests
            if isinstance(each, values.TestRequest) and each.digest in children
        ]
        for run_id, request in test:
            run = machine.world.tasks.run(request.repository.registry, run_id)
            if run is not None and run.state is values.RunState.SUCCEEDED:
                return digest


def test_a_whole_promotion_of_two_platforms_asks_sparingly():
    machine = Counted()
    digest = until_tested(machine)
    assert machine.world.registries.manifest(BASE, digest) is None
    machine.counting.calls.clear()

    machine.settle()

    assert machine.state(digest) == "promoted"
    assert machine.counting.calls.total() <= 110, machine.counting.calls
    # Six of them list others' reports anew: as the promotion begins, and before the tag moves.
    assert machine.counting.calls["referrers"] <= 10 + 6, machine.counting.calls


def test_a_comparison_with_what_is_promoted_asks_four_things_more_at_each_of_its_looks():
    """The promoted digest's entry and its manifest, and the manifest of each platform's report."""
    totals = []
    for text in (CATALOG, CATALOG.replace("age: 0h", "age: 0h, compare: not-worse")):
        machine = Counted()
        machine.database = machine.world.clock.now()
        machine.upstream("before", PLATFORMS)
        machine.watch()
        machine.settle()
        machine.world.clock.advance(hours=13)
        machine.world.catalog.text = text
        digest = until_tested(machine)
        machine.counting.calls.clear()
        machine.settle()
        assert machine.state(digest) == "promoted"
        totals.append(machine.counting.calls.total())
    plain, compared = totals

    assert 0 < compared - plain <= 5 * 4, totals


def test_a_look_at_what_is_promoted_and_has_not_drifted_asks_less():
    machine = Counted()
    digest = until_tested(machine)
    machine.settle()
    assert machine.state(digest) == "promoted"
    machine.counting.calls.clear()

    look = LookMessage("node", str(digest), "ab" * 8, "somebody asked")
    machine.world.queues.send("candidates", encode(look))
    machine.settle()

    assert machine.counting.calls.total() <= 20, machine.counting.calls
    assert machine.counting.calls["referrers"] <= 1, machine.counting.calls


def test_the_copy_of_a_report_that_has_been_made_again_meanwhile_leaves_nothing_behind():
    machine = Counted()
    digest = until_tested(machine)
    candidate = Subject("node", digest, "").id
    key = referrer_key(a_digest(77))
    now = machine.world.clock.now()
    machine.world.ledger.upsert(
        Row(candidate, key, {"state": "running", "at": now.isoformat(), "attempt": 1})
    )
    owner, until = f"{candidate}:{key}", now + timedelta(minutes=30)
    assert machine.world.slots.take("imports:base", owner, limit=9, until=until)

    machine.settle()

    assert machine.state(digest) == "promoted"
    assert [row.key for row in machine.world.ledger.rows(candidate) if row.key == key] == []
    assert machine.world.slots.held() == []
