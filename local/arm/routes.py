"""ARM's paths: what a request names, case-insensitively, and which operation that is."""

import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from local.acr.registry import Registry
from local.directory import Principal

SUBSCRIPTION = "00000000-0000-0000-0000-0000000000bb"
GROUP = "breakwater"
LOCATION = "westeurope"
PROVIDER = "Microsoft.ContainerRegistry"

_GROUP = "subscriptions/{subscription}/resourceGroups/{group}"
IN_SUBSCRIPTION = f"subscriptions/{{subscription}}/providers/{PROVIDER}"
IN_GROUP = f"{_GROUP}/providers/{PROVIDER}"
REGISTRY = f"{IN_GROUP}/registries/{{registry}}"


@dataclass(frozen=True, slots=True)
class Call:
    """One authenticated request to one operation."""

    request: web.Request
    principal: Principal
    path: Mapping[str, str]
    body: Mapping[str, Any]
    found: Registry | None = None

    @property
    def registry(self) -> Registry:
        """The registry the path names; only operations on a registry ask."""
        if self.found is None:
            message = f"{self.request.path} names no registry"
            raise LookupError(message)
        return self.found

    @property
    def origin(self) -> str:
        """Where the caller reached us, for the absolute links ARM hands out."""
        return f"{self.request.scheme}://{self.request.host}"

    @property
    def operation_id(self) -> str:
        """The caller's own request id where it sent one, as Azure names import operations."""
        try:
            return str(uuid.UUID(self.request.headers.get("x-ms-client-request-id", "")))
        except ValueError:
            return str(uuid.uuid4())


Handler = Callable[[Call], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Route:
    """One operation: its method and path, its name for faults, and what it takes to be allowed.

    `needs` is one of the local directory's actions, `action` the ARM action whose absence Azure reports.
    """

    method: str
    pattern: str
    operation: str
    handler: Handler
    needs: str = ""
    action: str = ""

    def match(self, method: str, path: str) -> dict[str, str] | None:
        """Return the names in the path, or None if this is another operation."""
        wanted = self.pattern.split("/")
        found = path.strip("/").split("/")
        if method != self.method or len(wanted) != len(found):
            return None
        names: dict[str, str] = {}
        for want, have in zip(wanted, found, strict=True):
            if want.startswith("{"):
                names[want.strip("{}")] = have
            elif want.lower() != have.lower():
                return None
        return names


def find(routes: Sequence[Route], method: str, path: str) -> tuple[Route, dict[str, str]] | None:
    """Return the operation a request means, with the names in its path."""
    for route in routes:
        names = route.match(method, path)
        if names is not None:
            return route, names
    return None


def tail(path: str) -> str:
    """Return what identifies a resource below its provider: `contosostaging/runs/cf1`."""
    lower = path.lower()
    for mark in ("/registries/", "/subscriptions/"):
        at = lower.rfind(mark)
        if at >= 0:
            return path[at + len(mark) :]
    return path


def detail(names: Mapping[str, str], path: str, body: Mapping[str, Any]) -> str:
    """Return what a fault can match on: the resource, and what a starting POST is about."""
    source = body.get("source")
    if isinstance(source, dict):
        targets = [
            *(body.get("targetTags") or []),
            *(body.get("untaggedTargetRepositories") or []),
        ]
        return (
            f"{names.get('registry')} {source.get('sourceImage')} -> {' '.join(map(str, targets))}"
        )
    if "type" in body and str(body["type"]).endswith("Request"):
        override = body.get("overrideTaskStepProperties") or {}
        values = override.get("values") or body.get("values") or []
        pairs = [f"{each.get('name')}={each.get('value')}" for each in values]
        task = str(body.get("taskId") or "").rpartition("/")[2]
        return " ".join([str(names.get("registry")), str(body["type"]), task, *pairs])
    return tail(path)
