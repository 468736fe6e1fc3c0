"""Runs: queued, executed at most two at a time, listed, followed, cancelled."""

import asyncio
import logging
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from azure.core.exceptions import ResourceNotFoundError

from local.acr.registry import Registry
from local.arm import contexts, logs
from local.arm.blobs import AppendBlob, Blobs
from local.arm.errors import ArmError
from local.arm.plans import Plan, read_values
from local.arm.tasks import Task
from local.tasks.runner import RunResult, RunSpec

_GRACE = 30  # seconds beyond a run's own timeout, in case the runner does not keep it
_ENDED = frozenset({"Succeeded", "Failed", "Canceled", "Error", "Timeout"})
_LOG = logging.getLogger(__name__)


class Runner(Protocol):
    """What executes a run; cancelling the call cancels the run."""

    async def run(self, spec: RunSpec, log: Callable[[str], Awaitable[None]]) -> RunResult:
        """Execute the run, writing its log line by line."""
        ...


@dataclass
class Run:
    """One run, from Queued to its end; times are UTC."""

    registry: Registry
    number: int
    kind: str  # RunType: QuickBuild, QuickRun, AutoBuild, AutoRun
    plan: Plan
    task: Task | None = None
    trigger: Mapping[str, Any] | None = None  # imageUpdateTrigger
    status: str = "Queued"
    error: str = ""
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    updated: datetime = field(default_factory=lambda: datetime.now(UTC))
    started: datetime | None = None
    finished: datetime | None = None
    images: tuple[Mapping[str, Any], ...] = ()
    archived: bool = False
    closing: bool = False  # its work is done, only its log is still being closed
    job: asyncio.Task[None] | None = None
    blob: AppendBlob | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def id(self) -> str:
        """A short id that counts up per registry: `cf1`."""
        letter = chr(ord("a") + sum(self.registry.name.encode()) % 26)
        return f"c{letter}{self.number}"

    @property
    def ended(self) -> bool:
        """Whether the status is final."""
        return self.status in _ENDED

    def become(self, status: str) -> None:
        """Change the status, with the times that belong to it."""
        self.status, self.updated = status, datetime.now(UTC)
        if status == "Running":
            self.started = self.updated
        if status in _ENDED:
            self.finished = self.updated


@dataclass
class Runs:
    """Every run of every registry. `slots` is how many may execute at once."""

    blobs: Blobs
    runner: Runner
    slots: int
    _runs: dict[str, list[Run]] = field(default_factory=dict)
    _free: asyncio.Semaphore = field(init=False)

    def __post_init__(self) -> None:
        self._free = asyncio.Semaphore(self.slots)

    def of(self, registry: Registry) -> list[Run]:
        """Return a registry's runs, newest first."""
        return self._runs.get(registry.name, [])[::-1]

    def find(self, registry: Registry, run_id: str) -> Run | None:
        """Return a run by its id, whatever its case."""
        return next((run for run in self.of(registry) if run.id == run_id.lower()), None)

    def start(
        self,
        registry: Registry,
        plan: Plan,
        docker_config: Mapping[str, Any],
        *,
        kind: str,
        task: Task | None = None,
        trigger: Mapping[str, Any] | None = None,
    ) -> Run:
        """Queue a run; it starts as soon as one of the slots is free."""
        earlier = self._runs.setdefault(registry.name, [])
        run = Run(registry, len(earlier) + 1, kind, plan, task, trigger)
        earlier.append(run)
        run.job = asyncio.create_task(self._execute(run, docker_config), name=f"run {run.id}")
        # A job cancelled before its first step never gets to say so itself.
        run.job.add_done_callback(lambda _: None if run.ended else run.become("Canceled"))
        return run

    def cancel(self, run: Run) -> None:
        """Cancel a run that has not ended."""
        if run.job is not None and not run.closing and not run.ended:
            run.job.cancel()

    async def log(self, run: Run) -> AppendBlob:
        """Return the run's log; it is made when the run starts, or when it is first asked for."""
        async with run.lock:
            if run.blob is None:
                run.blob = await self.blobs.put_append(
                    f"logs/{run.registry.name}/{run.id}/rawtext.log"
                )
            return run.blob

    async def close(self) -> None:
        """Cancel everything and wait until it has ended."""
        jobs = [run.job for runs in self._runs.values() for run in runs if run.job is not None]
        for runs in self._runs.values():
            for run in runs:
                self.cancel(run)
        await asyncio.gather(*jobs, return_exceptions=True)

    async def _execute(self, run: Run, docker_config: Mapping[str, Any]) -> None:
        try:
            async with self._free:
                run.become("Running")
                log = logs.RunLog(lambda: self.log(run))
                result = await self._attempt(run, docker_config, log)
                run.closing = True
                await self._finish(run, result, log)
        except asyncio.CancelledError:  # while it waited: nothing was started, there is no log
            run.become("Canceled")

    async def _attempt(
        self, run: Run, docker_config: Mapping[str, Any], log: logs.RunLog
    ) -> RunResult:
        try:
            await log.write(f"{datetime.now(UTC):%Y/%m/%d %H:%M:%S} Run {run.id} has an agent.")
            with tempfile.TemporaryDirectory(
                prefix="breakwater-context-", ignore_cleanup_errors=True
            ) as folder:
                spec = await self._spec(run, docker_config, Path(folder))
                async with asyncio.timeout(run.plan.timeout + _GRACE):
                    return await self.runner.run(spec, log.write)
        except asyncio.CancelledError:
            return _ended("Canceled", "the run was canceled")
        except TimeoutError:
            return _ended("Timeout", f"the run took longer than {run.plan.timeout} seconds")
        except (contexts.InvalidContext, ArmError) as error:
            return _ended("Failed", str(error))
        except Exception as error:  # noqa: BLE001 whatever the runner raises is this run's Error, as in Azure
            _LOG.warning("run %s: %s: %s", run.id, type(error).__name__, error)
            return _ended("Error", f"{type(error).__name__}: {error}")

    async def _spec(self, run: Run, docker_config: Mapping[str, Any], folder: Path) -> RunSpec:
        plan = run.plan
        context = None
        if plan.context:
            context = folder
            try:
                archive = await self.blobs.get(context_name(run.registry, plan.context))
            except (LookupError, ResourceNotFoundError) as error:
                message = f"failed to download context {plan.context}: nothing was uploaded there"
                raise contexts.InvalidContext(message) from error
            await asyncio.to_thread(contexts.unpack, archive, folder)
        text, values = plan.yaml, dict(plan.values)
        if plan.values_file:
            values = read_values(contexts.read(folder, plan.values_file)) | values
        if plan.file:
            text = contexts.read(folder, plan.file)
        return RunSpec(
            run_id=run.id,
            registry=run.registry.login_server,
            registry_name=run.registry.name,
            task_name=run.task.name if run.task else "",
            yaml=text,
            values=values,
            context=context,
            docker_config=docker_config,
            timeout=plan.timeout,
            platform=plan.platform,
            triggered_by="Image Update" if run.trigger else "Manual",
        )

    async def _finish(self, run: Run, result: RunResult, log: logs.RunLog) -> None:
        run.error = result.error
        if result.status == "Succeeded" and run.task is not None:
            run.task.built_on([_plain(each) for each in result.dependencies])
        run.images = tuple(_plain(each) for each in result.output_images)
        seconds = (datetime.now(UTC) - (run.started or run.created)).total_seconds()
        try:  # the log is complete before the status is final: who sees the end can read everything
            await log.write(logs.last_line(run.id, result.status, seconds, result.error))
            await log.finish(result.status)
        except Exception as error:  # noqa: BLE001 storage may be gone on shutdown; the run has ended all the same
            _LOG.warning("run %s: its log could not be finished: %s", run.id, error)
        run.become(result.status)


def context_name(registry: Registry, relative_path: str) -> str:
    """Return the blob that holds what was uploaded for this relative path."""
    return f"{registry.name}/{relative_path}"


def _ended(status: str, error: str) -> RunResult:
    return RunResult(status=status, error=error, output_images=(), dependencies=())


def _plain(each: object) -> dict[str, Any]:
    names = ("type", "registry", "repository", "tag", "digest")
    return {name: getattr(each, name) for name in names if hasattr(each, name)}
