"""The host's HTTP front: keys, routes, the HTTP trigger, and where everything else goes."""

import hmac
import json
from collections.abc import Mapping
from typing import Any, Protocol

from aiohttp import web

from local.functions_host import admin, eventgrid
from local.functions_host.calls import PROGRAMMATIC, Call, Function, Invoke, Outcome
from local.functions_host.hostjson import HostJson
from local.functions_host.indexing import http_methods, route_path
from local.functions_host.protocol import Data
from local.functions_host.routes import Route, parse_route
from local.functions_host.settings import Keys

_BODY_LIMIT = 100 * 1024 * 1024  # bytes, the host's own limit
_NOT_OURS = {"content-length", "transfer-encoding", "connection"}  # the server's to say


class Site(Protocol):
    """What the front needs of the host."""

    @property
    def keys(self) -> Keys:
        """The host's keys."""

    @property
    def functions(self) -> list[Function]:
        """Every function, disabled ones too."""

    @property
    def config(self) -> HostJson:
        """What host.json says."""

    @property
    def state(self) -> str:
        """Running, or what the host does instead."""

    @property
    def invoke(self) -> Invoke:
        """Run a call to its end."""

    def start(self, call: Call) -> object:
        """Run a call in the background."""


def application(site: Site) -> web.Application:
    """Return the web application of a host."""
    routes = _routes(site)

    async def dispatch(request: web.Request) -> web.StreamResponse:
        path = request.path.rstrip("/").lower()
        if path == "/admin" or path.startswith("/admin/"):
            return await admin.answer(request, site, request_key(request))
        if path == eventgrid.PATH:
            if not _opens(site.keys, request_key(request), (site.keys.eventgrid,)):
                return web.Response(status=401)
            return await eventgrid.answer(request, site.functions, site.invoke)
        if path == "":
            return web.Response(text="Your Functions host is up and running.")
        return await _call_function(request, site, routes)

    app = web.Application(client_max_size=_BODY_LIMIT)
    app.router.add_route("*", "/{path:.*}", dispatch)
    return app


def request_key(request: web.Request) -> str:
    """Return the key a caller shows: the header first, else the query."""
    return request.headers.get("x-functions-key") or request.query.get("code", "")


def _opens(keys: Keys, shown: str, good: tuple[str, ...]) -> bool:
    """Say whether the key opens the door; the master key opens every one."""
    if not keys.required:
        return True
    candidates = [key for key in (*good, keys.master) if key]
    return any(hmac.compare_digest(shown.encode(), key.encode()) for key in candidates)


def _routes(site: Site) -> list[tuple[Route, Function]]:
    """Return every function's route, the most specific first."""
    routes = [
        (parse_route(route_path(function, site.config), http_methods(function)), function)
        for function in site.functions
        if function.trigger.type == "httpTrigger" and not function.disabled
    ]
    return sorted(routes, key=lambda route: route[0].precedence)


async def _call_function(
    request: web.Request, site: Site, routes: list[tuple[Route, Function]]
) -> web.Response:
    path = request.rel_url.raw_path
    for route, function in routes:
        values = route.match(path)
        if values is None or (route.methods and request.method not in route.methods):
            continue
        level = function.trigger.text("authLevel", "FUNCTION").lower()
        good = (site.keys.function,) if level == "function" else ()
        if level != "anonymous" and not _opens(site.keys, request_key(request), good):
            return web.Response(status=401)
        outcome = await site.invoke(
            Call(function, PROGRAMMATIC, await _request_data(request, values))
        )
        return response(outcome)
    return web.Response(status=404)


async def _request_data(request: web.Request, values: Mapping[str, str]) -> Data:
    """Return what the worker gets of a request (headers in lower case, no empty query values)."""
    body = await request.read()
    query: dict[str, str] = {}
    for name, value in request.query.items():
        if value:
            query[name] = f"{query[name]},{value}" if name in query else value
    headers: dict[str, str] = {}
    for name, value in request.headers.items():
        name = name.lower()  # noqa: PLW2901 - the same name
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    http: dict[str, Any] = {
        "method": request.method,
        "url": str(request.url),
        "headers": headers,
        "query": query,
        "params": dict(values),
        "body": {"bytes": body} if body else {},
    }
    return {"http": http}


def response(outcome: Outcome) -> web.Response:
    """Return the answer to an HTTP call; a failure is an empty 500."""
    if not outcome.ran:
        return web.Response(status=503, text=outcome.error)
    if outcome.error:
        return web.Response(status=500)
    kind, value = next(iter((outcome.returned or {}).items()), ("", None))
    if kind == "http" and isinstance(value, dict):
        return _http_response(value)
    if kind == "string":
        return _sniffed(str(value))
    return web.Response(status=204 if kind == "" else 200, text=None if kind == "" else str(value))


def _http_response(http: Mapping[str, Any]) -> web.Response:
    headers = {k: v for k, v in http["headers"].items() if k.lower() not in _NOT_OURS}
    kind, content = next(iter((http.get("body") or {}).items()), ("", b""))
    body = content if kind == "bytes" else str(content).encode()
    answer = web.Response(status=http["status"], headers=headers, body=body)
    for cookie in http.get("cookies", []):
        fields = {k: v for k, v in cookie.items() if k not in {"name", "value"} and v is not None}
        if "max_age" in fields:
            fields["max_age"] = int(fields["max_age"])
        answer.set_cookie(cookie["name"], cookie["value"], **({"path": "/"} | fields))
    return answer


def _sniffed(text: str) -> web.Response:
    """Return a plain text result: Azure's host takes a JSON object with a `body` for a response."""
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    folded = {str(k).lower(): v for k, v in value.items()} if isinstance(value, dict) else {}
    if "body" not in folded:
        return web.Response(text=text)
    status = int(folded.get("statuscode", folded.get("status", 200)))
    body = folded["body"]
    headers = {str(k): str(v) for k, v in (folded.get("headers") or {}).items()}
    return web.Response(
        status=status,
        headers=headers,
        body=(body if isinstance(body, str) else json.dumps(body)).encode(),
    )
