"""A custom topic: where Breakwater publishes its own events, by key or by Entra token."""

import hmac
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from local.directory import Directory
from local.eventgrid.grid import EventGrid
from local.eventgrid.messages import BadEvent, accepted

AUDIENCE = "https://eventgrid.azure.net"
LARGEST = 1024 * 1024  # bytes of one request


@dataclass(frozen=True, slots=True)
class Topic:
    """Accepts `POST /api/events?api-version=2018-01-01` in the Event Grid schema."""

    resource_id: str
    key: str
    grid: EventGrid
    directory: Directory

    def app(self) -> web.Application:
        """Return the web application."""
        app = web.Application(client_max_size=LARGEST)
        app.router.add_post("/api/events", self._post)
        return app

    async def _post(self, request: web.Request) -> web.Response:
        if not self._known(request):
            return _refused(401, "Unauthorized", "expected a valid aeg-sas-key or a bearer token")
        if request.query.get("api-version") != "2018-01-01":
            return _refused(400, "BadRequest", "api-version: expected 2018-01-01")
        if not request.content_type.startswith("application/json"):
            found = request.content_type
            return _refused(
                415, "UnsupportedMediaType", f"expected application/json, found {found}"
            )
        try:
            events = accepted(await request.json(), self.resource_id)
        except (BadEvent, ValueError) as error:
            return _refused(400, "BadRequest", str(error))
        for event in events:
            self.grid.publish(self.resource_id, event)
        return web.Response(status=200)

    def _known(self, request: web.Request) -> bool:
        key = request.headers.get("aeg-sas-key", "")
        if hmac.compare_digest(key.encode(), self.key.encode()):
            return True
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        return scheme.lower() == "bearer" and self.directory.read(token, AUDIENCE) is not None


def _refused(status: int, code: str, message: str) -> web.Response:
    body: dict[str, Any] = {"error": {"code": code, "message": message, "details": []}}
    return web.json_response(body, status=status)
