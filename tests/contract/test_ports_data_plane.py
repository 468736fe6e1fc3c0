"""DataPlane: one suite over the fake and over our client on a registry served with TLS."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from local.faults import Fault, Kind
from shared.errors import Misconfigured, Permanent, Transient
from shared.oci import media_types
from shared.oci.digest import Digest
from shared.oci.manifest import Descriptor, Manifest
from shared.oci.reference import Repository
from shared.ports import DataPlane
from shared.registry import artifacts
from shared.registry.data_plane import AcrDataPlane
from shared.registry.wire import Wire
from shared.values import Layer, Locks, TagEntry
from tests.contract.acr_world import World, world
from tests.contract.serving import ca_path
from tests.fakes import FakeRegistries, image, index

AUDIENCE = "https://containerregistry.azure.net"
REPORT = "application/vnd.breakwater.report.trivy.v1+json"


@dataclass
class Bench:
    """A data plane, a repository in it, and a way to put things there."""

    plane: DataPlane
    repository: Repository
    real: World | None = None

    def seed(self, manifest: Manifest, tag: str = "") -> Digest:
        if self.real is None:
            assert isinstance(self.plane, FakeRegistries)
            return self.plane.push(self.repository, manifest, tag)
        registry, path = self.real.registry, self.repository.path
        registry.put_blob(path, artifacts.EMPTY)
        reference = tag or str(manifest.digest)
        return registry.put_manifest(path, reference, manifest.media_type, manifest.raw)


def plane_of(here: World, who: str = "pusher", **options) -> AcrDataPlane:
    def entra() -> str:
        return here.directory.token(here.people[who], AUDIENCE)

    return AcrDataPlane(entra, Wire(entra, sleep=lambda _: None, **options))


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(ca_path()))
    with world() as served:
        yield served


@pytest.fixture(params=["fake", "acr"])
def bench(request) -> Bench:
    if request.param == "fake":
        return Bench(FakeRegistries(), Repository("contosostaging.azurecr.io", "library/node"))
    here = request.getfixturevalue("here")
    repository = Repository(here.registry.login_server, "library/node")
    return Bench(plane_of(here), repository, here)


def test_what_is_not_there_is_nothing(bench: Bench):
    plane, repository = bench.plane, bench.repository
    gone = Digest.of(b"gone")
    assert plane.head(repository, "20") is None
    assert plane.head(repository, gone) is None
    assert plane.manifest(repository, "20") is None
    assert plane.tag(repository, "20") is None
    assert plane.manifest_entry(repository, gone) is None
    assert list(plane.tags(repository)) == []
    assert list(plane.manifests(repository)) == []
    assert plane.referrers(repository, gone) == ()


def test_a_tag_resolves_to_what_it_points_at(bench: Bench):
    *children, top = index("white", ["linux/amd64", "linux/arm64"])
    for child in children:
        bench.seed(child)
    bench.seed(top, "20")
    expected = Descriptor(media_types.OCI_INDEX, top.digest, len(top.raw))
    assert bench.plane.head(bench.repository, "20") == expected
    assert bench.plane.head(bench.repository, top.digest) == expected
    assert bench.plane.manifest(bench.repository, "20") == top


def test_a_put_under_a_tag_moves_it_with_the_same_bytes(bench: Bench):
    bench.seed(image("white"), "20")
    red = image("red")
    bench.seed(red)
    bench.plane.put_manifest(bench.repository, "20", red)
    assert bench.plane.tag(bench.repository, "20") == TagEntry("20", red.digest)
    found = bench.plane.manifest(bench.repository, "20")
    assert found is not None
    assert found.raw == red.raw


def test_bytes_are_not_put_under_another_digest(bench: Bench):
    with pytest.raises(Permanent, match="expected sha256"):
        bench.plane.put_manifest(bench.repository, Digest.of(b"x"), image("red"))


def test_a_manifest_knows_when_it_came_and_its_tags(bench: Bench):
    white = image("white")
    bench.seed(white, "20")
    bench.seed(white, "latest")
    entry = bench.plane.manifest_entry(bench.repository, white.digest)
    assert entry is not None
    assert entry.tags == ("20", "latest")
    assert entry.media_type == media_types.OCI_MANIFEST
    assert entry.first_seen.tzinfo is UTC
    if bench.real:
        assert abs(datetime.now(UTC) - entry.first_seen) < timedelta(minutes=1)
    assert list(bench.plane.manifests(bench.repository)) == [entry]


def test_every_page_of_tags_is_listed(bench: Bench):
    white = image("white")
    names = [f"t{number:03d}" for number in range(205)]
    for name in names:
        bench.seed(white, name)
    assert sorted(each.name for each in bench.plane.tags(bench.repository)) == names


def test_a_report_is_attached_listed_and_read(bench: Bench):
    white = image("white")
    bench.seed(white, "20")
    subject = bench.plane.head(bench.repository, "20")
    assert subject
    attached = bench.plane.attach(
        bench.repository,
        subject,
        artifact_type=REPORT,
        media_type="application/json",
        content=b'{"findings": []}',
        annotations={"io.breakwater.platform": "linux/amd64"},
    )
    (listed,) = bench.plane.referrers(bench.repository, white.digest)
    assert (listed.digest, listed.artifact_type) == (attached, REPORT)
    assert listed.annotations == {"io.breakwater.platform": "linux/amd64"}
    report = bench.plane.manifest(bench.repository, attached)
    assert report is not None
    assert report.subject
    assert report.subject.digest == white.digest
    (layer,) = report.layers
    assert bench.plane.blob(bench.repository, layer.digest, 1024) == b'{"findings": []}'
    with pytest.raises(Permanent):
        bench.plane.blob(bench.repository, layer.digest, 4)


def test_several_blobs_are_attached_in_order_each_with_its_annotations(bench: Bench):
    bench.seed(image("white"), "20")
    subject = bench.plane.head(bench.repository, "20")
    assert subject
    layers = [Layer("text/plain", each, {"what": each.decode()}) for each in (b"first", b"second")]

    def attach() -> Digest:
        return bench.plane.attach_layers(
            bench.repository, subject, artifact_type=REPORT, layers=layers, annotations={"x": "y"}
        )

    attached = attach()
    assert attach() == attached
    (listed,) = bench.plane.referrers(bench.repository, subject.digest)
    assert (listed.digest, listed.annotations) == (attached, {"x": "y"})
    found = bench.plane.manifest(bench.repository, attached)
    assert found is not None
    kept = [bench.plane.blob(bench.repository, each.digest, 1024) for each in found.layers]
    assert kept == [each.content for each in layers]
    assert [each.annotations for each in found.layers] == [each.annotations for each in layers]


def test_attaching_again_is_the_same_referrer(bench: Bench):
    bench.seed(image("white"), "20")
    subject = bench.plane.head(bench.repository, "20")
    assert subject

    def attach() -> Digest:
        return bench.plane.attach(
            bench.repository,
            subject,
            artifact_type=REPORT,
            media_type="application/json",
            content=b"{}",
            annotations={},
        )

    assert attach() == attach()
    assert len(bench.plane.referrers(bench.repository, subject.digest)) == 1


def test_a_blob_that_is_not_there_is_an_error(bench: Bench):
    with pytest.raises(Permanent):
        bench.plane.blob(bench.repository, Digest.of(b"none"), 10)


def test_locks_of_a_tag_and_of_its_manifest_are_apart(bench: Bench):
    white = image("white")
    bench.seed(white, "20")
    bench.plane.lock(bench.repository, "20", Locks(write=False, delete=False))
    bench.plane.lock(bench.repository, white.digest, Locks(delete=False))
    (tag,) = bench.plane.tags(bench.repository)
    assert tag.locks == Locks(write=False, delete=False)
    entry = bench.plane.manifest_entry(bench.repository, white.digest)
    assert entry is not None
    assert entry.locks == Locks(write=True, delete=False)


def test_a_locked_tag_refuses_to_move_until_it_is_unlocked(bench: Bench):
    bench.seed(image("white"), "20")
    bench.plane.lock(bench.repository, "20", Locks(write=False))
    with pytest.raises(Permanent):
        bench.plane.put_manifest(bench.repository, "20", image("red"))
    bench.plane.lock(bench.repository, "20", Locks())
    bench.plane.put_manifest(bench.repository, "20", image("red"))


def test_what_is_not_there_cannot_be_locked(bench: Bench):
    with pytest.raises(Permanent, match="nothing to lock"):
        bench.plane.lock(bench.repository, "20", Locks(write=False))


# Only over the wire


def _repository(here: World) -> Repository:
    return Repository(here.registry.login_server, "library/node")


def test_the_registrys_own_words_say_why_a_locked_tag_refuses(here: World):
    repository, plane = _repository(here), plane_of(here)
    here.registry.put_blob(repository.path, artifacts.EMPTY)
    plane.put_manifest(repository, "20", image("white"))
    plane.lock(repository, "20", Locks(write=False))
    with pytest.raises(Permanent, match=r"HTTP 405.*REGISTRY_DISALLOWED_OPERATION"):
        plane.put_manifest(repository, "20", image("red"))


def test_a_missing_role_names_host_repository_and_action(here: World):
    repository = _repository(here)
    here.registry.put_blob(repository.path, artifacts.EMPTY)
    with pytest.raises(Misconfigured) as refused:
        plane_of(here, "puller").put_manifest(repository, "20", image("white"))
    assert f"{repository} (push): HTTP 403" in str(refused.value)
    assert "AcrPush" in str(refused.value)
    with pytest.raises(Misconfigured, match="metadata_read"):
        list(plane_of(here, "stranger").tags(repository))


def test_a_busy_registry_is_asked_again(here: World):
    faults = here.registry.faults
    faults.add(Fault("acr.manifests.head", Kind.FAIL, count=2, status=503))
    assert plane_of(here).head(_repository(here), "20") is None
    assert faults.counts()["acr.manifests.head"] == 3
    assert not faults.unfired()


def test_a_dropped_connection_is_tried_again(here: World):
    faults = here.registry.faults
    faults.add(Fault("acr.manifests.get", Kind.DROP, count=1))
    assert plane_of(here).manifest(_repository(here), "20") is None
    assert not faults.unfired()


def test_a_registry_busy_for_long_is_for_later(here: World):
    here.registry.faults.add(Fault("acr.manifests.head", Kind.FAIL, count=4, status=503))
    with pytest.raises(Transient, match="HTTP 503"):
        plane_of(here).head(_repository(here), "20")
    assert not here.registry.faults.unfired()


def test_a_write_is_sent_once(here: World):
    faults = here.registry.faults
    repository = _repository(here)
    here.registry.put_blob(repository.path, artifacts.EMPTY)
    faults.add(Fault("acr.manifests.put", Kind.FAIL, count=1, status=503))
    with pytest.raises(Transient, match="HTTP 503"):
        plane_of(here).put_manifest(repository, "20", image("white"))
    assert faults.counts()["acr.manifests.put"] == 1


def test_one_token_serves_many_calls(here: World):
    plane = plane_of(here)
    for tag in ("20", "21", "22"):
        plane.head(_repository(here), tag)
    counts = here.registry.faults.counts()
    assert (counts["acr.exchange"], counts["acr.token"]) == (1, 1)


def test_nobody_at_the_door_is_for_later(here: World):
    with pytest.raises(Transient, match="no answer"):
        plane_of(here).head(Repository("localhost:1", "library/node"), "20")
