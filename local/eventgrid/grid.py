"""Event Grid: every event to every subscription that wants it, again until it arrives or is given up."""

import asyncio
import json
import uuid
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from local.eventgrid import messages
from local.eventgrid.courier import Courier, StorageQueue, WebHook
from local.eventgrid.filters import Filter
from local.eventgrid.messages import DeadLetter, Event
from local.eventgrid.retries import DEAD_LETTER_DELAY, Again, RetryPolicy, after_failure

KEPT = 1000  # how many published events are remembered for looking at

Store = Callable[[str, bytes], Awaitable[None]]  # writes a dead-letter blob


@dataclass(frozen=True, slots=True)
class Subscription:
    """Who gets which events of a topic, how, and what becomes of those that cannot be delivered."""

    name: str
    topic: str  # the source's resource id, compared without case
    destination: WebHook | StorageQueue
    filter: Filter = field(default_factory=Filter)
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    dead_letters: Store | None = None  # None: what cannot be delivered is dropped

    def wants(self, topic: str, event: Event) -> bool:
        """Say whether the subscription gets this event of this topic."""
        return self.topic.lower() == topic.lower() and self.filter.matches(event)


@dataclass
class EventGrid:
    """All topics and subscriptions; `retry_scale` shortens every wait, so that tests need not."""

    courier: Courier
    retry_scale: float = 1.0
    subscriptions: dict[tuple[str, str], Subscription] = field(default_factory=dict)
    published: deque[Event] = field(default_factory=lambda: deque(maxlen=KEPT))
    given_up: deque[DeadLetter] = field(default_factory=lambda: deque(maxlen=KEPT))
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def subscribe(self, subscription: Subscription) -> None:
        """Make or replace a subscription. Raises ValidationFailed when the webhook fails the handshake."""
        if isinstance(subscription.destination, WebHook):
            await self.courier.handshake(
                subscription.destination, subscription.name, subscription.topic
            )
        self.subscriptions[subscription.topic.lower(), subscription.name] = subscription

    def unsubscribe(self, topic: str, name: str) -> None:
        """Remove a subscription; what is on its way still arrives."""
        self.subscriptions.pop((topic.lower(), name), None)

    def publish(self, topic: str, event: Event) -> None:
        """Hand over one event; returns at once. Must be called on the event loop."""
        self.published.append(event)
        now = datetime.now(UTC)
        for subscription in self.subscriptions.values():
            if subscription.wants(topic, event):
                task = asyncio.create_task(self._deliver(subscription, event, now))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def settled(self, seconds: float = 60.0) -> None:
        """Wait until nothing is on its way any more. Raises TimeoutError."""
        async with asyncio.timeout(seconds):
            while self._tasks:
                await asyncio.wait(self._tasks)

    async def close(self) -> None:
        """Stop every delivery; what has not arrived is lost, as nothing outlives the local Azure."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _deliver(self, subscription: Subscription, event: Event, published: datetime) -> None:
        attempt = 0
        while True:
            outcome = await self.courier.deliver(
                subscription.destination, subscription.name, event, attempt
            )
            if outcome is None or outcome.delivered:
                return
            attempt += 1
            now = datetime.now(UTC)
            decision = after_failure(
                subscription.retry, attempts=attempt, published=published, now=now, outcome=outcome
            )
            if not isinstance(decision, Again):
                letter = DeadLetter(event, decision.reason, attempt, outcome, published, now)
                await self._give_up(subscription, letter)
                return
            await asyncio.sleep(decision.seconds * self.retry_scale)

    async def _give_up(self, subscription: Subscription, letter: DeadLetter) -> None:
        self.given_up.append(letter)
        if subscription.dead_letters is None:
            return
        await asyncio.sleep(DEAD_LETTER_DELAY * self.retry_scale)
        name = messages.dead_letter_name(subscription.name, datetime.now(UTC), str(uuid.uuid4()))
        content = json.dumps([letter.document()], indent=2).encode()
        await subscription.dead_letters(name, content)
