"""What Event Grid sends and stores: handshakes, notifications, dead letters, and what it accepts."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from local.eventgrid.retries import Outcome

Event = Mapping[str, Any]

REQUIRED = ("id", "subject", "eventType", "eventTime", "dataVersion", "data")


class BadEvent(ValueError):
    """A publisher sent something that is not an event of the Event Grid schema."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An event that will not be delivered, and how it came to that."""

    event: Event
    reason: str
    attempts: int
    outcome: Outcome
    published: datetime
    last_attempt: datetime

    def document(self) -> dict[str, Any]:
        """Return the event as it is written into a dead-letter blob."""
        document = dict(self.event) | {
            "deadLetterReason": self.reason,
            "deliveryAttempts": self.attempts,
            "lastDeliveryOutcome": self.outcome.name,
            "publishTime": stamp(self.published),
            "lastDeliveryAttemptTime": stamp(self.last_attempt),
        }
        if self.outcome.status is not None:
            document["lastHttpStatusCode"] = self.outcome.status
        return document


def dead_letter_name(subscription: str, moment: datetime, unique: str) -> str:
    """Name the blob: the subscription in capitals, and the hour (UTC) without leading zeros."""
    at = moment.astimezone(UTC)
    return f"{subscription.upper()}/{at.year}/{at.month}/{at.day}/{at.hour}/{unique}.json"


def handshake(topic: str, code: str, event_id: str, now: datetime) -> Event:
    """Return the event whose code a webhook must repeat before it gets any other."""
    return {
        "id": event_id,
        "topic": topic,
        "subject": "",
        "data": {"validationCode": code},
        "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent",
        "eventTime": stamp(now),
        "metadataVersion": "1",
        "dataVersion": "2",
    }


def headers(kind: str, subscription: str, event: Event, attempt: int) -> dict[str, str]:
    """Return the headers of one request to a webhook; `attempt` counts from 0, as Azure does."""
    return {
        "aeg-event-type": kind,
        "aeg-subscription-name": subscription.upper(),
        "aeg-delivery-count": str(attempt),
        "aeg-data-version": str(event.get("dataVersion", "")),
        "aeg-metadata-version": str(event.get("metadataVersion", "1")),
        "Content-Type": "application/json; charset=utf-8",
    }


def detail(event: Event, subscription: str) -> str:
    """Describe a delivery for the log of operations: type, subject, digest, subscription."""
    data = event.get("data")
    target = data.get("target") if isinstance(data, Mapping) else None
    digest = target.get("digest", "") if isinstance(target, Mapping) else ""
    return f"{event.get('eventType', '')} {event.get('subject', '')} {digest} {subscription}"


def accepted(body: object, topic: str) -> list[dict[str, Any]]:
    """Return the published events as they travel on: with their topic and metadata version.

    Raises BadEvent, which names the event and the field.
    """
    if not isinstance(body, list):
        message = f"body: expected a JSON array of events, found {type(body).__name__}"
        raise BadEvent(message)
    return [_accepted(event, number, topic) for number, event in enumerate(body)]


def _accepted(event: object, number: int, topic: str) -> dict[str, Any]:
    if not isinstance(event, dict):
        message = f"event {number}: expected an object, found {type(event).__name__}"
        raise BadEvent(message)
    missing = [name for name in REQUIRED if name not in event]
    if missing:
        message = f"event {number}: expected {', '.join(missing)}, found nothing"
        raise BadEvent(message)
    try:
        datetime.fromisoformat(str(event["eventTime"]))
    except ValueError as error:
        message = f"event {number}: eventTime: expected ISO 8601, found '{event['eventTime']}'"
        raise BadEvent(message) from error
    return event | {"topic": topic, "metadataVersion": "1"}


def stamp(moment: datetime) -> str:
    """Write a time as Event Grid does: UTC, ending in Z."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
