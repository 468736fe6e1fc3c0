"""What Breakwater needs of the world: small protocols, and the values they speak in."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import Protocol

from shared.oci.digest import Digest
from shared.oci.manifest import Descriptor, Manifest
from shared.oci.platform import Platform
from shared.oci.reference import Repository

# Every method of every port may raise shared.errors.Transient (retry), Permanent (never will) or
# Misconfigured (a role, a setting); "not there" is a value, never an error.


@dataclass(frozen=True, slots=True)
class Locks:
    """ACR's changeable attributes; False forbids (ACR docs, container-registry-image-lock)."""

    write: bool = True
    delete: bool = True


@dataclass(frozen=True, slots=True)
class TagEntry:
    """A tag as the registry lists it."""

    name: str
    digest: Digest
    locks: Locks = Locks()


@dataclass(frozen=True, slots=True)
class ManifestEntry:
    """A manifest as the registry lists it; `first_seen` is the registry's own clock (UTC)."""

    digest: Digest
    media_type: str
    first_seen: datetime
    tags: tuple[str, ...] = ()
    locks: Locks = Locks()


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


@dataclass(frozen=True, slots=True)
class Resolved:
    """What an upstream tag points at now; None when the upstream has no such tag."""

    descriptor: Descriptor | None


@dataclass(frozen=True, slots=True)
class Unresolved:
    """Why an upstream tag could not be resolved, as one sentence."""

    reason: str


class Upstreams(Protocol):
    """Registries we only read, asked about many tags at once."""

    async def resolve(
        self, tags: Sequence[tuple[Repository, str]]
    ) -> Mapping[tuple[Repository, str], Resolved | Unresolved]:
        """Resolve every tag by HEAD; one bad registry never stops the rest."""
        ...

    async def referrers(self, repository: Repository, digest: Digest) -> tuple[Descriptor, ...]:
        """List an upstream digest's referrers; empty where the registry has no such API."""
        ...


class ImportState(Enum):
    """How far an import is."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ImportStatus:
    """An import's state, with the platform's own text if it failed."""

    state: ImportState
    error: str = ""


class Imports(Protocol):
    """ACR's importImage: started, then asked about."""

    def start(
        self, *, source: Repository, digest: Digest, target: Repository, tags: tuple[str, ...]
    ) -> str:
        """Start copying `source@digest` into `target`; return the operation to poll later.

        With no tags the manifest alone is copied. A POST that starts things: never retried here.
        """
        ...

    def poll(self, operation: str) -> ImportStatus:
        """Ask once how far it is; the operation is what `start` returned, verbatim."""
        ...


class RunState(Enum):
    """A run's state; ACR's Started counts as running, Error and Timeout as failed."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a task; `status` is ACR's own word, `updated` the images that triggered it."""

    id: str
    state: RunState
    status: str
    error: str = ""
    created: datetime | None = None
    updated: tuple[tuple[Repository, str, Digest], ...] = ()


@dataclass(frozen=True, slots=True)
class Dependency:
    """A base image a task was last built on: the tag in FROM, and the digest it had then."""

    repository: Repository
    tag: str
    digest: Digest | None


@dataclass(frozen=True, slots=True)
class Task:
    """An ACR task that builds an app."""

    registry: str
    name: str
    enabled: bool = True
    dependencies: tuple[Dependency, ...] = ()


@dataclass(frozen=True, slots=True)
class ScanRequest:
    """Scan one platform's manifest of a candidate."""

    repository: Repository
    digest: Digest
    platform: Platform
    candidate: str
    timeout: int


@dataclass(frozen=True, slots=True)
class TestRequest:
    """Test one platform's manifest of a candidate with an uploaded context."""

    repository: Repository
    digest: Digest
    platform: Platform
    candidate: str
    timeout: int
    context: str

    __test__ = False  # pytest: a request, not a test


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

    def log(self, registry: str, run_id: str) -> str:
        """Read a run's log so far, at most its last 256 KiB."""
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


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the ledger: what is in flight for a subject, as JSON-able values.

    `due` is when the subject must be looked at again; `version` is the table's ETag, "" when new.
    """

    subject: str
    key: str
    values: Mapping[str, str | int | float | bool] = field(default_factory=dict)
    due: datetime | None = None
    version: str = ""


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


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the journal: what was decided or done, and why."""

    at: datetime
    image: str
    digest: str
    event: str
    reasons: tuple[str, ...] = ()
    trace: str = ""
    id: str = ""


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
