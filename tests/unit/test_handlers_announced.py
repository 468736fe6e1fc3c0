"""What is announced of a verdict that is asked for again and again: once, as long as it stays the same."""

import pytest

from shared.severity import Severity
from shared.values import RunState, ScanRequest, TestRequest
from tests.builders import a_finding
from tests.machine import BASE, CATALOG, PLATFORMS, TAG, Machine
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


@pytest.mark.parametrize("lost", ["scan", "test"])
def test_what_fails_again_every_hour_is_announced_once_until_something_else_comes_of_it(lost: str):
    machine = Machine()
    end = machine._end

    def without_result(run_id: str, request: ScanRequest | TestRequest) -> None:
        if isinstance(request, ScanRequest) is (lost == "scan"):
            # The run's id is in the reason: it differs each time.
            machine.world.tasks.finish(
                request.repository.registry, run_id, RunState.FAILED, log="no\n"
            )
        else:
            end(run_id, request)

    machine._end = without_result  # type: ignore[method-assign] # runs that leave nothing
    digest = machine.upstream("white")
    machine.watch()
    machine.settle()
    for _ in range(5):
        machine.world.clock.advance(hours=2)
        machine.sweep()
        machine.settle()
    assert machine.events().count("failed") > 3
    told = [each.event for each in machine.world.announcements.published]
    assert told == ["failed"]

    machine._end = end  # type: ignore[method-assign] # and they work again
    machine.world.clock.advance(hours=2)
    machine.sweep()
    machine.settle()

    assert machine.state(digest) == "promoted"
    told = [each.event for each in machine.world.announcements.published]
    assert told == ["failed", "promoted"]


def test_what_others_promoted_and_cannot_be_scanned_is_announced_once_too():
    machine = Machine()
    machine.world.registries.push_index(BASE, TAG, content="white", platforms=PLATFORMS)
    machine._end = lambda run_id, request: machine.world.tasks.finish(  # type: ignore[method-assign] # no run works
        request.repository.registry, run_id, RunState.FAILED, log="no\n"
    )
    machine.upstream("white")
    machine.watch()
    machine.settle()
    machine.sweep()
    machine.settle()
    told = [each.event for each in machine.world.announcements.published]
    assert told == ["promoted"]

    assert days(machine, 5) == []
