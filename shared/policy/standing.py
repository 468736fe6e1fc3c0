"""Where a digest stands with upstream: what its tag points at now, once did, or had withdrawn."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from shared.oci.digest import Digest
from shared.operators import Ruling
from shared.policy import sentences
from shared.policy.facts import Watched


class Standing(Enum):
    """May this digest be promoted under this tag, as far as upstream is concerned?"""

    CURRENT = "current"  # upstream's digest now
    HELD = "held"  # base already has it; it stays whatever upstream does
    DWELLED = "dwelled"  # was upstream's long enough, and is newer than what base holds
    RELEASED = "released"  # upstream replaced it too soon, and an operator released it all the same
    SUPERSEDED = "superseded"  # base holds something newer
    WITHDRAWN = "withdrawn"  # upstream replaced it too soon
    UNKNOWN = "unknown"  # never seen as upstream's digest of this tag


_ELIGIBLE = frozenset({Standing.CURRENT, Standing.HELD, Standing.DWELLED, Standing.RELEASED})


@dataclass(frozen=True, slots=True)
class TagStanding:
    """A standing, for one tag, with the sentence that explains it."""

    tag: str
    standing: Standing
    reason: str

    @property
    def eligible(self) -> bool:
        """Whether the digest may carry the tag."""
        return self.standing in _ELIGIBLE


def standing(
    watched: Watched,
    digest: Digest,
    base: Digest | None,
    dwell: timedelta,
    now: datetime,
    *,
    released: Ruling | None = None,
    adopted: bool = False,
) -> TagStanding:
    """Judge one tag. A digest upstream replaced within `dwell` was withdrawn for a reason (design §4).

    `released` is an operator's word that it may be promoted although upstream withdrew it. It says nothing about
    a withdrawal that came after it, about tags that were never upstream's for this digest, nor about those that
    base holds something newer under. What was `adopted` under the tag has had its time there once base's tag is
    another digest.
    """
    tag = watched.tag
    if watched.current == digest:
        return TagStanding(tag, Standing.CURRENT, f"upstream's {tag} is this digest")
    span = watched.span(digest)
    if base == digest:
        return TagStanding(tag, Standing.HELD, f"base's {tag} is this digest")
    if span is None and adopted and base is not None:
        reason = f"base's {tag} held it before Breakwater, and has moved on"
        return TagStanding(tag, Standing.SUPERSEDED, reason)
    if span is None:
        reason = f"this digest was never seen as upstream's {tag}"
        return TagStanding(tag, Standing.UNKNOWN, reason)
    if base is not None and watched.later(base, digest):
        return TagStanding(tag, Standing.SUPERSEDED, f"base's {tag} holds a newer digest")
    lasted = (span.end or now) - span.start
    if lasted >= dwell:
        reason = f"it was upstream's {tag} for {sentences.lasting(lasted)}"
        return TagStanding(tag, Standing.DWELLED, reason)
    reason = (
        f"upstream withdrew it: it was {tag} for {sentences.lasting(lasted)},"
        f" less than the dwell of {sentences.lasting(dwell)}"
    )
    if released is None:
        return TagStanding(tag, Standing.WITHDRAWN, reason)
    reason = f"{reason}; {released.by} released it on {released.at:%Y-%m-%d}"
    if span.end is not None and released.at < span.end:
        return TagStanding(tag, Standing.WITHDRAWN, f"{reason}, before that")
    said = f": {released.comment}" if released.comment else ""
    return TagStanding(tag, Standing.RELEASED, f"{reason}{said}")
