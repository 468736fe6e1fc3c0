"""Imports into staging: what fails, what is refused, what is forgiven, and who is told."""

import json
from datetime import timedelta

import pytest

from handlers import advance_candidate, import_image
from shared.catalog import Upstream
from shared.errors import Permanent
from shared.messages import ImportMessage, LookMessage, encode
from shared.oci.digest import Digest
from shared.oci.reference import Repository
from shared.oci.tags import unique_tag
from tests.fake_upstreams import FakeImports
from tests.machine import BASE, PLATFORMS, STAGING, TAG, UPSTREAM, Machine

REFUSED = "GATEWAY_TIMEOUT: the source registry did not answer"


def failed_for_good(machine: Machine) -> Digest:
    digest = machine.upstream("white")
    for _ in range(3):
        machine.world.imports.fail_next(REFUSED)
    machine.watch()
    machine.settle()
    return digest


def test_an_import_that_fails_three_times_is_failed_with_the_platforms_own_text():
    machine = Machine()

    digest = failed_for_good(machine)

    assert machine.state(digest) == "failed"
    assert machine.reasons(digest) == [f"importing it from {UPSTREAM} failed: {REFUSED}"]
    assert len(machine.world.imports.started) == 3
    assert machine.world.slots.held() == []


def test_an_import_that_failed_once_is_tried_again():
    machine = Machine()
    digest = machine.upstream("white")
    machine.world.imports.fail_next(REFUSED)

    machine.watch()
    machine.settle()

    assert machine.state(digest) == "promoted"
    assert machine.world.slots.held() == []


def test_a_failed_import_is_left_alone_for_an_hour_and_then_forgiven():
    machine = Machine()
    digest = failed_for_good(machine)

    machine.world.clock.advance(minutes=30)
    machine.watch()
    machine.settle()
    assert len(machine.world.imports.started) == 3

    machine.world.clock.advance(minutes=31)
    machine.watch()
    machine.settle()
    assert machine.state(digest) == "promoted"
    assert machine.world.slots.held() == []


def test_an_import_whose_message_was_lost_is_asked_for_again():
    machine = Machine()
    machine.world.imports.running = 99
    digest = machine.upstream("white")
    machine.watch()
    (message,) = machine.world.queues.take()
    import_image.handle(machine.services, message.text)
    machine.world.queues.take()  # the poison queue has it now
    machine.world.imports.running = 0

    machine.world.clock.advance(hours=2)
    machine.watch()
    machine.settle()

    assert machine.state(digest) == "promoted"


def test_a_platform_that_refuses_to_start_an_import_is_named_in_the_end():
    class Refusing(FakeImports):
        def start(
            self,
            *,
            source: Repository,
            digest: Digest,
            target: Repository,
            tags: tuple[str, ...],
            upstream: Upstream | None = None,
        ) -> str:
            self.started[str(len(self.started))] = None  # type: ignore[assignment]  # only counted
            problem = "AuthorizationFailed: the client may not import"
            raise Permanent(problem)

    machine = Machine()
    machine.world.imports = Refusing(machine.world.upstreams, machine.world.registries)
    digest = machine.upstream("white")
    machine.watch()
    for _ in range(40):
        for message in machine.world.queues.take():
            try:
                import_image.handle(machine.services, message.text)
            except Permanent:  # the message comes back
                machine.world.queues.send(message.queue, message.text)
        machine.world.clock.advance(seconds=15)

    assert machine.state(digest) == "failed"
    assert "the client may not import" in machine.reasons(digest)[0]
    assert len(machine.world.imports.started) == 3
    assert machine.world.slots.held() == []


def test_a_unique_tag_of_another_digest_in_staging_is_refused():
    machine = Machine()
    digest = machine.upstream("white")
    taken = unique_tag(TAG, digest)
    other = machine.world.registries.push_index(STAGING, taken, content="else", platforms=PLATFORMS)

    machine.watch()
    machine.settle()

    assert machine.state(digest) == "failed"
    assert machine.reasons(digest) == [f"unique tag collision: {taken} is {other}"]
    assert machine.world.imports.started == {}


def test_a_unique_tag_of_another_digest_in_base_is_refused():
    machine = Machine()
    digest = machine.upstream("white")
    taken = unique_tag(TAG, digest)
    other = machine.world.registries.push_index(BASE, taken, content="else", platforms=PLATFORMS)

    machine.watch()
    machine.settle()

    assert machine.state(digest) == "failed"
    assert f"unique tag collision: {taken} is {other}" in machine.reasons(digest)
    assert machine.world.registries.tag(BASE, TAG) is None
    assert machine.world.slots.held() == []


def test_a_digest_that_two_watches_saw_is_imported_once_and_journaled_once():
    machine = Machine()
    digest = machine.upstream("white")
    machine.watch()
    machine.watch()
    machine.settle()

    assert machine.state(digest) == "promoted"
    assert (
        len([each for each in machine.world.imports.started.values() if each.target == STAGING])
        == 1
    )
    assert machine.events().count("detected") == 1
    assert machine.events().count("imported") == 1


def test_a_digest_that_left_staging_and_came_back_is_journaled_again():
    machine = Machine()
    machine.upstream("white")
    machine.watch()
    machine.settle()
    machine.world.registries.delete(STAGING, machine.upstream("white"))
    machine.world.clock.advance(hours=1)

    machine.watch()
    machine.settle()

    assert machine.events().count("imported") == 2


def test_an_import_for_an_image_the_catalog_dropped_does_nothing():
    machine = Machine()
    message = ImportMessage("gone", TAG, str(Digest.of(b"x")), "ab" * 8)

    import_image.handle(machine.services, encode(message))

    assert machine.world.queues.sent == []
    assert machine.world.slots.held() == []


def test_a_look_at_what_is_being_imported_neither_asks_again_nor_changes_its_state():
    machine = Machine()
    machine.world.imports.running = 99
    digest = machine.upstream("white")
    machine.watch()
    (message,) = machine.world.queues.take()
    import_image.handle(machine.services, message.text)
    (carried_on,) = machine.world.queues.take()

    look = LookMessage("node", str(digest), "ab" * 8)
    advance_candidate.handle(machine.services, encode(look))

    assert machine.state(digest) == "importing"
    assert machine.world.queues.sent == []
    machine.world.imports.running = 0
    machine.world.queues.send(carried_on.queue, carried_on.text)
    machine.settle()
    assert machine.state(digest) == "promoted"
    assert machine.events().count("detected") == 1


def test_a_late_import_of_what_upstream_has_replaced_takes_no_stable_tag():
    machine = Machine()
    old = machine.upstream("old")
    machine.watch()
    late = machine.world.queues.take()
    machine.upstream("new")
    machine.watch()
    machine.settle()
    for message in late:
        machine.world.queues.send(message.queue, message.text)
    machine.settle()
    machine.watch()
    machine.settle()

    stable = machine.world.registries.tag(STAGING, TAG)
    assert stable is not None
    assert stable.digest != old
    assert machine.world.registries.tag(STAGING, unique_tag(TAG, old)) is not None


def test_no_slot_leaves_the_import_waiting_and_not_lost():
    machine = Machine()
    digest = machine.upstream("white")
    until = machine.world.clock.now() + timedelta(minutes=5)
    limit = machine.world.settings.import_concurrency
    for number in range(limit):
        slots = machine.world.slots
        assert slots.take("imports:staging", f"other {number}", limit=limit, until=until)
    machine.watch()
    machine.settle()

    assert machine.state(digest) == "promoted"


@pytest.mark.parametrize("hostile", ["\x1b[2Jgone", "a\nb\rc", "\u202egnp", "x" * 100_000])
def test_the_platforms_text_is_journaled_on_one_line_without_control_characters(hostile: str):
    machine = Machine()
    digest = machine.upstream("white")
    for _ in range(3):
        machine.world.imports.fail_next(f"denied: {hostile}")
    machine.watch()
    machine.settle()

    (reason,) = machine.reasons(digest)
    assert "denied: " in reason
    for entry in machine.world.journal.entries:
        assert all(each.isprintable() for each in entry.reasons)
    assert len(json.dumps(json.dumps(machine.reasons(digest)))) < 32_000  # a table's longest text


def test_one_unreachable_registry_does_not_stop_the_others():
    machine = Machine()
    machine.world.catalog.text += "  - source: quay.io/team/app\n    tags: ['1']\n"
    machine.world.upstreams.break_("quay.io")
    digest = machine.upstream("white")

    machine.watch()

    machine.settle()
    assert machine.state(digest) == "promoted"
