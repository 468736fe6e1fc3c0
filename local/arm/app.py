"""ARM for the local registries: every operation on one page, authenticated and with faults on demand."""

import json
from collections.abc import Mapping
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from local.acr.registry import Registry
from local.arm import routes
from local.arm.blobs import Blobs
from local.arm.errors import ArmError, forbidden, invalid, not_here, unauthenticated
from local.arm.imports import Imports
from local.arm.registries import Registries
from local.arm.routes import IN_GROUP, IN_SUBSCRIPTION, REGISTRY, Call, Route
from local.arm.runs import Runner, Runs
from local.arm.scheduling import Scheduling
from local.arm.tasks import Tasks
from local.directory import Directory, Principal
from local.faults import Faults

_LARGEST_BODY = 8 * 1024 * 1024
_AUDIENCES = frozenset({"management.azure.com", "management.core.windows.net"})
_NS = "Microsoft.ContainerRegistry/registries"


class Arm:
    """The control plane over some registries; it starts the imports and the runs it is asked for.

    `aliases` says where a registryUri really is (`docker.io` → `localhost:5001`), `ca_file` whom imports trust
    besides the system. `base_image_triggers` may be switched while it runs.
    """

    def __init__(
        self,
        registries: Mapping[str, Registry],
        directory: Directory,
        faults: Faults,
        blobs: Blobs,
        runner: Runner,
        *,
        aliases: Mapping[str, str] | None = None,
        ca_file: str = "",
        import_seconds: float = 0.2,
        retry_after: int = 1,
        parallel_runs: int = 2,
        base_image_triggers: bool = True,
    ) -> None:
        """Listen to every registry's pushes; nothing else happens before the first request."""
        self.directory = directory
        self.faults = faults
        self.base_image_triggers = base_image_triggers
        self.registries = Registries(registries, directory)
        self.tasks = Tasks(directory)
        self.runs = Runs(blobs, runner, parallel_runs)
        self.imports = Imports(
            self.registries.find, directory, aliases or {}, ca_file, import_seconds, retry_after
        )
        self.scheduling = Scheduling(self.registries, self.tasks, self.runs)
        self._routes = self._table()
        for registry in registries.values():
            registry.listeners.append(partial(self._pushed, registry))

    def app(self) -> web.Application:
        """Return the web application; it answers every path."""
        app = web.Application(client_max_size=_LARGEST_BODY)
        app.router.add_route("*", "/{path:.*}", self._handle)
        return app

    async def close(self) -> None:
        """End every import and run, and wait for them."""
        await self.imports.close()
        await self.runs.close()

    def _table(self) -> tuple[Route, ...]:
        registries, imports = self.registries, self.imports
        tasks, runs = self.tasks, self.scheduling
        one, a_task, a_run = REGISTRY, f"{REGISTRY}/tasks/{{task}}", f"{REGISTRY}/runs/{{run}}"
        subscription = "subscriptions/{subscription}"
        result = f"{IN_SUBSCRIPTION}/locations/{{location}}/operationResults/{{operation}}"
        return (
            Route("GET", "subscriptions", "arm.subscriptions.list", registries.subscriptions),
            Route("GET", subscription, "arm.subscriptions.get", registries.subscription),
            Route("GET", f"{subscription}/resources", "arm.resources.list", registries.resources),
            Route("GET", f"{IN_SUBSCRIPTION}/registries", "arm.registries.list", registries.list),
            Route("GET", f"{IN_GROUP}/registries", "arm.registries.list", registries.list),
            Route("GET", one, "arm.registries.get", registries.get, "read", f"{_NS}/read"),
            Route("GET", result, "arm.importImage.poll", imports.poll),
            _start("importImage", "arm.importImage", imports.start, "import"),
            _start("scheduleRun", "arm.scheduleRun", runs.schedule, "tasks"),
            _start("listBuildSourceUploadUrl", "arm.uploadUrl", runs.upload, "tasks"),
            _tasks("GET", f"{one}/runs", "arm.runs.list", runs.list, "runs/read"),
            _tasks("GET", a_run, "arm.runs.get", runs.get, "runs/read"),
            _tasks("PATCH", a_run, "arm.runs.update", runs.update, "runs/write"),
            _tasks("POST", f"{a_run}/cancel", "arm.runs.cancel", runs.cancel, "runs/cancel/action"),
            _tasks(
                "POST",
                f"{a_run}/listLogSasUrl",
                "arm.runs.log",
                runs.log,
                "runs/listLogSasUrl/action",
            ),
            _tasks("GET", f"{one}/tasks", "arm.tasks.list", tasks.list, "tasks/read"),
            _tasks("GET", a_task, "arm.tasks.get", tasks.get, "tasks/read"),
            _tasks("PUT", a_task, "arm.tasks.put", tasks.create, "tasks/write"),
            _tasks("PATCH", a_task, "arm.tasks.patch", tasks.update, "tasks/write"),
            _tasks("DELETE", a_task, "arm.tasks.delete", tasks.delete, "tasks/delete"),
            _tasks(
                "POST",
                f"{a_task}/listDetails",
                "arm.tasks.details",
                tasks.details,
                "tasks/listDetails/action",
            ),
        )

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        found = routes.find(self._routes, request.method, request.path)
        route, names = found or (None, {})
        try:
            body = await _body(request)
        except ArmError as error:
            return error.response()
        operation = route.operation if route else "arm.unknown"
        detail = routes.detail(names, request.path, body)
        if "operation" in names:
            detail = self.imports.about(names["operation"])
        answer = partial(self._answer, request, route, names, body)
        return await self.faults.guard(request, operation, detail, answer)

    async def _answer(
        self,
        request: web.Request,
        route: Route | None,
        names: Mapping[str, str],
        body: Mapping[str, Any],
    ) -> web.StreamResponse:
        try:
            principal = self._authenticate(request)
            if route is None:
                raise not_here(f"{request.method} {request.path}")
            if not request.query.get("api-version"):
                raise ArmError(
                    400, "MissingApiVersionParameter", "expected the query parameter api-version"
                )
            registry = self._registry(names, request.path)
            if registry is not None and not self._may(principal, registry, route.needs):
                raise forbidden(principal.client_id, route.action, registry.resource_id)
            return await route.handler(Call(request, principal, names, body, registry))
        except ArmError as error:
            return error.response()

    def _authenticate(self, request: web.Request) -> Principal:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise unauthenticated("Authentication failed: the Authorization header is missing.")
        found = self.directory.read(token)
        audience = urlsplit(str(found[1].get("aud"))).netloc if found else ""
        if found is None or audience not in _AUDIENCES | {request.host}:
            raise unauthenticated(
                "Authentication failed: the token is not valid for this endpoint."
            )
        return found[0]

    def _may(self, principal: Principal, registry: Registry, needs: str) -> bool:
        return not needs or needs in self.directory.actions(principal, registry.name)

    def _registry(self, names: Mapping[str, str], path: str) -> Registry | None:
        subscription = names.get("subscription", routes.SUBSCRIPTION)
        if subscription.lower() != routes.SUBSCRIPTION:
            raise ArmError(
                404,
                "SubscriptionNotFound",
                f"The subscription '{subscription}' could not be found.",
            )
        group = names.get("group", routes.GROUP)
        if group.lower() != routes.GROUP:
            raise ArmError(
                404, "ResourceGroupNotFound", f"Resource group '{group}' could not be found."
            )
        if "registry" not in names:
            return None
        registry = self.registries.find(names["registry"])
        if registry is None:
            raise ArmError(404, "ResourceNotFound", f"The resource '{path}' was not found.")
        return registry

    def _pushed(self, registry: Registry, event: Mapping[str, Any]) -> None:
        if self.base_image_triggers:
            self.scheduling.pushed(registry, event)


def _start(verb: str, operation: str, handler: routes.Handler, needs: str) -> Route:
    return Route("POST", f"{REGISTRY}/{verb}", operation, handler, needs, f"{_NS}/{verb}/action")


def _tasks(
    method: str, pattern: str, operation: str, handler: routes.Handler, action: str
) -> Route:
    return Route(method, pattern, operation, handler, "tasks", f"{_NS}/{action}")


async def _body(request: web.Request) -> Mapping[str, Any]:
    raw = await request.read()
    if not raw.strip():
        return {}
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise invalid(f"the body: expected JSON ({error})") from error
    if not isinstance(body, dict):
        raise invalid(f"the body: expected a JSON object, found {type(body).__name__}")
    return body
