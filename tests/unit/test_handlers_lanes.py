"""What instances share about a registry: its lanes, its pauses, its outages, and the work itself."""

import dataclasses
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from threading import Thread

import pytest

from handlers import catalogs, lanes, watch_images, watch_upstreams
from shared.catalog import Upstream
from shared.errors import Misconfigured, Transient
from shared.messages import WATCH, WatchMessage, decode, encode
from shared.oci.digest import Digest
from shared.oci.reference import Repository
from shared.values import Usage
from tests.fake_upstreams import FakeUpstreams, FakeVisit
from tests.machine import CATALOG, PLATFORMS, UPSTREAM, Machine

QUAY = Repository("quay.io", "team/app")
TWO = CATALOG + "  - source: quay.io/team/app\n    tags: ['1']\n"
LIMITED = TWO + "upstreams:\n  - { registry: docker.io, concurrency: 2 }\n"


def two(text: str = TWO) -> tuple[Machine, Digest, Digest]:
    """Two images of two registries, and upstream's digest of each."""
    machine = Machine()
    machine.world.catalog.text = text
    return (
        machine,
        machine.upstream("white"),
        machine.world.upstreams.set(QUAY, "1", "app", PLATFORMS),
    )


def asked(machine: Machine) -> set[str]:
    """Return the registries the last watch asked."""
    return set(machine.world.upstreams.visits[-1][1].requests)


def said(machine: Machine, event: str) -> int:
    return [each.event for each in machine.world.journal.entries].count(event)


def test_two_watches_have_no_more_lanes_than_the_registry_allows():
    machine, _, _ = two(LIMITED)
    services, catalog = machine.services, catalogs.current(machine.services)

    with lanes.taken(services, catalog, ["docker.io", "quay.io"]) as first:
        assert {name: each.concurrency for name, each in first.items()} == {
            "docker.io": 2,
            "quay.io": services.settings.upstream_concurrency,
        }
        with lanes.taken(services, catalog, ["docker.io"]) as second:
            assert second == {}
    assert machine.world.slots.held() == []


def test_a_watch_takes_the_lanes_that_are_left():
    machine, _, _ = two(LIMITED)
    services, catalog = machine.services, catalogs.current(machine.services)
    until = services.clock.now() + timedelta(minutes=1)
    assert services.slots.take("upstream:docker.io", "another", limit=2, until=until)

    with lanes.taken(services, catalog, ["docker.io"]) as got:
        assert got["docker.io"].concurrency == 1
    assert machine.world.slots.held() == [("upstream:docker.io", "another")]


class Overlapping(FakeUpstreams):
    """Upstreams during whose first visit another worker watches."""

    meanwhile: Machine | None = None

    def visit(
        self, upstreams: Mapping[str, Upstream], *, seconds: float
    ) -> AbstractAsyncContextManager[FakeVisit]:
        machine, self.meanwhile = self.meanwhile, None
        if machine is not None:
            other = Thread(target=machine.watch)
            other.start()
            other.join()  # however long it takes: this visit comes after it
        return super().visit(upstreams, seconds=seconds)


def test_an_overlapping_watch_asks_nothing_and_its_images_come_back_by_a_message():
    machine, white, app = two(LIMITED)
    overlapping = Overlapping()
    overlapping.content = machine.world.upstreams.content
    machine.world.upstreams = machine.world.imports._upstreams = overlapping
    overlapping.meanwhile = machine

    machine.watch()

    (second, _), (first, _) = overlapping.visits
    assert "docker.io" not in second
    assert first["docker.io"].concurrency == 2
    messages = [each for each in machine.world.queues.sent if each.queue == WATCH]
    names = {decode(each.text, WatchMessage).images for each in messages}
    assert any("node" in each.split() for each in names)
    assert all(timedelta(seconds=29) < each.delay < timedelta(seconds=61) for each in messages)
    machine.settle()
    assert (machine.state(white), machine.state(app, "team/app")) == ("promoted", "promoted")
    assert machine.world.slots.held() == []


class Failing(FakeUpstreams):
    """Upstreams that cannot be visited at all."""

    def visit(
        self, upstreams: Mapping[str, Upstream], *, seconds: float
    ) -> AbstractAsyncContextManager[FakeVisit]:
        message = "no network"
        raise Transient(message)


def test_lanes_are_given_back_after_an_exception():
    machine, _, _ = two(LIMITED)
    machine.world.upstreams = Failing()

    with pytest.raises(Transient, match="no network"):
        watch_upstreams.handle(machine.services)

    assert machine.world.slots.held() == []


def test_a_dead_worker_s_lanes_are_free_again_when_its_watch_would_have_ended():
    machine, white, _ = two(LIMITED)
    services = machine.services
    dead = lanes.taken(services, catalogs.current(services), ["docker.io"])
    dead.__enter__()
    machine.watch()
    assert asked(machine) == {"quay.io"}

    machine.world.clock.advance(seconds=services.settings.watch_seconds + 61)
    machine.settle()

    assert machine.state(white) == "promoted"


def test_a_pause_is_respected_by_the_next_watch_and_by_a_webhook_s_and_then_ends():
    machine, _, _ = two()
    until = machine.world.clock.now() + timedelta(minutes=10)
    machine.world.upstreams.limit("docker.io", Usage(paused_until=until, reason="HTTP 429"))
    machine.watch()
    assert asked(machine) == {"docker.io", "quay.io"}
    machine.world.upstreams.limits.clear()
    machine.world.clock.advance(minutes=5)

    machine.watch()
    assert asked(machine) == {"quay.io"}
    watch_images.handle(machine.services, encode(WatchMessage("node", "ab" * 8)))
    assert asked(machine) == set()
    assert machine.world.queues.take(WATCH) == ()

    machine.world.clock.advance(minutes=5)
    machine.watch()
    assert asked(machine) == {"docker.io", "quay.io"}


def test_an_outage_is_journalled_and_announced_once_and_so_is_its_end():
    machine, white, _ = two()
    for outages in (1, 2):
        machine.world.upstreams.break_("quay.io")
        for _ in range(3):
            machine.watch()
            machine.world.clock.advance(minutes=15)
        assert said(machine, "registry unreachable") == outages
        assert said(machine, "registry answers again") == outages - 1
        machine.world.upstreams.break_("quay.io", "")
        for _ in range(2):
            machine.watch()
            machine.world.clock.advance(minutes=15)
        assert said(machine, "registry answers again") == outages
    machine.settle()

    announced = [each.event for each in machine.world.announcements.published]
    assert announced.count("registry unreachable") == 2
    assert machine.state(white) == "promoted"


def test_a_credential_that_is_not_set_stops_only_its_registry_s_images_and_is_named():
    machine, white, _ = two(TWO + "upstreams:\n  - { registry: quay.io, credentials: team }\n")

    with pytest.raises(Misconfigured, match=r"quay\.io: .*UPSTREAM_TEAM_USERNAME"):
        watch_upstreams.handle(machine.services)
    assert asked(machine) == {"docker.io"}
    machine.settle()

    assert machine.state(white) == "promoted"


def many(number: int, stem: str = "i") -> str:
    return CATALOG + "".join(
        f"  - source: docker.io/library/{stem}{each}\n    tags: ['1', '2']\n"
        for each in range(number)
    )


def test_above_the_split_the_timer_shares_whole_images_each_named_once():
    machine = Machine()
    stem = "long/" * 40 + "name"
    machine.world.catalog.text = many(1200, stem)

    machine.watch()

    messages = machine.world.queues.take()
    names = [name for each in messages for name in decode(each.text, WatchMessage).images.split()]
    assert {each.queue for each in messages} == {WATCH}
    assert all(len(each.text.encode()) <= 48 * 1024 for each in messages)
    assert len(messages) >= 5
    catalog = catalogs.current(machine.services)
    assert sorted(names) == sorted(each.name for each in catalog.images)
    assert machine.world.upstreams.visits == []


def test_a_share_is_watched_by_whoever_takes_its_message():
    machine, white, app = two()
    settings = machine.world.settings
    machine.world.settings = dataclasses.replace(settings, watch_split=1)

    machine.watch()
    machine.settle()

    assert (machine.state(white), machine.state(app, "team/app")) == ("promoted", "promoted")


def test_a_share_twice_late_or_of_dropped_images_does_no_harm():
    machine, white, app = two()
    text = encode(WatchMessage("node team/app gone", "ab" * 8))
    for _ in range(2):
        watch_images.handle(machine.services, text)
    machine.settle()
    machine.world.catalog.text = CATALOG

    watch_images.handle(machine.services, text)
    assert asked(machine) == {"docker.io"}
    machine.settle()

    assert (machine.state(white), machine.state(app, "team/app")) == ("promoted", "promoted")
    started = machine.world.imports.started.values()
    assert sorted(each.source for each in started if each.source in (UPSTREAM, QUAY)) == [
        UPSTREAM,
        QUAY,
    ]


def test_what_was_not_reached_comes_first_next_time_and_is_forgotten_when_reached():
    machine = Machine()
    machine.world.catalog.text = many(12)
    late = Repository("docker.io", "library/i7")
    machine.world.upstreams.unasked.add(late)
    machine.watch()
    machine.world.upstreams.unasked.clear()
    remembered = [each.key for each in machine.world.ledger.rows("watch")]

    firsts = []
    for _ in range(8):
        machine.world.clock.advance(minutes=1)
        machine.watch()
        firsts.append(machine.world.upstreams.visits[-1][1].asked[0][0])

    assert remembered == ["i7"]
    assert firsts[0] == late
    assert set(firsts[1:]) != {late}
    assert machine.world.ledger.rows("watch") == ()


def test_an_unchanged_tag_costs_one_request_a_move_one_more_and_a_rule_its_list():
    machine = Machine()
    machine.world.catalog.text = CATALOG.replace(
        "[9-alpine]", '{ names: [latest], semver: ">=1.0.0" }'
    )
    for tag in ("latest", "1.0.0", "1.1.0"):
        machine.world.upstreams.set(UPSTREAM, tag, f"content of {tag}", PLATFORMS)
    machine.watch()
    machine.settle()

    def cost() -> int:
        machine.watch()
        return machine.world.upstreams.visits[-1][1].requests["docker.io"]

    assert cost() == 3 + 1
    machine.world.upstreams.set(UPSTREAM, "1.1.0", "blue", PLATFORMS)
    assert cost() == 3 + 1 + 1
    assert cost() == 3 + 1
