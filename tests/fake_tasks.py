"""ACR Tasks in memory: runs end when told."""

import dataclasses
import itertools

from shared.azure import task_values
from shared.errors import Misconfigured
from shared.oci.digest import Digest
from shared.oci.reference import Repository
from shared.values import Dependency, Log, Run, RunState, ScanRequest, Task, TestRequest
from tests.fake_clock import FakeClock


class FakeTasks:
    """Tasks whose runs end when told."""

    def __init__(self, clock: FakeClock | None = None) -> None:
        self.requests: dict[str, ScanRequest | TestRequest] = {}
        self.uploads: dict[str, bytes] = {}
        self._clock = clock or FakeClock()
        self._tasks: dict[tuple[str, str], Task] = {}
        self._runs: dict[tuple[str, str], Run] = {}
        self._of: dict[tuple[str, str], list[str]] = {}
        self._logs: dict[str, str] = {}
        self.behind: set[str] = set()  # runs whose log is not whole yet

    # verbs

    def add(self, task: Task) -> None:
        """Add an app's task, or change it."""
        self._tasks[task.registry, task.name] = task

    def built_on(
        self, registry: str, name: str, repository: Repository, tag: str, digest: Digest
    ) -> None:
        """Let the task's last build have had this base image."""
        task = self._tasks[registry, name]
        self.add(dataclasses.replace(task, dependencies=(Dependency(repository, tag, digest),)))

    def finish(
        self,
        registry: str,
        run_id: str,
        state: RunState = RunState.SUCCEEDED,
        *,
        log: str = "",
        error: str = "",
    ) -> None:
        """Let a run change its state (to its end, usually)."""
        run = self._runs[registry, run_id]
        word = "Started" if state is RunState.RUNNING else state.value.capitalize()
        self._runs[registry, run_id] = dataclasses.replace(
            run,
            state=state,
            status=word,
            error=error,
            finished=None if state is RunState.RUNNING else self._clock.now(),
        )
        self._logs[run_id] = log

    def triggered(
        self, registry: str, name: str, updated: tuple[tuple[Repository, str, Digest], ...]
    ) -> str:
        """Let ACR's own base-image trigger start a run."""
        return self._started(registry, name, updated)

    def queued_apps(self) -> tuple[tuple[str, str, str], ...]:
        """Return the queued runs of apps' tasks: registry, task, run."""
        return tuple(
            (registry, name, run_id)
            for (registry, name), runs in self._of.items()
            if (registry, name) in self._tasks
            for run_id in runs
            if self._runs[registry, run_id].state is RunState.QUEUED
        )

    # Tasks

    def start(self, request: ScanRequest | TestRequest) -> str:
        task_values.run_request("/fake", request)
        kind = "breakwater-scan" if isinstance(request, ScanRequest) else "breakwater-test"
        run_id = self._started(request.repository.registry, kind)
        self.requests[run_id] = request
        return run_id

    def run(self, registry: str, run_id: str) -> Run | None:
        return self._runs.get((registry, run_id))

    def log(self, registry: str, run_id: str) -> Log:
        if run_id not in self._logs:
            return Log()
        return Log(self._logs[run_id], whole=run_id not in self.behind)

    def upload(self, registry: str, archive: bytes) -> str:
        path = f"tasks-source/{len(self.uploads) + 1}.tar.gz"
        self.uploads[path] = archive
        return path

    def list(self, registry: str) -> tuple[Task, ...]:
        return tuple(each for each in self._tasks.values() if each.registry == registry)

    def get(self, registry: str, name: str) -> Task | None:
        return self._tasks.get((registry, name))

    def recent_runs(self, registry: str, name: str) -> tuple[Run, ...]:
        newest = reversed(self._of.get((registry, name), []))
        return tuple(self._runs[registry, run_id] for run_id in itertools.islice(newest, 20))

    def rebuild(self, registry: str, name: str) -> str:
        if (registry, name) not in self._tasks:
            message = f"task {name} does not exist in {registry}; deploy creates it"
            raise Misconfigured(message)
        return self._started(registry, name)

    def _started(
        self,
        registry: str,
        name: str,
        updated: tuple[tuple[Repository, str, Digest], ...] = (),
    ) -> str:
        run_id = f"r{len(self._runs) + 1}"
        self._runs[registry, run_id] = Run(
            run_id, RunState.QUEUED, "Queued", created=self._clock.now(), updated=updated
        )
        self._of.setdefault((registry, name), []).append(run_id)
        return run_id
