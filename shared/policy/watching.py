"""What a look at an upstream tag means for staging, and for the record of what was current when."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum

from shared.oci.digest import Digest
from shared.policy.facts import Span, Watched
from shared.ports import Resolved, Unresolved

_SPANS_KEPT = 20


class Change(Enum):
    """What to do about one watched tag."""

    IMPORT = "import"  # staging does not hold the digest
    RETAG = "retag"  # staging holds it, its tag points elsewhere
    UNCHANGED = "unchanged"
    GONE = "gone"  # upstream has no such tag (any more)
    UNREACHABLE = "unreachable"


@dataclass(frozen=True, slots=True)
class Observation:
    """The change, why, and the record to keep; `watched` is None when nothing was learnt."""

    tag: str
    change: Change
    reason: str
    digest: Digest | None = None
    watched: Watched | None = None


def observe(
    watched: Watched,
    seen: Resolved | Unresolved,
    staged: Digest | None,
    held: frozenset[Digest],
    now: datetime,
) -> Observation:
    """Compare upstream's digest of a tag with staging's.

    `staged` is staging's digest of that tag, `held` every digest staging holds: one that is there
    is never imported again, because its first-seen clock would restart (design §4).
    """
    tag = watched.tag
    if isinstance(seen, Unresolved):
        return Observation(tag, Change.UNREACHABLE, seen.reason)
    if seen.descriptor is None:
        record = replace(watched, spans=_ended(watched.spans, now))
        return Observation(tag, Change.GONE, "upstream has no such tag", watched=record)
    digest = seen.descriptor.digest
    record = Watched(tag, _with_current(watched.spans, digest, now))
    if staged == digest:
        return Observation(tag, Change.UNCHANGED, "staging holds it", digest, record)
    if digest in held:
        return Observation(tag, Change.RETAG, "staging holds it under another tag", digest, record)
    was = "nothing" if staged is None else f"{staged.short}…"
    reason = f"upstream has {digest.short}…, staging {was}"
    return Observation(tag, Change.IMPORT, reason, digest, record)


def _with_current(spans: tuple[Span, ...], digest: Digest, now: datetime) -> tuple[Span, ...]:
    if spans and spans[-1].end is None and spans[-1].digest == digest:
        return spans
    return (*_ended(spans, now), Span(digest, now))[-_SPANS_KEPT:]


def _ended(spans: tuple[Span, ...], now: datetime) -> tuple[Span, ...]:
    if spans and spans[-1].end is None:
        return (*spans[:-1], replace(spans[-1], end=now))
    return spans
