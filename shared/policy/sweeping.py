"""Which candidates a sweep looks at again."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.oci.digest import Digest
from shared.oci.tags import unique_tag
from shared.policy.actions import State
from shared.policy.promotion import UNIQUE_TAG_LOCKS
from shared.values import TagEntry

# What sweeps leave alone unless a tag points at it.
SETTLED = frozenset({State.PROMOTED.value, State.SUPERSEDED.value, State.REJECTED.value})
_ROUTINE = timedelta(hours=24)  # between two looks at what is promoted and seems to be all right


@dataclass(frozen=True, slots=True)
class Known:
    """What the ledger and the tag pages say; `state` is "" for what no event ever mentioned.

    `drifted` is what `has_drifted` says; `looked` is when a sweep last asked for a look.
    """

    state: str
    since: datetime | None
    current: bool
    drifted: bool = False
    looked: datetime | None = None


def worth_a_look(known: Known, now: datetime, forgiven: timedelta) -> bool:
    """Tell whether to look: at what is undecided, and at what is current, whatever its state.

    What is current may have drifted, its gate may have changed, and upstream may have moved back to
    it. What failed gets new attempts after `forgiven`. What is promoted costs a look once a day, or
    when its tags in base are not as promotion left them: a look lists referrers, and ACR answers
    few such questions a minute.
    """
    if known.state == State.FAILED.value:
        return known.since is None or now >= known.since + forgiven
    if known.state == State.PROMOTED.value and known.current and not known.drifted:
        last = max((each for each in (known.since, known.looked) if each), default=None)
        return last is None or now >= last + _ROUTINE
    return known.current or known.state not in SETTLED


def has_drifted(digest: Digest, tags: Iterable[str], base: Mapping[str, TagEntry]) -> bool:
    """Tell whether any of these stable tags in base is not as promotion leaves it.

    A stable tag is the digest and cannot be deleted; its unique tag is the digest too, and can be
    neither written nor deleted. `base` has base's tags by name.
    """
    return any(
        not _is_kept(base.get(tag), digest)
        or not is_fixed(base.get(unique_tag(tag, digest)), digest)
        for tag in tags
    )


def _is_kept(entry: TagEntry | None, digest: Digest) -> bool:
    return entry is not None and entry.digest == digest and not entry.locks.delete


def is_fixed(entry: TagEntry | None, digest: Digest) -> bool:
    """Tell whether a unique tag is as it ought to be: this digest, neither writable nor deletable."""
    return entry is not None and entry.digest == digest and entry.locks == UNIQUE_TAG_LOCKS
