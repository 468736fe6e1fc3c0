"""What a candidate is compared with: staged from base, scanned by one database, lost for good, given back."""

from typing import Any

import pytest

from handlers import comparing, gathering, on_staging_push
from handlers.importing import Outcome
from handlers.recording import Subject
from shared.catalog import load
from shared.errors import Misconfigured, Permanent
from shared.oci.digest import Digest
from shared.oci.reference import Repository
from shared.oci.tags import unique_tag
from shared.policy.facts import Facts
from shared.reports.findings import Finding
from shared.values import ScanRequest
from tests import builders
from tests.fake_upstreams import FakeImports
from tests.fakes import index
from tests.machine import BASE, CATALOG, PLATFORMS, STAGING, TAG, UPSTREAM, Life, Machine, picture

NOT_WORSE = CATALOG.replace("age: 0h", "age: 0h, compare: not-worse")
OLD, NEW = builders.a_finding(id="CVE-2025-0001"), builders.a_finding(id="CVE-2026-0002")


def children(content: str) -> list[Digest]:
    return [each.digest for each in index(content, PLATFORMS)[:-1]]


def finds(machine: Machine, content: str, *findings: Finding) -> None:
    machine.findings |= dict.fromkeys(children(content), findings)


def comparing_machine(life: Life | None = None) -> tuple[Machine, Digest]:
    """A machine whose base holds `white`, promoted before its finding was known."""
    machine = Machine(life=life or Life())
    white = seen(machine, "white")
    machine.world.catalog.text = NOT_WORSE
    finds(machine, "white", OLD)
    machine.world.clock.advance(hours=13)
    return machine, white


def seen(machine: Machine, content: str) -> Digest:
    digest = machine.upstream(content)
    machine.watch()
    machine.settle()
    return digest


def scans_of(machine: Machine, content: str) -> int:
    requests = machine.world.tasks.requests.values()
    return sum(
        isinstance(each, ScanRequest) and each.digest in children(content) for each in requests
    )


def staged_tags(machine: Machine, digest: Digest) -> set[str]:
    return {each.name for each in machine.world.registries.tags(STAGING) if each.digest == digest}


def test_a_finding_that_what_is_promoted_has_too_does_not_block():
    machine, white = comparing_machine()
    finds(machine, "blue", OLD)

    blue = seen(machine, "blue")

    assert machine.state(blue) == "promoted"
    # White's database was older: it was scanned once more on each platform.
    assert (scans_of(machine, "white"), scans_of(machine, "blue")) == (4, 2)
    assert machine.state(white) == "superseded"
    assert machine.world.slots.held() == []


def test_a_finding_that_what_is_promoted_does_not_have_blocks():
    machine, white = comparing_machine()
    finds(machine, "blue", OLD, NEW)

    blue = seen(machine, "blue")

    assert machine.state(blue) == "rejected"
    said = " ".join(machine.reasons(blue))
    assert "CVE-2026-0002" in said
    assert "CVE-2025-0001" not in said
    assert machine.state(white) == "promoted"
    assert machine.world.slots.held() == []


def test_reports_of_one_database_are_compared_without_another_scan():
    machine, _ = comparing_machine()
    machine.database = machine.world.clock.now()
    finds(machine, "blue", NEW)
    seen(machine, "blue")
    finds(machine, "red", OLD)

    red = seen(machine, "red")

    assert machine.state(red) == "promoted"
    assert scans_of(machine, "white") == 4


@pytest.mark.parametrize("eager", [False, True], ids=["copied when asked", "copied at once"])
def test_what_staging_no_longer_holds_is_brought_back_from_base_under_its_unique_tag_alone(
    eager: bool,
):
    machine, white = comparing_machine()
    machine.world.imports.eager = eager
    machine.world.registries.delete(STAGING, white)
    finds(machine, "blue", OLD)

    blue = seen(machine, "blue")

    assert machine.state(blue) == "promoted"
    assert staged_tags(machine, white) == {unique_tag(TAG, white)}
    copies = [each for each in machine.world.imports.started.values() if each.source == BASE]
    assert [each.tags for each in copies] == [(unique_tag(TAG, white),)]
    assert list(machine.world.ledger.all("stage")) == []
    assert machine.world.slots.held() == []


def test_the_push_of_that_unique_tag_changes_nothing():
    machine, white = comparing_machine()
    machine.world.registries.delete(STAGING, white)
    finds(machine, "blue", OLD)
    blue = seen(machine, "blue")
    before, told = picture(machine), machine.events()

    target = {"repository": "node", "digest": str(white), "tag": unique_tag(TAG, white)}
    on_staging_push.handle(machine.services, {"action": "push", "target": target})
    machine.settle()

    assert (picture(machine), machine.events()) == (before, told)
    assert machine.state(blue) == "promoted"


def test_the_same_push_changes_nothing_when_the_ledger_has_forgotten_it():
    machine, white = comparing_machine()
    subject = Subject("node", white, "ab" * 8)
    for row in machine.world.ledger.rows(subject.id):
        machine.world.ledger.delete(row.subject, row.key)
    before = picture(machine)

    target = {"repository": "node", "digest": str(white), "tag": unique_tag(TAG, white)}
    on_staging_push.handle(machine.services, {"action": "push", "target": target})
    machine.settle()

    assert picture(machine) == before


class Refusing(FakeImports):
    """Imports that do not come to anything when base is their source."""

    raised: Exception | None = None
    refusing = True

    def start(self, *, source: Repository, **named: Any) -> str:
        if source == BASE and self.refusing:
            if self.raised is not None:
                self.asked = getattr(self, "asked", 0) + 1
                raise self.raised
            self.fail_next("the source is gone")
        return super().start(source=source, **named)


def refusing(raised: Exception | None) -> tuple[Machine, Refusing, Digest]:
    """A machine that has lost white from staging, and cannot have it back."""
    machine, white = comparing_machine()
    machine.world.registries.delete(STAGING, white)
    imports = Refusing(machine.world.upstreams, machine.world.registries)
    imports.raised = raised
    machine.world.imports = imports
    finds(machine, "blue", OLD)
    return machine, imports, white


@pytest.mark.parametrize(
    ("raised", "why"),
    [
        (None, "the source is gone"),
        (Permanent("HTTP 400: no such registry"), "no such registry"),
        (Misconfigured("the app may not read base"), "may not read base"),
    ],
)
def test_what_cannot_be_brought_back_is_lost_after_three_attempts_and_every_finding_counts(
    raised: Exception | None, why: str
):
    machine, _, white = refusing(raised)

    blue = seen(machine, "blue")

    assert machine.state(blue) == "rejected"
    assert "CVE-2025-0001" in " ".join(machine.reasons(blue))
    assert machine.world.slots.held() == []
    (promoted,) = facts(machine, blue).promoted
    assert promoted.digest == white
    assert why in promoted.lost


def test_what_was_lost_is_tried_anew_a_day_later():
    machine, imports, _ = refusing(None)
    blue = seen(machine, "blue")
    assert machine.state(blue) == "rejected"
    imports.refusing = False

    for hours in (2, 23):
        assert machine.state(blue) == "rejected"
        machine.world.clock.advance(hours=hours)
        machine.sweep()
        machine.settle()

    assert machine.state(blue) == "promoted"
    assert machine.world.slots.held() == []


def test_another_digest_under_its_unique_tag_is_a_collision_and_nothing_is_overwritten():
    machine, white = comparing_machine()
    registries = machine.world.registries
    registries.delete(STAGING, white)
    other = registries.push_index(STAGING, unique_tag(TAG, white), content="other")
    finds(machine, "blue", OLD)

    blue = seen(machine, "blue")

    assert machine.state(blue) == "rejected"
    assert staged_tags(machine, other) == {unique_tag(TAG, white)}
    (promoted,) = facts(machine, blue).promoted
    assert "unique tag collision" in promoted.lost
    assert machine.world.slots.held() == []


def facts(machine: Machine, digest: Digest) -> Facts:
    """Gather as `explain` does."""
    catalog = load("catalog.yaml", machine.world.catalog.text)
    subject = Subject("node", digest, "ab" * 8)
    return gathering.facts(machine.services, catalog, catalog.images[0], subject, follow=False)


def test_staging_may_be_asked_for_again_and_again():
    machine, white = comparing_machine()
    machine.world.registries.delete(STAGING, white)
    catalog = load("catalog.yaml", NOT_WORSE)

    outcomes = [
        comparing.stage(machine.services, catalog, catalog.images[0], white, (TAG,)).outcome
        for _ in range(4)
    ]

    assert outcomes == [Outcome.RUNNING, Outcome.DONE, Outcome.DONE, Outcome.DONE]
    assert machine.world.slots.held() == []


def test_two_candidates_that_are_compared_with_the_same_digest_share_its_scan():
    machine, white = comparing_machine()
    machine.world.catalog.text = NOT_WORSE.replace("[9-alpine]", "[9-alpine, 9-slim]")
    registries, upstreams = machine.world.registries, machine.world.upstreams
    manifest = registries.manifest(BASE, white)
    assert manifest is not None
    registries.put_manifest(BASE, "9-slim", manifest)
    finds(machine, "blue", OLD)
    finds(machine, "red", OLD)
    machine.upstream("blue")
    upstreams.set(UPSTREAM, "9-slim", "red", PLATFORMS)

    machine.watch()
    machine.settle()

    tags = {each.name: each.digest for each in registries.tags(BASE)}
    assert tags[TAG] == index("blue", PLATFORMS)[-1].digest
    assert tags["9-slim"] == index("red", PLATFORMS)[-1].digest
    assert scans_of(machine, "white") == 4
    assert machine.world.slots.held() == []
