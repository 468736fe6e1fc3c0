"""Explaining a candidate from what the registries and the ledger say, without touching anything."""

import json
from typing import Any

import pytest

from handlers.explaining import explained
from shared.oci.digest import Digest
from shared.operators import Ruling, RulingKind
from shared.severity import Severity
from tests.builders import a_digest, a_finding
from tests.fakes import image, index
from tests.machine import BASE, CATALOG, PLATFORMS, STAGING, TAG, Machine

KEYS = {
    "image",
    "digest",
    "state",
    "why",
    "would_change",
    "looked_at_again",
    "evidence",
    "enforced",
}


def of(machine: Machine, digest: Digest, name: str = "node") -> dict[str, Any]:
    """The explanation, as whoever asks for JSON gets it."""
    found = explained(machine.services, name, digest)
    assert found is not None
    assert found.keys() == KEYS
    assert (found["image"], found["digest"]) == (name, str(digest))
    return dict(json.loads(json.dumps(found)))


def staged(machine: Machine, *, worse: bool = False) -> Digest:
    digest = machine.upstream("white")
    if worse:
        for child in index("white", PLATFORMS)[:-1]:
            machine.findings[child.digest] = [a_finding(severity=Severity.CRITICAL)]
    machine.watch()
    machine.settle()
    return digest


def test_what_was_promoted_is_explained_with_its_evidence():
    machine = Machine()
    digest = staged(machine)

    said = of(machine, digest)

    assert said["state"] == "promoted"
    assert said["why"][0] == "it is promoted (rule already_promoted)"
    assert said["why"][-1].startswith("when it passed: nothing at or above high on linux/amd64")
    assert said["evidence"]["base"] == [TAG]
    assert [each["platform"] for each in said["evidence"]["platforms"]] == list(PLATFORMS)
    assert said["evidence"]["test"]["passed"] is True
    assert said["looked_at_again"].startswith("by a sweep, once a day")


def test_what_was_rejected_says_what_was_found_and_what_would_change_it():
    machine = Machine()
    digest = staged(machine, worse=True)

    said = of(machine, digest)

    assert said["state"] == "rejected"
    assert "CVE-2025-0001" in " ".join(said["why"])
    assert said["would_change"]
    assert said["evidence"]["platforms"][0]["worst"] == "critical"
    assert said["evidence"]["ledger"]["state"] == "rejected"


def test_what_is_too_young_says_until_when_and_that_it_is_looked_at_then():
    machine = Machine()
    machine.world.catalog.text = CATALOG.replace("age: 0h", "age: 24h")
    digest = staged(machine)

    said = of(machine, digest)

    assert said["state"] == "held"
    assert "until 2026-11-24 12:0" in said["why"][0]
    assert said["looked_at_again"].startswith("at 2026-11-24 12:0")


def test_what_something_is_under_way_for_names_the_chain_of_looks():
    machine = Machine()
    digest = machine.upstream("white")
    machine.watch()
    while machine.state(digest) != "scanning":
        for message in machine.world.queues.take():
            machine._deliver(message.queue, message.text)
        machine.world.clock.advance(seconds=1)

    said = of(machine, digest)

    assert said["state"] == "scanning"
    assert said["looked_at_again"].startswith("at 2026-11-23 12:0")
    assert "or by the next sweep" in said["looked_at_again"]


def test_a_promotion_that_failed_says_so_and_why():
    machine = Machine()
    digest = machine.upstream("white")
    old = machine.world.registries.push_index(BASE, TAG, content="old", platforms=PLATFORMS)
    machine.world.registries.push(BASE, image("somebody's"), f"{TAG}-{old.short}")
    machine.watch()
    machine.settle()
    assert machine.state(digest) == "failed"

    said = of(machine, digest)

    assert said["state"] == "failed"
    assert "its state was failed: unique tag collision" in " ".join(said["why"])


def test_what_only_base_holds_is_explained_by_where_base_has_it():
    machine = Machine()
    digest = machine.world.registries.push_index(BASE, "9-old", content="old", platforms=PLATFORMS)

    said = of(machine, digest)

    assert "base holds it under 9-old" in said["why"][-1]
    assert said["evidence"]["staged"] is False


def test_what_base_holds_under_a_watched_tag_and_nobody_has_looked_at_is_explained():
    machine = Machine()
    digest = machine.world.registries.push_index(BASE, TAG, content="old", platforms=PLATFORMS)

    said = of(machine, digest)

    assert said["evidence"]["base"] == [TAG]
    assert said["evidence"]["ledger"] is None
    assert "base" in " ".join(said["why"])


def test_what_only_the_ledger_remembers_is_explained_by_its_last_look():
    machine = Machine()
    digest = staged(machine, worse=True)
    for tag in list(machine.world.registries.tags(STAGING)):
        machine.world.registries.delete(STAGING, tag.name)
    machine.world.registries.delete(STAGING, digest)
    machine.upstream("red")
    machine.watch()
    machine.world.queues.take()

    said = of(machine, digest)

    assert said["state"] == "held"
    assert said["why"][-1].startswith("when it was last looked at, its state was rejected: CVE-")
    assert said["why"][-1].endswith(" UTC)")


def test_what_only_an_operator_spoke_of_is_explained():
    machine = Machine()
    ruling = Ruling("node", a_digest(1), RulingKind.DENY, "Ada", machine.world.clock.now(), "bad")
    machine.world.rulings.add(ruling)

    said = of(machine, a_digest(1))

    assert said["evidence"]["rulings"][0]["comment"] == "bad"
    assert said["state"] in ("held", "rejected")


@pytest.mark.parametrize("name", ["node", "python"])
def test_of_what_nobody_ever_saw_nothing_is_known(name: str):
    assert explained(Machine().services, name, a_digest(1)) is None


def test_of_an_image_that_the_catalog_dropped_the_last_look_is_told():
    machine = Machine()
    digest = staged(machine)
    machine.world.catalog.text = CATALOG.replace("library/node", "library/python")

    said = of(machine, digest)

    assert said["state"] == "promoted"
    assert said["why"][0] == "the catalog does not list node any more"
    assert "its state was promoted" in said["why"][1]


def test_what_enforcing_would_have_said_is_told_while_its_gate_observes():
    machine = Machine()
    machine.world.catalog.text = CATALOG.replace("dwell: 12h", "dwell: 12h, mode: observe")
    digest = machine.upstream("white")
    for child in index("white", PLATFORMS)[:-1]:
        machine.findings[child.digest] = [a_finding(severity=Severity.CRITICAL)]
    machine.watch()
    machine.settle()
    assert machine.state(digest) == "promoted"

    said = of(machine, digest)

    assert said["enforced"]["state"] == "rejected"
    assert said["why"][-1].startswith("with mode: enforce it would have been rejected: CVE-")
    assert "CVE-2025-0001" in " ".join(said["enforced"]["reasons"])


def test_asking_changes_nothing():
    machine = Machine()
    digest = machine.upstream("white")
    machine.watch()
    for _ in range(12):
        for message in machine.world.queues.take():
            machine._deliver(message.queue, message.text)
        before = list(machine.world.ledger._all())
        entries = list(machine.world.journal.entries)
        sent, held = list(machine.world.queues.sent), machine.world.slots.held()
        explained(machine.services, "node", digest)
        assert list(machine.world.ledger._all()) == before
        assert machine.world.journal.entries == entries
        assert (machine.world.queues.sent, machine.world.slots.held()) == (sent, held)
        machine._end_runs()
        machine.world.clock.advance(seconds=15)
    assert machine.state(digest) == "promoted"


def test_a_text_that_somebody_else_wrote_poses_as_no_line_of_ours():
    machine = Machine()
    digest = staged(machine)
    said_so, now = "why\n\x1b[2Jit is promoted\u202e", machine.world.clock.now()
    denial = Ruling("node", digest, RulingKind.DENY, "eve\n", now, said_so)
    machine.world.rulings.add(denial)

    said = of(machine, digest)

    assert "eve denied it on 2026-11-23: why [2Jit is promoted" in said["why"]
    assert all(each.isprintable() for each in (*said["why"], *said["would_change"]))
