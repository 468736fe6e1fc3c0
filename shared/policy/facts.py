"""Everything known about one candidate when it is looked at: the input of every decision."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from shared.catalog import Image, Requirement
from shared.oci.digest import Digest
from shared.oci.platform import Platform
from shared.operators import Ruling
from shared.policy.waiving import Excuse
from shared.reports.findings import Report


@dataclass(frozen=True, slots=True)
class Span:
    """While a digest was what an upstream tag pointed at, by our own watching; None: it still is."""

    digest: Digest
    start: datetime
    end: datetime | None = None


@dataclass(frozen=True, slots=True)
class Watched:
    """A watched tag and the digests upstream gave it, oldest first.

    `same` are digests of other indexes that hold the current one's required platforms, byte for byte; `required`
    names the platforms that were compared, so that another list of them is noticed.
    """

    tag: str
    spans: tuple[Span, ...] = ()
    same: tuple[Digest, ...] = ()
    required: str = ""

    @property
    def current(self) -> Digest | None:
        """Upstream's digest of the tag now, if it has been seen."""
        return self.spans[-1].digest if self.spans and self.spans[-1].end is None else None

    def span(self, digest: Digest) -> Span | None:
        """Return the last time the digest was upstream's."""
        return next((span for span in reversed(self.spans) if span.digest == digest), None)

    def later(self, digest: Digest, other: Digest) -> bool:
        """Tell whether `digest` was upstream's later than `other`; order, not clocks, says so."""
        order = [span.digest for span in reversed(self.spans) if span.digest in (digest, other)]
        return other in order and order[0] == digest != other


@dataclass(frozen=True, slots=True)
class Staged:
    """What staging holds of the candidate; `first_seen` is ACR's own clock."""

    media_type: str
    first_seen: datetime
    platforms: Mapping[Platform, Digest] = field(default_factory=dict)


class Progress(Enum):
    """How far a run is."""

    NONE = "none"
    UNDERWAY = "underway"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Foreign:
    """A report that somebody else attached; it can only add findings. `error` says why it cannot be read."""

    digest: Digest
    report: Report | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class Scan:
    """The newest scan of one platform; a report only if it is the one its own run's log names.

    `attempt` is its number, `failures` how many attempts have come to nothing since the last report, `recent` how
    many attempts there were within a day: what is held for months is scanned often, and that is no loop.
    """

    platform: Platform
    digest: Digest
    progress: Progress = Progress.NONE
    attempt: int = 0
    run_id: str = ""
    report: Report | None = None
    report_digest: Digest | None = None
    error: str = ""
    failures: int = 0
    recent: int = 0
    foreign: tuple[Foreign, ...] = ()


@dataclass(frozen=True, slots=True)
class Promoted:
    """What base holds under some of the candidate's tags, and its own scans, to compare with.

    `staged` is staging's copy of it, which is what can be scanned; `lost` says why there will be none.
    """

    digest: Digest
    tags: tuple[str, ...]
    staged: Staged | None = None
    scans: tuple[Scan, ...] = ()
    lost: str = ""


@dataclass(frozen=True, slots=True)
class Tested:
    """The newest test of one platform; `passed` is None until its run gave a verdict."""

    platform: Platform
    digest: Digest
    progress: Progress = Progress.NONE
    attempt: int = 0
    run_id: str = ""
    passed: bool | None = None
    result_digest: Digest | None = None
    error: str = ""

    __test__ = False  # pytest: a fact, not a test


@dataclass(frozen=True, slots=True)
class Facts:
    """One candidate and its surroundings.

    `base` is what each watched tag points at in the base registry; `decided` tells whether the
    base registry holds a decision about this very digest. `called` is the media type by which upstream
    called it, "" if that is not known. `promoted` is there when the gate compares: one for each other digest
    that base holds under its tags. `excuses` are those of this image and digest, in force or not;
    `proven` is what runs of ours have made or checked. `adopted` are tags of base under which others had promoted it.
    `unreadable` says why nobody can read what staging holds; `staged` is None then, and while it is `arriving`
    there from base.
    """

    image: Image
    digest: Digest
    watched: tuple[Watched, ...]
    staged: Staged | None = None
    scans: tuple[Scan, ...] = ()
    test: Tested | None = None
    base: Mapping[str, Digest | None] = field(default_factory=dict)
    decided: bool = False
    called: str = ""
    promoted: tuple[Promoted, ...] = ()
    excuses: tuple[Excuse, ...] = ()
    rulings: tuple[Ruling, ...] = ()
    proven: frozenset[Requirement] = frozenset()
    adopted: frozenset[str] = frozenset()
    unreadable: str = ""
    arriving: bool = False
