"""The values in which the core, the ports and the adapters speak with each other."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from shared.oci.digest import Digest
from shared.oci.manifest import Descriptor
from shared.oci.platform import Platform
from shared.oci.reference import Repository


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


@dataclass(frozen=True, slots=True)
class Layer:
    """One blob of an artifact that Breakwater writes, with the annotations of its descriptor."""

    media_type: str
    content: bytes = field(repr=False)
    annotations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Resolved:
    """What an upstream tag points at now; None when the upstream has no such tag."""

    descriptor: Descriptor | None


@dataclass(frozen=True, slots=True)
class Unresolved:
    """Why an upstream could not answer, as one sentence.

    `reached` is False when it was not asked at all: no time was left, or its registry is paused.
    """

    reason: str
    reached: bool = True


@dataclass(frozen=True, slots=True)
class Listed:
    """The tags of an upstream repository that were asked for, and how many it has in all."""

    kept: tuple[str, ...]
    count: int


@dataclass(frozen=True, slots=True)
class Usage:
    """What one visit cost one upstream registry, and what it said about its limits.

    `requests` counts those to the registry, `tokens` those to its token service. `remaining` of `limit` pulls
    are left by its own headers (None: it names none). Until `paused_until` it wants no requests, because of `reason`.
    """

    requests: int = 0
    tokens: int = 0
    answered: int = 0
    failed: int = 0
    remaining: int | None = None
    limit: int | None = None
    paused_until: datetime | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Credential:
    """A user of an upstream registry."""

    username: str
    password: str = field(repr=False)


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
    finished: datetime | None = None
    updated: tuple[tuple[Repository, str, Digest], ...] = ()


@dataclass(frozen=True, slots=True)
class Log:
    """The end of a run's log; `whole` tells whether nothing more will come."""

    text: str = ""
    whole: bool = False


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
