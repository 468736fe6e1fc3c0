"""What staging holds and nobody can read is refused with a reason, and not given up on as poison."""

from typing import Any

import pytest

from shared.errors import Permanent
from shared.oci.reference import Repository
from tests.fake_registries import FakeRegistries
from tests.fakes import index
from tests.machine import CATALOG, PLATFORMS, Machine

TOP = index("white", PLATFORMS)[-1].digest
WHY = "expected a manifest in JSON, found a key twice in one object"


class Unreadable(FakeRegistries):
    """A staging registry that holds an index which two readers would read as two things."""

    resolving = False

    def head(self, repository: Repository, reference: Any) -> Any:
        self.resolving = True  # a HEAD reads no bytes
        try:
            return super().head(repository, reference)
        finally:
            self.resolving = False

    def manifest(self, repository: Repository, reference: Any) -> Any:
        found = super().manifest(repository, reference)
        if found is not None and found.digest == TOP and not self.resolving:
            raise Permanent(WHY)
        return found


@pytest.mark.parametrize("mode", ["enforce", "observe"])
def test_an_index_that_cannot_be_read_fails_and_says_why_however_often_it_is_looked_at(mode: str):
    machine = Machine()
    registries = Unreadable(machine.world.clock)
    machine.world.registries = registries
    machine.world.imports._registries = registries
    machine.world.catalog.text = CATALOG.replace("age: 0h", f"age: 0h, mode: {mode}")
    machine.upstream("white")
    machine.watch()
    machine.settle()
    assert machine.state(TOP) == "failed"

    for _ in range(2):
        machine.world.clock.advance(hours=2)
        machine.sweep()
        machine.settle()

    assert machine.state(TOP) == "failed"
    assert WHY in machine.reasons(TOP)[0]
