"""Announcements through the Event Grid SDK, to a topic that keeps what it is sent."""

import time
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web
from azure.core.credentials import AccessToken

from shared.azure.events import TopicAnnouncements
from shared.errors import Misconfigured
from shared.values import Entry
from tests.contract.serving import ca_path, serve

ENTRY = Entry(
    at=datetime(2026, 11, 23, 12, 0, tzinfo=UTC),
    image="library/node",
    digest="sha256:1",
    event="promoted",
    reasons=("scan passed", "test passed"),
    trace="trace-1",
    id="promote-1",
)


class Credential:
    def get_token(self, *scopes: str, **_: object) -> AccessToken:
        assert scopes == ("https://eventgrid.azure.net/.default",)
        return AccessToken("token", int(time.time()) + 3600)


def _publish(monkeypatch: pytest.MonkeyPatch, status: int) -> list[tuple[str, Any]]:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(ca_path()))
    seen: list[tuple[str, Any]] = []

    async def post(request: web.Request) -> web.Response:
        seen.append((request.headers["Authorization"], await request.json()))
        return web.Response(status=status)

    app = web.Application()
    app.router.add_post("/api/events", post)
    with serve(app) as url:
        TopicAnnouncements(f"{url}/api/events", Credential()).publish(ENTRY)
    return seen


def test_an_entry_is_published_as_an_event(monkeypatch: pytest.MonkeyPatch):
    ((authorization, (event,)),) = _publish(monkeypatch, 200)
    assert authorization == "Bearer token"
    assert event["eventType"] == "Breakwater.promoted"
    assert event["subject"] == "library/node@sha256:1"
    assert event["id"] == "promote-1"
    assert event["data"] == {
        "image": "library/node",
        "digest": "sha256:1",
        "event": "promoted",
        "reasons": ["scan passed", "test passed"],
        "trace": "trace-1",
    }


def test_a_missing_role_on_the_topic_is_a_misconfiguration(monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(Misconfigured, match="HTTP 403"):
        _publish(monkeypatch, 403)
