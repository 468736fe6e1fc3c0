"""A candidate that is out of the running while what it is compared with is brought or scanned: nothing stays behind."""

from collections.abc import Callable

import pytest

from handlers import looking
from handlers.recording import Subject
from shared.errors import Misconfigured, Permanent
from shared.oci.digest import Digest
from shared.oci.manifest import Manifest
from shared.oci.reference import Repository
from shared.operators import Ruling, RulingKind
from shared.values import ImportState, ImportStatus, Row
from tests.fake_registries import FakeRegistries
from tests.fake_upstreams import FakeImports
from tests.machine import BASE, STAGING, Machine
from tests.unit.test_handlers_comparing import OLD, comparing_machine, finds, scans_of, seen


def denied(machine: Machine, digest: Digest) -> None:
    now = machine.world.clock.now()
    machine.world.rulings.add(Ruling("node", digest, RulingKind.DENY, "ada", now, "no"))
    looking.ask(machine.services, Subject("node", digest, "ab" * 8), "an operator denied it")


def until(machine: Machine, reached: Callable[[], bool]) -> None:
    """Pump without ending a run until something is so; runs that were needed for it end."""
    for _ in range(60):
        for message in machine.world.queues.take():
            machine._deliver(message.queue, message.text)
        if reached():
            return
        machine._end_runs()
        machine.world.clock.advance(seconds=15)
    raise AssertionError(machine.world.journal.entries)


def test_the_slot_of_a_scan_that_nobody_compares_with_any_more_comes_back():
    machine, white = comparing_machine()
    finds(machine, "blue", OLD)
    blue = machine.upstream("blue")
    machine.watch()
    until(machine, lambda: scans_of(machine, "white") > 2)

    denied(machine, blue)
    machine.settle()

    assert machine.state(blue) == "rejected"
    assert machine.state(white) == "promoted"
    assert machine.world.slots.held() == []


def test_the_slot_of_an_import_that_nobody_compares_with_any_more_comes_back():
    machine, white = comparing_machine()
    machine.world.registries.delete(STAGING, white)
    machine.world.imports.running = 8
    finds(machine, "blue", OLD)
    blue = machine.upstream("blue")
    machine.watch()
    until(machine, lambda: any(machine.world.ledger.all("stage")))

    denied(machine, blue)
    machine.settle()

    assert machine.state(blue) == "rejected"
    assert list(machine.world.ledger.all("stage")) == []
    assert machine.world.slots.held() == []


@pytest.mark.parametrize("state", ["starting", "running"])
def test_what_is_promoted_and_was_on_its_way_from_base_settles_once_it_is_upstreams_again(
    state: str,
):
    machine, white = comparing_machine()
    machine.world.registries.delete(STAGING, white)
    subject = Subject("node", white, "ab" * 8)
    machine.world.imports.running = 8
    operation = machine.world.imports.start(
        source=BASE, digest=white, target=STAGING, tags=("kept",)
    )
    at = machine.world.clock.now().isoformat()
    stage: dict[str, str | int] = {
        "state": state,
        "at": at,
        "attempt": 1,
        "error": "",
        "operation": operation,
    }
    machine.world.ledger.upsert(Row(subject.id, "stage", stage))

    looking.ask(machine.services, subject, "it is upstream's again")
    machine.settle()

    assert machine.state(white) == "promoted"
    assert list(machine.world.ledger.all("stage")) == []
    assert machine.events().count("importing") <= 2
    assert machine.world.slots.held() == []


class Forbidden(FakeImports):
    """Imports that run, and that nobody may ask about."""

    def poll(self, operation: str) -> ImportStatus:
        if "tags" in operation:
            return ImportStatus(ImportState.RUNNING)
        message = "asking about an import: HTTP 403: AuthorizationFailed"
        raise Misconfigured(message)


def test_an_import_that_nobody_may_ask_about_is_given_up_at_its_deadline():
    machine, white = comparing_machine()
    finds(machine, "blue", OLD)
    blue = machine.upstream("blue")
    machine.watch()
    until(machine, lambda: scans_of(machine, "blue") == 2)
    machine.world.registries.delete(STAGING, white)
    machine.world.imports = Forbidden(machine.world.upstreams, machine.world.registries)

    machine.settle(rounds=600)

    assert machine.state(blue) == "rejected"
    assert "AuthorizationFailed" in " ".join(machine.reasons(blue))
    assert machine.world.slots.held() == []


class Unreadable(FakeRegistries):
    """Registries one of whose images is nothing that anybody can read."""

    unreadable: Digest | None = None

    def manifest(self, repository: Repository, reference: str | Digest) -> Manifest | None:
        if reference == self.unreadable and repository == STAGING:
            message = f"{reference}: expected a manifest, found something else"
            raise Permanent(message)
        return super().manifest(repository, reference)


def test_what_is_promoted_and_cannot_be_read_does_not_stop_the_candidate_as_poison():
    machine, white = comparing_machine()
    registries = machine.world.registries
    registries.__class__ = Unreadable
    assert isinstance(registries, Unreadable)
    finds(machine, "blue", OLD)
    blue = machine.upstream("blue")
    machine.watch()

    registries.unreadable = white
    machine.settle()

    assert machine.state(blue) == "rejected"
    assert "expected a manifest, found something else" in " ".join(machine.reasons(blue))


@pytest.mark.parametrize("days", [40])
def test_what_was_scanned_often_while_it_was_held_is_still_compared(days: int):
    machine, _ = comparing_machine()
    gate = "compare: not-worse, approval: manual, max_age: 24h"
    machine.world.catalog.text = machine.world.catalog.text.replace("compare: not-worse", gate)
    finds(machine, "blue", OLD)
    blue = seen(machine, "blue")
    for _ in range(days):
        machine.world.clock.advance(hours=25)
        machine.sweep()
        machine.settle()

    assert machine.state(blue) == "held", machine.reasons(blue)
    rows = [each.key for each in machine.world.ledger.rows(Subject("node", blue, "").id)]
    assert len([each for each in rows if each.startswith("scan:")]) <= 2 * 32
