"""What others attached is listed sparingly: a registry lists referrers 250 times a minute."""

from datetime import timedelta
from typing import Any

from handlers import advance_candidate
from shared.errors import Permanent
from shared.messages import LookMessage, encode
from shared.oci.digest import Digest
from shared.operators import Ruling, RulingKind
from tests import report_bodies
from tests.fake_registries import FakeRegistries
from tests.machine import BASE, CATALOG, STAGING, TAG, Machine
from tests.telling import AMD64
from tests.unit.test_handlers_foreign import AGED, TOP, attach, found, looked

HOURS = timedelta(hours=2)


class Counting(FakeRegistries):
    """Registries that count listings of referrers, and what is read of blobs."""

    def __init__(self, clock: Any) -> None:
        super().__init__(clock)
        self.listed = self.fetched = 0
        self.of_staging: list[Digest] = []

    def referrers(self, *args: Any) -> Any:
        self.listed += 1
        self.of_staging += [args[1]] if args[0] == STAGING else []
        return super().referrers(*args)

    def blob(self, *args: Any) -> bytes:
        self.fetched += 1
        return super().blob(*args)


def counting(kind: type[Counting] = Counting) -> tuple[Machine, Counting]:
    machine = Machine()
    registries = kind(machine.world.clock)
    machine.world.registries = registries
    machine.world.imports._registries = registries
    machine.world.catalog.text = AGED
    machine.upstream("white")
    machine.watch()
    machine.settle()
    machine.world.clock.advance(hours=7)
    return machine, registries


def test_looks_in_quick_succession_list_once_and_read_once():
    machine, registries = counting()
    attach(machine, found(report_bodies.a_result(message={"text": "Package: counted"})))
    attach(machine, b"no JSON counted", to=TOP)
    registries.listed = registries.fetched = 0

    for _ in range(4):
        looked(machine)

    # The index and its two platforms; one report, and one that is none for both platforms.
    assert (registries.listed, registries.fetched) == (3, 2)


def test_one_that_is_attached_later_to_what_is_held_anyway_counts_within_six_hours():
    machine, registries = counting()
    looked(machine)
    attach(machine, found())
    registries.listed = 0

    assert looked(machine) == "held"
    machine.world.clock.advance(hours=6)
    assert looked(machine) == "rejected"
    assert registries.listed == 3


def test_one_that_is_attached_just_before_it_is_promoted_counts():
    machine, _ = counting()
    machine.world.clock.advance(hours=16)
    assert looked(machine) == "held"  # and listed, an hour before it is old enough
    attach(machine, found())
    machine.world.clock.advance(hours=1)

    assert looked(machine) == "rejected"


def test_one_that_is_attached_a_minute_before_it_is_approved_counts():
    machine, _ = counting()
    machine.world.catalog.text = CATALOG.replace("age: 0h", "age: 0h, approval: manual")
    assert looked(machine) == "held"
    machine.world.clock.advance(minutes=1)
    attach(machine, found())
    now = machine.world.clock.now()
    machine.world.rulings.add(Ruling("node", TOP, RulingKind.APPROVE, "ada", now, "yes"))

    assert looked(machine) == "rejected"


def test_one_that_is_attached_while_it_is_promoted_keeps_the_tag_from_moving():
    machine, registries = counting()
    machine.world.clock.advance(hours=24)
    machine.world.imports.running = 3
    advance_candidate.handle(machine.services, encode(LookMessage("node", str(TOP), "ab" * 8)))
    assert machine.state(TOP) == "promoting"
    attach(machine, found())
    machine.settle()

    assert machine.state(TOP) == "rejected"
    assert registries.head(BASE, TAG) is None
    assert machine.world.slots.held() == []


def test_a_promotion_that_takes_long_lists_as_it_begins_and_before_the_tag_moves():
    machine, registries = counting()
    machine.world.clock.advance(hours=24)
    machine.world.imports.running = 10
    before = len(registries.of_staging)

    assert looked(machine) == "promoted"
    # Twice for others' reports, and twice for what comes along with the image, in a dozen looks.
    assert registries.of_staging[before:].count(TOP) <= 2 + 2


def test_what_is_held_for_a_day_is_listed_a_few_times_and_not_at_every_sweep():
    machine, registries = counting()
    machine.world.catalog.text = CATALOG.replace("age: 0h", "approval: manual")
    registries.listed = 0

    for _ in range(24):
        machine.sweep()
        machine.settle()
        machine.world.clock.advance(hours=1)

    assert machine.state(TOP) == "held"
    assert registries.listed <= 4 * 3


def test_nothing_is_listed_while_a_report_of_ours_is_made_again():
    machine, registries = counting()
    machine.world.catalog.text = CATALOG.replace("age: 0h", "age: 24h, max_age: 1h")
    machine.world.clock.advance(hours=1)
    for number in range(200):  # no slot is free
        machine.world.slots.take(
            "runs", f"another's {number}", limit=200, until=machine.world.clock.now() + HOURS
        )
    registries.listed = 0

    for _ in range(12):
        advance_candidate.handle(machine.services, encode(LookMessage("node", str(TOP), "ab" * 8)))
        machine.world.clock.advance(minutes=5)

    assert machine.state(TOP) == "scanning"
    assert registries.listed == 0


def test_what_is_promoted_is_not_listed_again_for_others_reports():
    machine, registries = counting()
    machine.world.clock.advance(hours=24)
    machine.due()
    machine.settle()
    assert machine.state(TOP) == "promoted"
    machine.world.clock.advance(minutes=10)
    registries.listed = 0

    looked(machine)

    assert registries.listed == 1  # base's, for the decision


class Unlistable(Counting):
    """A registry whose list of referrers nobody can read: one that is attached is too large, say."""

    broken = False

    def referrers(self, repository: Any, digest: Any) -> Any:
        if self.broken and digest == AMD64:
            message = "expected a manifest of at most 4194304 bytes, found 6291456"
            raise Permanent(message)
        return super().referrers(repository, digest)


def test_a_list_that_cannot_be_read_holds_the_candidate_and_says_so():
    machine, registries = counting(Unlistable)
    assert isinstance(registries, Unlistable)
    registries.broken = True
    machine.world.clock.advance(hours=24)

    assert looked(machine) == "held"
    assert "found 6291456" in machine.reasons(TOP)[0]

    registries.broken = False
    machine.world.clock.advance(minutes=1)
    assert looked(machine) == "promoted"


def test_a_scan_to_be_done_again_asks_for_a_slot_once_a_minute():
    """A thousand held candidates become stale on one day, and a look asks a registry a dozen things."""
    machine, _ = counting()
    machine.world.catalog.text = CATALOG.replace("age: 0h", "age: 24h, max_age: 1h")
    now = machine.world.clock.now()
    for number in range(200):
        machine.world.slots.take("runs", f"another's {number}", limit=200, until=now + HOURS)
    machine.world.queues.send("candidates", encode(LookMessage("node", str(TOP), "ab" * 8)))

    waits = []
    for _ in range(10):
        (message,) = machine.world.queues.take()
        advance_candidate.handle(machine.services, message.text)
        waits.append(machine.world.queues.sent[0].delay.total_seconds())
        machine.world.clock.advance(seconds=waits[-1])

    assert all(40 <= each <= 80 for each in waits), waits
