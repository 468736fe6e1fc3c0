"""The Event Grid trigger's webhook: handshakes, and one invocation for each event.

Reference: Microsoft.Azure.WebJobs.Extensions.EventGrid 3.4 (EventGridExtensionConfigProvider).
"""

import asyncio
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from local.functions_host.calls import NOT_RUNNING, PROGRAMMATIC, Call, Function, Invoke, failure

PATH = "/runtime/webhooks/eventgrid"
_ORIGINS = ("eventgrid.azure.net", "eventgrid.azure.us", "eventgrid.azure.cn")


async def answer(
    request: web.Request, functions: Iterable[Function], invoke: Invoke
) -> web.Response:
    """Answer one request to the webhook; the key has been checked."""
    name = request.query.get("functionName", "")
    function = next((f for f in functions if f.name == name and not f.disabled), None)
    if function is None or function.trigger.type != "eventGridTrigger":
        return web.Response(status=404, text=f"cannot find function: '{name}'")
    if request.method == "OPTIONS":
        asked = request.headers.get("WebHook-Request-Origin", "").lower()
        origin = asked if asked in _ORIGINS else _ORIGINS[0]
        return web.Response(headers={"Webhook-Allowed-Origin": origin})
    kind = request.headers.get("aeg-event-type", "").lower()
    if kind == "unsubscribe":
        return web.Response(status=202)
    try:
        body = json.loads(await request.read())
    except ValueError as error:
        return web.Response(status=400, text=f"expected JSON, found {error}")
    if kind == "subscriptionvalidation":
        return _validated(body)
    if kind != "notification":
        return web.Response(status=400)
    events = body if isinstance(body, list) else [body]
    outcomes = await asyncio.gather(*(invoke(event_call(function, event)) for event in events))
    if not all(outcome.ran for outcome in outcomes):
        return web.Response(status=503, text=NOT_RUNNING)
    if any(outcome.error for outcome in outcomes):
        # Event Grid sends the whole batch again.
        return web.Response(status=500, text=failure(function))
    return web.Response(status=202)


def event_call(function: Function, event: Mapping[str, Any], reason: str = "") -> Call:
    """Return the call for one event."""
    reason = reason or f"EventGrid trigger fired at {datetime.now(UTC).isoformat()}"
    metadata = {}
    if isinstance(event, dict) and event.get("data") is not None:
        metadata["data"] = {"json": json.dumps(event["data"])}
    return Call(function, reason, {"json": json.dumps(event)}, metadata)


def programmatic_call(function: Function, text: str) -> Call:
    """Return the call an operator makes with one event's JSON. Raises ValueError if it is none."""
    event = json.loads(text)
    if not isinstance(event, dict):
        message = f"expected one event as a JSON object, found {text[:40]!r}"
        raise ValueError(message)
    return event_call(function, event, PROGRAMMATIC)


def _validated(body: object) -> web.Response:
    event = body[0] if isinstance(body, list) and body else body
    data = event.get("data") if isinstance(event, dict) else None
    if isinstance(data, str):  # some senders encode it twice
        try:
            data = json.loads(data)
        except ValueError:
            data = None
    code = data.get("validationCode") if isinstance(data, dict) else None
    if not isinstance(code, str):
        return web.Response(status=400, text="expected data.validationCode, found none")
    return web.json_response({"validationResponse": code})
