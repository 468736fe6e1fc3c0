"""Copying an image past the app, with skopeo, as a hurried colleague would."""

import asyncio
import json
from pathlib import Path

from local.azure import LocalAzure
from local.demo.upstream import TAG
from local.platform.principals import UPSTREAM
from shared.oci.reference import Repository


class CopyFailed(RuntimeError):
    """skopeo said no; the text is its own."""


async def copy_with_skopeo(azure: LocalAzure, repository: str, target: Repository) -> None:
    """`skopeo copy --all` from the public registry into staging, logged in as the operator."""
    source = azure.registries[UPSTREAM].login_server
    login = azure.directory.docker_auth(azure.principals.operator, target.registry)
    auth = azure.work / "operator-auth.json"
    _write(auth, json.dumps({"auths": {target.registry: {"auth": login}}}))
    certificates = str(azure.authority.directory)
    process = await asyncio.create_subprocess_exec(
        "skopeo",
        "copy",
        "--quiet",
        "--all",
        "--authfile",
        str(auth),
        "--src-cert-dir",
        certificates,
        "--dest-cert-dir",
        certificates,
        f"docker://{source}/{repository}:{TAG}",
        f"docker://{target}:{TAG}",
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    if process.returncode != 0:
        raise CopyFailed(said.decode(errors="replace"))


def _write(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text)
