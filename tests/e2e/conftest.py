"""One local Azure for every test that only adds another act to the story."""

from collections.abc import Iterator

import pytest

from tests.e2e.theatre import Theatre, first_act, theatre


@pytest.fixture(scope="session")
def playing() -> Iterator[Theatre]:
    """A stage on which white is promoted and hello-world is built on it."""
    with theatre() as there:
        there.run(first_act(there.stage))
        there.rests()
        yield there


@pytest.fixture
def house(playing: Theatre) -> Iterator[Theatre]:
    """The stage, with every fault and switch as it was before the test."""
    faults, switches = playing.stage.azure.faults, playing.stage.azure.switches
    before = dict(vars(switches))
    faults.clear()
    try:
        yield playing
        unfired = faults.unfired()
    finally:
        faults.clear()
        for name, value in before.items():
            setattr(switches, name, value)
    assert unfired == [], "a fault that was asked for did not fire"
