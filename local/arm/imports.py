"""importImage: a server-side copy of one image, started by a POST and asked about until it ends."""

import asyncio
import hashlib
import hmac
import secrets
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

import aiohttp
from aiohttp import web

from local.acr.errors import RegistryError
from local.acr.registry import Registry
from local.arm import copying, transfer
from local.arm.errors import ArmError, not_found
from local.arm.import_request import ImportRequest, parse
from local.arm.routes import LOCATION, PROVIDER, SUBSCRIPTION, Call
from local.directory import Directory, Principal

_LONGEST = 15 * 60  # seconds an import may take before it is given up
_CALL = aiohttp.ClientTimeout(total=300, connect=10)


@dataclass
class Operation:
    """One import that was started: its link's signed query, and how it ended."""

    about: str
    query: str
    task: asyncio.Task[None]
    error: ArmError | None = None


@dataclass
class Imports:
    """Every import of this local Azure.

    `aliases` maps a registryUri to where it really is (`docker.io` → `localhost:5001`); `seconds` is the
    least an import takes, so that "running" can be seen; `retry_after` is what polls are told, in seconds.
    """

    find: Callable[[str], Registry | None]  # by ARM name
    directory: Directory
    aliases: Mapping[str, str]
    ca_file: str = ""
    seconds: float = 0.2
    retry_after: int = 1
    _operations: dict[str, Operation] = field(default_factory=dict)
    _session: aiohttp.ClientSession | None = None
    _key: bytes = field(default_factory=lambda: secrets.token_bytes(32))

    async def start(self, call: Call) -> web.Response:
        """Check the request, start the copy, and say where to ask about it (202)."""
        request = parse(call.body, call.registry.name)
        guid = call.operation_id
        if guid in self._operations:  # the SDK sends a POST again after a 503, with the same id
            guid = str(uuid.uuid4())
        version = call.request.query["api-version"]
        query = self._signed(guid, version)
        copy = self._copy(guid, request, call.registry, call.principal)
        task = asyncio.create_task(copy, name=f"import {guid}")
        self._operations[guid] = Operation(
            f"{call.registry.name} {request.repo}@{request.reference}", query, task
        )
        return web.Response(status=202, headers=self._links(call.origin, guid, query))

    async def poll(self, call: Call) -> web.Response:
        """Answer 202 while it runs, then 200, or the error as HTTP 4xx (reference: recorded traffic)."""
        guid = _guid(call.path["operation"])
        operation = self._operations.get(guid)
        if operation is None:
            raise not_found(call.request.path)
        if call.request.rel_url.raw_query_string != operation.query:
            message = "expected the Location of the import with its query unchanged"
            raise ArmError(403, "InvalidOperationLink", message)
        if not operation.task.done():
            return web.Response(status=202, headers=self._links(call.origin, guid, operation.query))
        if operation.error is not None:
            raise operation.error
        return web.json_response({"status": "Succeeded"})

    def about(self, operation: str) -> str:
        """Return which import an operation's name means, for faults to match on."""
        found = self._operations.get(_guid(operation))
        return found.about if found else operation

    async def close(self) -> None:
        """Give up whatever still runs and close every connection."""
        tasks = [operation.task for operation in self._operations.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    def _signed(self, guid: str, version: str) -> str:
        issued = str(time.time_ns())
        mark = hmac.new(self._key, f"{guid}{issued}".encode(), hashlib.sha256).hexdigest()
        parts = {"t": issued, "c": mark[:16], "s": mark, "h": mark[-24:] + "+/="}
        return urlencode({"api-version": version, **parts})

    def _links(self, origin: str, guid: str, query: str) -> dict[str, str]:
        path = (
            f"/subscriptions/{SUBSCRIPTION}/providers/{PROVIDER}/locations/{LOCATION.upper()}"
            f"/operationResults/registries-{guid}"
        )
        return {"Location": f"{origin}{path}?{query}", "Retry-After": str(self.retry_after)}

    async def _copy(
        self, guid: str, request: ImportRequest, target: Registry, caller: Principal
    ) -> None:
        async def least() -> None:
            await asyncio.sleep(self.seconds)

        async def copy() -> None:
            async with asyncio.timeout(_LONGEST):
                await transfer.run(request, self._source(request, caller), target)

        results = await asyncio.gather(copy(), least(), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                self._operations[guid].error = _failure(guid, target, result)

    def _source(self, request: ImportRequest, caller: Principal) -> copying.Source:
        if not request.source_registry:
            host = copying.host_of(request.registry_uri, self.aliases)
            return copying.Distant(
                self._http(), host, request.repo, request.username, request.password
            )
        registry = self.find(request.source_registry)
        if registry is None or registry.resource_id.lower() != request.resource_id.lower():
            message = f"{request.resource_id} could not be found."
            raise copying.CopyFailed(message)
        if "pull" not in self.directory.actions(caller, registry.name):
            message = f"Access to {registry.login_server} denied."
            raise copying.CopyFailed(message)
        return copying.Neighbour(registry, request.repo)

    def _http(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(ssl=copying.trust(self.ca_file), limit_per_host=8)
            self._session = aiohttp.ClientSession(connector=connector, timeout=_CALL)
        return self._session


def _guid(operation: str) -> str:
    return operation.lower().removeprefix("registries-")


def _failure(guid: str, target: Registry, error: BaseException) -> ArmError:
    """Return what the poll answers: never 429 or 5xx, which the SDK would take for a busy ARM."""
    status, code = 400, "InvalidParameters"
    match error:
        case transfer.TagExists():
            status, code, text = 409, "Conflict", str(error)
        case RegistryError():
            text = f"{error.code} {error.message}"
        case copying.CopyFailed() | transfer.Refused():
            text = str(error)
        case TimeoutError():
            text = f"The operation did not end within {_LONGEST} seconds."
        case _:
            text = f"Error copying blobs. {type(error).__name__}: {error}"
    message = f"Operation registries-{guid} failed. Resource {target.resource_id} {text}"
    return ArmError(status, code, message)
