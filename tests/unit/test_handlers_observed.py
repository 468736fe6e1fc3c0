"""Observing: once a day the journal says what enforcing would have stopped."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from handlers import observed
from handlers.recording import PROMOTIONS
from shared.severity import Severity
from shared.values import Row
from tests import adoption
from tests.builders import a_catalog, a_finding
from tests.fake_storage import FakeLedger
from tests.fakes import index
from tests.machine import CATALOG, PLATFORMS, Machine

OBSERVING = CATALOG.replace("dwell: 12h", "dwell: 0h, mode: observe")


def a_machine(text: str = OBSERVING) -> Machine:
    machine = Machine()
    machine.world.catalog.text = text
    return machine


def promoted(machine: Machine, content: str, *, worse: bool) -> str:
    """Let upstream publish, and everything run to its end; return the digest."""
    if worse:
        for child in index(content, PLATFORMS)[:-1]:
            machine.findings[child.digest] = [a_finding(severity=Severity.CRITICAL)]
    digest = machine.upstream(content)
    machine.watch()
    machine.settle()
    assert machine.state(digest) == "promoted", machine.reasons(digest)
    return str(digest)


def told(machine: Machine) -> list[tuple[str, ...]]:
    """Sweep, and return what was ever said about observing."""
    machine.sweep()
    machine.settle()
    return [each.reasons for each in machine.world.journal.entries if each.event == "observed"]


def test_what_enforcing_would_have_stopped_is_counted_and_named():
    machine = a_machine()
    digest = promoted(machine, "white", worse=True)

    ((first, which),) = told(machine)

    assert first == (
        "with mode: enforce, 1 of the 1 promotion of the last day would have been stopped"
    )
    assert which.startswith(f"node@{digest} would be rejected: ")


def test_what_passes_anyway_is_counted_among_the_promotions():
    machine = a_machine()
    promoted(machine, "white", worse=False)

    ((said,),) = told(machine)

    assert (
        said == "with mode: enforce, 0 of the 1 promotion of the last day would have been stopped"
    )


def test_it_is_said_once_a_day_and_of_the_last_day_only():
    machine = a_machine()
    promoted(machine, "white", worse=True)
    for _ in range(3):
        machine.world.clock.advance(hours=1)
        assert len(told(machine)) == 1

    machine.world.clock.advance(hours=30)

    assert len(told(machine)) == 1, "a day without promotions needs no line"


def test_where_nothing_observes_there_is_nothing_to_say():
    machine = a_machine(CATALOG)
    promoted(machine, "white", worse=False)

    assert told(machine) == []


def test_the_line_of_a_day_is_written_once_although_the_ledger_forgot_it():
    machine = a_machine()
    promoted(machine, "white", worse=True)
    first = told(machine)
    machine.world.ledger.delete("observed", "day")

    assert told(machine) == first


class Scanned(FakeLedger):
    """A ledger that counts how often all of it is read."""

    scans = 0

    def all(self, key: str) -> Iterator[Row]:
        self.scans += 1
        return super().all(key)


def scanned(machine: Machine, times: int) -> int:
    """Report so often, some hours apart; return how often that read the whole ledger."""
    ledger = Scanned()
    for row in (*machine.world.ledger.all("state"), *machine.world.ledger.rows(PROMOTIONS)):
        ledger.upsert(row)
    machine.world.ledger = ledger
    for _ in range(times):
        observed.report(machine.services, a_catalog(machine.world.catalog.text), "ab" * 8)
        machine.world.clock.advance(hours=2)
    return ledger.scans


def test_the_ledger_is_not_read_through_for_days_without_promotions():
    machine = a_machine()
    promoted(machine, "white", worse=True)
    machine.world.clock.advance(hours=25)

    assert scanned(machine, 5) == 0


def test_the_ledger_is_read_through_once_for_a_day_with_promotions():
    machine = a_machine()
    promoted(machine, "white", worse=False)

    assert scanned(machine, 5) == 1


def test_promotions_of_images_that_are_enforced_cost_no_reading():
    machine = a_machine(CATALOG)
    promoted(machine, "white", worse=False)
    other = (
        "\n  - source: docker.io/library/python\n    tags: [3-slim]\n    gate: { mode: observe }\n"
    )
    machine.world.catalog.text = CATALOG.rstrip() + other

    assert scanned(machine, 5) == 0


def test_a_day_s_first_promotion_is_told_although_a_sweep_came_before_it():
    machine = a_machine()
    assert told(machine) == []

    promoted(machine, "white", worse=True)

    assert len(told(machine)) == 1


@pytest.mark.parametrize("count", [40, 41])
def test_many_are_named_up_to_what_the_journal_holds_and_the_rest_counted(count: int):
    machine = a_machine()
    digest = promoted(machine, "white", worse=True)
    (row,) = [each for each in machine.world.ledger.all("state") if each.values["enforced"]]
    ledger = FakeLedger()
    for each in machine.world.ledger.rows(PROMOTIONS):
        ledger.upsert(each)
    for number in range(count):
        ledger.upsert(replace(row, subject=f"node@{number}"))
    machine.world.ledger = ledger

    observed.report(machine.services, a_catalog(OBSERVING), "ab" * 8)

    (entry,) = [each for each in machine.world.journal.entries if each.event == "observed"]
    assert f"{count} of the {count} promotions" in entry.reasons[0]
    assert sum(digest in each for each in entry.reasons) == 40
    assert ("and 1 more" in entry.reasons) is (count == 41)


def test_what_others_promoted_and_our_gate_refuses_is_no_promotion_to_count():
    machine, _, digest = adoption.a_machine()
    adoption.refused(machine)
    adoption.swept(machine)
    assert machine.state(digest) == "promoted"

    observed.report(machine.services, a_catalog(OBSERVING), "ab" * 8)

    said = [each.reasons for each in machine.world.journal.entries if each.event == "observed"]
    assert said == []
