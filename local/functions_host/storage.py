"""Queues in a storage account, raw: neither encoding nor decoding, one client per connection."""

import contextlib
from contextlib import AsyncExitStack
from datetime import datetime
from typing import Any

from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.identity.aio import DefaultAzureCredential
from azure.storage.queue.aio import QueueClient, QueueServiceClient

from local.functions_host.encodings import QueueMessage
from local.functions_host.settings import Connection, Settings


class Queues:
    """Every queue the app names, by connection."""

    def __init__(self, settings: Settings) -> None:
        """Remember where connections are looked up; nothing is opened yet."""
        self._settings = settings
        self._services: dict[Connection, QueueServiceClient] = {}
        self._stack = AsyncExitStack()

    def queue(self, connection: str, name: str) -> QueueClient:
        """Return a queue's client. Raises SettingsError if there is no such connection."""
        where = self._settings.connection(connection)
        if where not in self._services:
            self._services[where] = self._open(where)
        return self._services[where].get_queue_client(name.lower())

    async def close(self) -> None:
        """Close every client."""
        await self._stack.aclose()

    def _open(self, where: Connection) -> QueueServiceClient:
        if where.connection_string:
            service = QueueServiceClient.from_connection_string(where.connection_string)
        else:
            client_id: dict[str, Any] = (
                {"managed_identity_client_id": where.client_id} if where.client_id else {}
            )
            credential = DefaultAzureCredential(**client_id)
            self._stack.push_async_callback(credential.close)
            service = QueueServiceClient(where.url, credential=credential)
        self._stack.push_async_callback(service.close)
        return service


async def receive(queue: QueueClient, count: int, visibility: float) -> list[QueueMessage]:
    """Take up to `count` messages and hide them for `visibility` seconds; texts are as they lie there."""
    pages = queue.receive_messages(
        messages_per_page=count, visibility_timeout=int(visibility)
    ).by_page()
    async for page in pages:
        return [_message(message) async for message in page]
    return []


async def send(queue: QueueClient, raw: str) -> None:
    """Put a message into the queue, and make the queue if it is not there."""
    try:
        await queue.send_message(raw)
    except ResourceNotFoundError:
        with contextlib.suppress(ResourceExistsError):  # somebody else may be faster
            await queue.create_queue()
        await queue.send_message(raw)


def _message(message: Any) -> QueueMessage:  # noqa: ANN401 - the SDK's attributes are untyped
    inserted: datetime | None = message.inserted_on
    return QueueMessage(
        text=str(message.content or ""),
        id=str(message.id),
        pop_receipt=str(message.pop_receipt),
        dequeue_count=int(message.dequeue_count or 0),
        inserted_on=inserted,
        expires_on=message.expires_on,
        next_visible_on=message.next_visible_on,
    )
