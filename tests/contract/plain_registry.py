"""Debian's docker-registry over plain HTTP, open or behind basic auth, and a push to it."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

from local.images import Built
from shared.oci import media_types
from shared.oci.digest import Digest
from tests.contract.arm_world import free_port
from tests.contract.waiting import PATIENCE, eventually

USER, PASSWORD = "team", "right-horse"
_HASH = "$2b$05$abcdefghijklmnopqrstuukAGqk1114ICnhl6dLOh9a3Ti/e0h/ma"  # bcrypt, of the password


@contextmanager
def plain_registry(folder: Path, *, private: bool = False) -> Iterator[str]:
    """Serve an empty registry; yields its URL."""
    port = free_port()
    config, users = folder / "registry.yml", folder / "htpasswd"
    users.write_text(f"{USER}:{_HASH}\n")
    config.write_text(
        f"version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {folder}/data}}}}\n"
        f"http: {{addr: 'localhost:{port}'}}\n"
        + (f"auth: {{htpasswd: {{realm: here, path: {users}}}}}\n" if private else "")
    )
    process = subprocess.Popen(
        ["docker-registry", "serve", str(config)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "OTEL_TRACES_EXPORTER": "none"},
    )
    url = f"http://localhost:{port}"
    try:
        eventually(lambda: answers(f"{url}/v2/"), what=lambda: url)
        yield url
    finally:
        process.terminate()
        process.wait(timeout=PATIENCE)


def answers(url: str) -> bool:
    try:
        requests.get(url, timeout=PATIENCE)
    except requests.ConnectionError:
        return False
    return True


def fill(url: str, repository: str, tag: str, built: Built) -> None:
    """Push an image with its index."""
    with requests.Session() as session:
        session.auth = (USER, PASSWORD)
        for digest, blob in built.blobs.items():
            start = session.post(f"{url}/v2/{repository}/blobs/uploads/", timeout=PATIENCE)
            where = f"{start.headers['Location']}&digest={digest}"
            assert session.put(where, data=blob, timeout=PATIENCE).status_code == 201
        puts = [
            (str(Digest.of(raw)), media_types.OCI_MANIFEST, raw) for raw in built.manifests.values()
        ]
        for reference, kind, raw in [*puts, (tag, media_types.OCI_INDEX, built.index)]:
            where = f"{url}/v2/{repository}/manifests/{reference}"
            answer = session.put(where, data=raw, headers={"Content-Type": kind}, timeout=PATIENCE)
            assert answer.status_code == 201
