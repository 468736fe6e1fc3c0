"""Imports: one suite over the fake and over ARM's SDK on the local ARM."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from local.faults import Fault, Kind
from local.images import push
from shared.errors import Misconfigured, Transient
from shared.oci.digest import Digest
from shared.oci.reference import Repository
from shared.ports import Imports
from shared.values import ImportState, ImportStatus
from tests.contract.arm_adapters import imports_of, registries_of
from tests.contract.arm_world import SUBSCRIPTION, World, an_image, world
from tests.contract.waiting import eventually
from tests.fakes import FakeImports, FakeRegistries, FakeUpstreams

BOTH = pytest.mark.parametrize("kind", ["fake", "arm"])
NODE = Repository("docker.io", "library/node")


@pytest.fixture
def here(tmp_path, monkeypatch) -> Iterator[World]:
    with world(tmp_path, monkeypatch) as made:
        yield made


def ended(imports: Imports, operation: str) -> ImportStatus:
    """Wait for an import's end."""
    found: list[ImportStatus] = []

    def has_ended() -> bool:
        found.append(imports.poll(operation))
        return found[-1].state is not ImportState.RUNNING

    eventually(has_ended, what=lambda: f"the end of {operation}")
    return found[-1]


@dataclass
class Bench:
    """Imports, an upstream image, and a look at what has arrived in staging."""

    imports: Imports
    staging: Repository
    digest: Digest
    arrived: Callable[[str], Digest | None]
    lock: Callable[[str], None]

    def ended(self, operation: str):
        return ended(self.imports, operation)


@pytest.fixture
def bench(kind: str, request) -> Bench:
    if kind == "fake":
        upstreams, registries = FakeUpstreams(), FakeRegistries()
        staging = Repository("contosostaging.azurecr.io", "library/node")

        def arrived(reference: str) -> Digest | None:
            found = registries.head(staging, reference)
            return found.digest if found else None

        def lock(tag: str) -> None:
            locks = type(registries.tag(staging, tag).locks)(write=False)  # type: ignore[union-attr] # it is there
            registries.lock(staging, tag, locks)

        digest = upstreams.set(NODE, "9-alpine")
        return Bench(FakeImports(upstreams, registries), staging, digest, arrived, lock)
    here = request.getfixturevalue("here")
    digest = push(an_image(), here.upstream, "library/node", "9-alpine")

    def there(reference: str) -> Digest | None:
        found = here.staging.manifest("library/node", reference)
        return found.digest if found else None

    return Bench(
        imports_of(here),
        Repository(here.staging.login_server, "library/node"),
        digest,
        there,
        lambda tag: here.staging.lock("library/node", tag, write=False),
    )


def _start(bench: Bench, *tags: str, digest: Digest | None = None) -> str:
    return bench.imports.start(
        source=NODE, digest=digest or bench.digest, target=bench.staging, tags=tags
    )


@BOTH
def test_an_import_copies_the_digest_under_its_tags(bench: Bench):
    status = bench.ended(_start(bench, "9-alpine", "9-alpine-x"))
    assert (status.state, status.error) == (ImportState.SUCCEEDED, "")
    assert bench.arrived("9-alpine") == bench.arrived("9-alpine-x") == bench.digest


@BOTH
def test_without_tags_the_manifest_alone_arrives(bench: Bench):
    assert bench.ended(_start(bench)).state is ImportState.SUCCEEDED
    assert bench.arrived("latest") is None


@BOTH
def test_an_import_moves_a_tag_that_is_there(bench: Bench):
    bench.ended(_start(bench, "9-alpine"))
    assert bench.ended(_start(bench, "9-alpine")).state is ImportState.SUCCEEDED


@BOTH
def test_a_failed_import_says_why_when_it_is_asked(bench: Bench):
    operation = _start(bench, "9-alpine", digest=Digest.of(b"gone"))
    status = bench.ended(operation)
    assert status.state is ImportState.FAILED
    assert status.error
    assert bench.imports.poll(operation) == status


@BOTH
def test_an_import_over_a_write_locked_tag_fails(bench: Bench):
    bench.ended(_start(bench, "9-alpine"))
    bench.lock("9-alpine")
    assert bench.ended(_start(bench, "9-alpine")).state is ImportState.FAILED


def test_what_arm_said_is_kept(here: World):
    operation = imports_of(here).start(
        source=NODE,
        digest=Digest.of(b"gone"),
        target=Repository(here.staging.login_server, "library/node"),
        tags=("9",),
    )
    status = ended(
        imports_of(here), operation
    )  # another process: nothing but the operation is kept
    assert "InvalidParameters" in status.error
    assert here.staging.resource_id in status.error


def test_the_operation_is_the_location_verbatim(here: World):
    digest = push(an_image(), here.upstream, "library/node", "9-alpine")
    operation = imports_of(here).start(
        source=NODE,
        digest=digest,
        target=Repository(here.staging.login_server, "library/node"),
        tags=("9",),
    )
    assert operation.startswith(f"{here.url}/subscriptions/{SUBSCRIPTION}/providers/")
    assert "%2B%2F%3D" in operation


def test_one_of_our_own_registries_is_named_by_its_resource(here: World):
    digest = push(an_image(), here.staging, "library/node", "9-alpine")
    operation = imports_of(here).start(
        source=Repository(here.staging.login_server.upper(), "library/node"),
        digest=digest,
        target=Repository(here.base.login_server, "base/node"),
        tags=("9-alpine-x",),
    )
    assert ended(imports_of(here), operation).state is ImportState.SUCCEEDED
    found = here.base.manifest("base/node", "9-alpine-x")
    assert found is not None
    assert found.digest == digest


def test_a_start_that_fails_is_not_sent_again(here: World):
    here.faults.add(Fault("arm.importImage", Kind.FAIL, count=1, status=503))
    with pytest.raises(Transient):
        imports_of(here).start(
            source=NODE,
            digest=Digest.of(b"x"),
            target=Repository(here.staging.login_server, "library/node"),
            tags=(),
        )
    assert here.faults.counts()["arm.importImage"] == 1


def test_a_busy_poll_is_for_later_and_no_failed_import(here: World):
    digest = push(an_image(), here.upstream, "library/node", "9-alpine")
    imports = imports_of(here)
    operation = imports.start(
        source=NODE,
        digest=digest,
        target=Repository(here.staging.login_server, "library/node"),
        tags=(),
    )
    for status in (429, 503):
        here.faults.add(Fault("arm.importImage.poll", Kind.FAIL, count=1, status=status))
        with pytest.raises(Transient, match=f"HTTP {status}"):
            imports.poll(operation)
    assert not here.faults.unfired()


def test_a_missing_role_is_a_misconfiguration(here: World):
    with pytest.raises(Misconfigured, match="importImage/action"):
        imports_of(here, "pusher").start(
            source=NODE,
            digest=Digest.of(b"x"),
            target=Repository(here.staging.login_server, "library/node"),
            tags=(),
        )


@pytest.mark.parametrize("operation", ["", "https://evil.example/x", "http://localhost/x"])
def test_a_token_is_sent_to_arm_alone(here: World, operation: str):
    status = imports_of(here).poll(operation)

    assert status.state is ImportState.FAILED
    assert "expected an operation at" in status.error


def test_an_unknown_login_server_lists_what_was_found(here: World):
    with pytest.raises(Misconfigured, match=here.staging.login_server):
        registries_of(here).get("contosotypo.azurecr.io")
    with pytest.raises(Misconfigured, match="no registry at all"):
        registries_of(here, "stranger").get(here.staging.login_server)


def test_registries_are_listed_once(here: World):
    registries = registries_of(here)
    for registry in here.registries.values():
        assert registries.get(registry.login_server).id == registry.resource_id
    assert registries.find("docker.io") is None
    assert here.faults.counts()["arm.registries.list"] == 1
