"""What starts runs: scheduleRun, and a pushed base image; and the operations on runs."""

import logging
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from local.acr.registry import Registry
from local.arm import filters, plans
from local.arm.credentials import docker_config
from local.arm.errors import ArmError, invalid, not_found
from local.arm.plans import Plan
from local.arm.registries import Registries
from local.arm.routes import Call
from local.arm.runs import Run, Runs, context_name
from local.arm.tasks import Task, Tasks
from local.directory import Principal

_LOG = logging.getLogger(__name__)
_PAGE = 100
Image = tuple[str, str, str]  # login server, repository, tag
_TASK_PARTS = 11  # "", subscriptions, S, resourceGroups, G, providers, P, registries, R, tasks, T


@dataclass
class Scheduling:
    """The operations around runs."""

    registries: Registries
    tasks: Tasks
    runs: Runs

    async def schedule(self, call: Call) -> web.Response:
        """Start a run and answer 200 at once, as recorded."""
        if call.body.get("type") == "TaskRunRequest":
            run = self._of_task(call)
        else:
            plan = plans.of_request(call.body)
            kind = "QuickBuild" if plan.builds else "QuickRun"
            config = self._docker_config(plan, call.registry, caller=call.principal, system=None)
            run = self.runs.start(call.registry, plan, config, kind=kind)
        run.archived = bool(call.body.get("isArchiveEnabled"))
        return web.json_response(shown(run))

    def _of_task(self, call: Call) -> Run:
        parts = str(call.body.get("taskId") or "").split("/")
        if len(parts) != _TASK_PARTS or parts[-3].lower() != call.registry.name.lower():
            raise invalid(
                f"taskId: expected the id of a task of {call.registry.name}, found {parts!r}"
            )
        task = self.tasks.find(call.registry, parts[-1])
        if task is None:
            raise not_found(f"{call.registry.resource_id}/tasks/{parts[-1]}")
        override = call.body.get("overrideTaskStepProperties") or {}
        return self.start(task, override, trigger=None)

    def start(
        self, task: Task, override: Mapping[str, Any], *, trigger: Mapping[str, Any] | None
    ) -> Run:
        """Start a run of a task. Raises ArmError when the task asks for what is not here."""
        plan = plans.of_task(task.properties, override)
        system = self.tasks.system_identity(task)
        config = self._docker_config(plan, task.registry, caller=None, system=system)
        kind = "AutoBuild" if plan.builds or trigger else "AutoRun"
        return self.runs.start(task.registry, plan, config, kind=kind, task=task, trigger=trigger)

    def pushed(self, registry: Registry, event: Mapping[str, Any]) -> None:
        """Start every enabled task whose base image this push moved; one run per task and digest."""
        target = event["data"].get("target") or {}
        tag, digest = target.get("tag"), target.get("digest")
        if not tag or event["data"].get("action") != "push":
            return
        image: Image = (registry.login_server, str(target["repository"]), str(tag))
        for task in self.tasks.all():
            built = _built_on(task, image)
            if not built:
                continue
            moved = digest not in built and task.fired.get(image) != digest
            task.fired[image] = str(digest)
            if moved:
                self._trigger(task, image, str(digest))

    def _trigger(self, task: Task, image: Image, digest: str) -> None:
        registry, repository, tag = image
        moved = {"registry": registry, "repository": repository, "tag": tag, "digest": digest}
        now = datetime.now(UTC).isoformat()
        trigger = {"id": str(uuid.uuid4()), "timestamp": now, "images": [moved]}
        try:
            self.start(task, {}, trigger=trigger)
        except ArmError as error:  # a push succeeds whatever it triggers
            _LOG.warning("task %s was not triggered: %s", task.name, error)

    async def list(self, call: Call) -> web.Response:
        """List runs, newest first; `$top` caps the whole list."""
        query = call.request.query
        found = self.runs.of(call.registry)
        if query.get("$filter"):
            try:
                wanted = filters.parse(query["$filter"])
            except filters.InvalidFilter as error:
                raise ArmError(400, "InvalidFilterInQueryString", str(error)) from error
            found = [run for run in found if wanted(facts(run))]
        start = _number(query.get("$skipToken") or "0", "$skipToken")
        top = _number(query.get("$top") or str(len(found)), "$top")
        page = found[:top][start : start + _PAGE]
        body: dict[str, Any] = {"value": [shown(run) for run in page]}
        if start + _PAGE < min(top, len(found)):
            url = call.request.rel_url.update_query({"$skipToken": str(start + _PAGE)})
            body["nextLink"] = f"{call.origin}{url}"
        return web.json_response(body)

    async def get(self, call: Call) -> web.Response:
        """Return one run."""
        return web.json_response(shown(self._named(call)))

    async def update(self, call: Call) -> web.Response:
        """Keep a run's log for ever, or not."""
        run = self._named(call)
        wanted = {**call.body, **(call.body.get("properties") or {})}.get("isArchiveEnabled")
        if not isinstance(wanted, bool):
            raise invalid(f"isArchiveEnabled: expected true or false, found {wanted!r}")
        run.archived, run.updated = wanted, datetime.now(UTC)
        return web.json_response(shown(run))

    async def cancel(self, call: Call) -> web.Response:
        """Cancel a run; 200 at once, its status follows."""
        self.runs.cancel(self._named(call))
        return web.Response()

    async def log(self, call: Call) -> web.Response:
        """Return where the run's log can be read."""
        blob = await self.runs.log(self._named(call))
        return web.json_response({"logLink": blob.sas_url()})

    async def upload(self, call: Call) -> web.Response:
        """Return where a context can be uploaded, and the path that then names it."""
        relative = f"tasks-source/{datetime.now(UTC):%Y%m%d}/{uuid.uuid4()}.tar.gz"
        url = await self.runs.blobs.upload_url(context_name(call.registry, relative))
        return web.json_response({"uploadUrl": url, "relativePath": relative})

    def _named(self, call: Call) -> Run:
        run = self.runs.find(call.registry, call.path["run"])
        if run is None:
            raise not_found(f"{call.registry.resource_id}/runs/{call.path['run']}")
        return run

    def _docker_config(
        self, plan: Plan, home: Registry, *, caller: Principal | None, system: Principal | None
    ) -> dict[str, Any]:
        return docker_config(
            plan.credentials,
            home,
            self.registries.by_login_server,
            self.registries.directory,
            caller=caller,
            system=system,
        )


def facts(run: Run) -> dict[str, filters.Value]:
    """Return what a filter can ask about a run."""
    return {
        "RunId": run.id,
        "RunType": run.kind,
        "Status": run.status,
        "CreateTime": run.created,
        "FinishTime": run.finished,
        "OutputImageManifests": ",".join(f"{i['repository']}@{i['digest']}" for i in run.images),
        "IsArchiveEnabled": run.archived,
        "TaskName": run.task.name if run.task else None,
        "AgentPoolName": None,
    }


def shown(run: Run) -> dict[str, Any]:
    """Return the run as ARM shows it; what is not known yet is left out, as recorded."""
    os, _, architecture = run.plan.platform.partition("/")
    credentials = run.plan.credentials
    properties = {
        "runId": run.id,
        "status": run.status,
        "lastUpdatedTime": run.updated.isoformat(),
        "runType": run.kind,
        "createTime": run.created.isoformat(),
        "startTime": run.started.isoformat() if run.started else None,
        "finishTime": run.finished.isoformat() if run.finished else None,
        "outputImages": [dict(image) for image in run.images] or None,
        "task": run.task.name if run.task else None,
        "imageUpdateTrigger": run.trigger,
        "customRegistries": sorted(credentials.get("customRegistries") or {}) or None,
        "sourceRegistryAuth": (credentials.get("sourceRegistry") or {}).get("loginMode"),
        "runErrorMessage": run.error or None,
        "platform": {"os": os, "architecture": architecture},
        "agentConfiguration": {"cpu": 2},
        "provisioningState": "Succeeded",
        "isArchiveEnabled": run.archived,
    }
    return {
        "type": "Microsoft.ContainerRegistry/registries/runs",
        "properties": {key: value for key, value in properties.items() if value is not None},
        "id": f"{run.registry.resource_id}/runs/{run.id}",
        "name": run.id,
        "systemData": {"lastModifiedAt": run.updated.isoformat()},
    }


def _built_on(task: Task, image: Image) -> set[str]:
    """Return the digests of this image the task was built on, if its trigger is to fire for it at all."""
    trigger = (task.properties.get("trigger") or {}).get("baseImageTrigger") or {}
    enabled = "Enabled" == task.properties["status"] == trigger.get("status", "Enabled")
    if not trigger or not enabled:
        return set()
    kinds = ("RunTime", "BuildTime") if trigger["baseImageTriggerType"] == "All" else ("RunTime",)
    return {
        each["digest"]
        for each in task.dependencies
        if (each["registry"], each["repository"], each["tag"]) == image and each["type"] in kinds
    }


def _number(text: str, name: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise invalid(f"{name}: expected a number, found {text[:40]!r}")
    return int(text)
