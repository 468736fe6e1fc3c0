"""Breakwater's own events, published to an Event Grid custom topic."""

import uuid

from azure.core.credentials import TokenCredential
from azure.eventgrid import EventGridEvent, EventGridPublisherClient

from shared.azure import patience
from shared.azure.errors import translated
from shared.values import Entry


class TopicAnnouncements:
    """Announcements over azure-eventgrid."""

    def __init__(self, endpoint: str, credential: TokenCredential) -> None:
        """Take the custom topic's URL and who publishes."""
        self._endpoint = endpoint
        self._client = EventGridPublisherClient(endpoint, credential, **patience.TOPICS)

    def publish(self, entry: Entry) -> None:
        """Publish the entry as `Breakwater.<event>`; subscribers dedupe by the event's id."""
        event = EventGridEvent(
            id=entry.id or uuid.uuid4().hex,
            subject=f"{entry.image}@{entry.digest}" if entry.digest else entry.image,
            event_type=f"Breakwater.{entry.event}",
            event_time=entry.at,
            data={
                "image": entry.image,
                "digest": entry.digest,
                "event": entry.event,
                "reasons": list(entry.reasons),
                "trace": entry.trace,
            },
            data_version="1",
        )
        with translated(f"topic {self._endpoint}"):
            self._client.send(event)
