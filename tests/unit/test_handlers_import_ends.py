"""What an import leaves behind: a verdict on its media type that lasts, no slot, no swallowed fix."""

from handlers import advance_candidate, import_image
from handlers.importing import asked, asking
from shared.messages import BACKLOG, IMPORTS, ImportMessage, LookMessage, candidate_id, encode
from shared.oci import media_types
from shared.oci.digest import Digest
from tests.machine import BASE, STAGING, TAG, UPSTREAM, Machine

RUNNING = 99


def carried_on(machine: Machine, times: int = 5) -> None:
    for _ in range(times):
        for each in machine.world.queues.take(IMPORTS):
            import_image.handle(machine.services, each.text)
        machine.world.clock.advance(seconds=15)


def underway(machine: Machine) -> tuple[Digest, str]:
    """Let an import run, and return its digest and the message that carries it on."""
    machine.world.imports.running = RUNNING
    digest = machine.upstream("white")
    machine.watch()
    (message,) = machine.world.queues.take(IMPORTS)
    import_image.handle(machine.services, message.text)
    (message,) = machine.world.queues.take(IMPORTS)
    return digest, message.text


def rename(machine: Machine, tags: str) -> None:
    text = machine.world.catalog.text
    machine.world.catalog.text = text.replace("[9-alpine]", tags)


def test_no_later_look_promotes_what_has_two_media_types():
    machine = Machine()
    digest = machine.upstream("white")
    machine.watch()
    machine.world.queues.take()
    wrong = media_types.DOCKER_LIST
    message = ImportMessage("node", TAG, str(digest), "ab" * 8, media_type=wrong)
    machine.world.queues.send(IMPORTS, encode(message))
    carried_on(machine)

    for _ in range(2):
        look = encode(LookMessage("node", str(digest), "ab" * 8))
        advance_candidate.handle(machine.services, look)
        machine.settle()
        machine.sweep()
        machine.settle()

    assert machine.state(digest) == "failed"
    assert wrong in machine.reasons(digest)[0]
    assert machine.world.registries.tag(BASE, TAG) is None


def test_an_import_whose_tag_was_dropped_gives_its_slot_back_and_may_be_asked_for_anew():
    machine = Machine()
    digest, message = underway(machine)
    rename(machine, "[10-alpine]")

    import_image.handle(machine.services, message)

    assert machine.world.slots.held() == []
    assert machine.world.queues.sent == []
    assert asking(machine.services, candidate_id("node", digest))


def test_an_import_goes_on_under_another_watched_tag_of_its_digest():
    machine = Machine()
    machine.world.upstreams.set(UPSTREAM, "9", "white", ("linux/amd64", "linux/arm64"))
    rename(machine, "[9-alpine, '9']")
    digest, message = underway(machine)
    machine.world.catalog.text = machine.world.catalog.text.replace("[9-alpine, '9']", "['9']")
    machine.world.imports.running = 0

    machine.world.queues.send(IMPORTS, message)
    machine.settle()

    assert machine.state(digest) == "promoted"
    found = machine.world.registries.tag(STAGING, "9")
    assert found is not None
    assert found.digest == digest
    assert machine.world.slots.held() == []


def test_a_watch_that_finds_a_fix_asks_though_its_digest_was_asked_for_as_a_backlog():
    machine = Machine()
    machine.upstream("white")
    machine.watch()
    machine.settle()
    machine.world.clock.advance(hours=13)
    digest = machine.upstream("blue")
    services, candidate = machine.services, candidate_id("node", digest)
    assert asking(services, candidate)  # as a backlog, by whoever
    asked(services, candidate)

    machine.watch()
    machine.world.clock.advance(minutes=6)
    machine.watch()

    (message,) = machine.world.queues.take(IMPORTS)
    assert str(digest) in message.text
    assert BACKLOG not in message.text


def test_runs_of_what_base_has_nothing_of_yet_leave_slots_to_a_fix():
    machine = Machine()
    world = machine.world
    until, limit = world.clock.now().replace(year=2030), world.settings.run_concurrency
    for number in range(limit - limit // 4):
        assert world.slots.take("runs", f"other {number}", limit=limit, until=until)
    machine.upstream("white")
    machine.watch()
    for _ in range(20):
        for each in world.queues.take():
            machine._deliver(each.queue, each.text)
        world.clock.advance(seconds=15)
    assert world.tasks.requests == {}

    world.slots.free("runs", "other 0")
    machine.settle()
    assert world.tasks.requests
