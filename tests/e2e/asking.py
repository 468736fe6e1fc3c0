"""What an operator does to the app on the stage: look at base, ask the endpoints, sign in."""

import asyncio
import json
from datetime import datetime
from typing import Any

from local.demo.stage import Stage
from local.demo.upstream import FIXED_OPENSSL, Node
from local.platform.principals import BASE
from shared.oci import media_types
from shared.oci.digest import Digest
from shared.oci.reference import Repository


def ship(there: Stage, name: str, colour: str, openssl: str = FIXED_OPENSSL) -> Digest:
    return there.ship(Node(colour, openssl), f"verdict/{name}")


def base_tags(there: Stage, name: str) -> dict[str, str]:
    """Return what base's tags point at."""
    tags = there.azure.registries[BASE].tags(f"base/{name}")
    return {tag: entry.digest for tag, entry in tags.items()}


async def decision(there: Stage, name: str, digest: Digest) -> dict[str, Any]:
    """Return the promotion statement attached to the digest in base."""
    registry = there.azure.registries[BASE]
    (found,) = [
        each
        for each in registry.referrers(f"base/{name}", str(digest))
        if each["artifactType"] == media_types.DECISION_ARTIFACT
    ]
    plane = there.services.data_plane
    repository = Repository(registry.login_server, f"base/{name}")
    manifest = await asyncio.to_thread(plane.manifest, repository, Digest(found["digest"]))
    assert manifest is not None
    raw = await asyncio.to_thread(plane.blob, repository, manifest.layers[0].digest, 1 << 20)
    predicate: dict[str, Any] = json.loads(raw)["predicate"]
    return predicate


async def told_at(there: Stage, name: str, event: str, digest: Digest) -> list[datetime]:
    """Return when the journal told of this, oldest first."""
    entries = await there.journal()
    about = (name, event, str(digest))
    return [each.at for each in entries if (each.image, each.event, each.digest) == about]


async def api(
    there: Stage, verb: str, body: dict[str, Any] | None = None, token: str = "", **headers: str
) -> tuple[int, dict[str, Any]]:
    """Call an operators' endpoint: POST with a body, else GET."""
    url = f"http://127.0.0.1:{there.azure.port.functions}/api/{verb}"
    if token:
        headers["Authorization"] = f"Bearer {token}"
    session = there.azure.session
    asked = (
        session.get(url, headers=headers)
        if body is None
        else session.post(url, json=body, headers=headers)
    )
    async with asked as answer:
        text = await answer.text()
        return answer.status, json.loads(text) if text else {}


async def token(there: Stage, user: str) -> str:
    """Let somebody sign in at the local directory."""
    url = f"{there.azure.urls['login']}/_local/token"
    async with there.azure.session.get(url, params={"user": user}) as answer:
        return str((await answer.json())["access_token"])


async def explained(there: Stage, name: str, digest: Digest) -> dict[str, Any]:
    status, body = await api(
        there, f"explain?image={name}&digest={digest}", token=await token(there, "carol")
    )
    assert status == 200, body
    return body
