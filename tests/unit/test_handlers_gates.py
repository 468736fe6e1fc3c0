"""What holds a candidate, until when, and what lets it through in the end."""

from shared.oci.digest import Digest
from shared.oci.manifest import parse
from shared.values import Locks, RunState
from tests.builders import a_manifest
from tests.machine import BASE, CATALOG, STAGING, TAG, UPSTREAM, Machine

AGED = CATALOG.replace("age: 0h", "age: 24h")


def aged() -> Machine:
    machine = Machine()
    machine.world.catalog.text = AGED
    return machine


def seen(machine: Machine, content: str) -> Digest:
    digest = machine.upstream(content)
    machine.watch()
    machine.settle()
    return digest


def base_tag(machine: Machine) -> Digest | None:
    entry = machine.world.registries.tag(BASE, TAG)
    return entry.digest if entry else None


def test_a_young_candidate_is_held_until_its_due_time_and_then_promoted():
    machine = aged()
    digest = seen(machine, "white")
    assert machine.state(digest) == "held"
    assert "too young" in machine.reasons(digest)[0]
    assert machine.world.queues.sent == []  # a day is a due time, no message

    machine.world.clock.advance(hours=23)
    machine.due()
    assert machine.world.queues.sent == []

    machine.world.clock.advance(hours=1)
    machine.due()
    machine.settle()
    assert machine.state(digest) == "promoted"
    assert machine.world.slots.held() == []
    assert list(machine.world.ledger.due(machine.world.clock.now())) == []


def test_the_last_minutes_of_an_age_are_waited_for_in_the_queue():
    machine = aged()
    digest = seen(machine, "white")
    machine.world.clock.advance(hours=23, minutes=50)
    machine.sweep()
    (look,) = machine.world.queues.take()
    machine._deliver(look.queue, look.text)

    (again,) = machine.world.queues.sent
    assert 0 < again.delay.total_seconds() <= 15 * 60
    machine.settle()
    assert machine.state(digest) == "promoted"


def test_a_tag_that_moves_daily_does_not_starve():
    machine = aged()
    digests = []
    for day in range(6):
        digests.append(seen(machine, f"day {day}"))
        for _ in range(24):
            machine.world.clock.advance(hours=1)
            machine.due()
            machine.settle()

    assert base_tag(machine) == digests[-1]
    assert [machine.state(each) for each in digests] == ["superseded"] * 5 + ["promoted"]
    assert machine.events().count("tag moved") == 6
    assert machine.world.slots.held() == []


def test_what_upstream_had_long_enough_is_promoted_though_it_has_moved_on():
    machine = aged()
    first = seen(machine, "first")
    machine.world.clock.advance(hours=13)
    seen(machine, "second")
    machine.world.clock.advance(hours=11)
    machine.due()
    machine.settle()

    assert machine.state(first) == "promoted"
    assert "it was upstream's 9-alpine for 13 hours" in " ".join(
        " ".join(each.reasons) for each in machine.world.journal.entries
    )


def test_what_upstream_withdrew_within_the_dwell_is_held_and_never_promoted_by_age():
    machine = aged()
    bad = seen(machine, "bad")
    machine.world.clock.advance(hours=3)
    good = seen(machine, "good")
    for _ in range(30):
        machine.world.clock.advance(hours=1)
        machine.due()
        machine.sweep()
        machine.settle()

    assert machine.state(good) == "promoted"
    assert machine.state(bad) == "superseded"
    assert machine.world.registries.manifest(BASE, bad) is None
    assert machine.world.slots.held() == []


def test_a_tag_that_is_gone_soon_after_it_came_holds_its_digest():
    machine = aged()
    digest = seen(machine, "white")
    machine.world.clock.advance(hours=1)
    machine.world.upstreams.remove(UPSTREAM, TAG)
    machine.watch()
    machine.world.clock.advance(hours=30)
    machine.due()
    machine.settle()

    assert machine.state(digest) == "held"
    assert "withdrew" in machine.reasons(digest)[0]
    assert base_tag(machine) is None


def test_an_index_that_lacks_a_platform_is_held_and_says_which():
    machine = Machine()
    digest = machine.upstream("white", ["linux/amd64"])
    machine.watch()
    machine.settle()

    assert machine.state(digest) == "held"
    assert machine.reasons(digest) == ["it lacks linux/arm64"]
    assert machine.world.tasks.requests == {}
    assert machine.world.slots.held() == []


DATA = """\
  - source: ghcr.io/aquasecurity/trivy-db
    name: tools/trivy-db
    tags: ["2"]
    gate: { scan: none, age: 6h, reason: data for the scanner }
"""


def test_data_that_is_not_scanned_is_promoted_once_it_has_aged():
    machine = Machine()
    machine.world.catalog.text += DATA
    catalog = machine.world.catalog.text
    assert "trivy-db" in catalog
    data = a_manifest(
        mediaType="application/vnd.oci.image.manifest.v1+json",
        artifactType="application/vnd.aquasec.trivy.db",
    )
    source = machine.world.upstreams.content
    source.push(UPSTREAM.__class__("ghcr.io", "aquasecurity/trivy-db"), parse(data.raw), "2")
    machine.watch()
    machine.settle()
    assert machine.state(data.digest, "tools/trivy-db") == "held"

    machine.world.clock.advance(hours=6)
    machine.due()
    machine.settle()

    assert machine.state(data.digest, "tools/trivy-db") == "promoted"
    base = BASE.__class__(BASE.registry, "base/tools/trivy-db")
    entry = machine.world.registries.tag(base, "2")
    assert entry is not None
    assert entry.digest == data.digest
    assert machine.world.tasks.requests == {}
    assert machine.world.slots.held() == []


def test_a_stable_tag_that_someone_froze_stops_the_promotion_with_a_reason_and_no_poison():
    machine = Machine()
    white = seen(machine, "white")
    machine.world.registries.lock(BASE, TAG, Locks(write=False, delete=False))
    machine.world.clock.advance(hours=13)

    blue = seen(machine, "blue")

    assert machine.state(blue) == "failed"
    assert "locked" in machine.reasons(blue)[0]
    assert base_tag(machine) == white
    assert machine.world.slots.held() == []

    machine.world.registries.lock(BASE, TAG, Locks(write=True, delete=False))
    machine.world.clock.advance(hours=1)
    machine.sweep()
    machine.settle()
    assert machine.state(blue) == "promoted"


def test_a_promotion_that_is_overtaken_gives_its_slot_back():
    machine = Machine()
    machine.upstream("old")
    machine.watch()
    # Into the middle of the promotion: the copy into base has been started and does not end.
    for _ in range(40):
        for message in machine.world.queues.take():
            machine._deliver(message.queue, message.text)
        machine._end_runs()
        machine.world.clock.advance(seconds=15)
        if any(each.target == BASE for each in machine.world.imports.started.values()):
            break
    assert "promotions" in {kind for kind, _ in machine.world.slots.held()}
    machine.world.clock.advance(minutes=1)
    new = seen(machine, "new")

    assert machine.state(new) == "promoted"
    assert base_tag(machine) == new
    assert [each for each in machine.world.slots.held() if each[0] == "promotions"] == []


def test_drift_is_put_right_by_the_sweep():
    machine = Machine()
    white = seen(machine, "white")
    registries = machine.world.registries
    registries.lock(BASE, white, Locks())
    registries.lock(BASE, TAG, Locks())
    other = registries.push_index(BASE, "", content="else")
    manifest = registries.manifest(BASE, other)
    assert manifest is not None
    registries.put_manifest(BASE, TAG, manifest)

    machine.sweep()
    machine.settle()

    assert base_tag(machine) == white
    entry = registries.manifest_entry(BASE, white)
    assert entry is not None
    assert not entry.locks.delete
    assert machine.world.slots.held() == []


def test_a_lost_test_run_ends_in_failure_only_after_three_attempts():
    machine = Machine()
    digest = machine.upstream("white")
    machine.watch()
    for _ in range(80):
        for message in machine.world.queues.take():
            machine._deliver(message.queue, message.text)
        for run_id, request in machine.world.tasks.requests.items():
            run = machine.world.tasks.run(STAGING.registry, run_id)
            if run is not None and run.state is RunState.QUEUED:
                if hasattr(request, "context"):
                    machine.world.tasks.finish(STAGING.registry, run_id, RunState.CANCELED)
                else:
                    machine._end(run_id, request)
        machine.world.clock.advance(seconds=15)

    assert machine.state(digest) == "failed"
    assert "its test could not be run on linux/amd64, 3 times" in machine.reasons(digest)[0]
    assert machine.world.slots.held() == []
