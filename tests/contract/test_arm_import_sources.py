"""Where an import copies from: private, broken, absent, and a real registry over plain HTTP."""

import gzip
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError

from local.images import push
from shared.oci.digest import Digest
from tests.contract.arm_imports import REPO, body, failure, run
from tests.contract.arm_world import World, an_image, free_port, stored, world
from tests.contract.plain_registry import fill, plain_registry


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with world(tmp_path, monkeypatch) as made:
        yield made


def test_a_private_source_needs_credentials(here: World) -> None:
    push(an_image(), here.apps, REPO, "9-alpine")
    host = {"registryUri": here.apps.login_server}
    failed = failure(here, body(source=host))
    assert "Invalid message Unauthorized" in failed.error.message
    good = {**host, "credentials": {"username": "pusher", "password": "secret"}}
    run(here, body(source=good, targets=["by-password"]))
    entra = here.directory.token(
        here.directory.add("pusher"), "https://containerregistry.azure.net"
    )
    token = {**host, "credentials": {"password": entra}}
    run(here, body(source=token, targets=["by-token"]))
    assert set(here.staging.tags("by-token")) == {"9-alpine"}
    wrong = {**host, "credentials": {"username": "pusher", "password": "wrong"}}
    failed = failure(here, body(source=wrong, targets=["never"]))
    assert "Invalid message Unauthorized" in failed.error.message


def test_a_source_that_changes_bytes_on_the_way_is_caught(here: World) -> None:
    built = an_image()
    push(built, here.upstream, REPO, "9-alpine")
    digest = max(built.blobs, key=lambda each: len(built.blobs[each]))
    here.upstream.store.blobs.contents[digest] = b"x" * len(built.blobs[digest])
    failed = failure(here, body())
    assert "Digest mismatch" in failed.error.message


def test_a_source_that_is_not_there_fails_on_the_poll(here: World) -> None:
    failed = failure(here, body(source={"registryUri": f"localhost:{free_port()}"}))
    assert failed.status_code == 400
    assert "localhost" in failed.error.message


def test_a_real_registry_over_plain_http_is_imported_from(here: World, tmp_path: Path) -> None:
    built = an_image()
    with plain_registry(tmp_path) as url:
        fill(url, REPO, "9-alpine", built)
        host = url.removeprefix("http://")
        run(here, body(built.digest, source={"registryUri": host}, targets=["node:9"]))
    found = stored(here.staging, "node", "9")
    assert hashlib.sha256(found.raw).hexdigest() == built.digest.hex
    layer = next(blob for blob in built.blobs.values() if blob[:2] == b"\x1f\x8b")
    assert gzip.decompress(here.staging.blob("node", str(Digest.of(layer))) or b"")


def test_a_resource_id_is_that_of_a_registry_and_not_its_name_alone(here: World) -> None:
    push(an_image(), here.base, REPO, "9-alpine")

    def source(resource: str) -> dict[str, Any]:
        return {"registryUri": None, "resourceId": resource}

    elsewhere = here.base.resource_id.replace("/resourceGroups/", "/resourceGroups/other-")
    failed = failure(here, body(source=source(elsewhere)))
    assert f"{elsewhere} could not be found" in failed.error.message
    run(here, body(source=source(here.base.resource_id.lower()), targets=["found"]))
    assert set(here.staging.tags("found")) == {"9-alpine"}


def test_a_source_that_is_named_twice_is_refused_without_its_password(here: World) -> None:
    twice = {
        "resourceId": here.base.resource_id,
        "credentials": {"username": "pusher", "password": "secret"},
    }
    with pytest.raises(HttpResponseError, match="exactly one of registryUri") as refused:
        run(here, body(source=twice))
    assert "secret" not in str(refused.value)
