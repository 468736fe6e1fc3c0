"""What Breakwater needs of the world: small protocols, speaking in the values of shared.values."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from typing import Protocol

from shared.catalog import Upstream
from shared.oci.digest import Digest
from shared.oci.manifest import Descriptor, Manifest
from shared.oci.reference import Repository
from shared.values import (
    Entry,
    ImportStatus,
    Layer,
    Listed,
    Locks,
    Log,
    ManifestEntry,
    Resolved,
    Row,
    Run,
    ScanRequest,
    TagEntry,
    Task,
    TestRequest,
    Unresolved,
    Usage,
)

# Every method of every port may raise shared.errors.Transient (retry), Permanent (never will) or
# Misconfigured (a role, a setting); "not there" is a value, never an error.


class Clock(Protocol):
    """Owns the time."""

    def now(self) -> datetime:
        """Return the time, in UTC."""
        ...


class DataPlane(Protocol):
    """The data plane of the registries we own: OCI distribution 1.1 and ACR's /acr/v1."""

    def head(self, repository: Repository, reference: str | Digest) -> Descriptor | None:
        """Resolve a tag or digest without reading the manifest."""
        ...

    def manifest(self, repository: Repository, reference: str | Digest) -> Manifest | None:
        """Read a manifest; its bytes are checked against the digest."""
        ...

    def blob(self, repository: Repository, digest: Digest, limit: int) -> bytes:
        """Read a blob of at most `limit` bytes, checked. Raises Permanent when larger or absent."""
        ...

    def put_manifest(
        self, repository: Repository, reference: str | Digest, manifest: Manifest
    ) -> None:
        """Write these very bytes under a tag or their digest."""
        ...

    def attach(
        self,
        repository: Repository,
        subject: Descriptor,
        *,
        artifact_type: str,
        media_type: str,
        content: bytes,
        annotations: Mapping[str, str],
    ) -> Digest:
        """Attach one blob to the subject as a referrer; return the new manifest's digest."""
        ...

    def attach_layers(
        self,
        repository: Repository,
        subject: Descriptor,
        *,
        artifact_type: str,
        layers: Sequence[Layer],
        annotations: Mapping[str, str],
    ) -> Digest:
        """Attach several blobs as one referrer, in this order; return the new manifest's digest."""
        ...

    def referrers(self, repository: Repository, digest: Digest) -> tuple[Descriptor, ...]:
        """List what refers to the digest; a scarce read (250 a minute on Standard)."""
        ...

    def tag(self, repository: Repository, tag: str) -> TagEntry | None:
        """Read one tag with its locks."""
        ...

    def tags(self, repository: Repository) -> Iterator[TagEntry]:
        """List the repository's tags with digests and locks, page by page; empty if there is none."""
        ...

    def manifest_entry(self, repository: Repository, digest: Digest) -> ManifestEntry | None:
        """Read one manifest's attributes."""
        ...

    def manifests(self, repository: Repository) -> Iterator[ManifestEntry]:
        """List the repository's manifests, page by page; empty if there is no such repository."""
        ...

    def lock(self, repository: Repository, reference: str | Digest, locks: Locks) -> None:
        """Set the locks of a tag (str) or a manifest (Digest)."""
        ...


class Visit(Protocol):
    """One visit to upstream registries: its calls share connections, tokens and each registry's limits."""

    async def resolve(
        self, tags: Iterable[tuple[Repository, str]]
    ) -> Mapping[tuple[Repository, str], Resolved | Unresolved]:
        """Resolve every tag by HEAD; one bad registry never stops the rest."""
        ...

    async def tags(
        self, repository: Repository, keep: Callable[[str], bool]
    ) -> Listed | Unresolved | None:
        """List the repository's tags page by page, keeping what `keep` says; None: there is no such repository.

        Anything but the whole list, to its last page, is Unresolved.
        """
        ...

    async def manifests(
        self, digests: Iterable[tuple[Repository, Digest]]
    ) -> Mapping[tuple[Repository, Digest], Manifest | Unresolved]:
        """Read manifests by digest, their bytes checked against it."""
        ...

    async def referrers(self, repository: Repository, digest: Digest) -> tuple[Descriptor, ...]:
        """List an upstream digest's referrers; empty where the registry has no such API.

        Raises Transient or Permanent when the registry gave no answer.
        """
        ...

    def usage(self) -> Mapping[str, Usage]:
        """Return, by registry, what was asked so far and what it said about its limits."""
        ...


class Upstreams(Protocol):
    """Registries we only read."""

    def visit(
        self, upstreams: Mapping[str, Upstream], *, seconds: float
    ) -> AbstractAsyncContextManager[Visit]:
        """Open a visit that answers within these many seconds; a registry not named gets the defaults.

        What it has no time for is Unresolved, and not reached. Raises Misconfigured when a credential that an
        upstream names is not in the settings.
        """
        ...


class Imports(Protocol):
    """ACR's importImage: started, then asked about."""

    def start(
        self,
        *,
        source: Repository,
        digest: Digest,
        target: Repository,
        tags: tuple[str, ...],
        upstream: Upstream | None = None,
    ) -> str:
        """Start copying `source@digest` into `target`; return the operation to poll later.

        `upstream` says how the source wants to be read: with whose credentials, or by which ARM id.
        With no tags the manifest alone is copied. A POST that starts things: never retried here.
        """
        ...

    def poll(self, operation: str) -> ImportStatus:
        """Ask once how far it is; the operation is what `start` returned, verbatim."""
        ...


class Tasks(Protocol):
    """ACR Tasks: the scan and test tasks in staging, and the tasks that build apps."""

    def start(self, request: ScanRequest | TestRequest) -> str:
        """Start a run and return its id. A POST that starts things: never retried here.

        Raises Permanent when a value does not match its pattern: it never reaches a run.
        """
        ...

    def run(self, registry: str, run_id: str) -> Run | None:
        """Read a run of the registry with this login server."""
        ...

    def log(self, registry: str, run_id: str) -> Log:
        """Read a run's log so far: whole lines, at most its last 256 KiB."""
        ...

    def upload(self, registry: str, archive: bytes) -> str:
        """Upload a context (tar.gz) and return the relative path that names it."""
        ...

    def list(self, registry: str) -> tuple[Task, ...]:
        """List the registry's tasks with the base images they were built on."""
        ...

    def get(self, registry: str, name: str) -> Task | None:
        """Read one task."""
        ...

    def recent_runs(self, registry: str, name: str) -> tuple[Run, ...]:
        """List a task's newest runs, newest first, at most 20."""
        ...

    def rebuild(self, registry: str, name: str) -> str:
        """Start a run of an app's task as it is; return the run's id. Never retried here."""
        ...


class Queues(Protocol):
    """The storage queues that carry the waiting."""

    def send(self, queue: str, message: str, *, delay: timedelta = timedelta()) -> None:
        """Send a message's JSON text; it becomes visible after the delay (at most 15 minutes)."""
        ...


class Ledger(Protocol):
    """What is in flight. Losing it costs repeated work, never a wrong verdict."""

    def insert(self, row: Row) -> bool:
        """Insert if absent; False means someone else is doing it."""
        ...

    def replace(self, row: Row) -> bool:
        """Replace the row if its version is still current; False means someone was faster."""
        ...

    def upsert(self, row: Row) -> None:
        """Write the row whatever is there."""
        ...

    def delete(self, subject: str, key: str) -> None:
        """Delete the row; gone already is fine."""
        ...

    def rows(self, subject: str) -> tuple[Row, ...]:
        """Read all rows of a subject."""
        ...

    def due(self, now: datetime) -> Iterator[Row]:
        """Read every row whose due time has come."""
        ...

    def all(self, key: str) -> Iterator[Row]:
        """Read the rows of this key of every subject."""
        ...


class Journal(Protocol):
    """History. An entry with an id that is there already is the same entry."""

    def add(self, entry: Entry) -> None:
        """Append."""
        ...

    def read(self, image: str = "") -> Iterable[Entry]:
        """Read an image's entries, or all, newest first."""
        ...


class Slots(Protocol):
    """Settable concurrency, kept in a table because every function scales by itself."""

    def take(self, kind: str, owner: str, *, limit: int, until: datetime) -> bool:
        """Take one of `limit` slots until then; True as well if the owner holds one already."""
        ...

    def free(self, kind: str, owner: str) -> None:
        """Give the owner's slot back; not holding one is fine."""
        ...


class Announcements(Protocol):
    """Breakwater's own events, for whoever wants to listen (an Event Grid custom topic)."""

    def publish(self, entry: Entry) -> None:
        """Publish; without a topic configured this does nothing."""
        ...


class CatalogSource(Protocol):
    """Where the catalog and the files it names come from."""

    def catalog(self) -> tuple[str, str]:
        """Return the catalog's place (for error texts) and its YAML text."""
        ...

    def file(self, path: str) -> bytes:
        """Read a file the catalog names, relative to it; never outside its folder. Raises Misconfigured."""
        ...
