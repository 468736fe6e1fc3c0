"""Asking why writes nothing, whatever is under way: every port that could be told something refuses."""

from collections import Counter

from handlers.explaining import explained
from shared.oci.digest import Digest
from tests.adoption import a_machine
from tests.machine import STAGING, Machine
from tests.unit.test_handlers_comparing import OLD, comparing_machine, finds
from tests.unit.test_handlers_foreign import attach, found, staged
from tests.unit.test_handlers_promoting_calls import Counted
from tests.unit.test_handlers_verdicts import reading


def asked_at_every_turn(machine: Machine, *digests: Digest) -> Counter[str]:
    """Pump message by message until nothing is left, asking each time; return the states that were answered."""
    states: Counter[str] = Counter()
    for _ in range(200):
        for message in machine.world.queues.take():
            machine._deliver(message.queue, message.text)
            for each in digests:
                said = explained(reading(machine.world.services), "node", each)
                states[said["state"] if said else ""] += 1
        machine._end_runs()
        for each in digests:  # a run has ended, and nobody has followed it
            explained(reading(machine.world.services), "node", each)
        if not machine.world.queues.sent:
            return states
        machine.world.clock.advance(seconds=15)
    raise AssertionError(states)


def test_while_it_is_compared_with_what_is_brought_and_scanned_for_it():
    machine, white = comparing_machine()
    machine.world.registries.delete(STAGING, white)
    machine.world.imports.running = 5
    finds(machine, "blue", OLD)
    blue = machine.upstream("blue")
    machine.watch()

    states = asked_at_every_turn(machine, blue, white)

    assert {"detected", "scanning", "testing", "promoting", "promoted", "superseded"} <= set(states)
    assert machine.state(blue) == "promoted"


def test_while_something_is_adopted():
    machine, _, old = a_machine()
    machine.sweep()

    assert "promoted" in asked_at_every_turn(machine, old)


def test_while_others_reports_are_listed_for_the_first_time():
    machine = staged()
    attach(machine, found())
    digest = next(each.digest for each in machine.world.registries.tags(STAGING))
    for row in list(machine.world.ledger.all("foreign")):
        machine.world.ledger.delete(row.subject, row.key)

    said = explained(reading(machine.world.services), "node", digest)

    assert said is not None
    assert said["state"] == "rejected"
    assert list(machine.world.ledger.all("foreign")) == []


def test_it_asks_the_registries_no_more_than_a_look_does():
    machine = Counted()
    digest = machine.upstream("white")
    machine.watch()
    machine.settle()
    machine.counting.calls.clear()

    explained(machine.services, "node", digest)

    assert machine.counting.calls.total() <= 20, machine.counting.calls
    assert machine.counting.calls["referrers"] <= 1, machine.counting.calls
