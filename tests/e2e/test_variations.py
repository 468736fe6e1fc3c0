"""Events doubled, lost and late, and Azure behaving either way: the end is the same."""

from itertools import count

import pytest

from local.demo.upstream import Node
from local.faults import Fault, Kind
from tests.e2e.theatre import PROMOTED, Theatre

pytestmark = pytest.mark.timeout(600)

_DELIVERY = "eventgrid.deliver"
_EVERY = 10_000
_numbers = count(1)


def good_and_bad(house: Theatre) -> None:
    """A good image goes all the way, a bad one after it changes nothing."""
    stage = house.stage
    good = stage.ship(Node("white", salt=f"variation {next(_numbers)}"))
    house.run(stage.watch())
    house.run(stage.reaches(good, "promoted"))
    house.run(stage.rebuilt(good))
    bad = stage.ship(Node("Red", salt=f"variation {next(_numbers)}"))
    house.run(stage.watch())
    house.run(stage.reaches(bad, "rejected"))
    house.rests()

    assert house.picture(good) == PROMOTED
    assert house.run(stage.state(bad))[0] == "rejected"
    events = [each.event for each in house.run(stage.journal()) if each.digest == str(good)]
    for once in ("detected", "imported", "promoted", "rebuilt", "tag moved"):
        assert events.count(once) == 1, events


@pytest.mark.parametrize(
    "kind", [Kind.DOUBLE, Kind.LOSE, Kind.REORDER], ids=lambda kind: kind.value
)
def test_every_event(house: Theatre, kind: Kind):
    fault = house.stage.azure.faults.add(Fault(_DELIVERY, kind, count=_EVERY))

    good_and_bad(house)

    assert fault.fired > 0
    fault.count = fault.fired  # all there were; the house asks for no more


@pytest.mark.parametrize(
    "switch",
    [
        "import_raises_event",
        "import_overrides_locks",
        "write_locked_manifest_refuses_tagging",
    ],
)
def test_either_way(house: Theatre, switch: str):
    switches = house.stage.azure.switches
    setattr(switches, switch, not getattr(switches, switch))

    good_and_bad(house)


def test_scarce_referrers_only_slow_it_down(house: Theatre):
    house.stage.azure.switches.referrers_per_minute = 40

    good_and_bad(house)
