"""Blob reads in front of Azurite, which answers 206 with nothing where Azure answers 416."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

import aiohttp
from aiohttp import web
from yarl import URL

from local.platform.storage import ACCOUNT

_INVALID_RANGE = (
    '<?xml version="1.0" encoding="utf-8"?><Error><Code>InvalidRange</Code>'
    "<Message>The range specified is invalid for the current size of the resource.</Message></Error>"
)
# What belongs to one connection, or is computed anew.
_DROPPED = frozenset({"connection", "keep-alive", "transfer-encoding", "date", "server"})


@dataclass(frozen=True, slots=True)
class BlobReads:
    """GET and HEAD of blobs; a signature is checked by Azurite, for it does not cover the host."""

    session: aiohttp.ClientSession
    blobs: str  # Azurite's blob URL, ending in the account

    def add_to(self, app: web.Application) -> None:
        """Add the route to an application."""
        app.router.add_get(f"/{ACCOUNT}/{{path:.*}}", self._read)  # aiohttp adds HEAD

    async def _read(self, request: web.Request) -> web.Response:
        url = f"{self.blobs}{request.raw_path.removeprefix(f'/{ACCOUNT}')}"
        headers = {
            name: value
            for name, value in request.headers.items()
            if name.lower() in ("range", "x-ms-range", "x-ms-version", "if-match", "if-none-match")
        }
        target = URL(url, encoded=True)  # a signature is not to be written anew
        async with self.session.request(request.method, target, headers=headers) as found:
            body = await found.read()
            kept = _kept(found.headers)
            cut = found.status == HTTPStatus.PARTIAL_CONTENT
            if cut and not body and request.method == "GET":
                size = found.headers.get("Content-Range", "").rpartition("/")[2]
                return web.Response(
                    status=416,
                    text=_INVALID_RANGE,
                    content_type="application/xml",
                    headers={"Content-Range": f"bytes */{size}", "x-ms-error-code": "InvalidRange"},
                )
            if request.method == "HEAD":
                return web.Response(status=found.status, headers=kept)
            kept.pop("Content-Length", None)
            return web.Response(status=found.status, body=body, headers=kept)


def _kept(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() not in _DROPPED}
