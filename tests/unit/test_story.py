"""The life of a candidate, whole, on fakes: what happens, and what happens when things go wrong."""

import pytest

from shared.oci import media_types
from shared.oci.digest import Digest
from shared.oci.tags import unique_tag
from shared.values import Locks
from tests import builders
from tests.fakes import index
from tests.machine import APPS, BASE, PLATFORMS, STAGING, TAG, UPSTREAM, Life, Machine, picture


def platform_digests(content: str) -> list[Digest]:
    return [each.digest for each in index(content, PLATFORMS)[:-1]]


def promoted(machine: Machine, content: str = "white") -> Digest:
    digest = machine.upstream(content)
    machine.watch()
    machine.settle()
    assert machine.state(digest) == "promoted", machine.events()
    return digest


def test_a_new_digest_is_imported_scanned_tested_and_promoted():
    machine = Machine()

    digest = promoted(machine)

    registries = machine.world.registries
    stable, unique = registries.tag(BASE, TAG), registries.tag(BASE, unique_tag(TAG, digest))
    assert stable is not None
    assert unique is not None
    assert stable.digest == unique.digest == digest
    assert unique.locks == Locks(write=False, delete=False)
    assert stable.locks == Locks(write=True, delete=False)
    kinds = [each.artifact_type for each in registries.referrers(BASE, digest)]
    assert kinds == [media_types.DECISION_ARTIFACT]
    for entry in registries.manifests(BASE):
        assert entry.locks == Locks(write=True, delete=False)


@pytest.mark.parametrize("eager", [False, True], ids=["copied when asked", "copied at once"])
def test_every_slot_and_claim_is_given_back(eager: bool):
    machine = Machine()
    machine.world.imports.eager = eager
    machine.app("hello-world", Digest.of(b"old"))

    promoted(machine)

    assert machine.world.slots.held() == []


def test_the_journal_tells_the_story_in_order():
    machine = Machine()

    promoted(machine)

    assert machine.events() == [
        "detected",
        "importing",
        "imported",
        "scanning",
        "scan started",
        "scan started",
        "scan ended",
        "scan ended",
        "testing",
        "test started",
        "test ended",
        "promoting",
        "decision attached",
        "locked",
        "tag moved",
        "locked",
        "rebuilds asked for",
        "promoted",
    ]


def test_looking_again_at_what_is_promoted_changes_nothing():
    machine = Machine()
    promoted(machine)
    before, told = picture(machine), machine.events()

    machine.sweep()
    machine.watch()
    machine.settle()

    assert picture(machine) == before
    assert machine.events() == told


def test_a_red_image_is_rejected_and_base_stays():
    machine = Machine()
    white = promoted(machine)
    machine.failing.update(platform_digests("red"))

    red = machine.upstream("red")
    machine.watch()
    machine.settle()

    assert machine.state(red) == "rejected"
    (reason,) = machine.reasons(red)
    assert "BACKGROUND_COLOR is red" in reason
    stable = machine.world.registries.tag(BASE, TAG)
    assert stable is not None
    assert stable.digest == white
    assert machine.world.registries.manifest(BASE, red) is None


def test_a_blocking_finding_rejects_and_is_named():
    machine = Machine()
    for digest in platform_digests("holed"):
        machine.findings[digest] = [builders.a_finding(id="CVE-2024-5535")]

    holed = machine.upstream("holed")
    machine.watch()
    machine.settle()

    assert machine.state(holed) == "rejected"
    assert "CVE-2024-5535 (high) in libssl3 3.1.4-r5" in machine.reasons(holed)[0]
    assert "test started" not in machine.events()


def test_an_app_is_rebuilt_when_its_base_moves():
    machine = Machine()
    white = promoted(machine)
    machine.app("hello-world", white)

    blue = promoted(machine, "blue")

    (app,) = machine.world.tasks.list(APPS)
    assert app.dependencies[0].digest == blue
    assert machine.events().count("rebuilt") == 1


def test_a_digest_already_in_staging_is_not_imported_again():
    machine = Machine()
    machine.world.registries.push_index(STAGING, TAG, content="white", platforms=PLATFORMS)
    machine.upstream("white")

    machine.watch()

    assert machine.world.queues.sent == []
    assert machine.world.imports.started == {}


def test_the_sweep_finds_what_no_event_mentioned():
    machine = Machine()
    digest = machine.world.registries.push_index(STAGING, TAG, content="x", platforms=PLATFORMS)
    machine.world.upstreams.set(UPSTREAM, TAG, "x", PLATFORMS)
    machine.watch()
    machine.settle()
    assert machine.state(digest) == ""

    machine.sweep()
    machine.settle()

    assert machine.state(digest) == "promoted"


def test_a_digest_that_upstream_withdrew_is_held():
    machine = Machine()
    machine.world.imports.running = 2
    bad = machine.upstream("bad")
    machine.watch()
    machine.world.clock.advance(hours=1)
    good = machine.upstream("good")
    machine.watch()
    machine.settle()

    assert machine.state(good) == "promoted"
    assert machine.state(bad) == "held"
    assert "withdrew it" in machine.reasons(bad)[0]


def test_a_lost_ledger_costs_work_and_no_wrong_verdict():
    machine = Machine()
    digest = promoted(machine)
    before = picture(machine)
    for row in list(machine.world.ledger.all("state")):
        for each in machine.world.ledger.rows(row.subject):
            machine.world.ledger.delete(each.subject, each.key)

    machine.sweep()
    machine.settle()

    assert machine.state(digest) == "promoted"
    assert picture(machine) == before


@pytest.mark.parametrize("after", [False, True], ids=["before its effect", "after its effect"])
def test_dying_at_any_call_ends_in_the_same_state(after: bool):
    def story(life: Life) -> Machine:
        machine = Machine(life=life)
        white = machine.upstream("white")
        machine.app("hello-world", Digest.of(b"old"))
        for _ in range(2):  # the timer comes round again, whoever died
            machine.watch()
            machine.settle()
            machine.sweep()
            machine.settle()
        assert machine.state(white) == "promoted", machine.deaths
        return machine

    alive = story(Life(after=after))
    expected, calls = picture(alive), alive.life.calls
    assert calls > 100
    for number in range(1, calls + 1):
        machine = story(Life(ends_at=number, after=after))
        assert machine.deaths, number
        assert picture(machine) == expected, machine.deaths
