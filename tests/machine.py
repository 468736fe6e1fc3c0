"""The whole app on fakes: messages pumped through its handlers, runs that end, deaths on demand."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import Any

from handlers import (
    advance_candidate,
    due,
    import_image,
    on_base_push,
    on_staging_push,
    rebuild_app,
    sweep,
    watch_images,
    watch_upstreams,
)
from shared.oci import media_types
from shared.oci.digest import Digest
from shared.oci.reference import Repository
from shared.reports.findings import Finding
from shared.services import Services
from shared.values import RunState, ScanRequest, TestRequest
from tests import builders
from tests.fakes import World, world

CATALOG = """\
staging: contosostaging.azurecr.io
base: contosobase.azurecr.io/base
apps: [contosoapps.azurecr.io]
defaults:
  platforms: [linux/amd64, linux/arm64]
  gate: { scan: trivy, block: high, age: 0h, dwell: 12h }
  watch: { settle: 0m }
images:
  - source: docker.io/library/node
    tags: [9-alpine]
    test: { script: image-tests/node.sh }
"""
UPSTREAM = Repository("docker.io", "library/node")
STAGING = Repository("contosostaging.azurecr.io", "node")
BASE = Repository("contosobase.azurecr.io", "base/node")
APPS = "contosoapps.azurecr.io"
PLATFORMS = ("linux/amd64", "linux/arm64")
TAG = "9-alpine"


class Died(BaseException):
    """The process is gone: not an Exception, so that no handler can catch it."""


@dataclass
class Mortal:
    """A port whose nth call over all ports is the last: before its effect, or just after."""

    port: Any
    life: "Life"

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.port, name)
        if not callable(method):
            return method

        def call(*args: Any, **named: Any) -> Any:
            self.life.spend(f"{type(self.port).__name__}.{name}", after=False)
            result = method(*args, **named)
            self.life.spend(f"{type(self.port).__name__}.{name}", after=True)
            return result

        return call


@dataclass
class Life:
    """Counts calls; dies at one of them."""

    ends_at: int | None = None
    after: bool = False
    calls: int = 0

    def spend(self, name: str, *, after: bool) -> None:
        if after is not self.after:
            return
        self.calls += 1
        if self.calls == self.ends_at:
            self.ends_at = None
            raise Died(name)


_MORTAL = ("data_plane", "imports", "tasks", "queues", "ledger", "journal", "slots", "rulings")


@dataclass
class Machine:
    """The app and its world; `findings` and `failing` say how runs end.

    `database` is what the scanner knows by; None: the newest one of an hour that six divides, as Trivy's.
    """

    world: World = field(
        default_factory=lambda: world(CATALOG, {"image-tests/node.sh": b"exit 0\n"})
    )
    findings: dict[Digest, Iterable[Finding]] = field(default_factory=dict)
    failing: set[Digest] = field(default_factory=set)
    database: datetime | None = None
    life: Life = field(default_factory=Life)
    deaths: list[str] = field(default_factory=list)

    @property
    def services(self) -> Services:
        plain = self.world.services
        mortal: dict[str, Any] = {name: Mortal(getattr(plain, name), self.life) for name in _MORTAL}
        return replace(plain, **mortal)

    def upstream(self, content: str, platforms: Iterable[str] = PLATFORMS) -> Digest:
        """Let upstream's tag move."""
        return self.world.upstreams.set(UPSTREAM, TAG, content, tuple(platforms))

    def app(self, name: str, digest: Digest) -> None:
        """Let an app have been built on a digest of the base tag."""
        self.world.tasks.add(builders.a_task(APPS, name))
        self.world.tasks.built_on(APPS, name, BASE, TAG, digest)

    def watch(self) -> None:
        self._alive(lambda: watch_upstreams.handle(self.services))

    def sweep(self) -> None:
        self._alive(lambda: sweep.handle(self.services))

    def due(self) -> None:
        self._alive(lambda: due.handle(self.services))

    def event(self, registry: str, data: dict[str, Any]) -> None:
        handler = on_staging_push if registry == "staging" else on_base_push
        self._alive(lambda: handler.handle(self.services, data))

    def settle(self, rounds: int = 200) -> None:
        """Pump until nothing is left: deliver messages, end runs, let time pass."""
        for _ in range(rounds):
            messages = self.world.queues.take()
            for message in messages:
                self._deliver(message.queue, message.text)
            self._end_runs()
            if not messages and not self.world.queues.sent:
                return
            self.world.clock.advance(seconds=15)
        problem = f"did not settle: {self.world.queues.sent}"
        raise AssertionError(problem)

    def events(self, image: str = "node") -> list[str]:
        """Return the journal's events, oldest first."""
        return [entry.event for entry in self.world.journal.entries if entry.image == image]

    def state(self, digest: Digest, image: str = "node") -> str:
        """Return the candidate's state in the ledger."""
        return str(self._row(digest, image)["state"])

    def reasons(self, digest: Digest, image: str = "node") -> list[str]:
        return list(json.loads(self._row(digest, image)["reasons"]))

    def _row(self, digest: Digest, image: str) -> dict[str, Any]:
        for row in self.world.ledger.all("state"):
            if row.values["digest"] == str(digest) and row.values["image"] == image:
                return dict(row.values)
        return {"state": "", "reasons": "[]"}

    def _deliver(self, queue: str, text: str) -> None:
        handlers: dict[str, Callable[[Services, str], None]] = {
            "watch": watch_images.handle,
            "imports": import_image.handle,
            "candidates": advance_candidate.handle,
            "rebuilds": rebuild_app.handle,
        }
        for _ in range(5):
            if self._alive(lambda: handlers[queue](self.services, text)):
                return
            # The message comes back once its visibility has run out, and so have the dead's claims.
            self.world.clock.advance(seconds=90)
        problem = f"poison: {queue} {text}"
        raise AssertionError(problem)

    def _alive(self, action: Callable[[], object]) -> bool:
        try:
            action()
        except Died as death:
            self.deaths.append(str(death))
            return False
        return True

    def _end_runs(self) -> None:
        tasks = self.world.tasks
        for run_id, request in tasks.requests.items():
            run = tasks.run(request.repository.registry, run_id)
            if run is not None and run.state is RunState.QUEUED:
                self._end(run_id, request)
        for registry, name, run_id in tasks.queued_apps():
            head = self.world.registries.head(BASE, TAG)
            assert head is not None
            tasks.finish(registry, run_id)
            tasks.built_on(registry, name, BASE, TAG, head.digest)

    def _end(self, run_id: str, request: ScanRequest | TestRequest) -> None:
        registry = request.repository.registry
        if isinstance(request, TestRequest):
            failed = request.digest in self.failing
            state = RunState.FAILED if failed else RunState.SUCCEEDED
            said = "BACKGROUND_COLOR is red" if failed else "fine"
            log = f"breakwater-test {request.digest}\ntest: {said}\n"
            self.world.tasks.finish(registry, run_id, state, log=log)
            return
        report = self.report(request)
        line = f"breakwater-report {report} {request.digest} {request.platform}\n"
        self.world.tasks.finish(registry, run_id, log=f"scanning\n{line}done\n")

    def report(self, request: ScanRequest) -> Digest:
        """Attach the report a scan run would."""
        registries = self.world.registries
        subject = registries.head(request.repository, request.digest)
        assert subject is not None
        found = self.findings.get(request.digest, ())
        now = self.world.clock.now()
        database = self.database or now.replace(hour=now.hour // 6 * 6, minute=0, second=0)
        scanner = {"Version": "0.69.0", "VulnerabilityDB": {"UpdatedAt": database.isoformat()}}
        return registries.attach(
            request.repository,
            subject,
            artifact_type=media_types.REPORT,
            media_type="application/json",
            content=builders.a_trivy_report(
                found, subject=request.digest, CreatedAt=now.isoformat(), Trivy=scanner
            ),
            annotations={"io.breakwater.candidate": request.candidate},
        )


def picture(machine: Machine) -> dict[str, Any]:
    """What is left when the story has ended: tags, locks, referrers' kinds; not how it came about."""
    registries = machine.world.registries
    seen: dict[str, Any] = {}
    for repository in (STAGING, BASE):
        tags = {each.name: (str(each.digest), each.locks) for each in registries.tags(repository)}
        seen[f"{repository} tags"] = tags
        kept = {}
        for entry in registries.manifests(repository):
            kinds = {each.artifact_type for each in registries.referrers(repository, entry.digest)}
            manifest = registries.manifest(repository, entry.digest)
            if manifest is not None and manifest.subject is None:
                kept[str(entry.digest)] = (entry.locks, tuple(sorted(kinds)))
        seen[f"{repository} manifests"] = kept
    seen["apps"] = {
        each.name: tuple(str(dependency.digest) for dependency in each.dependencies)
        for each in machine.world.tasks.list(APPS)
    }
    return seen


assert {each.name for each in fields(Services)} >= set(_MORTAL)
