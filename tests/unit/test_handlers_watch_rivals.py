"""Watches that are slow, that rival each other, or that find the catalog or the ledger changed."""

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from handlers import acting, catalogs, observing, records
from shared.errors import Permanent
from shared.oci.digest import Digest
from shared.oci.reference import Repository
from shared.policy.facts import Watched
from shared.values import Row, TagEntry
from tests.fake_registries import FakeRegistries
from tests.machine import BASE, CATALOG, PLATFORMS, TAG, UPSTREAM, Machine

AGED = CATALOG.replace("age: 0h", "age: 24h")


def move(machine: Machine, tag: str, content: str) -> Digest:
    return machine.world.upstreams.set(UPSTREAM, tag, content, PLATFORMS)


def then(machine: Machine, wait: timedelta) -> None:
    machine.watch()
    machine.settle()
    machine.sweep()
    machine.due()
    machine.settle()
    machine.world.clock.advance(seconds=wait.total_seconds())


def record(machine: Machine, tag: str) -> Watched:
    rows = {row.key: row for row in machine.world.ledger.rows(records.subject("node"))}
    return records.watched(tag, rows.get(tag))


def base_tag(machine: Machine) -> Digest:
    entry = machine.world.registries.tag(BASE, TAG)
    assert entry is not None
    return entry.digest


def test_a_withdrawn_digest_does_not_age_while_its_tag_is_out_of_the_catalog():
    machine = Machine()
    machine.world.catalog.text = AGED
    machine.upstream("good")
    then(machine, timedelta(hours=25))
    then(machine, timedelta(hours=1))
    withdrawn = machine.upstream("withdrawn")
    then(machine, timedelta(hours=1))
    machine.world.catalog.text = AGED.replace("[9-alpine]", "[10-alpine]")
    then(machine, timedelta(minutes=10))
    machine.upstream("mended")
    then(machine, timedelta(hours=72))

    machine.world.catalog.text = AGED
    then(machine, timedelta(minutes=1))
    then(machine, timedelta(minutes=1))

    assert base_tag(machine) != withdrawn


def test_a_tag_its_rule_dropped_and_the_catalog_names_keeps_its_record():
    machine = Machine()
    rule = '{ semver: ">=1.0.0", newest: 2, names: ["1.0.0"] }'
    machine.world.catalog.text = CATALOG.replace("[9-alpine]", rule)
    digest = move(machine, "1.0.0", "old")
    then(machine, timedelta(hours=1))
    move(machine, "1.1.0", "newer")
    move(machine, "1.2.0", "newest")

    machine.watch()

    assert record(machine, "1.0.0").current == digest


def test_a_slow_watch_does_not_overwrite_what_a_faster_one_saw_later():
    machine = Machine()
    machine.upstream("before")
    then(machine, timedelta())
    old = machine.upstream("old")
    services = machine.services
    catalog = catalogs.current(services)
    slow = observing.gather(services, catalog, catalog.images, seconds=5)
    machine.world.clock.advance(seconds=60)
    new = machine.upstream("new")
    machine.watch()

    for watch in slow.watches:
        acting.act(services, catalog, watch)

    assert record(machine, TAG).current == new
    machine.settle()
    assert base_tag(machine) != old


def test_a_tag_that_never_stands_still_is_imported_all_the_same():
    machine = Machine()
    machine.world.catalog.text = CATALOG.replace("settle: 0m", "settle: 5m")
    machine.upstream("first")
    then(machine, timedelta())
    for number in range(30):
        machine.upstream(str(number))
        machine.watch()
        if machine.world.queues.take("imports"):
            return
        machine.world.clock.advance(minutes=4)
    pytest.fail("two hours of moves, one every four minutes, and nothing was imported")


class Slow(FakeRegistries):
    """A registry that takes a while to list its tags."""

    def tags(self, repository: Repository) -> Iterator[TagEntry]:
        time.sleep(0.2)
        return super().tags(repository)


def test_a_slow_staging_registry_does_not_make_a_watch_longer_than_it_may_be():
    machine = Machine()
    machine.world.catalog.text += "".join(
        f"  - {{ source: docker.io/library/n{number}, tags: [x] }}\n" for number in range(100)
    )
    services = replace(machine.services, data_plane=Slow(machine.world.clock))
    catalog = catalogs.current(services)

    found = observing.gather(services, catalog, catalog.images, seconds=0.3)

    assert len(found.watches) + len(found.unreached) == 101
    assert len(found.unreached) > 50


def test_a_damaged_row_stops_its_own_image_and_says_which_it_is():
    machine = Machine()
    machine.world.catalog.text += "  - { source: docker.io/library/n, tags: [x] }\n"
    digest = machine.upstream("white")
    machine.world.ledger.upsert(Row("watch:n", "x", {"spans": "{broken"}))

    with pytest.raises(Permanent, match="ledger, watch:n x: expected a record"):
        machine.watch()
    machine.settle()

    assert machine.state(digest) == "promoted"


def test_the_referrers_of_an_image_wait_until_its_registry_may_be_asked_again():
    machine = Machine()
    digest = machine.upstream("white")
    machine.watch()
    now = machine.world.clock.now()
    pause = {"until": (now + timedelta(minutes=40)).isoformat(), "reason": "HTTP 429"}
    machine.world.ledger.upsert(Row("upstream:docker.io", "pause", pause))
    visits = len(machine.world.upstreams.visits)

    machine.settle()

    asked = machine.world.upstreams.visits[visits:]
    assert len(asked) == 1
    assert machine.world.clock.now() >= now + timedelta(minutes=40)
    assert machine.state(digest) == "promoted"
    assert machine.events().count("imported") == 1
