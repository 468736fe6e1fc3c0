"""Event Grid over real HTTP: handshake, delivery, retries, dead letters, faults, the custom topic."""

# mypy: allow-untyped-calls

import asyncio
import contextlib
import json
import os
import subprocess
import sys
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from local.directory import Directory
from local.eventgrid.courier import Courier, StorageQueue, ValidationFailed, WebHook
from local.eventgrid.filters import Filter
from local.eventgrid.grid import EventGrid, Subscription
from local.eventgrid.retries import RetryPolicy
from local.eventgrid.topic import Topic
from local.faults import Fault, Faults, Kind
from local.platform import ca
from local.platform.ports import Ports

TOPIC = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ContainerRegistry/registries/staging"


def pushed(tag: str) -> dict[str, Any]:
    return {
        "id": tag,
        "topic": TOPIC,
        "subject": f"library/node:{tag}",
        "eventType": "Microsoft.ContainerRegistry.ImagePushed",
        "eventTime": "2026-01-01T00:00:00Z",
        "data": {"target": {"tag": tag, "digest": "sha256:aa"}},
        "dataVersion": "2.0",
        "metadataVersion": "1",
    }


class Hook:
    """A webhook that repeats the code, notes what it gets, and answers what it is told to."""

    def __init__(self, *statuses: int, repeat: bool = True, slow: float = 0.0) -> None:
        self.statuses = list(statuses)
        self.repeat = repeat
        self.slow = slow
        self.requests: list[tuple[dict[str, str], list[Any]]] = []

    @property
    def tags(self) -> list[str]:
        return [body[0]["id"] for _, body in self.requests]

    async def handle(self, request: web.Request) -> web.Response:
        body = await request.json()
        if request.headers["aeg-event-type"] == "SubscriptionValidation":
            code = body[0]["data"]["validationCode"] if self.repeat else "something else"
            return web.json_response({"validationResponse": code})
        self.requests.append((dict(request.headers), body))
        if self.slow:
            await asyncio.sleep(self.slow)
        return web.Response(status=self.statuses.pop(0) if self.statuses else 202)


@contextlib.asynccontextmanager
async def grid_and(hook: Hook, faults: Faults | None = None, **options):
    port = Ports.free().functions
    app = web.Application()
    app.router.add_post("/hook", hook.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    async with aiohttp.ClientSession() as session:
        grid = EventGrid(Courier(faults or Faults(), session, **options), retry_scale=0.0)
        try:
            yield grid, WebHook(f"http://127.0.0.1:{port}/hook?code=secret")
        finally:
            await grid.close()
            await runner.cleanup()


def story(hook, events, faults=None, options=None, **subscription):
    """Subscribe the hook, publish the events, wait for the end; return the grid."""

    async def run():
        async with grid_and(hook, faults, **(options or {})) as (grid, webhook):
            await grid.subscribe(Subscription("on_push", TOPIC, webhook, **subscription))
            for event in events:
                grid.publish(TOPIC, event)
            await grid.settled()
            return grid

    return asyncio.run(run())


def test_an_event_arrives_once_as_azure_sends_it():
    hook = Hook()
    story(hook, [pushed("20")])
    [(headers, body)] = hook.requests
    assert body == [pushed("20")]
    assert headers["aeg-event-type"] == "Notification"
    assert headers["aeg-subscription-name"] == "ON_PUSH"
    assert headers["aeg-delivery-count"] == "0"
    assert headers["aeg-data-version"] == "2.0"
    assert headers["Content-Type"] == "application/json; charset=utf-8"


def test_the_topic_is_compared_without_case():
    hook = Hook()

    async def run():
        async with grid_and(hook) as (grid, webhook):
            await grid.subscribe(Subscription("on_push", TOPIC.upper(), webhook))
            grid.publish(TOPIC, pushed("20"))
            grid.publish(TOPIC + "2", pushed("21"))
            await grid.settled()

    asyncio.run(run())
    assert hook.tags == ["20"]


def test_an_event_the_filter_refuses_does_not_arrive():
    hook = Hook()
    story(hook, [pushed("20"), pushed("21")], filter=Filter(ends_with=":21"))
    assert hook.tags == ["21"]


def test_a_webhook_that_does_not_repeat_the_code_gets_no_subscription():
    async def run():
        async with grid_and(Hook(repeat=False)) as (grid, webhook):
            try:
                await grid.subscribe(Subscription("on_push", TOPIC, webhook))
            finally:
                assert grid.subscriptions == {}

    with pytest.raises(ValidationFailed, match="something else") as caught:
        asyncio.run(run())
    assert "code=secret" not in str(caught.value)


def test_a_webhook_that_is_not_there_gets_no_subscription():
    async def run():
        async with grid_and(Hook()) as (grid, _):
            nowhere = WebHook(f"http://127.0.0.1:{Ports.free().functions}/hook?code=secret")
            await grid.subscribe(Subscription("on_push", TOPIC, nowhere))

    with pytest.raises(ValidationFailed, match="no answer from") as caught:
        asyncio.run(run())
    assert "code=secret" not in str(caught.value)


def test_a_failed_delivery_is_tried_again_and_counted():
    hook = Hook(500, 503, 200)
    grid = story(hook, [pushed("20")])
    assert [headers["aeg-delivery-count"] for headers, _ in hook.requests] == ["0", "1", "2"]
    assert not grid.given_up


@pytest.mark.parametrize("status", [400, 401, 403, 413])
def test_an_answer_that_retrying_cannot_help_is_not_retried(status):
    hook = Hook(status)
    grid = story(hook, [pushed("20")])
    assert len(hook.requests) == 1
    assert grid.given_up[0].reason.startswith("UndeliverableDueToHttp")


def test_what_cannot_be_delivered_becomes_a_dead_letter():
    stored = {}

    async def store(name, content):
        stored[name] = json.loads(content)

    story(Hook(*[500] * 3), [pushed("20")], retry=RetryPolicy(attempts=3), dead_letters=store)
    [(name, [letter])] = stored.items()
    assert name.startswith("ON_PUSH/")
    assert letter["id"] == "20"
    assert letter["deadLetterReason"] == "MaxDeliveryAttemptsExceeded"
    assert letter["deliveryAttempts"] == 3
    assert letter["lastHttpStatusCode"] == 500


def test_an_answer_that_comes_too_late_is_a_failure():
    hook = Hook(slow=0.3)

    async def run():
        async with grid_and(hook) as (grid, webhook):
            once = RetryPolicy(attempts=1)
            await grid.subscribe(Subscription("on_push", TOPIC, webhook, retry=once))
            grid.courier.answer_within = 0.05  # from now on: the handshake took what it took
            grid.publish(TOPIC, pushed("20"))
            await grid.settled()
            return grid

    assert [letter.outcome.name for letter in asyncio.run(run()).given_up] == ["TimedOut"]


@pytest.mark.parametrize(
    ("kind", "tags"),
    [
        (Kind.DOUBLE, ["20", "20"]),
        (Kind.LOSE, []),
        (Kind.FAIL, ["20"]),
        (Kind.FAIL_AFTER, ["20", "20"]),
        (Kind.DROP, ["20"]),
        (Kind.DROP_AFTER, ["20", "20"]),
        (Kind.DELAY, ["20"]),
    ],
)
def test_a_fault_on_a_delivery_does_what_it_says(kind, tags):
    hook, faults = Hook(), Faults()
    faults.add(Fault("eventgrid.deliver", kind, match="library/node:20 sha256:aa on_push"))
    story(hook, [pushed("20")], faults)
    assert hook.tags == tags
    assert faults.unfired() == []


def test_a_reordered_event_arrives_after_the_next_one():
    hook, faults = Hook(), Faults()
    faults.add(Fault("eventgrid.deliver", Kind.REORDER))
    story(hook, [pushed("20"), pushed("21")], faults, {"reorder_within": 60})
    assert hook.tags == ["21", "20"]


def test_a_reordered_event_with_no_next_one_still_arrives():
    hook, faults = Hook(), Faults()
    faults.add(Fault("eventgrid.deliver", Kind.REORDER))
    story(hook, [pushed("20")], faults, {"reorder_within": 0.05})
    assert hook.tags == ["20"]


def test_a_storage_queue_gets_each_event_as_one_message():
    sent = []

    async def send(text):
        sent.append(json.loads(text))

    async def run():
        async with grid_and(Hook()) as (grid, _):
            await grid.subscribe(Subscription("to_queue", TOPIC, StorageQueue(send)))
            grid.publish(TOPIC, pushed("20"))
            await grid.settled()

    asyncio.run(run())
    assert sent == [pushed("20")]


def test_an_unsubscribed_webhook_gets_nothing_more():
    hook = Hook()

    async def run():
        async with grid_and(hook) as (grid, webhook):
            await grid.subscribe(Subscription("on_push", TOPIC, webhook))
            grid.unsubscribe(TOPIC, "on_push")
            grid.publish(TOPIC, pushed("20"))
            await grid.settled()

    asyncio.run(run())
    assert hook.requests == []


PUBLISHER = """
import os
from azure.core.credentials import AccessToken, AzureKeyCredential
from azure.eventgrid import EventGridEvent, EventGridPublisherClient

class Token:
    def get_token(self, *scopes, **_):
        assert scopes == ("https://eventgrid.azure.net/.default",), scopes
        return AccessToken(os.environ["TOKEN"], 9999999999)

for credential in (AzureKeyCredential("key"), Token()):
    with EventGridPublisherClient(os.environ["ENDPOINT"], credential) as client:
        client.send(EventGridEvent(
            subject="node:20", event_type="Breakwater.Promoted", data={"a": 1}, data_version="1.0"
        ))
"""


@contextlib.asynccontextmanager
async def topic_at(tmp_path, hook):
    authority = ca.create(tmp_path / "tls")
    port = Ports.free().topic
    directory = Directory()
    async with grid_and(hook) as (grid, webhook):
        await grid.subscribe(Subscription("on_promoted", "/topics/breakwater", webhook))
        runner = web.AppRunner(Topic("/topics/breakwater", "key", grid, directory).app())
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", port, ssl_context=authority.server_context())
        await site.start()
        try:
            yield grid, f"https://localhost:{port}/api/events", authority, directory
        finally:
            await runner.cleanup()


def test_the_publisher_client_reaches_the_custom_topic_by_key_and_by_token(tmp_path):
    hook = Hook()

    async def run():
        async with topic_at(tmp_path, hook) as (grid, url, authority, directory):
            token = directory.token(directory.add("breakwater"), "https://eventgrid.azure.net")
            done = await asyncio.to_thread(
                subprocess.run,
                [sys.executable, "-c", PUBLISHER],
                env=os.environ | authority.environment() | {"ENDPOINT": url, "TOKEN": token},
                capture_output=True,
                text=True,
                check=False,
            )
            await grid.settled()
            return done

    done = asyncio.run(run())
    assert done.returncode == 0, done.stderr
    assert [body[0]["topic"] for _, body in hook.requests] == ["/topics/breakwater"] * 2
    assert [body[0]["data"] for _, body in hook.requests] == [{"a": 1}] * 2


@pytest.mark.parametrize(
    ("headers", "query", "body", "status"),
    [
        ({"aeg-sas-key": "key"}, {"api-version": "2018-01-01"}, [], 200),
        ({"aeg-sas-key": "wrong"}, {"api-version": "2018-01-01"}, [], 401),
        ({"Authorization": "Bearer x"}, {"api-version": "2018-01-01"}, [], 401),
        ({}, {"api-version": "2018-01-01"}, [], 401),
        ({"aeg-sas-key": "key"}, {}, [], 400),
        ({"aeg-sas-key": "key"}, {"api-version": "2018-01-01"}, {}, 400),
        ({"aeg-sas-key": "key"}, {"api-version": "2018-01-01"}, [{}], 400),
    ],
)
def test_the_custom_topic_refuses_strangers_and_what_is_no_event(
    tmp_path, headers, query, body, status
):
    async def run():
        async with topic_at(tmp_path, Hook()) as (_, url, authority, _directory):
            connector = aiohttp.TCPConnector(ssl=authority.client_context())
            async with (
                aiohttp.ClientSession(connector=connector) as session,
                session.post(url, params=query, headers=headers, json=body) as response,
            ):
                return response.status

    assert asyncio.run(run()) == status
