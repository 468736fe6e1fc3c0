"""The queue trigger: polling, leases, and what becomes of a message that succeeded, failed or cannot be read.

Reference: Microsoft.Azure.WebJobs.Extensions.Storage.Queues 5.3 (QueueListener, QueueProcessor).
"""

import asyncio
import contextlib
import logging
import random
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace

from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ServiceRequestError,
    ServiceResponseError,
)
from azure.storage.queue.aio import QueueClient

from local.functions_host import storage
from local.functions_host.calls import PROGRAMMATIC, Call, Function, Invoke
from local.functions_host.encodings import QueueMessage, decode_body, queue_metadata
from local.functions_host.hostjson import QueueOptions
from local.functions_host.protocol import Data

_log = logging.getLogger("Host.Triggers.Queues")
_SHORTEST = 0.1  # seconds, also the unit of the backoff
_RELEASE = 30.0  # seconds to give messages back when the host stops; a moment, unless storage hangs
_CONFLICTS = (404, 409)
_SERVER = 500


@dataclass(slots=True)
class Backoff:
    """How long to wait before the next poll: grows at random while polls find nothing."""

    longest: float  # seconds
    failures: int = 0

    def next(
        self, *, found: bool, jitter: Callable[[float, float], float] = random.uniform
    ) -> float:
        """Return the seconds to wait after a poll."""
        self.failures = 0 if found else self.failures + 1
        if self.failures <= 1:
            return min(_SHORTEST, self.longest)
        grown = jitter(0.8, 1.2) * 2.0 ** min(self.failures - 2, 40) * _SHORTEST
        return min(_SHORTEST + grown, self.longest)


@dataclass
class QueueListener:
    """Watches one function's queue."""

    function: Function
    queue: QueueClient
    poison: QueueClient | None  # None: such a queue has no poison queue
    options: QueueOptions
    lease: float  # seconds a received message stays hidden; Azure: 600
    invoke: Invoke
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    written: Callable[[str], None] = lambda _name: None  # told of every queue written to
    _in_flight: set[asyncio.Task[None]] = field(default_factory=set)
    _stopping: bool = False
    _draining: bool = False

    async def run(self) -> None:
        """Poll until stopped. A storage error that is neither 404, 409 nor the server's own is raised."""
        backoff = Backoff(self.options.max_polling_interval)
        while not self._stopping:
            if len(self._in_flight) > self.options.new_batch_threshold:
                await asyncio.wait(self._in_flight, timeout=1, return_when=asyncio.FIRST_COMPLETED)
                continue
            messages = await self._receive()
            for message in messages:
                task = asyncio.create_task(self._process(message))
                self._in_flight.add(task)
                task.add_done_callback(self._in_flight.discard)
            pause = backoff.next(found=bool(messages))
            if not messages and not self._stopping:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await self.wake.wait()
            self.wake.clear()

    def stop(self) -> None:
        """Ask `run` to end. A poll under way is finished: its messages would be hidden for a whole lease."""
        self._stopping = True
        self.wake.set()

    async def drain(self, seconds: float) -> bool:
        """Let what runs finish; after that its failures only release messages. Say whether all finished."""
        if self._in_flight:
            await asyncio.wait(self._in_flight, timeout=seconds)
        self._draining = True
        return not self._in_flight

    async def finish(self) -> None:
        """Wait for the releases of everything that was cut short."""
        if self._in_flight:
            await asyncio.wait(self._in_flight, timeout=_RELEASE)

    async def _receive(self) -> list[QueueMessage]:
        try:
            return await storage.receive(self.queue, self.options.batch_size, self.lease)
        except ClientAuthenticationError:
            raise
        except HttpResponseError as error:
            status = error.status_code
            if status is None or (status not in _CONFLICTS and status < _SERVER):
                raise
            if status not in _CONFLICTS:
                _log.warning("Polling '%s' failed: %s", self.queue.queue_name, error.message)
        except (ServiceRequestError, ServiceResponseError) as error:
            _log.warning("Polling '%s' failed: %s", self.queue.queue_name, error.message)
        return []

    async def _process(self, message: QueueMessage) -> None:
        try:
            await self._handle(message)
        except AzureError:
            # The message comes back when its lease ends, as it would after a crash.
            _log.exception("Message '%s' of '%s' was given up", message.id, self.queue.queue_name)

    async def _handle(self, message: QueueMessage) -> None:
        try:
            payload = decode_body(message.text, base64_encoded=self.options.base64)
            data, text = trigger_data(payload, self.function.trigger.text("dataType"))
        except ValueError:
            # Not even an invocation: only this line says what became of it (azure-sdk-for-net issue 21449).
            _log.warning(
                "Message decoding has failed! Check MessageEncoding settings. MessageId=%s",
                message.id,
            )
            await self._to_poison(message)
            return
        if message.dequeue_count > self.options.max_dequeue_count:
            await self._to_poison(message)
            return
        async with self._kept(message) as kept:
            outcome = await self.invoke(self._call(replace(message, text=text), data))
        if not outcome.error:
            await self._settle(kept(), "delete")
        elif (
            self._draining
            or not outcome.ran
            or message.dequeue_count < self.options.max_dequeue_count
        ):
            await self._settle(kept(), "release")
        else:
            await self._to_poison(kept())

    def _call(self, message: QueueMessage, data: Data) -> Call:
        details = (
            f"MessageId: {message.id}, DequeueCount: {message.dequeue_count}, "
            f"InsertedOn: {message.inserted_on.isoformat() if message.inserted_on else ''}"
        )
        reason = f"New queue message detected on '{self.queue.queue_name}'."
        return Call(self.function, reason, data, queue_metadata(message), details)

    @contextlib.asynccontextmanager
    async def _kept(self, message: QueueMessage) -> AsyncIterator[Callable[[], QueueMessage]]:
        """Renew the message's lease at half its time, and yield how to get its newest pop receipt."""
        newest = message

        async def renew() -> None:
            nonlocal newest
            while True:
                await asyncio.sleep(self.lease / 2)
                try:
                    newest = await self._hide(newest, self.lease)
                except HttpResponseError as error:
                    if error.status_code is not None and error.status_code < _SERVER:
                        return  # somebody else has it by now
                except (ServiceRequestError, ServiceResponseError):
                    continue

        renewal = asyncio.create_task(renew())
        try:
            yield lambda: newest
        finally:
            renewal.cancel()
            await asyncio.wait([renewal])

    async def _hide(self, message: QueueMessage, seconds: float) -> QueueMessage:
        updated = await self.queue.update_message(
            message.id, pop_receipt=message.pop_receipt, visibility_timeout=int(seconds)
        )
        return replace(message, pop_receipt=str(updated.pop_receipt))

    async def _settle(self, message: QueueMessage, how: str) -> None:
        """Delete or release the message, unless it is no longer ours."""
        try:
            if how == "delete":
                await self.queue.delete_message(message.id, pop_receipt=message.pop_receipt)
            else:
                delay = 0.0 if self._draining else self.options.visibility_timeout
                await self._hide(message, delay)
        except HttpResponseError as error:
            if error.status_code not in {400, 404}:
                raise
            _log.debug("Message '%s' was no longer ours to %s", message.id, how)

    async def _to_poison(self, message: QueueMessage) -> None:
        if self.poison is None:
            # As in Azure: without a poison queue the message stays hidden until its lease ends.
            return
        if message.dequeue_count >= self.options.max_dequeue_count:
            _log.warning(
                "Message has reached MaxDequeueCount of %s. Moving message to queue '%s'.",
                self.options.max_dequeue_count,
                self.poison.queue_name,
            )
        await storage.send(self.poison, message.text)
        self.written(self.poison.queue_name)
        await self._settle(message, "delete")


def trigger_data(payload: bytes, data_type: str) -> tuple[Data, str]:
    """Return what the worker gets, and the payload as text. Raises ValueError if that is not UTF-8."""
    if data_type.lower() == "binary":
        return {"bytes": payload}, payload.decode(errors="replace")
    text = payload.decode()
    return {"string": text}, text


def programmatic_call(function: Function, text: str) -> Call:
    """Return the call an operator makes with this message text."""
    data, _ = trigger_data(text.encode(), function.trigger.text("dataType"))
    return Call(function, PROGRAMMATIC, data, queue_metadata(QueueMessage(text)))
