"""Operators: who may ask, what they may do, and what they said about a digest."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Protocol

from shared.oci.digest import Digest


class Role(Enum):
    """An app role of Breakwater in Entra; each may do whatever the one before it may."""

    READER = "Reader"
    APPROVER = "Approver"
    OPERATOR = "Operator"


@dataclass(frozen=True, slots=True)
class Operator:
    """Who sent a request, by a token that was checked; `id` is Entra's object id."""

    name: str
    id: str
    roles: frozenset[Role] = frozenset()

    def may(self, role: Role) -> bool:
        """Tell whether a role of theirs includes this one."""
        order = list(Role)
        return any(order.index(each) >= order.index(role) for each in self.roles)


@dataclass(frozen=True, slots=True)
class Stranger:
    """Nobody: the token is missing or worth nothing, and why."""

    reason: str


class RulingKind(Enum):
    """What an operator can say about a digest."""

    APPROVE = "approve"
    DENY = "deny"
    RELEASE = "release"  # although upstream withdrew it


@dataclass(frozen=True, slots=True)
class Ruling:
    """An operator's decision on one digest of one image: who, when, why.

    `override` says that the approval stands in for what is missing. `referrer` is the artifact that says so,
    attached to the digest in staging (None: staging did not hold the digest). Text may be anything a
    person typed, printable and bounded. `by` is a name, which may change hands; `by_id` Entra's object id.
    """

    image: str
    digest: Digest
    kind: RulingKind
    by: str
    at: datetime
    comment: str = ""
    override: bool = False
    referrer: Digest | None = None
    by_id: str = ""


class Rulings(Protocol):
    """What operators said: appended, never changed. Raises as every port does (shared.ports)."""

    def add(self, ruling: Ruling) -> Ruling:
        """Append, and return it; who says the same of the same digest again is answered with the first.

        A release at another time is another one: it is about the withdrawals until then.
        """
        ...

    def of(self, image: str, digest: Digest) -> tuple[Ruling, ...]:
        """Read what operators said about a digest, oldest first."""
        ...


class Operators(Protocol):
    """Bearer tokens, checked against the directory that issued them."""

    def identify(self, authorization: str) -> Operator | Stranger:
        """Return who sent this Authorization header.

        Raises Misconfigured when no directory is set up, Transient when its keys cannot be read.
        """
        ...
