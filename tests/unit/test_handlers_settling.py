"""A move that settles, an index that is equivalent, and a watch that dies anywhere in between."""

from datetime import timedelta

import pytest

from handlers import poisoned
from shared.messages import WATCH, WatchMessage, decode, encode
from tests.machine import (
    BASE,
    CATALOG,
    PLATFORMS,
    STAGING,
    UPSTREAM,
    Life,
    Machine,
    picture,
)

MORE = (*PLATFORMS, "linux/s390x")


def settling(tags: str = "[9-alpine]") -> Machine:
    machine = Machine()
    text = CATALOG.replace("settle: 0m", "settle: 5m")
    machine.world.catalog.text = text.replace("[9-alpine]", tags)
    return machine


def promoted(machine: Machine) -> None:
    machine.watch()
    machine.settle()
    machine.world.clock.advance(hours=13)


def test_a_move_that_settles_asks_for_one_watch_after_its_window():
    machine = settling()
    machine.upstream("white")
    promoted(machine)
    machine.upstream("blue")

    for _ in range(3):
        machine.watch()

    (message,) = machine.world.queues.take()
    assert message.queue == WATCH
    assert decode(message.text, WatchMessage).images == "node"
    assert timedelta(minutes=5) < message.delay < timedelta(minutes=6)


def test_a_move_is_imported_by_the_watch_that_comes_when_it_has_settled():
    machine = settling()
    machine.upstream("white")
    promoted(machine)
    blue = machine.upstream("blue")
    machine.watch()
    (message,) = machine.world.queues.take()

    machine._deliver(WATCH, message.text)
    assert machine.world.queues.take() == ()
    machine.world.clock.advance(minutes=6)
    machine._deliver(WATCH, message.text)
    machine.settle()

    assert machine.state(blue) == "promoted"


def test_a_window_longer_than_a_queue_s_delay_is_left_to_the_timer():
    machine = settling()
    machine.world.catalog.text = machine.world.catalog.text.replace("settle: 5m", "settle: 2h")
    machine.upstream("white")
    promoted(machine)
    blue = machine.upstream("blue")

    machine.watch()

    (message,) = machine.world.queues.take()
    assert message.delay == timedelta(minutes=15)
    machine.world.clock.advance(hours=3)
    promoted(machine)
    assert machine.state(blue) == "promoted"


def test_an_equivalent_index_is_journalled_once_and_imports_nothing():
    machine = settling()
    white = machine.upstream("white")
    promoted(machine)
    before = picture(machine)
    machine.upstream("white", MORE)

    for _ in range(4):
        promoted(machine)

    assert machine.events().count("equivalent") == 1
    assert picture(machine) == before
    assert machine.state(white) == "promoted"
    started = machine.world.imports.started.values()
    assert [each.digest for each in started if each.source == UPSTREAM] == [white]


def test_what_is_equivalent_costs_one_request_once_it_is_known():
    machine = settling()
    machine.upstream("white")
    promoted(machine)
    machine.upstream("white", MORE)

    costs = []
    for _ in range(3):
        machine.watch()
        costs.append(machine.world.upstreams.visits[-1][1].requests["docker.io"])

    assert costs == [2, 1, 1]


def test_an_index_no_longer_equivalent_once_the_catalog_requires_more_is_imported():
    machine = settling()
    machine.upstream("white")
    promoted(machine)
    more = machine.upstream("white", MORE)
    promoted(machine)
    text = machine.world.catalog.text
    machine.world.catalog.text = text.replace("linux/arm64]", "linux/arm64, linux/s390x]")

    promoted(machine)
    promoted(machine)

    assert more in {each.digest for each in machine.world.registries.tags(STAGING)}


def eventful(life: Life) -> Machine:
    """An image with a rule; one tag moves, one becomes equivalent, one is new; the watch may die."""
    machine = settling('{ semver: ">=1.0.0" }')

    def put(tag: str, content: str, platforms: tuple[str, ...] = PLATFORMS) -> None:
        machine.world.upstreams.set(UPSTREAM, tag, content, platforms)

    put("1.0.0", "white")
    put("1.1.0", "red")
    promoted(machine)
    put("1.0.0", "white", MORE)
    put("1.1.0", "blue")
    put("1.2.0", "green")
    machine.life = life
    machine.watch()
    machine.life = Life()
    machine.watch()
    # Whatever is lost of the lanes comes back, and the window ends.
    for _ in range(2):
        machine.world.clock.advance(minutes=6)
        machine.watch()
        machine.settle()
        machine.sweep()
        machine.settle()
    return machine


@pytest.mark.parametrize("after", [False, True], ids=["before its effect", "after its effect"])
def test_a_watch_that_dies_anywhere_ends_in_the_same_picture(after: bool):
    orderly = eventful(Life())
    wanted = picture(orderly)
    tags = {each.name for each in orderly.world.registries.tags(BASE)}
    assert {"1.0.0", "1.1.0", "1.2.0"} <= tags
    number, died = 0, True
    while died:
        number += 1
        machine = eventful(Life(ends_at=number, after=after))
        died = bool(machine.deaths)

        assert picture(machine) == wanted, machine.deaths
        assert machine.events().count("equivalent") == 1, machine.deaths
        assert machine.world.slots.held() == [] or died
    assert number > 20


def test_a_watch_message_that_was_given_up_is_journalled():
    machine = Machine()
    text = encode(WatchMessage("tools/node python", "ab" * 8))

    for _ in range(2):
        poisoned.handle(machine.services, WATCH, text)

    (entry,) = machine.world.journal.entries
    assert (entry.event, entry.image, entry.trace) == ("given up", "tools/node", "ab" * 8)
    assert entry.reasons[0] == ("watch: some images were not watched; the timer watches them again")
    assert "python" in entry.reasons[1]


def test_a_garbled_watch_message_that_was_given_up_is_journalled_too():
    machine = Machine()

    poisoned.handle(machine.services, WATCH, '{"breakwater": {"images": 5}}')

    (entry,) = machine.world.journal.entries
    assert (entry.event, entry.image) == ("given up", "")
