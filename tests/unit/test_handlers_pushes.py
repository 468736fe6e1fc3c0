"""Push events: what they start, and what they are not trusted for."""

from typing import Any

import pytest

from handlers import on_base_push, on_staging_push
from shared.errors import Permanent
from shared.messages import candidate_id
from shared.oci import media_types
from shared.oci.digest import Digest
from shared.oci.reference import Repository
from shared.oci.tags import unique_tag
from tests import builders
from tests.fakes import index
from tests.machine import APPS, PLATFORMS, STAGING, TAG, Machine


def pushed(repository: str, digest: Digest, tag: str = "") -> dict[str, Any]:
    target = {"repository": repository, "digest": str(digest), "tag": tag or None}
    return {"action": "push", "target": target}


def promoted(machine: Machine) -> Digest:
    digest = machine.upstream("white")
    machine.watch()
    machine.settle()
    assert machine.state(digest) == "promoted"
    return digest


def staged(machine: Machine) -> Digest:
    """Something upstream has, in staging, that nobody has looked at yet."""
    digest = machine.world.registries.push_index(STAGING, TAG, content="x", platforms=PLATFORMS)
    machine.world.upstreams.set(Repository("docker.io", "library/node"), TAG, "x", PLATFORMS)
    machine.watch()
    machine.settle()
    return digest


def test_an_image_pushed_to_staging_is_looked_at_at_once():
    machine = Machine()
    digest = staged(machine)

    on_staging_push.handle(machine.services, pushed("node", digest, TAG))

    assert machine.state(digest) == "scanning"
    assert len(machine.world.tasks.requests) == 2


def test_a_report_pushed_to_staging_has_its_candidate_looked_at():
    machine = Machine()
    digest = staged(machine)
    on_staging_push.handle(machine.services, pushed("node", digest, TAG))
    machine.world.queues.take()
    machine._end_runs()
    report = next(
        each
        for each in machine.world.registries.manifests(STAGING)
        if (found := machine.world.registries.manifest(STAGING, each.digest)) is not None
        and found.artifact_type == media_types.REPORT
    )

    on_staging_push.handle(machine.services, pushed("node", report.digest))

    assert [each.queue for each in machine.world.queues.sent] == ["candidates"]
    machine.settle()
    assert machine.state(digest) == "promoted"


def test_event_grid_never_waits_for_a_promotion():
    machine = Machine()
    digest = staged(machine)
    on_staging_push.handle(machine.services, pushed("node", digest, TAG))
    while machine.state(digest) != "testing":
        for each in machine.world.queues.take():
            machine._deliver(each.queue, each.text)
        machine._end_runs()
        machine.world.clock.advance(seconds=15)
    machine._end_runs()
    machine.world.queues.take()

    on_staging_push.handle(machine.services, pushed("node", digest, TAG))

    assert machine.state(digest) == "testing"
    assert machine.world.imports.started == {}
    assert [each.queue for each in machine.world.queues.sent] == ["candidates"]


@pytest.mark.parametrize(
    "data",
    [
        None,
        {"action": "delete", "target": {"repository": "node"}},
        pushed("unknown/repository", builders.a_digest(1), "1"),
        pushed("node", builders.a_digest(1)),
        pushed("node", index("x", PLATFORMS)[0].digest),
    ],
    ids=["nothing", "a delete", "another repository", "what is not there", "a platform"],
)
def test_a_push_that_belongs_to_no_candidate_changes_nothing(data: object):
    machine = Machine()
    staged(machine)

    on_staging_push.handle(machine.services, data)

    assert machine.world.tasks.requests == {}
    assert machine.world.queues.sent == []
    assert list(machine.world.ledger.all("state")) == []


def annotated(machine: Machine, candidate: str) -> Digest:
    """Push a referrer whose annotation names a candidate."""
    manifest = builders.a_manifest(
        mediaType=media_types.OCI_MANIFEST,
        artifactType="application/x",
        annotations={"io.breakwater.candidate": candidate},
    )
    return machine.world.registries.push(STAGING, manifest)


@pytest.mark.parametrize(
    "candidate", ["x", "' or 1 eq 1", "a" * 100_000, "A" * 32, f"{'a' * 32}\n", "0" * 32]
)
def test_an_annotation_that_names_no_candidate_is_never_looked_up(candidate: str):
    machine = Machine()
    staged(machine)
    report = annotated(machine, candidate)

    on_staging_push.handle(machine.services, pushed("node", report))

    assert machine.world.queues.sent == []
    assert list(machine.world.ledger.all("state")) == []


def test_an_annotation_cannot_have_one_image_looked_at_under_another_ones_name():
    machine = Machine()
    machine.world.catalog.text += "  - source: quay.io/team/app\n    tags: ['1']\n"
    digest = promoted(machine)
    manifest = builders.a_manifest(
        mediaType=media_types.OCI_MANIFEST,
        artifactType="application/x",
        annotations={"io.breakwater.candidate": candidate_id("node", digest)},
    )
    other = Repository(STAGING.registry, "team/app")
    report = machine.world.registries.push(other, manifest)

    on_staging_push.handle(machine.services, pushed("team/app", report))

    assert machine.events("team/app") == []
    assert machine.state(digest, "team/app") == ""


def test_a_push_event_that_cannot_be_read_is_refused():
    machine = Machine()

    for handler in (on_staging_push, on_base_push):
        with pytest.raises(Permanent, match=r"data\.target\.digest"):
            handler.handle(machine.services, {"action": "push", "target": {"repository": "node"}})


def test_a_digest_that_someone_pushed_to_staging_and_upstream_never_had_is_held():
    machine = Machine()
    planted = machine.world.registries.push_index(STAGING, TAG, content="evil", platforms=PLATFORMS)

    on_staging_push.handle(machine.services, pushed("node", planted, TAG))
    machine.sweep()
    machine.settle()

    assert machine.state(planted) == "held"
    assert "never seen as upstream's" in machine.reasons(planted)[0]
    assert machine.world.tasks.requests == {}


def test_a_stable_tag_that_moved_in_base_asks_for_rebuilds():
    machine = Machine()
    digest = promoted(machine)
    machine.app("hello-world", Digest.of(b"old"))

    on_base_push.handle(machine.services, pushed("base/node", digest, TAG))

    assert [each.queue for each in machine.world.queues.sent] == ["rebuilds"]


@pytest.mark.parametrize(
    ("repository", "tag"),
    [
        ("base/node", ""),
        ("base/node", unique_tag(TAG, builders.a_digest(1))),
        ("base/node", "latest"),
        ("base/other", TAG),
        ("node", TAG),
        ("elsewhere/node", TAG),
    ],
)
def test_any_other_push_to_base_asks_for_nothing(repository: str, tag: str):
    machine = Machine()
    machine.app("hello-world", Digest.of(b"old"))

    on_base_push.handle(machine.services, pushed(repository, builders.a_digest(1), tag))

    assert machine.world.queues.sent == []


def test_a_late_event_about_a_digest_the_tag_has_left_rebuilds_nothing():
    machine = Machine()
    machine.app("hello-world", promoted(machine))
    machine.event("base", pushed("base/node", builders.a_digest(7), TAG))

    machine.settle()

    assert machine.world.tasks.recent_runs(APPS, "hello-world") == ()
