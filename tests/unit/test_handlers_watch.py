"""Watching and sweeping: tags that move back, registries that fail, workers that race or die."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from handlers import sweep, watch_upstreams
from shared.errors import Transient
from shared.oci.digest import Digest
from shared.oci.reference import Repository
from shared.values import TagEntry
from tests.fake_registries import FakeRegistries
from tests.fake_storage import FakeQueues
from tests.fakes import index
from tests.machine import APPS, BASE, PLATFORMS, STAGING, TAG, Life, Machine


def promoted(machine: Machine, content: str) -> Digest:
    digest = machine.upstream(content)
    machine.watch()
    machine.settle()
    assert machine.state(digest) == "promoted", machine.events()
    machine.world.clock.advance(hours=13)
    return digest


def base_tag(machine: Machine) -> Digest:
    entry = machine.world.registries.tag(BASE, TAG)
    assert entry is not None
    return entry.digest


def test_a_tag_that_moves_back_moves_base_back_and_the_apps_with_it():
    machine = Machine()
    white = promoted(machine, "white")
    machine.app("hello-world", white)
    blue = promoted(machine, "blue")

    assert promoted(machine, "white") == white

    assert base_tag(machine) == white
    assert machine.state(blue) == "superseded"
    (app,) = machine.world.tasks.list(APPS)
    assert app.dependencies[0].digest == white
    assert machine.world.slots.held() == []


def test_what_was_promoted_before_is_superseded_when_the_tag_moves_on():
    machine = Machine()
    white = promoted(machine, "white")

    promoted(machine, "blue")

    assert machine.state(white) == "superseded"
    assert "base's 9-alpine holds a newer digest" in machine.reasons(white)[0]


def test_a_promotion_asks_for_the_rebuilds_again_when_a_tag_moves_back():
    machine = Machine()
    promoted(machine, "white")
    promoted(machine, "blue")
    promoted(machine, "white")

    assert machine.events().count("rebuilds asked for") == 3


class Instant(FakeQueues):
    """Queues whose messages are handled before `send` has returned."""

    deliver: Callable[[str, str], None] | None = None

    def send(self, queue: str, message: str, *, delay: timedelta = timedelta()) -> None:
        if self.deliver is None or delay:
            super().send(queue, message, delay=delay)
        else:
            self.deliver(queue, message)


def test_a_look_that_is_faster_than_the_watch_that_asked_for_it_sees_upstream_as_it_is():
    machine = Machine()
    white = promoted(machine, "white")
    promoted(machine, "blue")
    queues = Instant()
    machine.world.queues = queues
    machine.upstream("white")

    queues.deliver = machine._deliver
    machine.watch()
    queues.deliver = None
    machine.settle()

    assert machine.state(white) == "promoted"
    assert base_tag(machine) == white


@pytest.mark.parametrize("after", [False, True], ids=["before its effect", "after its effect"])
def test_a_watch_that_dies_anywhere_while_a_tag_moves_back_loses_nothing(after: bool):
    number, died = 0, True
    while died:
        number += 1
        machine = Machine()
        white = promoted(machine, "white")
        promoted(machine, "blue")
        machine.upstream("white")
        machine.life = Life(ends_at=number, after=after)
        machine.watch()
        died = bool(machine.deaths)
        machine.life = Life()
        machine.watch()
        machine.settle()
        machine.sweep()
        machine.settle()

        assert machine.state(white) == "promoted", machine.deaths
        assert base_tag(machine) == white, machine.deaths
    assert number > 4


class Broken(FakeRegistries):
    """Registries of which one repository cannot be listed."""

    broken: Repository | None = None

    def tags(self, repository: Repository) -> Iterator[TagEntry]:
        if repository == self.broken:
            problem = f"{repository}: HTTP 503"
            raise Transient(problem)
        return super().tags(repository)


def two_images() -> tuple[Machine, Broken, Digest]:
    machine = Machine()
    broken = Broken(machine.world.clock)
    machine.world.registries = broken
    machine.world.imports._registries = broken
    machine.world.catalog.text = machine.world.catalog.text.replace(
        "images:\n", "images:\n  - source: docker.io/library/a\n    tags: ['1']\n"
    )
    broken.broken = Repository(STAGING.registry, "a")
    return machine, broken, machine.upstream("white")


def test_an_image_that_cannot_be_watched_does_not_stop_the_next_and_is_still_an_error():
    machine, _, white = two_images()

    with pytest.raises(Transient, match="a: HTTP 503"):
        watch_upstreams.handle(machine.services)
    machine.settle()

    assert machine.state(white) == "promoted"


def test_an_image_that_cannot_be_swept_does_not_stop_the_next_and_is_still_an_error():
    machine, broken, _ = two_images()
    digest = broken.push_index(STAGING, TAG, content="white", platforms=PLATFORMS)
    with pytest.raises(Transient):
        watch_upstreams.handle(machine.services)

    with pytest.raises(Transient, match="a: HTTP 503"):
        sweep.handle(machine.services)
    machine.settle()

    assert machine.state(digest) == "promoted"


def test_a_tag_that_is_gone_is_journaled_once_and_what_it_was_stays_promoted():
    machine = Machine()
    white = promoted(machine, "white")
    machine.world.upstreams.remove(Repository("docker.io", "library/node"), TAG)

    for _ in range(3):
        machine.watch()
        machine.sweep()
        machine.settle()

    assert machine.events().count("gone upstream") == 1
    assert machine.state(white) == "promoted"


def test_a_rejected_digest_is_promoted_once_its_gate_lets_it_through():
    machine = Machine()
    machine.failing.update(each.digest for each in index("red", PLATFORMS))
    red = machine.upstream("red")
    machine.watch()
    machine.settle()
    assert machine.state(red) == "rejected"

    text = machine.world.catalog.text
    machine.world.catalog.text = text.replace("    test: { script: image-tests/node.sh }\n", "")
    machine.sweep()
    machine.settle()

    assert machine.state(red) == "promoted"


def test_every_image_comes_first_some_time_even_where_the_timer_fits_their_number():
    machine = Machine()
    machine.world.catalog.text += "".join(
        f"  - source: docker.io/library/i{number}\n    tags: ['1']\n" for number in range(14)
    )
    for _ in range(150):
        machine.watch()
        machine.world.clock.advance(minutes=15)

    orders = [
        [where.path for where, _ in visit.asked] for _, visit in machine.world.upstreams.visits
    ]
    assert all(len(set(order)) == len(order) == 15 for order in orders)
    assert len({order[0] for order in orders}) == 15
