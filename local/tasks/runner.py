"""One task run from its YAML to its result, step by step, everything it does told to a log."""

import asyncio
import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from local.tasks.dependencies import Dependency, OutputImage, dumps, recorded, summary
from local.tasks.engine import Agent, Engine, Equipment, Log, agent
from local.tasks.steps import build_command_line, command_line, predecessors
from local.tasks.taskfile import Step, TaskError, load
from shared.errors import Misconfigured

_PUSH_RETRIES = 3  # acr-builder builder/push.go
_RECORD = {"BREAKWATER_RECORD": "1"}


@dataclass(frozen=True)
class RunSpec:
    """One run, as ARM scheduled it. `docker_config` is all the run may log in with."""

    run_id: str
    registry: str  # login server
    registry_name: str
    task_name: str
    yaml: str
    values: Mapping[str, str] = field(default_factory=dict)
    context: Path | None = None  # an unpacked folder; it becomes the workspace
    docker_config: Mapping[str, Any] = field(default_factory=lambda: {"auths": {}})
    timeout: int = 3600  # seconds
    commit: str = ""
    repository: str = ""
    branch: str = ""
    git_tag: str = ""
    platform: str = "linux/amd64"
    triggered_by: str = ""


@dataclass(frozen=True)
class RunResult:
    """How a run ended: `status` in ACR's words (RunStatus), `error` as its runErrorMessage."""

    status: str  # Succeeded, Failed, Timeout, Canceled or Error
    error: str = ""
    output_images: tuple[OutputImage, ...] = ()
    dependencies: tuple[Dependency, ...] = ()


class StepFailed(Exception):
    """A step ended with an exit code, or ran out of time; the text names it."""


class Runner:
    """Runs tasks on this machine, each on an agent of its own."""

    def __init__(
        self,
        engine: Engine,
        ca_bundle: Path | None,
        tools: Path,
        work: Path,
        environment: Mapping[str, str],
        mirrors: Mapping[str, str] | None = None,
    ) -> None:
        """Keep what every run is given.

        Args:
            engine: from `probe.choose`.
            ca_bundle: the CAs that steps and engine trust, one PEM file.
            tools: the folder that holds `bin/docker`, `bin/trivy` and `bin/oras`.
            work: where runs get their folders; nothing of them stays.
            environment: given to the tool image's stand-ins; paths in it are shown to the agent.
            mirrors: registries that others play, like docker.io -> localhost:5001.

        """
        self._equipment = Equipment(
            engine, tools.resolve(), work.resolve(), ca_bundle, environment, mirrors or {}
        )

    async def run(self, spec: RunSpec, log: Log) -> RunResult:
        """Run a task to its end; the last line, `Run ID: … was successful`, is the caller's to write.

        Cancelling the calling asyncio task kills the run; once nothing of it is left, CancelledError is raised.
        """
        told = _Clocked(log)
        try:
            async with agent(
                self._equipment, spec.run_id, spec.docker_config, spec.context
            ) as machine:
                return await _timed(spec, machine, told)
        except Misconfigured as error:
            return RunResult("Error", str(error))


@dataclass(frozen=True)
class _Clocked:
    """A log that also takes acr-builder's own lines, which carry the time of day."""

    log: Log

    async def line(self, text: str) -> None:
        """Write one of the runner's own lines."""
        await self.log(f"{datetime.now(UTC):%Y/%m/%d %H:%M:%S} {text}")


async def _timed(spec: RunSpec, machine: Agent, told: _Clocked) -> RunResult:
    limit = asyncio.timeout(spec.timeout)
    try:
        async with limit:
            return await _perform(spec, machine, told)
    except TimeoutError:
        if not limit.expired():
            raise
        return RunResult("Timeout", f"failed during run, err: timed out after {spec.timeout}s")


async def _perform(spec: RunSpec, machine: Agent, told: _Clocked) -> RunResult:
    try:
        task = load(spec.yaml, _variables(spec, machine), spec.values)
        waits = predecessors(task.steps)
    except TaskError as error:
        return RunResult("Failed", f"failed to load the task: {error}")
    for registry in spec.docker_config.get("auths", {}):
        await told.line(f"Successfully logged into {registry}")
    graph = _Graph(machine, told, spec.registry, waits)
    try:
        await graph.run(task.steps)
    except StepFailed as error:
        for step in task.steps:
            await told.line(f"Step ID: {step.id} marked as {graph.state(step)}")
        return RunResult("Failed", f"failed during run, err: {error}")
    for step in task.steps:
        await told.line(f"Step ID: {step.id} marked as {graph.state(step)}")
    rows = await asyncio.to_thread(_rows, machine.out)
    if rows:
        await told.line("The following dependencies were found:")
        await told.log(dumps(rows))
    images, dependencies = summary(rows)
    return RunResult("Succeeded", "", images, dependencies)


class _Graph:
    """The steps of one run on their way: each starts once those it waits for have ended."""

    def __init__(
        self, machine: Agent, told: _Clocked, registry: str, waits: Mapping[str, frozenset[str]]
    ) -> None:
        self._machine = machine
        self._told = told
        self._registry = registry
        self._waits = waits
        self._ended = {name: asyncio.Event() for name in waits}
        self._states: dict[str, str] = {}

    def state(self, step: Step) -> str:
        """Return successful, failed or skipped."""
        return self._states.get(step.id, "skipped")

    async def run(self, steps: Sequence[Step]) -> None:
        """Run all steps; the first that fails ends the others. Raises StepFailed."""
        try:
            async with asyncio.TaskGroup() as group:
                for step in steps:
                    group.create_task(self._in_turn(step))
        except* StepFailed as failures:
            first = failures.exceptions[0]
            raise first from None

    async def _in_turn(self, step: Step) -> None:
        for name in self._waits[step.id]:
            await self._ended[name].wait()
        self._states[step.id] = "failed"  # until it has not
        try:
            await self._step(step)
        except StepFailed as error:
            if not step.ignore_errors:
                message = f"failed to run step ID: {step.id}: {error}"
                raise StepFailed(message) from error
            await self._told.line(
                f"Step ID: {step.id} encountered an error: {error}, but is set to ignore errors. Continuing..."
            )
        self._states[step.id] = "successful"
        self._ended[step.id].set()

    async def _step(self, step: Step) -> None:
        await self._told.line(f"Executing step ID: {step.id}. Timeout(sec): {step.timeout}")
        await asyncio.sleep(step.start_delay)
        limit = asyncio.timeout(step.timeout)
        try:
            async with limit:
                if step.push:
                    await self._push(step)
                elif step.build:
                    await self._tries(step, build_command_line(step), step.retries, _RECORD)
                else:
                    line = command_line(step, self._machine.volume)
                    await self._tries(step, line, step.retries, {})
        except TimeoutError:
            if not limit.expired():
                raise
            message = f"timed out after {step.timeout}s"
            raise StepFailed(message) from None

    async def _push(self, step: Step) -> None:
        for image in dict.fromkeys(_at_registry(name, self._registry) for name in step.push):
            await self._told.line(f"Pushing image: {image}")
            line = shlex.join(["docker", "push", image])
            await self._tries(step, line, _PUSH_RETRIES, _RECORD)
            await self._told.line(f"Successfully pushed image: {image}")

    async def _tries(
        self, step: Step, line: str, retries: int, environment: Mapping[str, str]
    ) -> None:
        """Run the line until it succeeds, as often as it may. Raises StepFailed."""
        code = 0
        for attempt in range(retries + 1):
            await self._told.line(f"Launching container with name: {step.id}")
            code = await self._machine.shell(line, self._told.log, environment)
            if code == 0:
                await self._told.line(f"Successfully executed container: {step.id}")
                return
            await self._told.line(f"Container failed during run: {step.id}. Exit status: {code}")
            if attempt < retries:
                await self._told.line(f"Retrying in {step.retry_delay}s, {retries - attempt} left")
                await asyncio.sleep(step.retry_delay)
        message = f"exit status {code}"
        raise StepFailed(message)


def _at_registry(image: str, registry: str) -> str:
    """Put the home registry before an image name that has none (acr-builder, PrefixRegistryToImageName)."""
    head, slash, _ = image.partition("/")
    named = slash and ("." in head or ":" in head or head == "localhost")
    full = image if named else f"{registry}/{image}"
    return full if ":" in full.rpartition("/")[2] or "@" in full else f"{full}:latest"


def _variables(spec: RunSpec, machine: Agent) -> dict[str, str]:
    system, _, architecture = spec.platform.partition("/")
    return {
        "ID": spec.run_id,
        "Commit": spec.commit,
        "Repository": spec.repository,
        "Branch": spec.branch,
        "GitTag": spec.git_tag,
        "TriggeredBy": spec.triggered_by,
        "Registry": spec.registry,
        "RegistryName": spec.registry_name,
        "Date": f"{datetime.now(UTC):%Y%m%d-%H%M%Sz}",
        "SharedVolume": machine.volume,
        "OS": system,
        "OSVersion": "",
        "Architecture": architecture,
        "TaskName": spec.task_name,
    }


def _rows(out: Path) -> list[dict[str, Any]]:
    """Read what build and push steps wrote down."""
    file = out / "record.jsonl"
    if not file.exists():
        return []
    records = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    digests = {row["pushed"]: row["digest"] for row in records if "pushed" in row}
    return recorded([row for row in records if "tags" in row], digests)
