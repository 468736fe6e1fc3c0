"""What can be done about a candidate, and the states that leaves it in."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from shared.oci.digest import Digest
from shared.oci.platform import Platform
from shared.operators import Ruling
from shared.policy.waiving import Excuse
from shared.reports.findings import Finding
from shared.severity import Severity


class State(Enum):
    """A candidate's place in its life (design §4)."""

    DETECTED = "detected"
    IMPORTING = "importing"
    STAGED = "staged"
    SCANNING = "scanning"
    TESTING = "testing"
    HELD = "held"
    PROMOTING = "promoting"
    PROMOTED = "promoted"
    SUPERSEDED = "superseded"
    REJECTED = "rejected"
    FAILED = "failed"


FINAL = frozenset({State.PROMOTED, State.SUPERSEDED, State.REJECTED, State.FAILED})


@dataclass(frozen=True, slots=True)
class Import:
    """Bring the digest into staging, for this tag."""

    tag: str


@dataclass(frozen=True, slots=True)
class StartScan:
    """Start the scan run of one platform's manifest; `of` is the promoted digest it belongs to, None the candidate."""

    platform: Platform
    digest: Digest
    attempt: int
    of: Digest | None = None


@dataclass(frozen=True, slots=True)
class Stage:
    """Bring what base holds under these tags into staging, to be scanned for the comparison."""

    digest: Digest
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StartTest:
    """Start the test run of one platform."""

    platform: Platform
    digest: Digest
    attempt: int


@dataclass(frozen=True, slots=True)
class Wait:
    """Something is under way: look again soon."""


@dataclass(frozen=True, slots=True)
class Hold:
    """Look again then; None: only a change from outside can help."""

    until: datetime | None


@dataclass(frozen=True, slots=True)
class Promote:
    """Bring base to hold the digest under these stable tags."""

    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rest:
    """Nothing is left to do."""


type Action = Import | Stage | StartScan | StartTest | Wait | Hold | Promote | Rest


@dataclass(frozen=True, slots=True)
class Delta:
    """How a candidate's findings differ from a promoted digest's, on one platform; counts by severity."""

    promoted: Digest
    platform: Platform
    added: Mapping[Severity, int] = field(default_factory=dict)
    removed: Mapping[Severity, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Excused:
    """A finding that would have blocked, and what excused it."""

    platform: Platform
    finding: Finding
    excuse: Excuse


@dataclass(frozen=True, slots=True)
class Grounds:
    """What a verdict rests on besides its reasons.

    `unexamined` are platforms that come along with the image and were not asked for; `hastened` says that a fix
    did not have to age. `overridden` is what an override stood in for; `moving` says of each tag that base does not
    hold it under yet why it may be moved, as far as upstream is concerned.
    """

    excused: tuple[Excused, ...] = ()
    deltas: tuple[Delta, ...] = ()
    approval: Ruling | None = None
    unexamined: tuple[Platform, ...] = ()
    hastened: bool = False
    overridden: tuple[str, ...] = ()
    moving: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Enforced:
    """What `mode: enforce` would have said where `mode: observe` promoted."""

    state: State
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Decision:
    """Exactly one action, the state it leaves the candidate in, and why.

    `rule` names the rule that answered, `remedies` are sentences that say what would change the answer.
    """

    action: Action
    state: State
    reasons: tuple[str, ...]
    rule: str = ""
    remedies: tuple[str, ...] = ()
    grounds: Grounds = Grounds()
    enforced: Enforced | None = None
