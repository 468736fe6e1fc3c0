"""Ended runs that say nothing: lost before the test began, or ahead of their log."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from shared.oci.digest import Digest
from shared.values import RunState, ScanRequest, TestRequest
from tests.machine import STAGING, Machine
from tests.telling import looked_at


def ended_otherwise(
    machine: Machine, kind: type, log: Callable[[ScanRequest | TestRequest], str], times: int = 1
) -> Digest:
    """Let the first runs of a kind end as failed, with these logs; the others end well."""
    tasks, left = machine.world.tasks, times
    end = machine._end

    def instead(run_id: str, request: ScanRequest | TestRequest) -> None:
        nonlocal left
        if not isinstance(request, kind) or not left:
            end(run_id, request)
            return
        left -= 1
        tasks.finish(STAGING.registry, run_id, RunState.FAILED, log=log(request))

    machine._end = instead  # type: ignore[method-assign]  # this machine's runs only
    return looked_at(machine)


@pytest.mark.parametrize(
    ("log", "why"),
    [
        (
            "docker: pull: no route to host\n",
            "before the image was started: docker: pull: no route",
        ),
        ("{line}test: docker: no space\n\nbreakwater-lost {digest}\n", "docker could not run it"),
        ("test: {line}", "before the image was started"),
    ],
)
def test_a_test_run_that_failed_before_the_image_was_started_rejects_nothing(log: str, why: str):
    def said(request: ScanRequest | TestRequest) -> str:
        line = f"breakwater-test {request.digest}\n"
        return log.format(line=line, digest=request.digest)

    machine = Machine()
    digest = ended_otherwise(machine, TestRequest, said)

    assert machine.state(digest) == "promoted"
    assert machine.events().count("test started") == 2
    ends = [entry.reasons[0] for entry in machine.world.journal.entries if "ended" in entry.event]
    assert any(why in each for each in ends)

    machine = Machine()
    digest = ended_otherwise(machine, TestRequest, said, times=3)
    assert machine.state(digest) == "failed"
    assert why in machine.reasons(digest)[0]
    assert machine.world.slots.held() == []


def test_a_test_run_that_failed_after_the_image_was_started_rejects_it():
    machine = Machine()
    digest = ended_otherwise(
        machine, TestRequest, lambda r: f"breakwater-test {r.digest}\r\nthe test failed\r\n"
    )
    assert machine.state(digest) == "rejected"
    assert "the test failed" in machine.reasons(digest)[0]
    assert "breakwater-test" not in machine.reasons(digest)[0]
    assert machine.events().count("test started") == 1


@dataclass
class Held(Machine):
    """A machine whose runs end only once they may."""

    held: bool = True

    def _end_runs(self) -> None:
        if not self.held:
            super()._end_runs()


def lagging(machine: Held, minutes: float) -> list[str]:
    """Let the first scan's run end ahead of its log; return the journal's events then."""
    machine.upstream("white")
    machine.watch()
    tasks = machine.world.tasks
    while not tasks.requests:
        for message in machine.world.queues.take():
            machine._deliver(message.queue, message.text)
        machine.world.clock.advance(seconds=15)
    (run_id, *_), (request, *_) = list(tasks.requests), list(tasks.requests.values())
    assert isinstance(request, ScanRequest)
    tasks.finish(STAGING.registry, run_id, log="scanning\n")
    tasks.behind.add(run_id)
    passed = 0.0
    while passed < minutes * 60:
        for message in machine.world.queues.take():
            machine._deliver(message.queue, message.text)
        machine.world.clock.advance(seconds=15)
        passed += 15
    events = machine.events()
    line = f"breakwater-report {machine.report(request)} {request.digest} {request.platform}\n"
    machine.world.tasks._logs[run_id] = f"scanning\n{line}"
    tasks.behind.clear()
    machine.held = False
    machine.settle()
    assert machine.world.slots.held() == []
    return events


def test_a_run_that_ended_ahead_of_its_log_is_waited_for():
    machine = Held()
    events = lagging(machine, minutes=1.5)
    assert "scan ended" not in events
    starts = [e for e in machine.world.journal.entries if e.event == "scan started"]
    assert len([e for e in starts if "linux/amd64" in e.reasons[0]]) == 1


def test_a_log_that_never_becomes_whole_is_read_as_it_is_after_two_minutes():
    assert "scan ended" in lagging(Held(), minutes=3)
