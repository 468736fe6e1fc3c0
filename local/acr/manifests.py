"""Manifests: `/v2/NAME/manifests/REFERENCE`, by tag and by digest."""

from aiohttp import web

from local.acr.errors import RegistryError
from local.acr.http import Call, Route, answer, read_body
from local.acr.store import LARGEST_MANIFEST
from shared.oci import media_types
from shared.oci.manifest import Manifest


async def get(call: Call) -> web.Response:
    """Read a manifest in the media type it was pushed in."""
    manifest = call.registry.store.pull(call.repo, call.reference).manifest
    _check_accept(call, manifest)
    headers = {
        "Content-Type": manifest.media_type,
        "Docker-Content-Digest": str(manifest.digest),
        "ETag": f'"{manifest.digest}"',
    }
    return answer(call.request, manifest.raw, headers)


def _check_accept(call: Call, manifest: Manifest) -> None:
    """Refuse an index to a client that does not name its type; `*/*` does not."""
    accepted = {
        media_type.partition(";")[0].strip()
        for header in call.request.headers.getall("Accept", [])
        for media_type in header.split(",")
    }
    if not manifest.is_index or manifest.media_type in accepted:
        return
    kind = "OCI index" if manifest.media_type == media_types.OCI_INDEX else "manifest list"
    message = f"{kind} found, but the Accept header does not name {manifest.media_type}"
    raise RegistryError(404, "MANIFEST_UNKNOWN", message)


async def put(call: Call) -> web.Response:
    """Push a manifest."""
    raw = await read_body(call.request, LARGEST_MANIFEST)
    digest = call.registry.put_manifest(
        call.repo,
        call.reference,
        call.request.headers.get("Content-Type", ""),
        raw,
        useragent=call.request.headers.get("User-Agent", ""),
    )
    headers = {
        "Location": f"/v2/{call.repo}/manifests/{digest}",
        "Docker-Content-Digest": str(digest),
    }
    subject = call.registry.store.manifest(call.repo, str(digest)).manifest.subject
    if subject is not None:
        headers["OCI-Subject"] = str(subject.digest)
    return web.Response(status=201, headers=headers)


async def delete(call: Call) -> web.Response:
    """Delete a manifest by its digest; by a tag, the tag alone."""
    if ":" in call.reference:
        useragent = call.request.headers.get("User-Agent", "")
        call.registry.delete_manifest(call.repo, call.reference, useragent=useragent)
    else:
        call.registry.delete_tag(call.repo, call.reference)
    return web.Response(status=202)


_PATH = "/v2/{name:.+}/manifests/{reference}"
ROUTES = (
    Route("HEAD", _PATH, "acr.manifests.head", get, ("pull",)),
    Route("GET", _PATH, "acr.manifests.get", get, ("pull",)),
    Route("PUT", _PATH, "acr.manifests.put", put, ("pull", "push")),
    Route("DELETE", _PATH, "acr.manifests.delete", delete, ("delete",)),
)
