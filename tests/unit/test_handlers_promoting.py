"""Promotion under attack and under strain: what a publisher plants, what is slow, what is late."""

import json
from dataclasses import replace
from typing import Any

import pytest

from handlers import gathering, promoting
from handlers.inventory import Inventory
from handlers.recording import Subject
from shared.catalog import load
from shared.errors import Transient
from shared.messages import LookMessage, encode
from shared.oci import media_types
from shared.oci.digest import Digest
from shared.oci.manifest import Manifest, parse
from shared.oci.platform import Platform
from shared.oci.reference import Repository
from shared.policy.facts import Facts, Tested
from shared.values import Locks
from tests.builders import an_artifact
from tests.fake_registries import FakeRegistries
from tests.fakes import image, index
from tests.machine import BASE, CATALOG, PLATFORMS, STAGING, TAG, UPSTREAM, Machine

NEXT = index("the publisher's next", PLATFORMS)[-1]
CHILD = index("planted", PLATFORMS)[0]
SPDX = "application/spdx+json"


def listing(*manifests: Manifest, **more: Any) -> Manifest:
    """An index of these, as platforms unknown."""
    unknown = {"os": "unknown", "architecture": "unknown"}
    entries = [
        {
            "mediaType": each.media_type,
            "digest": str(each.digest),
            "size": len(each.raw),
            "platform": unknown,
        }
        for each in manifests
    ]
    body = {"schemaVersion": 2, "mediaType": media_types.OCI_INDEX, "manifests": entries}
    return parse(json.dumps(body | more).encode())


def with_children(
    machine: Machine, *planted: Manifest, inside: tuple[Manifest, ...] = ()
) -> Digest:
    """Let upstream publish a good image that has these children besides its platforms."""
    *platforms, top = index("planted", PLATFORMS)
    body = json.loads(top.raw)
    body["manifests"] += json.loads(listing(*planted).raw)["manifests"]
    upstream = machine.world.upstreams.content
    for each in (*platforms, *planted, *inside):
        upstream.push(UPSTREAM, each)
    return upstream.push(UPSTREAM, parse(json.dumps(body).encode()), TAG)


def configured(kind: str) -> Manifest:
    """An image whose configuration is of this kind, whatever its artifact type says."""
    body = json.loads(image("x").raw)
    body["artifactType"] = SPDX
    body["config"]["mediaType"] = kind
    return parse(json.dumps(body).encode())


def settled(machine: Machine) -> None:
    machine.watch()
    machine.settle()
    machine.sweep()
    machine.settle()


_FORGED = an_artifact(media_types.DECISION_ARTIFACT, NEXT.descriptor)


@pytest.mark.parametrize(
    ("planted", "kind"),
    [
        (_FORGED, media_types.DECISION_ARTIFACT),
        (an_artifact(media_types.REPORT, CHILD.descriptor), media_types.REPORT),
        (
            configured("Application/vnd.breakwater.waiver.v9"),
            "Application/vnd.breakwater.waiver.v9",
        ),
    ],
    ids=["a decision on the next image", "a report on its own platform", "by its configuration"],
)
def test_a_child_that_poses_as_breakwaters_own_stops_its_image(planted: Manifest, kind: str):
    machine = Machine()
    digest = with_children(machine, planted)

    settled(machine)

    assert machine.state(digest) == "failed"
    (reason,) = machine.reasons(digest)
    assert str(planted.digest) in reason
    assert kind in reason
    assert list(machine.world.registries.manifests(BASE)) == []
    assert machine.world.slots.held() == []


def test_a_child_that_speaks_about_another_image_stops_its_image():
    machine = Machine()
    planted = an_artifact(SPDX, NEXT.descriptor)
    digest = with_children(machine, planted)

    settled(machine)

    assert machine.state(digest) == "failed"
    assert f"{planted.digest} along, which speaks about {NEXT.digest}" in machine.reasons(digest)[0]


def test_an_attestation_about_one_of_the_images_own_platforms_comes_along():
    machine = Machine()
    attestation = an_artifact(
        "application/vnd.docker.attestation.manifest.v1+json", CHILD.descriptor
    )
    digest = with_children(machine, attestation)

    settled(machine)

    assert machine.state(digest) == "promoted"
    assert machine.world.registries.manifest(BASE, attestation.digest) is not None


def staged(*manifests: Manifest) -> FakeRegistries:
    """Staging with these manifests in it."""
    registries = FakeRegistries()
    for each in manifests:
        registries.push(STAGING, each)
    return registries


def test_what_a_nested_index_brings_along_is_read_too():
    machine = Machine()
    nested = listing(_FORGED)
    top = listing(nested)
    machine.world.registries = staged(_FORGED, nested, top)

    found = gathering.contents(machine.services, STAGING, top.digest)

    assert not isinstance(found, str)
    assert {each.digest for each in found} == {_FORGED.digest, nested.digest, top.digest}


@pytest.mark.parametrize(("children", "readable"), [(49, True), (50, False)])
def test_no_more_than_fifty_manifests_are_read(children: int, readable: bool):
    machine = Machine()
    images = [image(str(number)) for number in range(children)]
    top = listing(*images)
    machine.world.registries = staged(*images, top)

    found = gathering.contents(machine.services, STAGING, top.digest)

    assert isinstance(found, list) is readable
    assert readable or found == f"{top.digest} brings more than 50 manifests along"


def test_a_child_that_cannot_be_read_cannot_be_trusted():
    machine = Machine()
    top = listing(_FORGED)
    machine.world.registries = staged(top)

    found = gathering.contents(machine.services, STAGING, top.digest)

    assert found == f"staging does not hold {_FORGED.digest}, which it brings along"


def test_a_referrer_that_brings_a_forgery_along_stays_in_staging():
    machine = Machine()
    digest = machine.upstream("white")
    subject = {
        "mediaType": media_types.OCI_INDEX,
        "digest": str(digest),
        "size": len(index("white", PLATFORMS)[-1].raw),
    }
    harmless = listing(image("x"), artifactType=SPDX, subject=subject)
    carrier = listing(_FORGED, artifactType=SPDX, subject=subject)
    for each in (image("x"), _FORGED, harmless, carrier):
        machine.world.registries.push(STAGING, each)

    settled(machine)

    assert machine.state(digest) == "promoted"
    registries = machine.world.registries
    assert registries.manifest(BASE, harmless.digest) is not None
    assert registries.manifest(BASE, carrier.digest) is None
    assert registries.manifest(BASE, _FORGED.digest) is None


class Slow(FakeRegistries):
    """Registries where setting a lock takes a while."""

    machine: Machine

    def lock(self, repository: Repository, reference: str | Digest, locks: Locks) -> None:
        self.machine.world.clock.advance(seconds=2)
        super().lock(repository, reference, locks)


def promotion_of(machine: Machine, digest: Digest) -> promoting.Promotion:
    catalog = load("catalog.yaml", CATALOG)
    facts = Facts(catalog.images[0], digest, ())
    subject = Subject("node", digest, "ab" * 8)
    return promoting.Promotion(catalog, catalog.images[0], subject, facts, (TAG,), ())


def test_a_promotion_that_takes_longer_than_ten_seconds_goes_on_in_another_look():
    machine = Machine()
    slow = Slow(machine.world.clock)
    slow.machine = machine
    machine.world.registries = slow
    digest = slow.push_index(BASE, content="white", platforms=PLATFORMS)
    task = promotion_of(machine, digest)

    first = promoting.advance(machine.services, task)

    assert first == promoting.Busy()
    assert promoting.advance(machine.services, task) == promoting.Judge(TAG)


class Shy(FakeRegistries):
    """Registries that do not show manifests yet."""

    def manifest(self, repository: Repository, reference: str | Digest) -> Manifest | None:
        return None


def test_a_manifest_that_no_registry_shows_yet_is_asked_for_again_later():
    machine = Machine()
    machine.world.registries = Shy(machine.world.clock)
    digest = machine.world.registries.push_index(BASE, content="white", platforms=PLATFORMS)

    with pytest.raises(Transient, match="neither base nor staging"):
        promoting.advance(machine.services, promotion_of(machine, digest))

    assert machine.world.slots.held() == []


def test_our_own_reports_are_copied_first_and_upstreams_limit_is_not_theirs():
    machine = Machine()
    registries = machine.world.registries
    digest = registries.push_index(STAGING, content="white", platforms=PLATFORMS)
    registries.push_index(BASE, content="white", platforms=PLATFORMS)
    top = registries.manifest(STAGING, digest)
    assert top is not None
    upstreams = [an_artifact(SPDX, top.descriptor, str(n).encode()) for n in range(60)]
    result = an_artifact(media_types.TEST_RESULT, top.descriptor)
    for each in (*upstreams, result):
        registries.push(STAGING, each)
    task = promotion_of(machine, digest)
    test = Tested(Platform.parse(PLATFORMS[0]), digest, passed=True, result_digest=result.digest)
    facts = replace(task.facts, test=test)

    found = Inventory(machine.services, task.subject, facts, (TAG,), STAGING, BASE).take()

    assert found.missing_referrers == (result.digest, *(each.digest for each in upstreams[:50]))


def test_a_report_that_base_has_lost_is_copied_again_if_staging_still_has_it():
    machine = Machine()
    digest = machine.upstream("white")
    settled(machine)
    registries = machine.world.registries
    found = gathering.decision(machine.services, BASE, digest)
    assert found is not None
    assert len(found.named) == 3
    for each in found.named:
        registries.lock(BASE, each, Locks())
        registries.delete(BASE, each)
    registries.delete(STAGING, found.named[0])

    look = LookMessage("node", str(digest), "ab" * 8)
    machine.world.queues.send("candidates", encode(look))
    machine.settle()

    there = {each.digest: each.locks for each in registries.manifests(BASE)}
    assert found.named[0] not in there
    assert {there[each].delete for each in found.named[1:]} == {False}
    assert machine.state(digest) == "promoted"
    assert machine.world.slots.held() == []
