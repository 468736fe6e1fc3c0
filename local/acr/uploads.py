"""Uploads: `/v2/NAME/blobs/uploads/`, whole, in chunks, or mounted from another repository."""

import asyncio
import re

from aiohttp import web

from local.acr import errors, locks
from local.acr.blob_store import Upload
from local.acr.errors import RegistryError
from local.acr.http import Call, Route, read_body
from local.acr.tokens import Scope
from shared.oci.digest import Digest

_CONTENT_RANGE = re.compile(r"(?:bytes )?(\d+)-(\d+)")


async def start(call: Call) -> web.Response:
    """Start an upload, or finish one at once: the whole blob in the body, or a mount."""
    repository = call.registry.store.repositories.get(call.repo)
    if repository is not None:
        locks.check_write(repository.attributes, f"repository {call.repo}")
    query = call.request.query
    if "mount" in query and _mounted(call, query["mount"], query.get("from", "")):
        return _created(call, query["mount"])
    if "digest" in query:
        return await _keep(call, query["digest"], await read_body(call.request))
    return _progress(call.registry.store.blobs.start(call.repo), 202)


def _mounted(call: Call, digest: str, source: str) -> bool:
    """Mount if the token may also pull the source; else the client uploads (the spec's fallback)."""
    may_pull = call.access.allows(Scope("repository", source, ("pull",)))
    return may_pull and call.registry.store.blobs.mount(source, call.repo, digest)


async def append(call: Call) -> web.Response:
    """Take one chunk; its Content-Range, if any, must begin where the upload ends."""
    upload = _upload(call)
    await _take(call, upload)
    return _progress(upload, 202)


async def finish(call: Call) -> web.Response:
    """Take the last chunk, if any, and keep the blob."""
    upload = _upload(call)
    await _take(call, upload)
    call.registry.store.blobs.cancel(upload)
    return await _keep(call, call.request.query.get("digest", ""), bytes(upload.content))


async def status(call: Call) -> web.Response:
    """Tell how much has come in."""
    return _progress(_upload(call), 204)


async def cancel(call: Call) -> web.Response:
    """Forget the upload."""
    call.registry.store.blobs.cancel(_upload(call))
    return web.Response(status=204)


def _upload(call: Call) -> Upload:
    return call.registry.store.blobs.upload(call.repo, call.reference)


async def _take(call: Call, upload: Upload) -> None:
    chunk = await read_body(call.request)
    header = call.request.headers.get("Content-Range")
    if header is not None:
        _check_range(upload, header, len(chunk))
    upload.content += chunk


def _check_range(upload: Upload, header: str, size: int) -> None:
    match = _CONTENT_RANGE.fullmatch(header)
    first, last = (int(match[1]), int(match[2])) if match else (-1, -1)
    if first != len(upload.content):
        message = f"expected a chunk from byte {len(upload.content)}, found {header[:60]!r}"
        raise RegistryError(
            416, "BLOB_UPLOAD_INVALID", message, headers=dict(_progress(upload, 416).headers)
        )
    if last - first + 1 != size:
        message = f"the Content-Range {header[:60]} has {size} bytes"
        raise RegistryError(400, "SIZE_INVALID", message)


async def _keep(call: Call, expected: str, content: bytes) -> web.Response:
    # Off the loop: hashing a large layer would hold up every other registry.
    found = await asyncio.to_thread(Digest.of, content)
    if expected != str(found):
        raise errors.digest_invalid(expected, str(found))
    call.registry.store.blobs.keep(call.repo, found, content)
    return _created(call, str(found))


def _created(call: Call, digest: str) -> web.Response:
    headers = {
        "Location": f"/v2/{call.repo}/blobs/{digest}",
        "Docker-Content-Digest": digest,
    }
    return web.Response(status=201, headers=headers)


def _progress(upload: Upload, status_code: int) -> web.Response:
    headers = {
        "Location": f"/v2/{upload.repo}/blobs/uploads/{upload.id}",
        "Docker-Upload-UUID": upload.id,
        "Range": f"0-{max(0, len(upload.content) - 1)}",
    }
    return web.Response(status=status_code, headers=headers)


_PUSH = ("pull", "push")
_PATH = "/v2/{name:.+}/blobs/uploads/{reference}"
ROUTES = (
    Route("POST", "/v2/{name:.+}/blobs/uploads/", "acr.uploads.start", start, _PUSH),
    Route("PATCH", _PATH, "acr.uploads.append", append, _PUSH),
    Route("PUT", _PATH, "acr.blobs.put", finish, _PUSH),
    Route("GET", _PATH, "acr.uploads.status", status, _PUSH),
    Route("DELETE", _PATH, "acr.uploads.cancel", cancel, _PUSH),
)
