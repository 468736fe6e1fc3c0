"""Task resources: stored as they are put, shown without their secrets, and what they were built on."""

import copy
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from local.acr.registry import Registry
from local.arm.errors import invalid, not_found, not_here
from local.arm.routes import LOCATION, Call
from local.directory import TENANT, Directory, Principal

TYPE = "Microsoft.ContainerRegistry/registries/tasks"
STEPS = ("Docker", "FileTask", "EncodedTask")
_NAME = re.compile(r"[a-zA-Z0-9_-]{5,50}")
_READ_ONLY = "baseImageDependencies"


@dataclass
class Task:
    """One task: the resource as it is shown by listDetails, and the digest last pushed of each base image."""

    registry: Registry
    name: str
    resource: dict[str, Any]
    fired: dict[tuple[str, str, str], str] = field(default_factory=dict)

    @property
    def properties(self) -> dict[str, Any]:
        """The resource's properties."""
        found: dict[str, Any] = self.resource["properties"]
        return found

    @property
    def dependencies(self) -> list[dict[str, Any]]:
        """What its last successful run was built on."""
        return list(self.properties["step"].get(_READ_ONLY) or [])

    def built_on(self, dependencies: Sequence[Mapping[str, Any]]) -> None:
        """Record what a successful run was built on; a run that built nothing leaves it as it was."""
        if dependencies:
            self.properties["step"][_READ_ONLY] = [dict(each) for each in dependencies]


@dataclass
class Tasks:
    """The tasks of every registry."""

    directory: Directory
    _tasks: dict[tuple[str, str], Task] = field(default_factory=dict)

    def find(self, registry: Registry, name: str) -> Task | None:
        """Return a task by name, whatever its case."""
        return self._tasks.get((registry.name, name.lower()))

    def all(self) -> Iterator[Task]:
        """Return every task of every registry."""
        return iter(list(self._tasks.values()))

    def put(self, registry: Registry, name: str, body: Mapping[str, Any]) -> Task:
        """Make or replace a task from its REST body. Raises ArmError (400)."""
        if not _NAME.fullmatch(name):
            raise invalid(
                f"task name: expected 5 to 50 letters, digits, - or _, found {name[:60]!r}"
            )
        if not body.get("location"):
            raise invalid("location: expected a location, found none")
        old = self.find(registry, name)
        resource = self._resource(registry, old.name if old else name, body, old)
        if old is not None:
            old.resource = resource
            return old
        task = Task(registry, name, resource)
        self._tasks[registry.name, name.lower()] = task
        return task

    def system_identity(self, task: Task) -> Principal | None:
        """Return the task's system-assigned identity, if it has one."""
        kind = str((task.resource.get("identity") or {}).get("type") or "")
        if "SystemAssigned" not in kind:
            return None
        return self.directory.add(f"{task.registry.name}/tasks/{task.name}")

    async def create(self, call: Call) -> web.Response:
        """PUT: 201 for a new task, 200 for one that was there."""
        new = self.find(call.registry, call.path["task"]) is None
        task = self.put(call.registry, call.path["task"], call.body)
        return web.json_response(_shown(task.resource), status=201 if new else 200)

    async def get(self, call: Call) -> web.Response:
        """Return one task without its secrets."""
        return web.json_response(_shown(self.named(call).resource))

    async def details(self, call: Call) -> web.Response:
        """Return one task with its secrets."""
        return web.json_response(self.named(call).resource)

    async def list(self, call: Call) -> web.Response:
        """List a registry's tasks by name."""
        found = sorted(
            (task for task in self._tasks.values() if task.registry is call.registry),
            key=lambda task: task.name.lower(),
        )
        return web.json_response({"value": [_shown(task.resource) for task in found]})

    async def update(self, call: Call) -> web.Response:
        """PATCH: what the body names is merged in; null changes nothing, as triggers cannot be removed so."""
        task = self.named(call)
        known = {
            key: call.body[key] for key in ("identity", "tags", "properties") if key in call.body
        }
        merged = _merged(task.resource, known)
        self.put(call.registry, task.name, merged)
        return web.json_response(_shown(task.resource))

    async def delete(self, call: Call) -> web.Response:
        """DELETE: 200, or 204 when there was none."""
        task = self._tasks.pop((call.registry.name, call.path["task"].lower()), None)
        return web.Response(status=204 if task is None else 200)

    def named(self, call: Call) -> Task:
        """Return the task the path names. Raises ArmError (404)."""
        task = self.find(call.registry, call.path["task"])
        if task is None:
            raise not_found(f"{call.registry.resource_id}/tasks/{call.path['task']}")
        return task

    def _resource(
        self, registry: Registry, name: str, body: Mapping[str, Any], old: Task | None
    ) -> dict[str, Any]:
        now = datetime.now(UTC).isoformat()
        given = copy.deepcopy(dict(body.get("properties") or {}))
        step = _step(given.get("step"))
        if old is not None and _without(old.properties["step"]) == step:
            step[_READ_ONLY] = old.properties["step"].get(_READ_ONLY)
        _check_triggers(given.get("trigger"))
        properties = {
            "creationDate": old.properties["creationDate"] if old else now,
            "status": "Enabled",
            "platform": {"os": "Linux", "architecture": "amd64"},
            "agentConfiguration": {"cpu": 2},
            "timeout": 3600,
            "isSystemTask": False,
            **{key: value for key, value in given.items() if value is not None},
            "provisioningState": "Succeeded",
            "step": {_READ_ONLY: None, **step},
        }
        return {
            "id": f"{registry.resource_id}/tasks/{name}",
            "name": name,
            "type": TYPE,
            "location": str(body.get("location") or LOCATION),
            "tags": body.get("tags") or {},
            "identity": self._identity(registry, name, body.get("identity")),
            "systemData": {"createdAt": properties["creationDate"], "lastModifiedAt": now},
            "properties": properties,
        }

    def _identity(self, registry: Registry, name: str, given: object) -> dict[str, Any] | None:
        if not isinstance(given, dict) or given.get("type") in (None, "None"):
            return None
        identity: dict[str, Any] = {"type": given["type"], "tenantId": TENANT}
        if "SystemAssigned" in str(given["type"]):
            own = self.directory.add(f"{registry.name}/tasks/{name}")
            identity["principalId"] = own.client_id
        by_name = {each.name.lower(): each for each in self.directory.principals.values()}
        users = {}
        for resource_id in given.get("userAssignedIdentities") or {}:
            found = by_name.get(str(resource_id).rpartition("/")[2].lower())
            if found is None:
                raise invalid(
                    f"identity: expected a user-assigned identity, found {resource_id[:200]!r}"
                )
            users[resource_id] = {"clientId": found.client_id, "principalId": found.client_id}
        return identity | ({"userAssignedIdentities": users} if users else {})


def _step(given: object) -> dict[str, Any]:
    if not isinstance(given, dict) or given.get("type") not in STEPS:
        kind = given.get("type") if isinstance(given, dict) else given
        raise invalid(f"properties.step.type: expected one of {', '.join(STEPS)}, found {kind!r}")
    needed = {
        "Docker": "dockerFilePath",
        "FileTask": "taskFilePath",
        "EncodedTask": "encodedTaskContent",
    }
    if not given.get(needed[given["type"]]):
        raise invalid(f"properties.step.{needed[given['type']]}: expected a value, found none")
    return _without(given)


def _without(step: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in step.items() if key != _READ_ONLY}


def _check_triggers(given: object) -> None:
    triggers = given if isinstance(given, dict) else {}
    for kind in ("timerTriggers", "sourceTriggers"):
        if triggers.get(kind):
            raise not_here(f"a task's {kind}")
    base = triggers.get("baseImageTrigger")
    if base is None:
        return
    place = "properties.trigger.baseImageTrigger"
    if not isinstance(base, dict) or not base.get("name"):
        raise invalid(f"{place}.name: expected a name, found none")
    if base.get("baseImageTriggerType") not in ("All", "Runtime"):
        found = base.get("baseImageTriggerType")
        raise invalid(f"{place}.baseImageTriggerType: expected All or Runtime, found {found!r}")


def _merged(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(old)
    for key, value in new.items():
        if isinstance(value, dict) and isinstance(merged.get(key), dict):
            merged[key] = _merged(merged[key], value)
        elif value is not None:
            merged[key] = value
    return merged


def _shown(resource: Mapping[str, Any]) -> dict[str, Any]:
    """Return the resource as GET shows it: no passwords, no secret values, no access tokens."""
    shown = copy.deepcopy(dict(resource))
    step = shown["properties"]["step"]
    step.pop("contextAccessToken", None)
    for key in ("values", "arguments"):
        for each in step.get(key) or []:
            if each.get("isSecret"):
                each.pop("value", None)
    custom = (shown["properties"].get("credentials") or {}).get("customRegistries") or {}
    for entry in custom.values():
        for key in ("userName", "password"):
            entry.pop(key, None)
    return shown
