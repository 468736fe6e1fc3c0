"""Adoption: what base held before Breakwater is recorded, kept and looked at, and stays where it is."""

from datetime import timedelta

import pytest

from handlers import gathering, sweep
from shared.errors import Transient
from shared.oci import media_types
from shared.oci.digest import Digest
from shared.oci.manifest import Descriptor
from shared.oci.reference import Repository
from shared.oci.tags import unique_tag
from shared.policy.promotion import KEEP, UNIQUE_TAG_LOCKS
from shared.values import Locks, TagEntry
from tests.adoption import Counting, a_machine, adopted, refused, swept
from tests.builders import an_artifact
from tests.fake_clock import FakeClock
from tests.fake_registries import image, index
from tests.fake_storage import FakeLedger
from tests.machine import BASE, CATALOG, PLATFORMS, STAGING, TAG, Life, Machine, picture


def test_it_is_recorded_once_and_gets_its_unique_tag_with_the_locks_of_any():
    machine, registries, digest = a_machine()

    for _ in range(3):
        swept(machine)

    assert adopted(machine) == [
        (f"promoted by others, before Breakwater: base's {TAG} is it",),
    ]
    unique = unique_tag(TAG, digest)
    assert registries.tag(BASE, unique) == TagEntry(unique, digest, UNIQUE_TAG_LOCKS)
    for each in index("old", PLATFORMS):
        entry = registries.manifest_entry(BASE, each.digest)
        assert entry is not None
        assert entry.locks == KEEP


def test_what_the_gate_refuses_stays_promoted_by_others_and_no_stable_tag_moves():
    machine, registries, digest = a_machine()
    refused(machine)
    registries.lock(BASE, TAG, Locks())

    swept(machine)

    assert machine.state(digest) == "promoted"
    reason, *_ = machine.reasons(digest)
    assert reason.startswith("promoted by others, before Breakwater")
    assert registries.tag(BASE, TAG) == TagEntry(TAG, digest, Locks())
    assert gathering.decision(machine.services, BASE, digest) is None
    assert registries.manifest(STAGING, digest) is not None


def test_what_passes_gets_its_decision_and_is_ours_from_then_on():
    machine, registries, digest = a_machine()

    swept(machine)

    assert machine.state(digest) == "promoted"
    assert gathering.decision(machine.services, BASE, digest) is not None
    assert registries.tag(BASE, TAG) == TagEntry(TAG, digest, KEEP)
    registries.asked = 0
    machine.sweep()
    assert machine.world.queues.take("candidates") == ()
    assert registries.asked == 0


def test_what_is_refused_costs_no_listing_in_the_sweeps_after_and_a_look_a_day():
    machine, registries, digest = a_machine()
    refused(machine)
    swept(machine)
    registries.asked = 0

    looks = 0
    for _ in range(23):
        machine.world.clock.advance(hours=1)
        machine.sweep()
        looks += len(machine.world.queues.take("candidates"))

    assert (registries.asked, looks) == (0, 0)
    machine.world.clock.advance(hours=1)
    machine.sweep()
    assert len(machine.world.queues.take("candidates")) == 1
    assert machine.state(digest) == "promoted"


def test_its_unique_tag_is_put_back_when_somebody_takes_it_away():
    machine, registries, digest = a_machine()
    refused(machine)
    swept(machine)
    unique = unique_tag(TAG, digest)
    registries.lock(BASE, unique, Locks())
    registries.delete(BASE, unique)

    swept(machine)

    assert registries.tag(BASE, unique) == TagEntry(unique, digest, UNIQUE_TAG_LOCKS)
    assert len(adopted(machine)) == 1


def test_a_unique_tag_that_is_another_image_stays_and_the_journal_says_so():
    machine, registries, digest = a_machine()
    refused(machine)
    unique = unique_tag(TAG, digest)
    other = registries.push(BASE, image("somebody's"), unique)

    for _ in range(3):
        swept(machine)

    (reasons,) = adopted(machine)
    assert f"unique tag collision: {unique} is {other}" in reasons[1]
    assert registries.tag(BASE, unique) == TagEntry(unique, other)
    assert machine.state(digest) == "promoted"


def test_what_we_promoted_is_not_adopted_even_when_the_ledger_is_lost():
    machine, registries, _ = a_machine()
    registries.delete(BASE, TAG)
    machine.watch()
    machine.settle()
    machine.world.ledger = FakeLedger()

    registries.asked = 0
    machine.sweep()
    assert registries.asked == 1
    machine.world.queues.take()
    machine.sweep()

    assert registries.asked == 1
    assert adopted(machine) == []


def test_an_adoption_is_not_told_twice_when_the_ledger_is_lost():
    machine, _, digest = a_machine()
    refused(machine)
    swept(machine)
    machine.world.ledger = FakeLedger()

    swept(machine)

    assert len(adopted(machine)) == 1
    assert machine.state(digest) == "promoted"


def test_a_forged_decision_does_not_make_it_ours():
    machine, registries, digest = a_machine()
    top = registries.manifest(BASE, digest)
    assert top is not None
    registries.push(BASE, an_artifact(media_types.DECISION_ARTIFACT, top.descriptor))

    machine.sweep()

    assert len(adopted(machine)) == 1


def _story(life: Life) -> Machine:
    machine, _, _ = a_machine()
    refused(machine)
    machine.life = life
    for _ in range(3):
        machine.sweep()
        machine.settle()
        machine.world.clock.advance(hours=1)
    return machine


def test_a_worker_may_die_at_any_call_of_an_adoption():
    whole = _story(Life())
    expected = picture(whole)
    first = _calls_of_a_sweep()

    for after in (False, True):
        for number in range(1, first + 1):
            machine = _story(Life(ends_at=number, after=after))
            assert machine.deaths, number
            assert picture(machine) == expected, machine.deaths
            assert adopted(machine) == adopted(whole), machine.deaths
            assert machine.world.slots.held() == []


def _calls_of_a_sweep() -> int:
    machine, _, _ = a_machine()
    refused(machine)
    machine.sweep()
    return machine.life.calls


def test_a_digest_that_base_does_not_show_is_for_the_next_sweep():
    machine, registries, digest = a_machine()
    registries.hidden = digest
    with pytest.raises(Transient, match="does not show"):
        sweep.handle(machine.services)
    registries.hidden = None

    swept(machine)

    assert len(adopted(machine)) == 1


def test_what_cannot_be_adopted_for_now_stops_no_other_look():
    machine, registries, digest = a_machine()
    registries.hidden = digest
    staged = registries.push_index(STAGING, TAG, content="white", platforms=PLATFORMS)

    with pytest.raises(Transient):
        sweep.handle(machine.services)

    (look,) = machine.world.queues.take("candidates")
    assert str(staged) in look.text


class Slow(Counting):
    """Registries that take their time to list referrers."""

    clock: FakeClock

    def referrers(self, repository: Repository, digest: Digest) -> tuple[Descriptor, ...]:
        self.clock.advance(seconds=10)
        return super().referrers(repository, digest)


def test_a_sweep_ends_in_time_however_many_images_there_are_to_adopt():
    machine, _, _ = a_machine()
    registries = Slow(machine.world.clock)
    registries.clock = machine.world.clock
    machine.world.registries = registries
    names = [f"library/app{number}" for number in range(40)]
    for name in names:
        repository = Repository(BASE.registry, f"base/{name.rpartition('/')[2]}")
        registries.push_index(repository, "1", content=name, platforms=PLATFORMS)
    images = "".join(f'  - source: docker.io/{name}\n    tags: ["1"]\n' for name in names)
    machine.world.catalog.text = CATALOG.partition("images:")[0] + f"images:\n{images}"
    started = machine.world.clock.now()

    machine.sweep()

    assert machine.world.clock.now() - started <= timedelta(minutes=3)  # it may take five
    for _ in range(5):
        machine.sweep()
    events = [each.event for each in machine.world.journal.entries]
    assert events.count("adopted") == len(names)


def test_a_large_base_is_adopted_over_several_sweeps():
    machine, registries, _ = a_machine()
    tags = [f"{number}-alpine" for number in range(60, 120)]
    for tag in tags:
        registries.push_index(BASE, tag, content=tag, platforms=PLATFORMS)
    text = machine.world.catalog.text
    machine.world.catalog.text = text.replace(f"[{TAG}]", f"[{', '.join(tags)}]")

    machine.sweep()
    assert (len(adopted(machine)), registries.asked) == (50, 50)
    machine.sweep()
    assert (len(adopted(machine)), registries.asked) == (60, 60)
    machine.sweep()
    assert registries.asked == 60
