"""A promotion that was stopped at its last step, and goes on for other reasons: its decision says those."""

import json
from collections.abc import Callable
from typing import Any

from shared.oci import media_types
from shared.oci.digest import Digest
from shared.operators import Ruling, RulingKind
from tests.fake_registries import FakeRegistries
from tests.machine import BASE, TAG, Machine
from tests.unit.test_handlers_foreign import TOP, attach, looked, staged


def decisions(machine: Machine) -> list[Any]:
    registries = machine.world.registries
    found = []
    for each in registries.referrers(BASE, TOP):
        if each.artifact_type == media_types.DECISION_ARTIFACT:
            manifest = registries.manifest(BASE, each.digest)
            assert manifest is not None
            content = registries.blob(BASE, manifest.layers[0].digest, 1 << 20)
            found.append(json.loads(content)["predicate"])
    return found


class Slipping(FakeRegistries):
    """Registries to which somebody attaches a report just when the decision is attached."""

    slips: Callable[[], object] | None = None

    def attach_layers(self, *args: Any, **named: Any) -> Digest:
        attached = super().attach_layers(*args, **named)
        slips, self.slips = self.slips, None
        if slips is not None:
            slips()
        return attached


def test_an_override_after_the_decision_was_attached_is_in_a_decision_of_its_own():
    machine = staged()
    registries = machine.world.registries
    registries.__class__ = Slipping
    assert isinstance(registries, Slipping)
    registries.slips = lambda: attach(machine, b"no JSON")
    machine.world.clock.advance(hours=24)

    assert looked(machine) == "held"
    assert len(decisions(machine)) == 1
    assert registries.head(BASE, TAG) is None

    now, kind = machine.world.clock.now(), media_types.RULING
    referrer = attach(machine, b"{}", kind=kind, to=TOP)
    said = Ruling("node", TOP, RulingKind.APPROVE, "ada", now, "it is garbled", True, referrer)
    machine.world.rulings.add(said)

    assert looked(machine) == "promoted"
    approvals = [each["approval"] for each in decisions(machine)]
    assert [each and each["comment"] for each in approvals] == [None, "it is garbled"]
    assert referrer in {each.digest for each in registries.referrers(BASE, TOP)}

    machine.world.clock.advance(hours=25)
    assert looked(machine) == "promoted"
    assert len(decisions(machine)) == 2
