"""What can be done about a candidate, and the states that leaves it in."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from shared.oci.digest import Digest
from shared.oci.platform import Platform


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
    """Start the scan run of one platform."""

    platform: Platform
    digest: Digest
    attempt: int


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


type Action = Import | StartScan | StartTest | Wait | Hold | Promote | Rest


@dataclass(frozen=True, slots=True)
class Decision:
    """Exactly one action, the state it leaves the candidate in, and why."""

    action: Action
    state: State
    reasons: tuple[str, ...]
