"""Blobs: `/v2/NAME/blobs/DIGEST`."""

import re

from aiohttp import web

from local.acr import errors, locks
from local.acr.errors import RegistryError
from local.acr.http import Call, Route, answer

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


async def get(call: Call) -> web.Response:
    """Read a blob, or the part of it that a Range names."""
    repository = call.registry.store.repositories.get(call.repo)
    if repository is not None:
        locks.check_read(repository.attributes, f"repository {call.repo}")
    content = call.registry.blob(call.repo, call.reference)
    if content is None:
        raise errors.blob_unknown(call.reference)
    headers = {
        "Content-Type": "application/octet-stream",
        "Docker-Content-Digest": call.reference,
        "Accept-Ranges": "bytes",
    }
    part = _part(call.request.headers.get("Range", ""), len(content))
    if part is None or call.request.method == "HEAD":
        return answer(call.request, content, headers)
    start, end = part
    headers["Content-Range"] = f"bytes {start}-{end}/{len(content)}"
    return answer(call.request, content[start : end + 1], headers, status=206)


def _part(header: str, size: int) -> tuple[int, int] | None:
    """Return the first and last byte wanted; None for all (RFC 9110, 14.2: what is odd is ignored).

    Raises RegistryError if no byte of the range exists.
    """
    match = _RANGE.fullmatch(header)
    if not match or match.group(1) == match.group(2) == "":
        return None
    first, last = match.groups()
    start = int(first) if first else max(0, size - int(last))
    end = min(int(last), size - 1) if first and last else size - 1
    if start > end:
        message = f"no byte of {header[:40]} exists; the blob has {size}"
        headers = {"Content-Range": f"bytes */{size}"}
        raise RegistryError(416, "RANGE_INVALID", message, headers=headers)
    return start, end


async def delete(call: Call) -> web.Response:
    """Delete a blob from the repository."""
    call.registry.store.blobs.delete(call.repo, call.reference)
    return web.Response(status=202)


_PATH = "/v2/{name:.+}/blobs/{reference}"
ROUTES = (
    Route("HEAD", _PATH, "acr.blobs.get", get, ("pull",)),
    Route("GET", _PATH, "acr.blobs.get", get, ("pull",)),
    Route("DELETE", _PATH, "acr.blobs.delete", delete, ("delete",)),
)
