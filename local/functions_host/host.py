"""The host: an app in its worker, its listeners and its HTTP front, from start to clean stop."""

import asyncio
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import web

from local.functions_host import http
from local.functions_host.calls import Call, Function, Invoke, Outcome
from local.functions_host.hostjson import HostJson
from local.functions_host.indexing import (
    NO_FUNCTIONS,
    IndexingError,
    function_table,
    poison_name,
    read_functions,
)
from local.functions_host.invoker import HostStopped, Invoker
from local.functions_host.outputs import Outputs
from local.functions_host.queues import QueueListener
from local.functions_host.settings import Keys, Settings
from local.functions_host.storage import Queues
from local.functions_host.timers import StatusStore, TimerListener

_log = logging.getLogger("Host")
_LAST_POLL = 3.0  # seconds that a poll under way gets when the host stops
_EVERY_ADDRESS = ("0.0.0.0", "::")


@dataclass(frozen=True, slots=True)
class Options:
    """How one host is run; times in seconds."""

    app: Path
    port: int
    listen: str = "127.0.0.1"
    lease: float = 600.0
    restarts: int = 3
    drain: float = 10.0  # what running invocations get when the host stops
    timer_status: Path | None = None


class Host:
    """Runs one function app until it is told to stop."""

    def __init__(self, options: Options, settings: Settings, config: HostJson) -> None:
        """Remember what to run; nothing is started yet."""
        self.functions: list[Function] = []
        self.state = "Default"
        self.config = config
        self._options, self._settings = options, settings
        self._queues = Queues(settings)
        self._timers = StatusStore(options.timer_status)
        outputs = Outputs(self._queues, config.queues.base64, self._wake)
        self._invoker = Invoker(
            options.app, settings, outputs, config.function_timeout, options.restarts
        )
        self._listeners: list[QueueListener] = []
        self._calls: set[asyncio.Task[Any]] = set()

    @property
    def keys(self) -> Keys:
        """The host's keys."""
        return self._settings.keys

    @property
    def invoke(self) -> Invoke:
        """Run a call to its end."""
        return self._invoker.invoke

    def start(self, call: Call) -> asyncio.Task[Outcome]:
        """Run a call in the background."""
        task = asyncio.create_task(self._run_call(call))
        self._calls.add(task)
        task.add_done_callback(self._calls.discard)
        return task

    async def run(self, stop: asyncio.Event) -> None:
        """Run the app until `stop` is set. Raises IndexingError or HostStopped if it cannot."""
        front = None
        try:
            self.functions = read_functions(
                await self._invoker.start(), self._settings, self.config
            )
            front = web.AppRunner(http.application(self), access_log=None, shutdown_timeout=1)
            await self._listen(front)
            self.state = "Running"
            await self._until(stop)
        finally:
            self.state = "Stopping"
            await self._close(front)

    async def _listen(self, front: web.AppRunner) -> None:
        await front.setup()
        await web.TCPSite(front, self._options.listen, self._options.port).start()
        address, port = front.addresses[0][:2]
        shown = "localhost" if address in _EVERY_ADDRESS else address
        origin = f"http://{f'[{shown}]' if ':' in shown else shown}:{port}"
        print("\n".join(function_table(self.functions, self.config, origin)), flush=True)
        if not self.functions:
            _log.warning(NO_FUNCTIONS)
        _log.info("Now listening on: %s", origin)

    async def _until(self, stop: asyncio.Event) -> None:
        """Run every listener until told to stop, or until one of them cannot go on."""
        jobs = [
            asyncio.create_task(stop.wait(), name="stop"),
            asyncio.create_task(self._invoker.supervise(), name="worker"),
        ]
        for function in self.functions:
            if function.disabled:
                _log.info("Function '%s' is disabled", function.name)
            elif function.trigger.type == "queueTrigger":
                listener = self._queue_listener(function)
                self._listeners.append(listener)
                jobs.append(asyncio.create_task(listener.run(), name=function.name))
            elif function.trigger.type == "timerTrigger":
                timer = TimerListener(function, self.start, self._timers)
                jobs.append(asyncio.create_task(timer.run(), name=function.name))
        _log.info("Host started")
        try:
            done, _ = await asyncio.wait(jobs, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await self._stop_listening(jobs)
        _raise_first(done)

    async def _stop_listening(self, jobs: list[asyncio.Task[Any]]) -> None:
        for listener in self._listeners:
            listener.stop()
        polls = {listener.function.name for listener in self._listeners}
        for job in jobs:
            if job.get_name() not in polls:
                job.cancel()
        await asyncio.wait(jobs, timeout=_LAST_POLL)
        for job in jobs:
            job.cancel()
        await asyncio.wait(jobs)

    async def _close(self, front: web.AppRunner | None) -> None:
        """Let what runs finish, release the rest, and leave nothing behind."""
        try:
            if front is not None:
                for site in list(front.sites):
                    await site.stop()
            if await self._drained():
                await self._invoker.close()
            else:
                _log.warning(
                    "Invocations still ran %s s after the stop and were ended", self._options.drain
                )
                await self._invoker.kill()
            await asyncio.gather(*(listener.finish() for listener in self._listeners))
            await asyncio.gather(*self._calls)
        finally:
            if front is not None:
                await front.cleanup()
            await self._queues.close()

    async def _drained(self) -> bool:
        seconds = self._options.drain
        results = await asyncio.gather(*(listener.drain(seconds) for listener in self._listeners))
        return all(results) and await self._invoker.idle(seconds)

    def _queue_listener(self, function: Function) -> QueueListener:
        connection = function.trigger.text("connection")
        name = function.trigger.text("queueName").lower()
        poison = poison_name(name)
        return QueueListener(
            function,
            self._queues.queue(connection, name),
            self._queues.queue(connection, poison) if poison else None,
            self.config.queues,
            self._options.lease,
            self.invoke,
            written=self._wake,
        )

    def _wake(self, queue: str) -> None:
        for listener in self._listeners:
            if listener.queue.queue_name == queue:
                listener.wake.set()

    async def _run_call(self, call: Call) -> Outcome:
        return await self.invoke(call)


def _raise_first(done: set[asyncio.Task[Any]]) -> None:
    for job in done:
        error = job.exception()
        if isinstance(error, HostStopped | IndexingError):
            raise error
        if error is not None:
            message = (
                f"The listener for function 'Functions.{job.get_name()}' was unable to go on: {error}\n"
                "An unhandled exception has occurred. Host is shutting down."
            )
            raise HostStopped(message) from error
