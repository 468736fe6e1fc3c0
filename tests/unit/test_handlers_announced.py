"""What is announced of a verdict that is asked for again and again: once, as long as it stays the same."""

from shared.severity import Severity
from tests.builders import a_finding
from tests.machine import CATALOG, Machine
from tests.telling import AMD64, looked_at

HELD = CATALOG.replace("age: 0h", "age: 0h, approval: manual, max_age: 24h")


def days(machine: Machine, count: int) -> list[str]:
    """Let days pass, each with a scan done again; return what is announced meanwhile."""
    machine.world.announcements.published.clear()
    for _ in range(count):
        machine.world.clock.advance(hours=25)
        machine.sweep()
        machine.settle()
    return [each.event for each in machine.world.announcements.published]


def test_a_scan_that_is_done_again_and_finds_the_same_announces_nothing():
    machine = Machine()
    machine.world.catalog.text = HELD
    digest = looked_at(machine)
    assert machine.state(digest) == "held"

    assert days(machine, 5) == []

    assert machine.events().count("scan started") == 12
    assert machine.events().count("held") == 6


def test_a_scan_that_is_done_again_and_finds_something_else_announces_it():
    machine = Machine()
    machine.world.catalog.text = HELD
    looked_at(machine)
    machine.findings[AMD64] = [a_finding(severity=Severity.CRITICAL)]

    assert days(machine, 2) == ["rejected"]

    machine.findings.clear()
    assert days(machine, 2) == ["held"]


def test_a_database_that_stays_old_is_announced_once_and_not_at_every_scan():
    machine = Machine()
    machine.world.catalog.text = HELD.replace("max_age", "max_database_age: 24h, max_age")
    machine.database = machine.world.clock.now()
    looked_at(machine)

    assert days(machine, 5) == ["held"]
