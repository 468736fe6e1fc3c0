"""A stable tag moves on, and what it held can still be had."""

from shared.oci.tags import unique_tag
from shared.policy.promotion import UNIQUE_TAG_LOCKS
from shared.values import TagEntry
from tests.adoption import a_machine, adopted, refused, swept
from tests.fakes import image
from tests.machine import BASE, PLATFORMS, TAG


def test_upstreams_newer_digest_replaces_it_and_it_can_still_be_had():
    machine, registries, digest = a_machine()
    refused(machine)
    swept(machine)
    new = machine.upstream("white")
    machine.watch()
    machine.settle()

    swept(machine)

    entry = registries.tag(BASE, TAG)
    assert entry is not None
    assert entry.digest == new
    kept = registries.tag(BASE, unique_tag(TAG, digest))
    assert kept is not None
    assert kept.digest == digest


def test_a_promotion_that_no_sweep_came_before_keeps_what_the_tag_held():
    machine, registries, digest = a_machine()
    new = machine.upstream("white")
    machine.watch()
    machine.settle()

    entry = registries.tag(BASE, TAG)
    assert entry is not None
    assert entry.digest == new
    unique = unique_tag(TAG, digest)
    assert registries.tag(BASE, unique) == TagEntry(unique, digest, UNIQUE_TAG_LOCKS)
    assert any(event == "kept" for event in machine.events()), machine.events()


def test_a_tag_whose_digest_cannot_be_kept_does_not_move_and_says_why():
    machine, registries, digest = a_machine()
    registries.push(BASE, image("somebody's"), unique_tag(TAG, digest))
    new = machine.upstream("white")
    machine.watch()
    machine.settle()

    assert machine.state(new) == "failed"
    assert "unique tag collision" in machine.reasons(new)[0]
    entry = registries.tag(BASE, TAG)
    assert entry is not None
    assert entry.digest == digest


def test_what_somebody_pushes_over_a_promoted_tag_is_kept_and_the_tag_moves_back():
    machine, registries, _ = a_machine()
    registries.delete(BASE, TAG)
    machine.watch()
    machine.settle()
    ours = registries.tag(BASE, TAG)
    pushed = registries.push_index(BASE, TAG, content="pushed", platforms=PLATFORMS)

    swept(machine)
    swept(machine)

    assert registries.tag(BASE, TAG) == ours
    unique = unique_tag(TAG, pushed)
    assert registries.tag(BASE, unique) == TagEntry(unique, pushed, UNIQUE_TAG_LOCKS)
    assert len(adopted(machine)) == 1


def test_what_a_promotion_replaced_before_any_sweep_is_superseded_and_left_alone():
    machine, _, digest = a_machine()
    machine.watch()
    machine.settle()

    assert machine.state(digest) == "superseded", machine.reasons(digest)
