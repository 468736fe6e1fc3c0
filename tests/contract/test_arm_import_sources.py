"""Where an import copies from: private, broken, absent, and a real registry over plain HTTP."""

import gzip
import hashlib
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from local.images import push
from shared.oci import media_types
from shared.oci.digest import Digest
from tests.contract.arm_imports import REPO, body, failure, run
from tests.contract.arm_world import World, an_image, free_port, stored, world


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


@pytest.fixture
def plain_registry(tmp_path: Path) -> Iterator[str]:
    port = free_port()
    config = tmp_path / "registry.yml"
    config.write_text(
        f"version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {tmp_path}/data}}}}\n"
        f"http: {{addr: 'localhost:{port}'}}\n"
    )
    process = subprocess.Popen(
        ["docker-registry", "serve", str(config)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "OTEL_TRACES_EXPORTER": "none"},
    )
    url = f"http://localhost:{port}"
    try:
        for _ in range(200):
            try:
                requests.get(f"{url}/v2/", timeout=1)
                break
            except requests.ConnectionError:
                time.sleep(0.05)
        yield url
    finally:
        process.terminate()
        process.wait(timeout=10)


def test_a_real_registry_over_plain_http_is_imported_from(here: World, plain_registry: str) -> None:
    built = an_image()
    for digest, blob in built.blobs.items():
        start = requests.post(f"{plain_registry}/v2/{REPO}/blobs/uploads/", timeout=5)
        where = f"{start.headers['Location']}&digest={digest}"
        assert requests.put(where, data=blob, timeout=5).status_code == 201
    puts = [
        (str(Digest.of(raw)), media_types.OCI_MANIFEST, raw) for raw in built.manifests.values()
    ]
    for reference, kind, raw in [*puts, ("9-alpine", media_types.OCI_INDEX, built.index)]:
        url = f"{plain_registry}/v2/{REPO}/manifests/{reference}"
        answer = requests.put(url, data=raw, headers={"Content-Type": kind}, timeout=5)
        assert answer.status_code == 201
    host = plain_registry.removeprefix("http://")
    run(here, body(built.digest, source={"registryUri": host}, targets=["node:9"]))
    found = stored(here.staging, "node", "9")
    assert hashlib.sha256(found.raw).hexdigest() == built.digest.hex
    layer = next(blob for blob in built.blobs.values() if blob[:2] == b"\x1f\x8b")
    assert gzip.decompress(here.staging.blob("node", str(Digest.of(layer))) or b"")
