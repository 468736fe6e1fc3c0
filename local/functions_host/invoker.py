"""Invocations: run in the one worker, logged as Azure logs them, and what happens when the worker dies."""

import asyncio
import contextlib
import logging
import os
import secrets
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local.functions_host.calls import NOT_RUNNING, Call, Outcome, failure
from local.functions_host.channel import Worker, WorkerDied, answered
from local.functions_host.indexing import IndexingError
from local.functions_host.outputs import OutputError, Outputs
from local.functions_host.protocol import pack
from local.functions_host.settings import Settings
from local.functions_host.timespan import written

_log = logging.getLogger("Host")
_output = logging.getLogger("Worker.Output")
_RESTART_WINDOW = 30 * 60.0  # seconds in which the worker's deaths are counted
_RETRIED = (
    "timerTrigger",
    "queueTrigger",
)  # the triggers here whose retry policies Azure's host executes


class HostStopped(Exception):
    """The host cannot go on; the text is Azure's own message."""


@dataclass
class Invoker:
    """The app in its worker. Invocations wait while there is no worker."""

    app: Path
    settings: Settings
    outputs: Outputs
    timeout: float | None  # seconds an invocation may take
    restarts: int  # unexpected deaths of the worker in 30 minutes that are forgiven
    _worker: Worker | None = None
    _ready: asyncio.Event = field(default_factory=asyncio.Event)
    _deaths: list[float] = field(default_factory=list)
    _overdue: set[Worker] = field(default_factory=set)  # killed by us for a timeout
    _names: dict[str, str] = field(default_factory=dict)  # running invocation -> function
    _idle: asyncio.Event = field(default_factory=asyncio.Event)
    _closed: bool = False

    def __post_init__(self) -> None:
        self._idle.set()

    async def start(self) -> list[dict[str, Any]]:
        """Start a worker and return what it indexed. Raises IndexingError with the worker's own words."""
        environment = self.settings.environment(os.environ)
        try:
            worker = await Worker.start(self.app, environment, self._forward, _output.info)
        except WorkerDied as died:
            message = f"The worker ended while it loaded {self.app}: {died}"
            raise IndexingError(message) from died
        if worker.error is not None:
            await worker.close()
            message = f"Worker failed to index functions\n{worker.error['message']}\n{worker.error['stack_trace']}"
            raise IndexingError(message.rstrip())
        self._worker = worker
        self._ready.set()
        return worker.functions

    async def supervise(self) -> None:
        """Start a new worker whenever it dies. Raises HostStopped when it dies too often, as Azure's host does."""
        while (worker := self._worker) is not None:
            await worker.dead.wait()
            self._ready.clear()
            if worker in self._overdue:
                self._overdue.discard(worker)
            else:
                _log.error("Language Worker Process exited: python, code %s", worker.exit_code)
                now = time.monotonic()
                self._deaths = [at for at in self._deaths if now - at < _RESTART_WINDOW] + [now]
            if len(self._deaths) > self.restarts:
                message = (
                    "Exceeded language worker restart retry count for runtime:python. Shutting down and "
                    "proactively recycling the Functions Host to recover"
                )
                self._closed = True
                self._ready.set()  # whoever waits for a worker learns that there is none
                raise HostStopped(message)
            await self.start()
            _log.info("Language worker process restarted: python")

    async def idle(self, seconds: float) -> bool:
        """Wait until nothing runs, but no longer than this; say whether nothing does."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._idle.wait()
        return not self._names

    async def kill(self) -> None:
        """End the worker; everything it runs fails, and nothing runs any more."""
        self._closed = True
        self._ready.set()
        if self._worker is not None:
            await self._worker.kill()

    async def close(self) -> None:
        """Let the worker end; nothing runs any more."""
        self._closed = True
        self._ready.set()
        if self._worker is not None:
            await self._worker.close()

    async def invoke(self, call: Call) -> Outcome:
        """Run a call, again as its function's retry policy says. Never raises."""
        retry = call.function.retry if call.function.trigger.type in _RETRIED else None
        attempt = 0
        while True:
            outcome = await self._once(call, attempt)
            if not outcome.error or retry is None or self._closed:
                return outcome
            attempt += 1
            if 0 <= retry.count < attempt:
                return outcome
            delay = retry.delay(attempt)
            _log.info("Waiting for %s before retrying function execution.", written(delay))
            await asyncio.sleep(delay)

    async def _once(self, call: Call, attempt: int) -> Outcome:
        name, invocation = call.function.name, str(uuid.uuid4())
        log = logging.getLogger(f"Function.{name}")
        log.info("Executing 'Functions.%s' (Reason='%s', Id=%s)", name, call.reason, invocation)
        if call.details:
            log.info("Trigger Details: %s", call.details)
        started = time.monotonic()
        self._names[invocation] = name
        self._idle.clear()
        try:
            outcome = await self._run(call, attempt, invocation)
        finally:
            del self._names[invocation]
            if not self._names:
                self._idle.set()
        milliseconds = round((time.monotonic() - started) * 1000)
        word, level = ("Failed", logging.ERROR) if outcome.error else ("Succeeded", logging.INFO)
        executed = "Executed 'Functions.%s' (%s, Id=%s, Duration=%sms)"
        log.log(level, executed, name, word, invocation, milliseconds)
        if outcome.error:
            log.error("%s. %s", failure(call.function), outcome.error)
        return outcome

    async def _run(self, call: Call, attempt: int, invocation: str) -> Outcome:
        await self._ready.wait()
        worker = self._worker
        if worker is None or self._closed:
            return Outcome(NOT_RUNNING, ran=False)
        try:
            async with asyncio.timeout(self.timeout):
                answer = await worker.invoke(_message(call, attempt, invocation))
        except TimeoutError:
            return await self._timed_out(call, worker, invocation)
        except WorkerDied as died:
            return Outcome(f"Result: Failure\nException: {died}")
        if not answer["ok"]:
            error = answer["error"]
            return Outcome(
                f"Result: Failure\nException: {error['message']}\nStack: {error['stack_trace']}".rstrip()
            )
        returned, values = answered(answer)
        try:
            await self.outputs.write(call.function, returned, values)
        except OutputError as error:
            return Outcome(str(error))
        return Outcome(returned=returned)

    async def _timed_out(self, call: Call, worker: Worker, invocation: str) -> Outcome:
        """Kill the worker, as Azure does: a Python function cannot be cancelled."""
        message = (
            f"Timeout value of {written(self.timeout or 0)} exceeded by function "
            f"'Functions.{call.function.name}' (Id: '{invocation}'). Initiating cancellation."
        )
        logging.getLogger(f"Function.{call.function.name}").error(message)
        self._overdue.add(worker)
        await worker.kill()
        return Outcome(message)

    def _forward(self, message: Mapping[str, Any]) -> None:
        """Log what the worker logged, under its function's name."""
        invocation = message["invocation"]
        name = self._names.get(invocation, "") if invocation else ""
        if message["system"]:
            if message["level"] >= logging.WARNING:
                logging.getLogger("Worker.System").log(message["level"], "%s", message["text"])
            return
        category = f"Function.{name}.User" if name else "Worker.User"
        where = f"[{name} {invocation}] " if name else ""
        logging.getLogger(category).log(message["level"], "%s%s", where, message["text"])


def _message(call: Call, attempt: int, invocation: str) -> dict[str, Any]:
    policy = call.function.retry
    return {
        "id": invocation,
        "function": call.function.id,
        "inputs": {call.function.trigger.name: pack(call.data)},
        "metadata": {name: pack(data) for name, data in call.metadata.items()},
        "trace": f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01",
        "retry_count": attempt,
        "max_retry_count": policy.count if policy else 0,
    }
