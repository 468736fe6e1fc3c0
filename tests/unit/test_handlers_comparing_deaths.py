"""Deaths and disorder while a candidate is compared with what is staged and scanned again for it: the same end."""

import random

import pytest

from shared.oci.digest import Digest
from tests.machine import BASE, STAGING, Life, Machine, picture
from tests.unit.test_handlers_comparing import (
    NEW,
    NOT_WORSE,
    OLD,
    comparing_machine,
    finds,
    scans_of,
    seen,
)
from tests.unit.test_handlers_disorder import Disorderly, live_slots


def ready_to_compare() -> tuple[Machine, Digest]:
    """A machine whose candidate has been scanned, and nobody has looked at it since; white is lost from staging."""
    machine, white = comparing_machine()
    machine.world.catalog.text = NOT_WORSE.replace(", linux/arm64", "").partition("    test:")[0]
    machine.world.registries.delete(STAGING, white)
    finds(machine, "blue", OLD)
    blue = machine.upstream("blue")
    machine.watch()
    while scans_of(machine, "blue") < 1:
        for message in machine.world.queues.take():
            machine._deliver(message.queue, message.text)
        machine.world.clock.advance(seconds=15)
    machine._end_runs()
    return machine, blue


@pytest.mark.parametrize("after", [False, True], ids=["before its effect", "after its effect"])
def test_dying_at_any_call_of_a_comparison_ends_in_the_same_state(after: bool):
    def story(life: Life) -> Machine:
        machine, blue = ready_to_compare()
        machine.life = life
        while not any(
            (each.target, each.digest) == (BASE, blue)
            for each in machine.world.imports.started.values()
        ):
            assert life.calls < 2000, (machine.reasons(blue), machine.deaths)
            if not machine.world.queues.sent:
                machine.sweep()  # the timer comes round again, whoever died
            for message in machine.world.queues.take():
                machine._deliver(message.queue, message.text)
            machine._end_runs()
            machine.world.clock.advance(seconds=15)
        machine.life = Life()
        machine.settle()
        assert machine.state(blue) == "promoted", (machine.deaths, machine.reasons(blue))
        return machine

    alive = story(Life(after=after))
    expected = picture(alive)
    assert scans_of(alive, "white") == 3
    number = 0
    while True:
        number += 1
        life = Life(ends_at=number, after=after)
        machine = story(life)
        if not machine.deaths:
            break
        assert picture(machine) == expected, machine.deaths
    assert number > 60


@pytest.mark.parametrize("seed", range(6))
def test_a_comparison_in_disorder_ends_where_it_ends_in_order(seed: int):
    machine = Disorderly(chance=random.Random(seed), losses=0.1 * (seed % 2))
    white = seen(machine, "white")
    machine.world.catalog.text = NOT_WORSE
    machine.world.clock.advance(hours=13)
    machine.world.registries.delete(STAGING, white)
    finds(machine, "white", OLD)
    finds(machine, "worse", OLD, NEW)
    finds(machine, "blue", OLD)
    ends = []
    for content in ("worse", "blue"):
        digest = machine.upstream(content)
        machine.watch()
        machine.storm()
        machine.calm()
        ends.append(machine.state(digest))

    assert ends == ["rejected", "promoted"]
    assert live_slots(machine) == []
