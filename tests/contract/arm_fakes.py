"""The storage and the task runner that ARM's tests hand to it."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from local.tasks.runner import RunResult, RunSpec


@dataclass
class FakeAppendBlob:
    """A log in memory, made by its first append."""

    blobs: "FakeBlobs"
    name: str

    async def append(self, content: bytes) -> None:
        self.blobs.content[self.name] = self.blobs.content.get(self.name, b"") + content

    async def complete(self, status: str) -> None:
        self.blobs.complete[self.name] = status

    def sas_url(self) -> str:
        return f"{self.blobs.url}/{self.name}?sig=read"


class FakeBlobs:
    """A storage account in memory, with its two kinds of URL."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.content: dict[str, bytes] = {}
        self.complete: dict[str, str] = {}

    async def put_append(self, name: str) -> FakeAppendBlob:
        return FakeAppendBlob(self, name)

    async def upload_url(self, name: str) -> str:
        return f"{self.url}/{name}?sig=write"

    async def get(self, name: str) -> bytes:
        return self.content[name]

    def app(self) -> web.Application:
        async def put(request: Any) -> Any:
            if request.query.get("sig") != "write":
                raise web.HTTPForbidden
            self.content[request.match_info["name"]] = await request.read()
            return web.Response(status=201)

        async def get(request: Any) -> web.Response:
            name = request.match_info["name"]
            if request.query.get("sig") != "read":
                raise web.HTTPForbidden
            if name not in self.content:
                raise web.HTTPNotFound
            complete = self.complete.get(name)
            headers = {"x-ms-meta-Complete": complete} if complete else {}
            return web.Response(body=self.content[name], headers=headers)

        app = web.Application()
        app.router.add_put("/{name:.+}", put)
        app.router.add_get("/{name:.+}", get)
        return app


@dataclass
class FakeRunner:
    """A runner that writes a line and ends as it is told: at once, or when released."""

    result: RunResult = field(default_factory=lambda: RunResult("Succeeded"))
    raises: Exception | None = None
    specs: list[RunSpec] = field(default_factory=list)
    files: list[dict[str, bytes]] = field(default_factory=list)
    killed: list[str] = field(default_factory=list)
    free: asyncio.Event = field(default_factory=asyncio.Event)
    running: int = 0
    most: int = 0

    async def run(self, spec: Any, log: Any) -> Any:
        self.specs.append(spec)
        if spec.context is not None:
            found = sorted(p for p in spec.context.rglob("*") if p.is_file())
            self.files.append({str(p.relative_to(spec.context)): p.read_bytes() for p in found})
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await log(f"hello from {spec.run_id}\nsecond line\n")
            await self.free.wait()
            if self.raises is not None:
                raise self.raises
            return self.result
        except asyncio.CancelledError:
            self.killed.append(spec.run_id)
            raise
        finally:
            self.running -= 1
