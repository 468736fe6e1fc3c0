"""Tags a rule chooses: found, imported, promoted; and lists that cannot be had or believed."""

import pytest

from handlers import catalogs, on_base_push, records, watch_upstreams
from shared.errors import Transient
from shared.oci.digest import Digest
from shared.oci.reference import Repository
from shared.policy.facts import Watched
from tests import builders
from tests.machine import (
    APPS,
    BASE,
    CATALOG,
    PLATFORMS,
    STAGING,
    UPSTREAM,
    Machine,
    picture,
)

RULE = '{ semver: ">=1.0.0" }'


def ruled(*tags: str, rule: str = RULE) -> Machine:
    """A machine whose one image is watched by a rule, and whose upstream has these tags."""
    machine = Machine()
    machine.world.catalog.text = CATALOG.replace("[9-alpine]", rule)
    for tag in tags:
        move(machine, tag, f"content of {tag}")
    return machine


def move(machine: Machine, tag: str, content: str) -> Digest:
    return machine.world.upstreams.set(UPSTREAM, tag, content, PLATFORMS)


def rounds(machine: Machine, number: int = 1) -> None:
    for _ in range(number):
        machine.watch()
        machine.settle()
        machine.sweep()
        machine.settle()
        machine.world.clock.advance(minutes=15)


def watched(machine: Machine) -> tuple[str, ...]:
    services = machine.services
    image = catalogs.image(services, catalogs.current(services), "node")
    assert image is not None
    return image.tags


def said(machine: Machine, event: str) -> list[str]:
    return [each.reasons[0] for each in machine.world.journal.entries if each.event == event]


def test_the_tags_a_rule_chooses_are_journalled_once_imported_and_promoted():
    machine = ruled("1.0.0", "1.1.0", "latest", "2.0.0-rc.1")

    rounds(machine, 3)

    assert said(machine, "tags appeared") == ["1.1.0, 1.0.0"]
    assert watched(machine) == ("1.1.0", "1.0.0")
    for tag in watched(machine):
        head = machine.world.upstreams.content.head(UPSTREAM, tag)
        held = machine.world.registries.tag(BASE, tag)
        assert head is not None
        assert held is not None
        assert held.digest == head.digest
    assert machine.world.registries.tag(STAGING, "latest") is None


def test_a_tag_that_appears_later_is_imported_in_the_same_watch():
    machine = ruled("1.0.0")
    rounds(machine)
    digest = move(machine, "1.1.0", "blue")

    rounds(machine)

    assert said(machine, "tags appeared") == ["1.0.0", "1.1.0"]
    assert machine.state(digest) == "promoted"


def test_a_tag_that_vanishes_is_an_event_and_deletes_nothing():
    machine = ruled("1.0.0", "1.1.0")
    rounds(machine, 2)
    before = picture(machine)
    machine.world.upstreams.remove(UPSTREAM, "1.0.0")

    rounds(machine, 4)

    assert said(machine, "tags vanished") == ["1.0.0"]
    assert watched(machine) == ("1.1.0",)
    assert picture(machine) == before


def test_a_tag_pushed_out_by_newer_ones_is_an_event_and_deletes_nothing():
    machine = ruled("1.0.0", "1.1.0", rule='{ semver: ">=1.0.0", newest: 2 }')
    rounds(machine, 2)
    move(machine, "1.2.0", "blue")

    rounds(machine, 2)

    assert said(machine, "tags dropped") == ["1.0.0"]
    assert watched(machine) == ("1.2.0", "1.1.0")
    assert machine.world.registries.tag(BASE, "1.0.0") is not None


def test_a_list_that_shrank_is_refused_once_and_its_tags_stay_watched():
    machine = ruled("1.0.0", "1.1.0", "1.2.0", "1.3.0", rule='{ semver: ">=1.0.0", newest: 2 }')
    rounds(machine)
    for tag in ("1.0.0", "1.1.0", "1.2.0"):
        machine.world.upstreams.remove(UPSTREAM, tag)
    moved = move(machine, "1.3.0", "blue")

    rounds(machine, 3)

    (refusal,) = said(machine, "tags refused")
    assert "listed 1 tags where there were 4" in refusal
    assert said(machine, "tags vanished") == []
    assert watched(machine) == ("1.3.0", "1.2.0")
    assert machine.events().count("gone upstream") == 1  # 1.2.0 itself was asked about
    assert moved in {each.digest for each in machine.world.registries.tags(STAGING)}


def test_a_list_that_cannot_be_read_leaves_what_was_chosen_watched():
    machine = ruled("1.0.0", "1.1.0")
    rounds(machine)
    machine.world.upstreams.unlisted[UPSTREAM] = "HTTP 500"
    moved = move(machine, "1.1.0", "blue")

    rounds(machine, 3)

    (refusal,) = said(machine, "tags refused")
    assert "HTTP 500" in refusal
    assert watched(machine) == ("1.1.0", "1.0.0")
    assert moved in {each.digest for each in machine.world.registries.tags(STAGING)}


def test_no_list_and_nothing_chosen_is_a_failure_of_that_image_alone():
    machine = ruled("1.0.0")
    machine.world.upstreams.unlisted[UPSTREAM] = "HTTP 500"
    machine.world.catalog.text += "  - source: docker.io/library/a\n    tags: ['1']\n"
    other = machine.world.upstreams.set(Repository("docker.io", "library/a"), "1", "a", PLATFORMS)

    with pytest.raises(Transient, match="library/node: HTTP 500"):
        watch_upstreams.handle(machine.services)
    machine.settle()

    assert machine.state(other, "a") == "promoted"
    assert watched(machine) == ()
    machine.world.upstreams.unlisted.clear()
    rounds(machine)
    assert watched(machine) == ("1.0.0",)


def test_a_rule_that_chooses_nothing_says_so_once_however_the_list_grows():
    machine = ruled("latest")
    rounds(machine, 2)
    move(machine, "edge", "edge")

    rounds(machine, 2)

    assert said(machine, "tags refused") == [
        "the rule chooses none of the tags upstream lists",
    ]


def test_named_tags_are_watched_beside_those_the_rule_chooses():
    machine = ruled("1.0.0", "latest", rule='{ names: [latest], semver: ">=1.0.0" }')

    rounds(machine)

    assert watched(machine) == ("latest", "1.0.0")
    assert said(machine, "tags appeared") == ["1.0.0"]


def test_a_push_to_base_of_a_chosen_tag_rebuilds_what_was_built_on_it():
    machine = ruled("1.0.0")
    rounds(machine)
    machine.world.tasks.add(builders.a_task(APPS, "hello-world"))
    machine.world.tasks.built_on(APPS, "hello-world", BASE, "1.0.0", Digest.of(b"old"))
    held = machine.world.registries.tag(BASE, "1.0.0")
    assert held is not None
    target = {"repository": BASE.path, "digest": str(held.digest), "tag": "1.0.0"}

    on_base_push.handle(machine.services, {"action": "push", "target": target})

    (message,) = machine.world.queues.take("rebuilds")
    assert str(held.digest) in message.text


def test_a_sweep_finds_a_chosen_tag_that_base_lacks():
    machine = ruled("1.0.0")
    rounds(machine)
    shelf = machine.world.registries._shelf(BASE)
    shelf.tags.clear()
    shelf.locks.clear()
    machine.world.clock.advance(hours=13)

    machine.sweep()
    machine.settle()

    assert machine.world.registries.tag(BASE, "1.0.0") is not None


def test_without_its_rule_an_image_is_watched_by_its_names_alone():
    machine = ruled("1.0.0")
    rounds(machine)

    machine.world.catalog.text = CATALOG

    assert watched(machine) == ("9-alpine",)


def record(machine: Machine, tag: str) -> Watched:
    rows = {row.key: row for row in machine.world.ledger.rows(records.subject("node"))}
    return records.watched(tag, rows.get(tag))


def test_a_tag_that_vanishes_or_is_dropped_is_nobodys_current_one_any_more():
    machine = ruled("1.0.0", "1.1.0", "1.2.0", rule='{ semver: ">=1.0.0", newest: 2 }')
    rounds(machine)
    machine.world.upstreams.remove(UPSTREAM, "1.1.0")
    move(machine, "1.3.0", "blue")
    move(machine, "1.4.0", "green")

    rounds(machine)

    assert said(machine, "tags vanished") == ["1.1.0"]
    assert said(machine, "tags dropped") == ["1.2.0"]
    for tag in ("1.1.0", "1.2.0"):
        assert record(machine, tag).spans
        assert record(machine, tag).current is None


def test_the_tags_the_catalog_names_are_watched_even_where_the_list_cannot_be_read():
    machine = ruled("1.0.0", rule='{ names: [stable], semver: ">=1.0.0" }')
    digest = move(machine, "stable", "blue")
    machine.world.upstreams.unlisted[UPSTREAM] = "HTTP 500"

    rounds(machine)

    assert machine.state(digest) == "promoted"
    assert watched(machine) == ("stable",)
