"""The attached decision says why its tag was moved, whatever happened since an earlier one was attached."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from handlers import gathering
from shared.messages import LookMessage, encode
from shared.oci import media_types
from shared.oci.digest import Digest
from shared.operators import Ruling, RulingKind
from shared.policy.promotion import KEEP
from shared.policy.statement import statement
from shared.values import Layer, Locks
from tests.builders import a_finding
from tests.candidates import some_facts
from tests.fakes import index
from tests.machine import BASE, CATALOG, PLATFORMS, TAG, UPSTREAM, Died, Life, Machine

DIGEST = index("white", PLATFORMS)[-1].digest
FOUND = a_finding(id="CVE-2025-0001")


def waived(*reasons: str, text: str = CATALOG) -> str:
    """The catalog with a waiver for each of these reasons."""
    each = "  - { id: CVE-2025-0001, image: node, reason: %s, owner: us, expires: 2027-01-31 }\n"
    return text + "waivers:\n" + "".join(each % reason for reason in reasons)


@dataclass
class AtTheMove(Life):
    """Dies when a tag is about to be moved for the nth time, and lets something happen then."""

    meanwhile: Callable[[], None] = field(default=lambda: None)
    left: int = 1
    attached: bool = False

    def spend(self, name: str, *, after: bool) -> None:
        self.attached |= name.endswith(".attach_layers")
        if after or not self.attached or not name.endswith(".put_manifest"):
            return
        self.left -= 1
        if self.left == 0:
            self.meanwhile()
            raise Died(name)


@dataclass
class AfterTheVerdict(Life):
    """Lets something happen once the verdict that is to move a tag has read what operators said."""

    meanwhile: Callable[[], object] = field(default=lambda: None)
    attached: bool = False
    happened: bool = False

    def spend(self, name: str, *, after: bool) -> None:
        self.attached |= name.endswith(".attach_layers")
        if after and self.attached and not self.happened and name.endswith("Rulings.of"):
            self.happened = True
            self.meanwhile()


def a_machine(text: str, life: Life) -> tuple[Machine, Digest]:
    """Upstream has published what one finding blocks on both platforms, but for an excuse."""
    machine = Machine(life=life)
    machine.world.catalog.text = text
    for child in index("white", PLATFORMS)[:-1]:
        machine.findings[child.digest] = [FOUND]
    return machine, machine.upstream("white")


def run(machine: Machine) -> None:
    for _ in range(2):
        machine.watch()
        machine.settle()
        machine.sweep()
        machine.settle()


def decisions(machine: Machine, digest: Digest) -> list[dict[str, Any]]:
    """The predicates of all decisions that base holds about the digest, in the order they came."""
    registries = machine.world.registries
    found = []
    for each in registries.referrers(BASE, digest):
        if each.artifact_type == media_types.DECISION_ARTIFACT:
            manifest = registries.manifest(BASE, each.digest)
            assert manifest is not None
            found.append(json.loads(registries.blob(BASE, manifest.layers[0].digest, 1 << 20)))
    return [each["predicate"] for each in found]


def excuses(decision: dict[str, Any]) -> list[str]:
    return [each["reason"] for each in decision["waivers"]]


def test_a_promotion_that_goes_on_by_another_waiver_attaches_its_own_decision():
    life = AtTheMove()
    machine, digest = a_machine(waived("unreachable"), life)
    catalog = machine.world.catalog
    life.meanwhile = lambda: setattr(catalog, "text", waived("sandboxed"))

    run(machine)

    assert machine.deaths
    assert machine.state(digest) == "promoted"
    first, second = decisions(machine, digest)
    assert excuses(first) == ["unreachable"]
    assert excuses(second) == ["sandboxed"]
    assert "sandboxed" in str(second["reasons"])
    assert machine.events().index("tag moved") > machine.events().index("decision attached")


@dataclass
class OnceAttached(Life):
    """Lets something happen when the first decision has been attached: the tag is not leased yet."""

    happen: Callable[[], None] = field(default=lambda: None)
    done: bool = False

    def spend(self, name: str, *, after: bool) -> None:
        if after and not self.done and name.endswith(".attach_layers"):
            self.done = True
            self.happen()


def test_a_verdict_that_is_another_once_the_tag_is_leased_is_the_one_whose_reasons_are_attached():
    life = OnceAttached()
    manual = CATALOG.replace("age: 0h", "age: 0h, approval: manual")
    machine, digest = a_machine(waived("unreachable", text=manual), life)
    rulings, now = machine.world.rulings, machine.world.clock.now()

    def approve(by: str, hours: int) -> None:
        at = now + timedelta(hours=hours)
        rulings.add(Ruling("node", digest, RulingKind.APPROVE, by, at, "read it"))

    approve("Ada", 0)
    life.happen = lambda: approve("Bob", 1)

    run(machine)

    assert machine.state(digest) == "promoted"
    assert [each["approval"]["by"] for each in decisions(machine, digest)] == ["Ada", "Bob"]
    passed = json.loads(machine._row(digest, "node")["passed"])
    assert passed == decisions(machine, digest)[-1]["reasons"]


def test_what_somebody_attached_beforehand_does_not_stand_for_our_decision():
    machine, digest = a_machine(waived("unreachable"), Life())
    registries = machine.world.registries
    registries.push_index(BASE, content="white", platforms=PLATFORMS)
    forged = statement(
        some_facts(digest=digest), base=BASE, tags=[TAG], reasons=["so"], catalog=digest
    )
    registries.attach_layers(
        BASE,
        index("white", PLATFORMS)[-1].descriptor,
        artifact_type=media_types.DECISION_ARTIFACT,
        layers=[Layer(media_types.DECISION, forged)],
        annotations={},
    )

    run(machine)

    assert machine.state(digest) == "promoted"
    theirs, ours = decisions(machine, digest)
    assert theirs["reasons"] == ["so"]
    assert excuses(ours) == ["unreachable"]


def test_both_decisions_and_what_they_name_are_kept():
    life = AtTheMove()
    machine, digest = a_machine(waived("unreachable"), life)
    catalog = machine.world.catalog
    life.meanwhile = lambda: setattr(catalog, "text", waived("sandboxed"))

    run(machine)

    assert len(decisions(machine, digest)) == 2
    registries = machine.world.registries
    for entry in list(registries.manifests(BASE)):
        assert entry.locks == KEEP
        registries.lock(BASE, entry.digest, Locks())
    machine.world.queues.send("candidates", encode(LookMessage("node", str(digest), "ab" * 8)))
    machine.settle()
    for entry in registries.manifests(BASE):
        assert entry.locks == KEEP
    assert machine.world.slots.held() == []


def test_a_promotion_that_goes_on_for_the_same_reasons_keeps_its_decision():
    machine, digest = a_machine(waived("unreachable"), AtTheMove())

    run(machine)

    assert machine.deaths
    assert machine.state(digest) == "promoted"
    assert [excuses(each) for each in decisions(machine, digest)] == [["unreachable"]]


@pytest.mark.parametrize("compare", ["any", "not-worse"])
def test_one_decision_moves_all_the_tags_of_a_digest(compare: str):
    text = CATALOG.replace("[9-alpine]", "[9-alpine, '9', latest]").replace(
        "age: 0h", f"age: 0h, compare: {compare}"
    )
    machine, digest = a_machine(waived("unreachable", text=text), Life())
    upstream = machine.world.upstreams
    old = machine.world.registries.push_index(BASE, TAG, content="old", platforms=PLATFORMS)
    for tag in ("9", "latest"):
        upstream.set(UPSTREAM, tag, "white", PLATFORMS)
        machine.world.registries.push_index(BASE, tag, content="old", platforms=PLATFORMS)

    run(machine)

    registries = machine.world.registries
    assert machine.state(digest) == "promoted", machine.reasons(digest)
    for tag in (TAG, "9", "latest"):
        moved = registries.tag(BASE, tag)
        assert moved is not None
        assert moved.digest == digest != old
    assert len(decisions(machine, digest)) == 1


def test_a_tag_that_the_catalog_adds_later_gets_a_decision_that_names_it():
    machine, digest = a_machine(waived("unreachable"), Life())
    run(machine)
    upstream = machine.world.upstreams
    upstream.set(UPSTREAM, "latest", "white", PLATFORMS)
    two = CATALOG.replace("[9-alpine]", "[9-alpine, latest]")
    machine.world.catalog.text = waived("sandboxed", text=two)

    run(machine)

    first, second = decisions(machine, digest)
    assert (first["tags"], excuses(first)) == ([TAG], ["unreachable"])
    assert (second["tags"], excuses(second)) == ([TAG, "latest"], ["sandboxed"])
    found = gathering.decision(machine.services, BASE, digest)
    assert found is not None


@pytest.mark.parametrize("after", [False, True], ids=["before its effect", "after its effect"])
def test_whenever_it_dies_the_decision_is_that_of_the_verdict_that_moved_the_tag(after: bool):
    def story(life: Life) -> tuple[Machine, list[tuple[str, int]]]:
        """The waiver is replaced at the death; return also by which the tag was moved, and in which call."""
        machine, digest = a_machine(waived("unreachable"), life)
        by: list[tuple[str, int]] = []
        registries = machine.world.registries
        put = registries.put_manifest

        def noted(repository: Any, reference: Any, manifest: Any) -> None:
            if (repository, reference) == (BASE, TAG):
                by.append(("sandboxed" if machine.deaths else "unreachable", life.calls))
            put(repository, reference, manifest)

        registries.put_manifest = noted  # type: ignore[method-assign] # to see the move itself
        machine.deaths = _Deaths(machine)
        run(machine)
        assert machine.state(digest) == "promoted", machine.deaths
        return machine, by

    alive, ((first, call),) = story(Life(after=after))
    assert (first, len(decisions(alive, DIGEST))) == ("unreachable", 1)
    for number in range(call - 40, alive.life.calls + 1):  # from before the verdict on
        machine, by = story(Life(ends_at=number, after=after))
        assert machine.deaths, number
        said = [excuses(each) for each in decisions(machine, DIGEST)]
        assert [by[-1][0]] in said, (number, machine.deaths, said)


class _Deaths(list[str]):
    """The deaths of a machine; at each, the catalog's waiver is replaced."""

    def __init__(self, machine: Machine) -> None:
        super().__init__()
        self.machine = machine

    def append(self, death: str) -> None:
        super().append(death)
        self.machine.world.catalog.text = waived("sandboxed")


def test_a_denial_that_follows_the_last_verdict_still_stops_the_tag():
    life = AfterTheVerdict()
    machine, white = a_machine(waived("known"), life)
    now = machine.world.clock.now()
    denial = Ruling("node", white, RulingKind.DENY, "bob", now, "no")
    life.meanwhile = lambda: machine.world.rulings.add(denial)

    run(machine)

    assert life.happened
    assert machine.world.registries.head(BASE, TAG) is None
    assert machine.state(white) == "rejected"
