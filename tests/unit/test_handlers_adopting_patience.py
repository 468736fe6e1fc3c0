"""Adopting a large base takes its time: what fixes something promoted goes first."""

from handlers import turns
from tests.adoption import a_machine
from tests.machine import Machine


def turn(machine: Machine) -> list[float]:
    """Deliver what is there, once; return how long the looks that follow wait."""
    for message in machine.world.queues.take("candidates"):
        machine._deliver(message.queue, message.text)
    return [each.delay.total_seconds() for each in machine.world.queues.sent]


def a_fix_waits(machine: Machine, kind: str) -> None:
    """Let all slots be taken, a fix ask for one, and all slots be given back."""
    services, now = machine.services, machine.world.clock.now()
    until = now.replace(year=now.year + 1)
    machine.world.slots.take(kind, "another", limit=1, until=until)
    assert not turns.take(services, kind, "a fix", limit=1, until=until, backlog=False)
    machine.world.slots.free(kind, "another")


def test_an_adopted_image_is_not_staged_while_a_fix_waits_for_a_slot_and_asks_seldom():
    machine, _, _ = a_machine()
    machine.sweep()
    a_fix_waits(machine, "imports:staging")

    waits = turn(machine)

    assert machine.world.imports.started == {}
    assert all(40 <= each <= 80 for each in waits), waits
    assert len(waits) == 1


def test_an_adopted_image_is_not_scanned_while_a_fix_waits_for_a_slot():
    machine, _, _ = a_machine()
    machine.sweep()
    while not list(machine.world.ledger.all("stage")):
        turn(machine)
    a_fix_waits(machine, "runs")

    turn(machine)
    turn(machine)

    assert machine.world.imports.started
    assert machine.world.tasks.requests == {}
    machine.settle()
    assert machine.world.tasks.requests
