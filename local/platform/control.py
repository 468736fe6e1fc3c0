"""What the local Azure invents, below /_local/: its state, its faults, its switches."""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from local.acr.registry import Switches
from local.faults import Fault, Faults, Kind


class BadRequest(ValueError):
    """A request that names something there is not."""


@dataclass(frozen=True, slots=True)
class Control:
    """GET /_local/state; POST, DELETE /_local/faults; GET, PUT /_local/switches."""

    faults: Faults
    switches: Switches
    state: Callable[[], Mapping[str, Any]]

    def add_to(self, app: web.Application) -> None:
        """Add the routes to an application."""
        app.router.add_get("/_local/state", self._state)
        app.router.add_get("/_local/faults", self._faults)
        app.router.add_post("/_local/faults", self._add_fault)
        app.router.add_delete("/_local/faults", self._clear_faults)
        app.router.add_get("/_local/switches", self._switches)
        app.router.add_put("/_local/switches", self._set_switches)

    async def _state(self, _: web.Request) -> web.Response:
        return web.json_response(
            {
                **self.state(),
                "faults": [shown(fault) for fault in self.faults.faults],
                "operations": dict(sorted(self.faults.counts().items())),
                "switches": dataclasses.asdict(self.switches),
            }
        )

    async def _faults(self, _: web.Request) -> web.Response:
        return web.json_response([shown(fault) for fault in self.faults.faults])

    async def _add_fault(self, request: web.Request) -> web.Response:
        try:
            fault = read_fault(await _json(request))
        except ValueError as error:
            return _refused(error)
        self.faults.add(fault)
        return web.json_response(shown(fault), status=201)

    async def _clear_faults(self, _: web.Request) -> web.Response:
        self.faults.clear()
        return web.Response(status=204)

    async def _switches(self, _: web.Request) -> web.Response:
        return web.json_response(dataclasses.asdict(self.switches))

    async def _set_switches(self, request: web.Request) -> web.Response:
        try:
            for name, value in read_switches(await _json(request)).items():
                setattr(self.switches, name, value)
        except ValueError as error:
            return _refused(error)
        return web.json_response(dataclasses.asdict(self.switches))


def shown(fault: Fault) -> dict[str, Any]:
    """Return a fault as JSON."""
    return dataclasses.asdict(fault) | {"kind": fault.kind.value}


def read_fault(body: Mapping[str, Any]) -> Fault:
    """Read a fault. Raises BadRequest naming the field, what was expected and found."""
    types: dict[str, type | tuple[type, ...]] = {
        "operation": str,
        "kind": str,
        "count": int,
        "match": str,
        "status": int,
        "seconds": (int, float),
    }
    _check(body, types)
    if not body.get("operation"):
        message = "operation: expected the name of an operation, found none"
        raise BadRequest(message)
    kinds = {kind.value: kind for kind in Kind}
    kind = kinds.get(body.get("kind", ""))
    if kind is None:
        message = f"kind: expected one of {', '.join(kinds)}, found {body.get('kind')!r}"
        raise BadRequest(message)
    return Fault(**{**body, "kind": kind})


def read_switches(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Check a change of switches. Raises BadRequest naming the field, what was expected and found."""
    _check(body, {name: type(value) for name, value in dataclasses.asdict(Switches()).items()})
    return body


def _check(body: Mapping[str, Any], types: Mapping[str, type | tuple[type, ...]]) -> None:
    for name, value in body.items():
        if name not in types:
            message = f"{name}: expected one of {', '.join(types)}"
            raise BadRequest(message)
        wanted = types[name]
        # bool is an int to Python; here a switch is one and a number is not
        if not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool):
            expected = getattr(wanted, "__name__", "number")
            message = f"{name}: expected {expected}, found {value!r}"
            raise BadRequest(message)


async def _json(request: web.Request) -> Mapping[str, Any]:
    if request.content_type != "application/json":  # also keeps web pages out: it needs a preflight
        message = f"Content-Type: expected application/json, found {request.content_type}"
        raise BadRequest(message)
    body = await request.json()
    if not isinstance(body, dict):
        message = f"body: expected a JSON object, found {type(body).__name__}"
        raise BadRequest(message)
    return body


def _refused(error: ValueError) -> web.Response:
    return web.json_response({"error": str(error)}, status=400)
