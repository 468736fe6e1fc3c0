"""The host's end of a worker: starts the process, sends it invocations, and knows when it is dead."""

import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from local.functions_host.protocol import LINE_LIMIT, decode_line, encode_line, unpack

_OUTPUT_LIMIT = 1024 * 1024  # bytes in one line that the app prints
_GRACE = 10.0  # seconds a worker gets to end by itself; it takes a moment


class WorkerDied(Exception):
    """The worker process ended while somebody waited for it."""


class Worker:
    """One worker process. `functions` is what it indexed; `error` is why it could not."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        streams: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        on_log: Callable[[Mapping[str, Any]], None],
        on_output: Callable[[str], None],
    ) -> None:
        """Take over a process that was just started (see `start`)."""
        self.functions: list[dict[str, Any]] = []
        self.error: Mapping[str, str] | None = None
        self.exit_code: int | None = None
        self.dead = asyncio.Event()
        self._process = process
        self._reader, self._writer = streams
        self._on_log, self._on_output = on_log, on_output
        self._started: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._pending: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def start(
        cls,
        app: Path,
        environment: Mapping[str, str],
        on_log: Callable[[Mapping[str, Any]], None],
        on_output: Callable[[str], None],
    ) -> "Worker":
        """Start a worker and wait until it has indexed the app. Raises WorkerDied if it ends first."""
        ours, theirs = socket.socketpair()
        root = str(Path(__file__).parents[2])
        with theirs:
            fd = theirs.fileno()
            command = (sys.executable, "-P", "-u", "-m", "local.functions_host.worker", str(fd))
            process = await asyncio.create_subprocess_exec(
                *command,
                str(app),
                str(os.getpid()),
                cwd=app,
                env={**environment, "PYTHONPATH": root},
                pass_fds=[fd],
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                limit=_OUTPUT_LIMIT,
            )
        streams = await asyncio.open_connection(sock=ours, limit=LINE_LIMIT)
        worker = cls(process, streams, on_log, on_output)
        try:
            await worker._started
        except BaseException:
            await worker.kill()
            raise
        return worker

    async def invoke(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """Run one function and return the worker's answer. Raises WorkerDied if the process ends."""
        if self.dead.is_set():
            raise WorkerDied(self._obituary())
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._pending[message["id"]] = answer
        try:
            self._writer.write(encode_line({"type": "invoke", **message}))
            return await answer
        finally:
            self._pending.pop(message["id"], None)

    async def kill(self) -> None:
        """End the process now; whoever waits for an invocation gets WorkerDied."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._reading

    async def close(self) -> None:
        """Ask the process to end, and end it if it does not."""
        self._writer.close()
        try:
            async with asyncio.timeout(_GRACE):
                await self._process.wait()
        except TimeoutError:
            await self.kill()
        await self._reading

    async def _read(self) -> None:
        output = asyncio.create_task(self._forward_output())
        # A reset is how some kernels report a killed peer with unread data.
        with contextlib.suppress(ConnectionError):
            while line := await self._reader.readline():
                self._receive(decode_line(line))
        try:
            async with asyncio.timeout(_GRACE):
                await self._process.wait()  # for its own exit code
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()  # without its channel it is of no use
        self.exit_code = await self._process.wait()
        # A grandchild may hold the pipe open: do not wait for its end.
        await asyncio.wait([output], timeout=1)
        output.cancel()
        self._bury()

    def _receive(self, message: dict[str, Any]) -> None:
        if message["type"] == "log":
            self._on_log(message)
        elif message["type"] == "started":
            self.functions = message.get("functions", [])
            self.error = message.get("error")
            self._started.set_result(None)
        elif (waiting := self._pending.get(message["id"])) is not None and not waiting.done():
            waiting.set_result(message)

    def _bury(self) -> None:
        self.dead.set()
        self._writer.close()
        everyone: list[asyncio.Future[Any]] = [self._started, *self._pending.values()]
        for waiting in everyone:
            if not waiting.done():
                waiting.set_exception(WorkerDied(self._obituary()))
        if self._started.done():
            self._started.exception()  # looked at: nobody may be waiting for it any more

    def _obituary(self) -> str:
        return f"python exited with code {self.exit_code}"

    async def _forward_output(self) -> None:
        stream = self._process.stdout
        while stream is not None:
            try:
                line = await stream.readline()
            except ValueError:  # longer than the limit; the rest of the line follows
                continue
            if not line:
                return
            self._on_output(line.decode(errors="replace").rstrip())


def answered(message: Mapping[str, Any]) -> tuple[dict[str, Any] | None, dict[str, dict[str, Any]]]:
    """Return the return value (None: there was none) and the outputs of a successful answer."""
    returned = unpack(message["return"]) if message.get("return") else None
    return returned, {name: unpack(data) for name, data in message.get("outputs", {}).items()}
