"""The admin API: how the host is, what functions it has, and running one now."""

import hmac
import json
from typing import TYPE_CHECKING, Any

from aiohttp import web

from local.functions_host import eventgrid, queues, timers
from local.functions_host.calls import Call, Function
from local.functions_host.indexing import route_path

if TYPE_CHECKING:
    from local.functions_host.http import Site

_VERSION = "4.1052.200"  # the host whose behaviour is followed


async def answer(request: web.Request, site: "Site", key: str) -> web.Response:
    """Answer one request below /admin."""
    path = request.path.strip("/").split("/")[1:]
    lowered = [part.lower() for part in path]
    if lowered == ["host", "ping"]:
        return web.Response()
    if site.keys.required and not hmac.compare_digest(key.encode(), site.keys.master.encode()):
        return web.Response(status=401)
    if site.keys.required and not site.keys.master:
        return web.Response(status=401)
    if lowered == ["host", "status"] and request.method == "GET":
        return web.json_response(
            {"id": "local", "state": site.state, "version": _VERSION, "errors": []}
        )
    if lowered == ["host", "systemkeys", "eventgrid_extension"] and request.method == "GET":
        value = site.keys.eventgrid
        return web.json_response({"name": "eventgrid_extension", "value": value})
    if lowered == ["functions"] and request.method == "GET":
        return web.json_response(
            [_described(request, site, function) for function in site.functions]
        )
    if lowered[:1] == ["functions"] and lowered[1:] and not lowered[2:]:
        return await _function(request, site, lowered[1])
    return web.Response(status=404)


async def _function(request: web.Request, site: "Site", name: str) -> web.Response:
    function = next((f for f in site.functions if f.name.lower() == name), None)
    if function is None:
        return web.Response(status=404)
    if request.method == "GET":
        return web.json_response(_described(request, site, function))
    if request.method != "POST":
        return web.Response(status=405)
    try:
        call = _programmatic_call(function, await _input(request))
    except ValueError as error:
        return web.Response(status=400, text=str(error))
    if call is None:
        message = f"{function.trigger.type} {function.name} is run by calling its own address"
        return web.Response(status=501, text=message)
    site.start(call)
    return web.Response(status=202)


async def _input(request: web.Request) -> str:
    body = await request.read()
    document: Any = json.loads(body) if body.strip() else {}
    text = document.get("input", "") if isinstance(document, dict) else None
    if text is None or not isinstance(text, str):
        message = f'expected {{"input": "<text>"}}, found {body[:40]!r}'
        raise ValueError(message)
    return text


def _programmatic_call(function: Function, text: str) -> Call | None:
    if function.trigger.type == "queueTrigger":
        return queues.programmatic_call(function, text)
    if function.trigger.type == "timerTrigger":
        return timers.programmatic_call(function)
    if function.trigger.type == "eventGridTrigger":
        return eventgrid.programmatic_call(function, text)
    return None


def _described(request: web.Request, site: "Site", function: Function) -> dict[str, Any]:
    origin = f"{request.scheme}://{request.host}"
    bindings = [dict(binding.properties) for binding in (function.trigger, *function.outputs)]
    is_http = function.trigger.type == "httpTrigger"
    return {
        "name": function.name,
        "href": f"{origin}/admin/functions/{function.name}",
        "language": "python",
        "isDisabled": function.disabled,
        "config": {"name": function.name, "bindings": bindings},
        "invoke_url_template": origin + route_path(function, site.config) if is_http else None,
    }
