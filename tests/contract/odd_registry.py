"""A registry that behaves oddly, written for one test."""

from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web

from shared.oci.manifest import Manifest


@dataclass
class Odd:
    """A registry written for one test, and the requests it saw."""

    app: web.Application
    seen: list[tuple[str, str, str]]

    @classmethod
    def of(cls, handle: Callable[[web.Request], web.StreamResponse]) -> "Odd":
        odd = cls(web.Application(), [])

        async def answer(request: web.Request) -> web.StreamResponse:
            authorization = request.headers.get("Authorization", "")
            odd.seen.append((request.method, request.path, authorization))
            return handle(request)

        odd.app.router.add_route("*", "/{path:.*}", answer)
        return odd


def head(manifest: Manifest, **headers: str) -> web.Response:
    """Answer with a manifest."""
    return web.Response(
        body=manifest.raw,
        headers={"Content-Type": manifest.media_type} | headers,
    )
