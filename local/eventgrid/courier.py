"""One delivery at a time: the handshake, one request to a webhook or queue, and the faults asked for."""

import asyncio
import contextlib
import json
import secrets
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import aiohttp

from local.eventgrid import messages
from local.eventgrid.messages import Event
from local.eventgrid.retries import NOBODY, TIMED_OUT, Outcome
from local.faults import Fault, Faults, Kind
from shared.errors import Misconfigured

ANSWER_WITHIN = 30.0  # seconds a webhook has
REORDER_WITHIN = 5.0  # seconds a held-back event waits for the next one

Send = Callable[[str], Awaitable[None]]  # puts text on a storage queue


class ValidationFailed(Misconfigured):
    """A webhook did not repeat the handshake's code, so Azure would not make the subscription."""


@dataclass(frozen=True, slots=True)
class WebHook:
    """A destination that answers HTTP; the URL carries the key."""

    url: str


@dataclass(frozen=True, slots=True)
class StorageQueue:
    """A destination that keeps each event as one message; it knows no handshake."""

    send: Send


@dataclass
class Courier:
    """Carries events to destinations."""

    faults: Faults
    session: aiohttp.ClientSession
    answer_within: float = ANSWER_WITHIN
    reorder_within: float = REORDER_WITHIN
    _held: dict[str, asyncio.Event] = field(default_factory=dict)  # by subscription, for REORDER

    async def deliver(
        self, destination: WebHook | StorageQueue, name: str, event: Event, attempt: int
    ) -> Outcome | None:
        """Try once, with what a fault does to it; None when the event is lost on purpose."""
        fault = self.faults.take("eventgrid.deliver", messages.detail(event, name))
        if fault is None:
            outcome = await self._send(destination, name, event, attempt)
            self._release(name)
            return outcome
        if fault.kind is Kind.LOSE:
            return None
        await self._before(fault, name)
        instead = _instead(fault, Kind.FAIL, Kind.DROP)
        if instead is not None:
            return instead
        outcome = await self._send(destination, name, event, attempt)
        if fault.kind is Kind.DOUBLE:
            await self._send(destination, name, event, attempt)
        if fault.kind is Kind.KILL_AFTER and self.faults.kill is not None:
            await self.faults.kill()
        return _instead(fault, Kind.FAIL_AFTER, Kind.DROP_AFTER) or outcome

    async def handshake(self, destination: WebHook, name: str, topic: str) -> None:
        """Ask the webhook to repeat a code. Raises ValidationFailed when it does not."""
        code = str(uuid.uuid4()).upper()
        event = messages.handshake(topic, code, str(uuid.uuid4()), datetime.now(UTC))
        headers = messages.headers("SubscriptionValidation", name, event, 0)
        where = destination.url.partition("?")[0]  # the query holds the key
        try:
            status, body = await self._post(destination.url, headers, [event])
        except (TimeoutError, aiohttp.ClientError) as error:
            message = f"{name}: no answer from {where} to the handshake ({error!r})"
            raise ValidationFailed(message) from error
        if status not in (200, 202) or not secrets.compare_digest(_repeated(body), code):
            message = (
                f"{name}: {where} failed the handshake: expected 200 and the validation code, "
                f"found {status} and {body[:200]!r}"
            )
            raise ValidationFailed(message)

    async def _before(self, fault: Fault, name: str) -> None:
        if fault.kind is Kind.DELAY:
            await asyncio.sleep(fault.seconds)
        elif fault.kind is Kind.REORDER:
            passed = self._held.setdefault(name, asyncio.Event())
            with contextlib.suppress(TimeoutError):  # no next event: late is the most it can be
                await asyncio.wait_for(passed.wait(), self.reorder_within)
            self._held.pop(name, None)
        elif fault.kind is Kind.KILL and self.faults.kill is not None:
            await self.faults.kill()

    def _release(self, name: str) -> None:
        if (held := self._held.pop(name, None)) is not None:
            held.set()

    async def _send(
        self, destination: WebHook | StorageQueue, name: str, event: Event, attempt: int
    ) -> Outcome:
        if isinstance(destination, StorageQueue):
            await destination.send(json.dumps(event))
            return Outcome.of(200)
        headers = messages.headers("Notification", name, event, attempt)
        try:
            status, _ = await self._post(destination.url, headers, [event])
        except TimeoutError:
            return TIMED_OUT
        except aiohttp.ClientError:
            return NOBODY
        return Outcome.of(status)

    async def _post(self, url: str, headers: Mapping[str, str], body: object) -> tuple[int, bytes]:
        async with (
            asyncio.timeout(self.answer_within),
            self.session.post(url, data=json.dumps(body), headers=headers) as response,
        ):
            return response.status, await response.read()


def _instead(fault: Fault, fail: Kind, drop: Kind) -> Outcome | None:
    """Return the outcome a fault of one of these kinds pretends; None for any other kind."""
    if fault.kind is fail:
        return Outcome.of(fault.status)
    return NOBODY if fault.kind is drop else None


def _repeated(body: bytes) -> str:
    """Return the code a webhook repeated; empty when its answer is something else."""
    try:
        answer = json.loads(body)
    except ValueError:
        return ""
    found = answer.get("validationResponse") if isinstance(answer, dict) else None
    return found if isinstance(found, str) and found.isascii() else ""
