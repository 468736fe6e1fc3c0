"""A promoted digest that staging loses comes back, and nothing that was said of it is said again or forgotten."""

import pytest

from handlers import explaining, observed
from handlers.inventory import referrer_key
from handlers.recording import PROMOTIONS, Subject, known
from shared.oci.digest import Digest
from shared.operators import Ruling, RulingKind
from shared.severity import Severity
from shared.values import Entry, Row
from tests.builders import a_catalog, a_finding
from tests.fakes import index
from tests.machine import BASE, CATALOG, PLATFORMS, STAGING, TAG, Machine

OBSERVING = CATALOG.replace("dwell: 12h", "dwell: 0h, mode: observe")
CHILDREN = [each.digest for each in index("white", PLATFORMS)[:-1]]


def promoted(text: str = CATALOG, *, worse: bool = False) -> tuple[Machine, Digest]:
    machine = Machine()
    machine.world.catalog.text = text
    if worse:
        for child in CHILDREN:
            machine.findings[child] = [a_finding(severity=Severity.CRITICAL)]
    digest = machine.upstream("white")
    machine.watch()
    machine.settle()
    assert machine.state(digest) == "promoted", machine.reasons(digest)
    return machine, digest


def lost(machine: Machine, digest: Digest, *, hours: float = 30) -> list[Entry]:
    """Let staging lose the digest, and everything come back; return what is announced meanwhile."""
    machine.world.clock.advance(hours=hours)
    machine.world.announcements.published.clear()
    registries = machine.world.registries
    for each in (digest, *CHILDREN):
        registries.delete(STAGING, each)
    assert registries.head(STAGING, digest) is None
    events = len(machine.events())
    for _ in range(2):
        machine.watch()
        machine.settle()
        machine.sweep()
        machine.settle()
    assert registries.head(STAGING, digest) is not None
    assert "imported" in machine.events()[events:]
    assert machine.state(digest) == "promoted"
    return list(machine.world.announcements.published)


def test_it_is_not_announced_as_promoted_again():
    machine, digest = promoted()

    assert lost(machine, digest) == []


def test_why_it_passed_is_still_told():
    machine, digest = promoted()

    lost(machine, digest)

    said = explaining.explained(machine.services, "node", digest)
    assert said is not None
    (passed,) = [each for each in said["why"] if each.startswith("when it passed")]
    assert "nothing at or above high" in passed


def test_what_enforcing_would_have_said_is_still_told_and_not_counted_twice():
    machine, digest = promoted(OBSERVING, worse=True)
    before = dict(machine._row(digest, "node"))

    assert lost(machine, digest) == []

    after = machine._row(digest, "node")
    for name in ("enforced", "enforced_reasons", "passed"):
        assert after[name] == before[name] != ""
    lines = [each for each in machine.world.journal.entries if each.event == "observed"]
    assert len(lines) == 0 or all("0 of" not in each.reasons[0] for each in lines)


@pytest.mark.parametrize("hours", [1, 30])
def test_the_days_line_counts_the_promotion_and_not_its_return(hours: int):
    machine, digest = promoted(OBSERVING, worse=True)
    lost(machine, digest, hours=hours)
    machine.world.ledger.delete("observed", "day")
    # As if another digest of the image had just been promoted, so that there is something to count.
    at = machine.world.clock.now().isoformat()
    machine.world.ledger.upsert(Row(PROMOTIONS, "node", {"at": at}))

    observed.report(machine.services, a_catalog(OBSERVING), "ab" * 8)

    lines = [each for each in machine.world.journal.entries if each.event == "observed"]
    assert len(lines) == (1 if hours == 1 else 0)


def test_a_digest_that_is_promoted_again_after_another_is_announced_again():
    machine, digest = promoted()
    blue = machine.upstream("blue")
    machine.watch()
    machine.settle()
    assert machine.state(digest) == "superseded"
    machine.world.announcements.published.clear()
    machine.upstream("white")
    machine.watch()
    machine.settle()

    assert machine.state(digest) == "promoted"
    held = machine.world.registries.tag(BASE, TAG)
    assert held is not None
    assert held.digest == digest != blue
    told = [each for each in machine.world.announcements.published if each.event == "promoted"]
    assert [each.digest for each in told] == [str(digest)]


@pytest.mark.parametrize("tried", [False, True], ids=["not copied yet", "copied in vain"])
def test_what_its_test_left_behind_in_staging_may_be_lost_before_it_is_promoted(tried: bool):
    machine = Machine()
    machine.world.catalog.text = CATALOG.replace("age: 0h", "age: 0h, approval: manual")
    digest = machine.upstream("white")
    machine.watch()
    machine.settle()
    assert machine.state(digest) == "held"
    for each in (digest, *CHILDREN):
        machine.world.registries.delete(STAGING, each)
    machine.watch()
    machine.settle()
    now = machine.world.clock.now()
    if tried:
        rows = machine.world.ledger.rows(Subject("node", digest, "").id)
        (test,) = [row for row in rows if row.key.startswith("test:")]
        key = referrer_key(Digest(str(test.values["result"])))
        machine.world.ledger.upsert(
            Row(
                test.subject,
                key,
                {"state": "failed", "at": now.isoformat(), "attempt": 3, "error": "gone"},
            )
        )
    machine.world.rulings.add(Ruling("node", digest, RulingKind.APPROVE, "Ada", now, "read it"))

    machine.sweep()
    machine.settle()

    assert machine.state(digest) == "promoted", machine.reasons(digest)


def test_what_was_promoted_before_rows_said_when_it_was_told_is_not_counted_again():
    machine, digest = promoted(OBSERVING, worse=True)
    candidate = Subject("node", digest, "").id
    row = known(machine.services, candidate)
    assert row is not None
    old = ("image", "digest", "state", "reasons", "since", "trace")
    values = {name: row.values[name] for name in old}
    machine.world.ledger.upsert(Row(candidate, row.key, values))
    machine.world.ledger.delete(PROMOTIONS, "node")
    machine.world.clock.advance(hours=30)

    machine.sweep()
    machine.settle()

    assert machine._row(digest, "node")["told"] == values["since"]
    assert machine.world.ledger.rows(PROMOTIONS) == ()
