"""What looking keeps of a verdict: its rule, its grounds, what enforce would have said; and what explain may touch."""

import json
from dataclasses import replace
from typing import Any

from handlers import gathering, looking
from handlers.recording import Subject, known
from shared.catalog import load
from shared.messages import candidate_id
from shared.oci.digest import Digest
from shared.oci.tags import unique_tag
from shared.operators import Ruling, RulingKind
from shared.policy.facts import Facts, Progress
from shared.services import Services
from tests.builders import a_finding
from tests.fakes import index
from tests.machine import BASE, CATALOG, PLATFORMS, STAGING, TAG, Machine

OBSERVED = CATALOG.replace("age: 0h", "age: 0h, mode: observe")
CHILDREN = [each.digest for each in index("white", PLATFORMS)[:-1]]
STOPPED = "would have stopped"


def looked(machine: Machine, text: str = OBSERVED, content: str = "white") -> Digest:
    machine.world.catalog.text = text
    digest = machine.upstream(content)
    machine.watch()
    machine.settle()
    return digest


def state_row(machine: Machine, digest: Digest) -> dict[str, Any]:
    row = known(machine.services, candidate_id("node", digest))
    assert row is not None
    return dict(row.values)


def observed() -> tuple[Machine, Digest]:
    """A machine that has promoted, by observing, what enforce would have rejected."""
    machine = Machine()
    machine.findings = {each: [a_finding(id="CVE-2026-0001")] for each in CHILDREN}
    return machine, looked(machine)


def test_what_enforce_would_have_said_of_a_promotion_is_kept_and_told_once():
    machine, digest = observed()

    assert machine.state(digest) == "promoted"
    row = state_row(machine, digest)
    assert row["enforced"] == "rejected"
    assert "CVE-2026-0001" in json.loads(row["enforced_reasons"])[0]
    (entry,) = (each for each in machine.world.journal.entries if each.event == STOPPED)
    assert entry.digest == str(digest)
    assert "CVE-2026-0001" in " ".join(entry.reasons)
    assert [each.event for each in machine.world.announcements.published].count(STOPPED) == 1


def test_later_looks_at_what_was_promoted_keep_it_and_tell_nothing_more():
    machine, digest = observed()
    before = state_row(machine, digest)

    machine.world.clock.advance(hours=25)
    machine.sweep()
    machine.settle()

    after = state_row(machine, digest)
    assert [after[name] for name in ("enforced", "enforced_reasons")] == [
        before[name] for name in ("enforced", "enforced_reasons")
    ]
    assert machine.events().count(STOPPED) == 1


def test_what_has_been_superseded_still_says_what_enforce_would_have_said():
    machine, digest = observed()
    machine.world.clock.advance(hours=1)

    looked(machine, content="red")

    assert machine.state(digest) == "superseded"
    assert state_row(machine, digest)["enforced"] == "rejected"


def test_what_enforce_would_have_promoted_too_is_told_to_nobody():
    machine = Machine()

    digest = looked(machine)

    assert machine.state(digest) == "promoted"
    assert state_row(machine, digest)["enforced"] == ""
    assert STOPPED not in machine.events()


def test_many_long_reasons_of_enforce_fit_into_the_row():
    machine = Machine()
    findings = [a_finding(id=f"CVE-2026-{each:04}", package="é" * 900) for each in range(40)]
    machine.findings = dict.fromkeys(CHILDREN, findings)

    digest = looked(machine)

    row = state_row(machine, digest)
    assert row["enforced"] == "rejected"
    assert len(json.dumps(row["enforced_reasons"])) < 8_000
    assert json.loads(row["enforced_reasons"])


def test_the_rule_that_answered_is_kept():
    machine = Machine()
    machine.findings = {each: [a_finding()] for each in CHILDREN}

    digest = looked(machine, CATALOG)

    assert machine.state(digest) == "rejected"
    assert state_row(machine, digest)["rule"] == "clean"


def test_what_an_operator_denied_is_gathered_and_rejected():
    machine = Machine()
    digest = index("white", PLATFORMS)[-1].digest
    now = machine.world.clock.now()
    machine.world.rulings.add(Ruling("node", digest, RulingKind.DENY, "ada", now, "no"))

    looked(machine, CATALOG)

    assert machine.state(digest) == "rejected"
    assert "ada denied it" in machine.reasons(digest)[0]
    assert machine.world.tasks.requests == {}


def test_a_waiver_reaches_the_verdict():
    machine = Machine()
    machine.findings = {each: [a_finding(id="CVE-2026-0001")] for each in CHILDREN}
    waiver = "waivers:\n  - { id: CVE-2026-0001, image: node, reason: unused, owner: us, expires: 2027-01-31 }\n"

    digest = looked(machine, CATALOG + waiver)

    assert machine.state(digest) == "promoted"


class Reading:
    """A port that may be asked and never told."""

    writes = frozenset(
        {"insert", "replace", "upsert", "delete", "add", "attach", "put_manifest", "lock", "start"}
        | {"send", "take", "free", "publish", "upload", "rebuild", "attach_layers"}
    )

    def __init__(self, port: Any) -> None:
        self.port = port

    def __getattr__(self, name: str) -> Any:
        assert name not in self.writes, f"{type(self.port).__name__}.{name}"
        return getattr(self.port, name)


def reading(services: Services) -> Services:
    names = ("data_plane", "imports", "tasks", "queues", "ledger", "journal", "slots", "rulings")
    ports: dict[str, Any] = {name: Reading(getattr(services, name)) for name in names}
    return replace(services, **ports)


def gathered(machine: Machine, digest: Digest) -> Facts:
    catalog = load("catalog.yaml", machine.world.catalog.text)
    subject = Subject("node", digest, "ab" * 8)
    return gathering.facts(
        reading(machine.world.services), catalog, catalog.images[0], subject, follow=False
    )


def test_gathering_without_following_writes_nothing_and_leaves_runs_as_they_are():
    machine = Machine()
    digest = machine.upstream("white")
    machine.watch()
    while not machine.world.tasks.requests:
        for message in machine.world.queues.take():
            machine._deliver(message.queue, message.text)
        machine.world.clock.advance(seconds=15)
    machine._end_runs()

    facts = gathered(machine, digest)

    assert [(each.progress, each.report) for each in facts.scans] == [(Progress.UNDERWAY, None)] * 2


def test_gathering_for_a_comparison_without_following_writes_nothing():
    machine = Machine()
    white = looked(machine, CATALOG)
    machine.world.clock.advance(hours=13)
    machine.world.registries.delete(STAGING, white)
    blue = looked(machine, CATALOG.replace("age: 0h", "age: 24h"), "blue")
    machine.world.catalog.text = CATALOG.replace("age: 0h", "age: 24h, compare: not-worse")
    machine.world.clock.advance(minutes=10)

    (promoted,) = gathered(machine, blue).promoted

    assert (promoted.digest, promoted.tags, promoted.staged) == (white, (TAG,), None)


def test_what_base_held_before_and_cannot_be_staged_is_failed_with_the_reason():
    machine = Machine()
    digest = machine.world.registries.push_index(BASE, TAG, content="old", platforms=PLATFORMS)
    other = machine.world.registries.push_index(
        STAGING, unique_tag(TAG, digest), content="other", platforms=PLATFORMS
    )
    assert other != digest
    subject = Subject("node", digest, "ab" * 8)
    looking.ask(machine.services, subject, "adopted")
    machine.settle()

    assert machine.state(digest) == "failed"
    assert "unique tag collision" in machine.reasons(digest)[0]
    assert machine.world.slots.held() == []
