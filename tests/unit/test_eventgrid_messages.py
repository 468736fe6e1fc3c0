"""What Event Grid sends, stores and accepts."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from local.eventgrid import messages
from local.eventgrid.messages import BadEvent, DeadLetter, accepted
from local.eventgrid.retries import NOBODY, Outcome

NOON = datetime(2026, 1, 3, 4, 5, 6, tzinfo=UTC)
EVENT = {
    "id": "1",
    "subject": "node:20",
    "eventType": "Breakwater.Promoted",
    "eventTime": "2026-01-03T04:05:06Z",
    "dataVersion": "1.0",
    "data": {"target": {"digest": "sha256:ab"}},
}


def test_a_dead_letter_is_the_event_and_how_it_died():
    letter = DeadLetter(
        EVENT, "MaxDeliveryAttemptsExceeded", 3, Outcome.of(404), NOON, NOON + timedelta(minutes=5)
    )
    assert letter.document() == EVENT | {
        "deadLetterReason": "MaxDeliveryAttemptsExceeded",
        "deliveryAttempts": 3,
        "lastDeliveryOutcome": "NotFound",
        "publishTime": "2026-01-03T04:05:06Z",
        "lastDeliveryAttemptTime": "2026-01-03T04:10:06Z",
        "lastHttpStatusCode": 404,
    }


def test_a_dead_letter_nobody_answered_has_no_status():
    assert "lastHttpStatusCode" not in DeadLetter(EVENT, "x", 1, NOBODY, NOON, NOON).document()


def test_a_dead_letters_blob_is_named_by_subscription_and_hour_in_utc():
    moment = NOON.astimezone(timezone(timedelta(hours=-8)))
    assert messages.dead_letter_name("on_push", moment, "u") == "ON_PUSH/2026/1/3/4/u.json"


def test_a_delivery_is_described_by_type_subject_digest_and_subscription():
    assert messages.detail(EVENT, "sub") == "Breakwater.Promoted node:20 sha256:ab sub"
    assert messages.detail({"data": "text"}, "sub") == "   sub"


def test_headers_are_those_of_azure():
    headers = messages.headers("Notification", "on_push", EVENT, 2)
    assert headers["aeg-event-type"] == "Notification"
    assert headers["aeg-subscription-name"] == "ON_PUSH"
    assert headers["aeg-delivery-count"] == "2"
    assert headers["aeg-data-version"] == "1.0"
    assert headers["aeg-metadata-version"] == "1"


def test_a_published_event_gets_its_topic():
    assert accepted([EVENT], "/topics/t") == [
        EVENT | {"topic": "/topics/t", "metadataVersion": "1"}
    ]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (EVENT, "expected a JSON array of events, found dict"),
        ([1], "event 0: expected an object, found int"),
        (
            [EVENT, {"id": "2"}],
            "event 1: expected subject, eventType, eventTime, dataVersion, data",
        ),
        ([EVENT | {"eventTime": "soon"}], "event 0: eventTime: expected ISO 8601, found 'soon'"),
    ],
)
def test_what_is_no_event_is_refused_by_place(body, said):
    with pytest.raises(BadEvent, match=said):
        accepted(body, "/topics/t")
