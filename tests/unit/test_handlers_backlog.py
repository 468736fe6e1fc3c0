"""A backlog of imports: asked for once, in their own slots, and healed when a message is lost."""

from datetime import timedelta

import pytest

from handlers import advance_candidate, import_image
from shared.errors import Transient
from shared.messages import BACKLOG, ImportMessage, LookMessage, candidate_id, encode
from shared.oci.digest import Digest
from shared.oci.manifest import Manifest
from shared.oci.reference import Repository
from shared.values import Row
from tests.fake_registries import FakeRegistries
from tests.machine import BASE, PLATFORMS, STAGING, TAG, UPSTREAM, Life, Machine


def crowd(machine: Machine, kind: str, long: timedelta) -> None:
    """Let others have every slot of a kind."""
    until, limit = machine.world.clock.now() + long, machine.world.settings.import_concurrency
    for number in range(limit):
        assert machine.world.slots.take(kind, f"other {number}", limit=limit, until=until)


def asked(machine: Machine) -> list[str]:
    return [each.text for each in machine.world.queues.sent if each.queue == "imports"]


def test_a_backlog_has_one_message_of_a_candidate_however_often_upstream_is_watched():
    machine = Machine()
    machine.upstream("white")
    crowd(machine, "imports:staging", timedelta(hours=3))

    for _ in range(12):
        machine.watch()
        for message in machine.world.queues.take():
            import_image.handle(machine.services, message.text)
        assert len(asked(machine)) == 1
        machine.world.clock.advance(minutes=15)


def test_what_a_watch_found_taken_by_another_watch_is_not_asked_for():
    machine = Machine()
    digest = machine.upstream("white")
    ledger = machine.world.ledger
    candidate = candidate_id("node", digest)
    plain = ledger.insert

    def slower(row: Row) -> bool:
        if row.key == "import":
            plain(Row(row.subject, row.key, row.values))
        return plain(row)

    ledger.insert = slower  # type: ignore[method-assign]  # the other watch comes in between
    machine.watch()

    assert [each.key for each in ledger.rows(candidate)] == ["import"]
    assert asked(machine) == []


def test_a_message_that_was_lost_before_its_import_started_is_asked_for_an_hour_later():
    machine = Machine()
    digest = machine.upstream("white")
    machine.watch()
    machine.world.queues.take()  # lost

    machine.world.clock.advance(minutes=59)
    machine.watch()
    assert asked(machine) == []

    machine.world.clock.advance(minutes=1)
    machine.watch()
    machine.watch()
    assert len(asked(machine)) == 1
    machine.settle()
    assert machine.state(digest) == "promoted"


@pytest.mark.parametrize("after", [False, True], ids=["before it was sent", "after it was sent"])
def test_a_watch_that_died_while_it_asked_is_made_good_by_the_next(after: bool):
    alive = Machine(life=Life(after=after))
    digest = alive.upstream("white")
    alive.watch()
    for number in range(1, alive.life.calls + 1):
        machine = Machine(life=Life(ends_at=number, after=after))
        machine.upstream("white")
        machine.watch()
        machine.world.clock.advance(minutes=5)  # its claims and lanes have run out by then
        machine.watch()

        assert 1 <= len(asked(machine)) <= 2, machine.deaths
        machine.settle()
        assert machine.state(digest) == "promoted", machine.deaths
        assert not list(machine.world.ledger.all("import")), machine.deaths


def test_a_look_at_what_was_asked_for_asks_for_no_other_import():
    machine = Machine()
    digest = machine.upstream("white")
    machine.watch()

    advance_candidate.handle(machine.services, encode(LookMessage("node", str(digest), "ab" * 8)))

    assert len(asked(machine)) == 1


def test_a_forgiven_import_that_waits_for_a_slot_is_asked_for_once():
    machine = Machine()
    for _ in range(3):
        machine.world.imports.fail_next("denied")
    machine.upstream("white")
    machine.watch()
    machine.settle()
    machine.world.clock.advance(hours=1)
    crowd(machine, "imports:staging", timedelta(hours=2))

    for _ in range(4):
        machine.watch()
        for message in machine.world.queues.take():
            import_image.handle(machine.services, message.text)
        machine.world.clock.advance(minutes=15)

    assert len(asked(machine)) == 1


def test_one_message_gives_a_digest_every_tag_upstream_has_it_under():
    machine = Machine()
    text = machine.world.catalog.text
    machine.world.catalog.text = text.replace("[9-alpine]", "[9-alpine, '9']")
    digest = machine.upstream("white")
    machine.world.upstreams.set(UPSTREAM, "9", "white", PLATFORMS)
    machine.watch()
    assert len(asked(machine)) == 1

    machine.settle()

    for repository in (STAGING, BASE):
        tags = {each.name: each.digest for each in machine.world.registries.tags(repository)}
        assert tags.get("9") == tags.get(TAG) == digest


@pytest.mark.parametrize("subject", ["", str(Digest.of(b"x"))], ids=["an image", "a referrer"])
def test_without_a_slot_it_waits_longer_with_jitter_and_asks_no_registry(subject: str):
    delays = set()
    message = ImportMessage("node", TAG, str(Digest.of(b"x")), "ab" * 8, subject, urgency=BACKLOG)
    for _ in range(20):
        machine = Machine()
        crowd(machine, "imports:staging", timedelta(hours=1))
        machine.world.registries = None  # type: ignore[assignment]  # asking it would fail
        import_image.handle(machine.services, encode(message))
        (again,) = machine.world.queues.take()
        delays.add(again.delay)

    assert min(delays) >= timedelta(seconds=60)
    assert max(delays) <= timedelta(seconds=300)
    assert len(delays) > 10


def test_imports_into_staging_take_no_slot_from_promotions_and_the_other_way_round():
    machine = Machine()
    white = machine.upstream("white")
    machine.watch()
    machine.settle()
    blue = machine.upstream("blue")
    machine.watch()
    machine.world.clock.advance(hours=13)
    crowd(machine, "imports:base", timedelta(minutes=10))
    for _ in range(30):
        for message in machine.world.queues.take():
            machine._deliver(message.queue, message.text)
        machine._end_runs()
        machine.world.clock.advance(seconds=10)
    assert machine.world.registries.manifest(STAGING, blue) is not None
    assert machine.world.registries.manifest(BASE, blue) is None

    machine.world.clock.advance(minutes=10)
    crowd(machine, "imports:staging", timedelta(hours=9))
    machine.settle()

    assert machine.state(blue) == "promoted"
    assert machine.state(white) == "superseded"


class Forgetful(FakeRegistries):
    """Registries that show a digest and do not give it, for a while."""

    forgets = 0

    def manifest(self, repository: Repository, reference: str | Digest) -> Manifest | None:
        if self.forgets and repository == STAGING and isinstance(reference, Digest):
            self.forgets -= 1
            return None
        return super().manifest(repository, reference)

    def head(self, repository, reference):
        found = FakeRegistries.manifest(self, repository, reference)
        return found.descriptor if found else None


def test_a_digest_that_is_shown_and_not_given_is_asked_for_again():
    machine = Machine()
    forgetful = Forgetful(machine.world.clock)
    machine.world.registries = machine.world.imports._registries = forgetful
    digest = machine.upstream("white")
    machine.watch()
    (message,) = machine.world.queues.take()
    import_image.handle(machine.services, message.text)
    (message,) = machine.world.queues.take()
    forgetful.forgets = 1

    import_image.handle(machine.services, message.text)
    (again,) = machine.world.queues.sent
    assert again.text == message.text
    assert again.delay >= timedelta(seconds=45)
    machine.settle()

    assert machine.state(digest) == "promoted"


def test_a_registry_that_fails_before_an_import_starts_keeps_no_slot():
    class Failing(FakeRegistries):
        def head(self, repository, reference):
            problem = f"{repository}: HTTP 503"
            raise Transient(problem)

    machine = Machine()
    machine.upstream("white")
    machine.watch()
    (message,) = machine.world.queues.take()
    machine.world.registries = Failing(machine.world.clock)

    import_image.handle(machine.services, message.text)

    assert [each.text for each in machine.world.queues.sent] == [message.text]
    assert machine.world.slots.held() == []
