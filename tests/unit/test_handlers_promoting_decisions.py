"""What a promotion leaves in base to be read later: its statements, and the ruling that allowed it."""

import json
from typing import Any

from handlers import gathering
from shared.messages import LookMessage, encode
from shared.oci import media_types
from shared.oci.digest import Digest
from shared.oci.manifest import Manifest
from shared.operators import Ruling, RulingKind
from shared.policy import statement, vulns
from shared.policy.promotion import KEEP
from shared.severity import Severity
from shared.values import Layer
from tests.builders import a_finding
from tests.fakes import index
from tests.machine import BASE, CATALOG, PLATFORMS, STAGING, Machine

PREDICATE_TYPE = "in-toto.io/predicate-type"


def decision(machine: Machine, digest: Digest) -> Manifest:
    found = gathering.decision(machine.services, BASE, digest)
    assert found is not None
    manifest = machine.world.registries.manifest(BASE, found.digest)
    assert manifest is not None
    return manifest


def statements(machine: Machine, digest: Digest) -> list[dict[str, Any]]:
    """Every statement of the decision, in order, read by its layer."""
    registries = machine.world.registries
    layers = decision(machine, digest).layers
    return [json.loads(registries.blob(BASE, each.digest, 1 << 20)) for each in layers]


def staged(machine: Machine) -> Digest:
    digest = machine.upstream("white")
    machine.watch()
    machine.settle()
    return digest


def test_the_decision_comes_first_and_then_what_was_found_on_each_platform():
    machine = Machine()
    children = [each.digest for each in index("white", PLATFORMS)[:-1]]
    machine.findings[children[0]] = [a_finding(severity=Severity.MEDIUM)]
    digest = staged(machine)

    said, *found = statements(machine, digest)

    assert said["predicateType"] == statement.PREDICATE
    assert said["subject"][0]["digest"]["sha256"] == digest.hex
    assert said["predicate"]["scans"][0]["findings"] == {"medium": 1}
    assert [each["predicateType"] for each in found] == [vulns.PREDICATE] * 2
    subjects = [each["subject"][0]["digest"]["sha256"] for each in found]
    assert subjects == [each.hex for each in children]
    results = [each["predicate"]["scanner"]["result"] for each in found]
    assert [len(each) for each in results] == [1, 0]


def test_each_layer_names_its_statements_predicate():
    machine = Machine()
    digest = staged(machine)

    layers = decision(machine, digest).layers

    assert {each.media_type for each in layers} == {media_types.DECISION}
    assert [each.annotations[PREDICATE_TYPE] for each in layers] == [
        each["predicateType"] for each in statements(machine, digest)
    ]


def test_the_reasons_are_those_of_the_verdict():
    machine = Machine()
    digest = staged(machine)

    entry = next(each for each in machine.world.journal.entries if each.event == "promoting")

    assert statements(machine, digest)[0]["predicate"]["reasons"] == list(entry.reasons)


def approved(machine: Machine, *, attached: bool) -> tuple[Digest, Digest]:
    """A candidate that waits for its approval gets one; return it and the ruling's artifact."""
    machine.world.catalog.text = CATALOG.replace("dwell: 12h", "dwell: 12h, approval: manual")
    digest = staged(machine)
    assert machine.state(digest) == "held"
    registries = machine.world.registries
    top = registries.manifest(STAGING, digest)
    assert top is not None
    referrer = registries.attach_layers(
        STAGING,
        top.descriptor,
        artifact_type=media_types.RULING,
        layers=[Layer("application/json", b'{"kind": "approve"}')],
        annotations={},
    )
    if not attached:
        registries.delete(STAGING, referrer)
    now = machine.world.clock.now()
    machine.world.rulings.add(
        Ruling("node", digest, RulingKind.APPROVE, "Ada", now, "read it", referrer=referrer)
    )
    machine.world.queues.send("candidates", encode(LookMessage("node", str(digest), "ab" * 8)))
    machine.settle()
    return digest, referrer


def test_the_ruling_that_allowed_it_is_copied_named_and_kept():
    machine = Machine()

    digest, referrer = approved(machine, attached=True)

    assert machine.state(digest) == "promoted"
    entry = machine.world.registries.manifest_entry(BASE, referrer)
    assert entry is not None
    assert entry.locks == KEEP
    approval = statements(machine, digest)[0]["predicate"]["approval"]
    assert (approval["by"], approval["referrer"]) == ("Ada", str(referrer))
    found = gathering.decision(machine.services, BASE, digest)
    assert found is not None
    assert referrer in found.named


def test_a_ruling_whose_artifact_is_gone_allows_it_all_the_same():
    machine = Machine()

    digest, referrer = approved(machine, attached=False)

    assert machine.state(digest) == "promoted"
    assert machine.world.registries.manifest(BASE, referrer) is None
    approval = statements(machine, digest)[0]["predicate"]["approval"]
    assert approval["comment"] == "read it"


def test_a_ruling_that_somebody_else_attached_stays_in_staging():
    machine = Machine()
    registries = machine.world.registries
    digest = machine.upstream("white")
    top = index("white", PLATFORMS)[-1]
    forged = registries.attach_layers(
        STAGING,
        top.descriptor,
        artifact_type=media_types.RULING,
        layers=[Layer("application/json", b"{}")],
        annotations={},
    )
    machine.watch()
    machine.settle()

    assert machine.state(digest) == "promoted"
    assert registries.manifest(BASE, forged) is None
