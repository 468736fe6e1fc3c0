"""ACR's own API: `/acr/v1/NAME`, its `_tags` and its `_manifests`, read, locked and deleted."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from aiohttp import web

from local.acr import describe, errors
from local.acr.errors import RegistryError
from local.acr.http import Call, Route, read_body
from local.acr.paging import page
from local.acr.records import ManifestRecord, TagRecord

_LARGEST_PATCH = 64 * 1024  # bytes
_ORDERS = ("none", "timeasc", "timedesc")


async def get_repository(call: Call) -> web.Response:
    """Read a repository's attributes."""
    return _answer(call, describe.repository(call.registry.store.repository(call.repo)))


async def patch_repository(call: Call) -> web.Response:
    """Lock or unlock a repository."""
    call.registry.store.change(call.repo, "", **await _flags(call))
    return await get_repository(call)


async def delete_repository(call: Call) -> web.Response:
    """Delete a repository with all it holds."""
    useragent = call.request.headers.get("User-Agent", "")
    manifests, tags = call.registry.delete_repository(call.repo, useragent=useragent)
    return web.json_response({"manifestsDeleted": manifests, "tagsDeleted": tags}, status=202)


async def list_tags(call: Call) -> web.Response:
    """List tags with their attributes, all or those of one digest."""
    held = call.registry.store.repository(call.repo).tags
    digest = call.request.query.get("digest")
    shown = {
        name: tag
        for name, tag in held.items()
        if tag.attributes.list and (not digest or tag.digest == digest)
    }
    found, headers = _page(call, shown)
    tags = [describe.tag(shown[name]) for name in found]
    return _answer(call, {"imageName": call.repo, "tags": tags}, headers)


async def get_tag(call: Call) -> web.Response:
    """Read a tag's attributes."""
    tag = describe.tag(call.registry.store.tag(call.repo, call.reference))
    return _answer(call, {"imageName": call.repo, "tag": tag})


async def patch_tag(call: Call) -> web.Response:
    """Lock or unlock a tag."""
    call.registry.store.tag(call.repo, call.reference)
    call.registry.store.change(call.repo, call.reference, **await _flags(call))
    return await get_tag(call)


async def delete_tag(call: Call) -> web.Response:
    """Delete a tag; the manifest stays, and no event is raised."""
    call.registry.delete_tag(call.repo, call.reference)
    return web.Response(status=202)


async def list_manifests(call: Call) -> web.Response:
    """List manifests with their attributes."""
    store = call.registry.store
    held = store.repository(call.repo).manifests
    shown = {digest: each for digest, each in held.items() if each.attributes.list}
    found, headers = _page(call, shown)
    manifests = [describe.manifest(store, call.repo, shown[digest]) for digest in found]
    return _answer(call, {"imageName": call.repo, "manifests": manifests}, headers)


async def get_manifest(call: Call) -> web.Response:
    """Read a manifest's attributes; it is named by its digest."""
    store = call.registry.store
    record = _manifest(call)
    manifest = describe.manifest(store, call.repo, record)
    return _answer(call, {"imageName": call.repo, "manifest": manifest})


async def patch_manifest(call: Call) -> web.Response:
    """Lock or unlock a manifest."""
    record = _manifest(call)
    call.registry.store.change(call.repo, record.digest, **await _flags(call))
    return await get_manifest(call)


def _manifest(call: Call) -> ManifestRecord:
    if ":" not in call.reference:
        raise errors.manifest_unknown(call.repo, call.reference)
    return call.registry.store.manifest(call.repo, call.reference)


def _page(
    call: Call, shown: Mapping[str, TagRecord] | Mapping[str, ManifestRecord]
) -> tuple[list[str], dict[str, str]]:
    order = call.request.query.get("orderby", "none")
    if order not in _ORDERS:
        raise errors.parameter_invalid("orderby", " or ".join(_ORDERS), order)

    def updated(name: str) -> datetime:
        return shown[name].updated

    names = sorted(shown)
    if order != "none":
        names.sort(key=updated, reverse=order == "timedesc")
    return page(names, call.request.path, call.request.query, sorted_by_name=order == "none")


async def _flags(call: Call) -> dict[str, bool]:
    try:
        body = json.loads(await read_body(call.request, _LARGEST_PATCH))
    except ValueError as error:
        raise RegistryError(400, "UNSUPPORTED", f"expected JSON ({error})") from error
    if not isinstance(body, dict):
        raise errors.parameter_invalid("body", "an object of flags", str(body))
    for name, flag in body.items():
        if name not in describe.FLAGS:
            message = f"the local ACR does not implement changing {name[:60]!r}"
            raise RegistryError(501, "UNSUPPORTED", message)
        if not isinstance(flag, bool):
            raise errors.parameter_invalid(name, "true or false", str(flag))
    return {describe.FLAGS[name]: flag for name, flag in body.items()}


def _answer(
    call: Call, body: dict[str, Any], headers: Mapping[str, str] | None = None
) -> web.Response:
    return web.json_response({"registry": call.registry.login_server} | body, headers=headers)


_READ, _WRITE, _DELETE = ("metadata_read",), ("metadata_write",), ("delete",)
_REPOSITORY = "/acr/v1/{name:.+}"
_TAGS = f"{_REPOSITORY}/_tags"
_TAG = f"{_TAGS}/{{reference}}"
_MANIFESTS = f"{_REPOSITORY}/_manifests"
_MANIFEST = f"{_MANIFESTS}/{{reference}}"
ROUTES = (
    Route("GET", _TAGS, "acr.attributes.tag.list", list_tags, _READ),
    Route("GET", _TAG, "acr.attributes.tag.get", get_tag, _READ),
    Route("PATCH", _TAG, "acr.attributes.tag.patch", patch_tag, _WRITE),
    Route("DELETE", _TAG, "acr.attributes.tag.delete", delete_tag, _DELETE),
    Route("GET", _MANIFESTS, "acr.attributes.manifest.list", list_manifests, _READ),
    Route("GET", _MANIFEST, "acr.attributes.manifest.get", get_manifest, _READ),
    Route("PATCH", _MANIFEST, "acr.attributes.manifest.patch", patch_manifest, _WRITE),
    Route("GET", _REPOSITORY, "acr.attributes.repository.get", get_repository, _READ),
    Route("PATCH", _REPOSITORY, "acr.attributes.repository.patch", patch_repository, _WRITE),
    Route("DELETE", _REPOSITORY, "acr.attributes.repository.delete", delete_repository, _DELETE),
)
