"""The functions host as a child process: started, watched, restarted when it dies, as Azure would."""

import asyncio
import contextlib
import json
import logging
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any

import aiohttp

from local.platform.azurite import NotStarted
from local.platform.process import Child

START = 60.0  # seconds Azure gives a worker to load the app
RESTARTS = 5  # failed starts in a row after which the supervisor gives up
_BETWEEN = 0.5  # seconds before a restart
_LOG = logging.getLogger(__name__)


@dataclass
class FunctionsHost:
    """One functions host on a fixed port. Every URL and key is the same after a restart."""

    app: Path
    port: int
    settings: Path  # a file of local.settings.json's shape
    keys: Mapping[str, str]
    log: Path
    environment: Mapping[str, str]
    lease_seconds: float
    session: aiohttp.ClientSession
    starts: int = 0
    _child: Child | None = None
    _supervisor: asyncio.Task[None] | None = None
    _running: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        """Where the host listens."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int | None:
        """The host's process, if it runs."""
        return self._child.process.pid if self._child and self._child.alive else None

    async def start(self) -> None:
        """Start the host and wait until the app is loaded. Raises NotStarted with its last words."""
        if self._supervisor is not None:
            return
        await self._start()
        self._supervisor = asyncio.create_task(self._supervise(), name="functions host")

    async def stop(self) -> None:
        """Stop the host; it is not restarted."""
        if self._supervisor is not None:
            self._supervisor.cancel()
            await asyncio.wait([self._supervisor])
            self._supervisor = None
        if self._child is not None:
            await self._child.stop()
            self._child = None
        self._running.clear()

    async def kill(self) -> None:
        """Kill the host and its worker at once; the supervisor starts it again."""
        if self._child is not None:
            self._running.clear()
            await self._child.kill()

    async def running(self, seconds: float = START) -> None:
        """Wait until the host runs (again). Raises TimeoutError."""
        async with asyncio.timeout(seconds):
            await self._running.wait()

    async def run_function(self, name: str, text: str = "") -> None:
        """Run a function now, through the admin endpoint; returns when the host has taken it."""
        await self.running()
        async with self.session.post(
            f"{self.url}/admin/functions/{name}",
            json={"input": text},
            headers={"x-functions-key": self.keys["master"]},
        ) as response:
            if response.status != 202:  # noqa: PLR2004 - what Azure's host answers
                message = f"{name}: expected 202, found {response.status} {await response.text()}"
                raise NotStarted(message)

    async def functions(self) -> list[dict[str, Any]]:
        """Return what the host says it has loaded."""
        headers = {"x-functions-key": self.keys["master"]}
        async with self.session.get(f"{self.url}/admin/functions", headers=headers) as response:
            found: list[dict[str, Any]] = await response.json()
            return found

    def webhook(self, function: str) -> str:
        """Return the URL Event Grid delivers to, with its key."""
        key = self.keys["eventgrid_extension"]
        return f"{self.url}/runtime/webhooks/EventGrid?functionName={function}&code={key}"

    def text(self) -> str:
        """Return everything the host and the app have logged."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    async def _start(self) -> None:
        self.starts += 1
        self._child = await Child.start(
            "functions host",
            [
                sys.executable,
                *("-m", "local.functions_host", "--app", str(self.app), "--port", str(self.port)),
                *("--settings", str(self.settings), "--lease-seconds", str(self.lease_seconds)),
            ],
            log=self.log,
            environment=dict(self.environment),
            directory=Path(__file__).parents[2],
        )
        try:
            await self._loaded(self._child)
        except BaseException:
            await self._child.kill()
            raise
        self._running.set()

    async def _loaded(self, child: Child) -> None:
        try:
            async with asyncio.timeout(START):
                while not await self._answers():
                    if not child.alive:
                        message = f"the functions host ended before it was ready: {child.tail()}"
                        raise NotStarted(message)
                    await asyncio.sleep(0.05)
        except TimeoutError as error:
            message = f"the functions host was not ready within {START:.0f} s: {child.tail()}"
            raise NotStarted(message) from error

    async def _answers(self) -> bool:
        headers = {"x-functions-key": self.keys["master"]}
        with contextlib.suppress(aiohttp.ClientError, json.JSONDecodeError):
            url = f"{self.url}/admin/host/status"
            async with self.session.get(url, headers=headers) as response:
                answered = response.status == HTTPStatus.OK
                return answered and (await response.json())["state"] == "Running"
        return False

    async def _supervise(self) -> None:
        failures = 0
        while failures < RESTARTS:
            if self._child is not None:
                await self._child.wait()
                await self._child.kill()  # what it started may have outlived it
            self._running.clear()
            await asyncio.sleep(_BETWEEN)
            try:
                await self._start()
                failures = 0
            except NotStarted as error:
                failures += 1
                _LOG.warning("the functions host did not come back: %s", error)
        _LOG.error("the functions host failed %d times in a row; it stays down", RESTARTS)
