"""Upstreams and imports in memory, with verbs to change them."""

import dataclasses
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

from shared.catalog import Upstream
from shared.errors import Permanent
from shared.oci.digest import Digest
from shared.oci.manifest import Descriptor, Manifest
from shared.oci.reference import Repository
from shared.values import ImportState, ImportStatus, Listed, Resolved, Unresolved, Usage
from tests.fake_registries import FakeRegistries


class FakeUpstreams:
    """Upstreams, with the content an import would copy."""

    def __init__(self) -> None:
        self.content = FakeRegistries()
        self.limits: dict[str, Usage] = {}
        self.visits: list[tuple[dict[str, Upstream], FakeVisit]] = []
        self.unlisted: dict[Repository, str] = {}  # whose list of tags cannot be had, and why
        self.unasked: set[Repository] = set()  # there is no time left for them
        self._broken: dict[str, str] = {}

    def set(
        self,
        repository: Repository,
        tag: str,
        content: str = "white",
        platforms: Sequence[str] = ("linux/amd64",),
    ) -> Digest:
        """Let the tag point at an index with this content."""
        return self.content.push_index(repository, tag, content=content, platforms=platforms)

    def remove(self, repository: Repository, tag: str) -> None:
        """Take the tag away."""
        self.content.delete(repository, tag)

    def break_(self, registry: str, reason: str = "HTTP 503") -> None:
        """Let a registry refuse every question; "" mends it."""
        self._broken[registry] = reason

    def limit(self, registry: str, usage: Usage) -> None:
        """Let a registry say this about its limits."""
        self.limits[registry] = usage

    def visit(
        self, upstreams: Mapping[str, Upstream], *, seconds: float
    ) -> AbstractAsyncContextManager["FakeVisit"]:
        return self._visit(dict(upstreams))

    @asynccontextmanager
    async def _visit(self, upstreams: dict[str, Upstream]) -> AsyncIterator["FakeVisit"]:
        visit = FakeVisit(self)
        self.visits.append((upstreams, visit))
        yield visit

    def refusal(self, repository: Repository) -> str:
        """Return why the registry answers nothing, or "" if it does."""
        return self._broken.get(repository.registry, "")


class FakeVisit:
    """Visit: answers from the content, and counts."""

    def __init__(self, upstreams: FakeUpstreams) -> None:
        self._upstreams = upstreams
        self.requests: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()
        self.asked: list[tuple[Repository, str]] = []

    async def resolve(
        self, tags: Iterable[tuple[Repository, str]]
    ) -> Mapping[tuple[Repository, str], Resolved | Unresolved]:
        return {each: self._resolve(*each) for each in tags}

    async def tags(
        self, repository: Repository, keep: Callable[[str], bool]
    ) -> Listed | Unresolved | None:
        self.requests[repository.registry] += 1
        if reason := self._refused(repository) or self._upstreams.unlisted.get(repository):
            return Unresolved(f"{repository}: {reason}")
        names = [entry.name for entry in self._upstreams.content.tags(repository)]
        return Listed(tuple(filter(keep, names)), len(names)) if names else None

    async def manifests(
        self, digests: Iterable[tuple[Repository, Digest]]
    ) -> Mapping[tuple[Repository, Digest], Manifest | Unresolved]:
        return {each: self._manifest(*each) for each in digests}

    async def referrers(self, repository: Repository, digest: Digest) -> tuple[Descriptor, ...]:
        return self._upstreams.content.referrers(repository, digest)

    def usage(self) -> Mapping[str, Usage]:
        return {registry: self._used(registry) for registry in self.requests}

    def _used(self, registry: str) -> Usage:
        count, failed = self.requests[registry], self.failed[registry]
        said = self._upstreams.limits.get(registry, Usage())
        return dataclasses.replace(said, requests=count, failed=failed, answered=count - failed)

    def _refused(self, repository: Repository) -> str:
        reason = self._upstreams.refusal(repository)
        self.failed[repository.registry] += bool(reason)
        return reason

    def _resolve(self, repository: Repository, tag: str) -> Resolved | Unresolved:
        if repository in self._upstreams.unasked:
            return Unresolved(f"{repository}: no time left", reached=False)
        self.asked.append((repository, tag))
        self.requests[repository.registry] += 1
        if reason := self._refused(repository):
            return Unresolved(f"{repository.tagged(tag)}: {reason}")
        return Resolved(self._upstreams.content.head(repository, tag))

    def _manifest(self, repository: Repository, digest: Digest) -> Manifest | Unresolved:
        self.requests[repository.registry] += 1
        found = self._upstreams.content.manifest(repository, digest)
        return found or Unresolved(f"{repository.at(digest)}: HTTP 404")


@dataclass(frozen=True)
class _Import:
    source: Repository
    digest: Digest
    target: Repository
    tags: tuple[str, ...]
    upstream: Upstream | None = None


class FakeImports:
    """Imports that copy when they are asked about."""

    def __init__(self, upstreams: FakeUpstreams, registries: FakeRegistries) -> None:
        self.started: dict[str, _Import] = {}
        self.running = 0
        self.eager = False  # the copy is there before anyone asks how far it is
        self._upstreams, self._registries = upstreams, registries
        self._failures: list[str] = []
        self._ended: dict[str, ImportStatus] = {}

    def fail_next(self, text: str) -> None:
        """Let the next import fail with this text."""
        self._failures.append(text)

    def start(
        self,
        *,
        source: Repository,
        digest: Digest,
        target: Repository,
        tags: tuple[str, ...],
        upstream: Upstream | None = None,
    ) -> str:
        operation = f"https://arm/operations/{len(self.started) + 1}"
        self.started[operation] = _Import(source, digest, target, tags, upstream)
        if self.eager:
            self._ended[operation] = self._finish(self.started[operation])
        return operation

    def poll(self, operation: str) -> ImportStatus:
        """Finish it; while `running` is more than 0, count that down instead."""
        if self.running:
            self.running -= 1
            return ImportStatus(ImportState.RUNNING)
        if operation not in self._ended:
            self._ended[operation] = self._finish(self.started[operation])
        return self._ended[operation]

    def _finish(self, each: _Import) -> ImportStatus:
        if self._failures:
            return ImportStatus(ImportState.FAILED, self._failures.pop(0))
        ours = self._registries.head(each.source, each.digest) is not None
        source = self._registries if ours else self._upstreams.content
        try:
            self._registries.copy(source, each.source, each.digest, each.target, each.tags)
        except Permanent as error:
            return ImportStatus(ImportState.FAILED, str(error))
        return ImportStatus(ImportState.SUCCEEDED)
