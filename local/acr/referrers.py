"""What refers to a digest: `/v2/NAME/referrers/DIGEST` (distribution-spec 1.1, "Listing Referrers")."""

import json
from typing import Any

from aiohttp import web

from local.acr.http import Call, Route, answer
from local.acr.store import Store
from shared.oci import media_types
from shared.oci.digest import Digest, InvalidDigest


def descriptors(store: Store, repo: str, digest: str) -> list[dict[str, Any]]:
    """Return the descriptors of what refers to the digest, oldest first."""
    repository = store.repositories.get(repo)
    found = []
    for record in repository.referrers_of(digest) if repository else []:
        manifest = record.manifest
        descriptor: dict[str, Any] = {
            "mediaType": manifest.media_type,
            "digest": str(manifest.digest),
            "size": len(manifest.raw),
        }
        if manifest.artifact_type:
            descriptor["artifactType"] = manifest.artifact_type
        if manifest.annotations:
            descriptor["annotations"] = dict(manifest.annotations)
        found.append(descriptor)
    return found


async def list_referrers(call: Call) -> web.Response:
    """Answer an index of the referrers; an unknown digest has none, which is no error."""
    try:
        Digest(call.reference)
    except InvalidDigest as error:
        return web.json_response(
            {"errors": [{"code": "DIGEST_INVALID", "message": str(error)}]}, status=400
        )
    found = descriptors(call.registry.store, call.repo, call.reference)
    headers = {"Content-Type": media_types.OCI_INDEX}
    wanted = call.request.query.get("artifactType")
    if wanted:
        found = [each for each in found if each.get("artifactType") == wanted]
        headers["OCI-Filters-Applied"] = "artifactType"
    index = {"schemaVersion": 2, "mediaType": media_types.OCI_INDEX, "manifests": found}
    return answer(call.request, json.dumps(index).encode(), headers)


ROUTES = (
    Route(
        "GET",
        "/v2/{name:.+}/referrers/{reference}",
        "acr.referrers.list",
        list_referrers,
        ("pull",),
    ),
)
