"""What a look at an upstream tag means for staging, and for the record of what was current when."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum

from shared.catalog import Image
from shared.messages import BACKLOG
from shared.oci.digest import Digest
from shared.oci.platform import Platform
from shared.policy.facts import Span, Watched
from shared.values import Resolved, Unresolved

_SPANS_KEPT = 20
_SAME_KEPT = 20
_PATIENCE = 12  # times `settle`: a tag that moves for longer is imported as it is

type Platforms = Mapping[Platform, Digest]


class Change(Enum):
    """What to do about one watched tag."""

    IMPORT = "import"  # staging does not hold the digest
    RETAG = "retag"  # staging holds it, its tag points elsewhere
    UNCHANGED = "unchanged"
    EQUIVALENT = "equivalent"  # another index of the very platforms staging holds
    SETTLING = "settling"  # it moved a moment ago, and may move on
    GONE = "gone"  # upstream has no such tag (any more)
    UNREACHABLE = "unreachable"


@dataclass(frozen=True, slots=True)
class Observation:
    """The change, why, and the record to keep; `watched` is None when nothing was learnt.

    `digest` is the one to import or to point staging's tag at, `staged` what that tag is now, `media_type`
    what upstream called the manifest. What is settling is to be looked at again at `until`. `urgency` is BACKLOG
    for what was never seen before.
    """

    tag: str
    change: Change
    reason: str
    digest: Digest | None = None
    watched: Watched | None = None
    staged: Digest | None = None
    media_type: str = ""
    until: datetime | None = None
    urgency: str = ""


@dataclass(frozen=True, slots=True)
class Staging:
    """What staging has to do with a tag: the digest it has there, and every digest it holds.

    `before` are the platforms of the digest that was upstream's until now, if staging holds it.
    """

    staged: Digest | None = None
    held: frozenset[Digest] = frozenset()
    before: Platforms | None = None


def asks_for_content(
    image: Image, watched: Watched, seen: Resolved | Unresolved, held: Collection[Digest]
) -> bool:
    """Tell whether the new index has to be read: only then is it known which platforms it holds.

    A GET costs a pull at Docker Hub, so it is spent on a move that was not seen before, to what staging
    does not hold, and on nothing else.
    """
    if isinstance(seen, Unresolved) or seen.descriptor is None or not watched.spans:
        return False
    digest = seen.descriptor.digest
    if digest in held or digest == watched.spans[-1].digest:
        return False
    if _known_same(image, watched, digest):
        return False
    return image.watch.equivalent or bool(image.watch.settle)


def observe(
    image: Image,
    watched: Watched,
    seen: Resolved | Unresolved,
    staging: Staging,
    now: datetime,
    offered: Platforms | None = None,
) -> Observation:
    """Compare upstream's digest of a tag with staging's.

    `offered` are the platforms of upstream's index, if it was read. A digest that staging holds is
    never imported again, because its first-seen clock would restart (design §4).
    """
    tag = watched.tag
    if isinstance(seen, Unresolved):
        return Observation(tag, Change.UNREACHABLE, seen.reason, staged=staging.staged)
    if seen.descriptor is None:
        record = replace(watched, spans=_ended(watched.spans, now))
        reason = "upstream has no such tag"
        return Observation(tag, Change.GONE, reason, watched=record, staged=staging.staged)
    digest, kind = seen.descriptor.digest, seen.descriptor.media_type
    same = _equivalent(image, watched, digest, staging, offered)
    if same is not None:
        return _as_before(same, digest, staging, kind)
    record = _moved(image, watched, digest, now)
    found = Observation(
        tag, Change.UNCHANGED, "staging holds it", digest, record, staging.staged, kind
    )
    if staging.staged == digest:
        return found
    if digest in staging.held:
        return replace(found, change=Change.RETAG, reason="staging holds it under another tag")
    if (waiting := _settling(image, record, staging, offered, now)) is not None:
        until, reason = waiting
        return replace(found, change=Change.SETTLING, reason=reason, until=until)
    was = "nothing" if staging.staged is None else f"{staging.staged.short}…"
    reason = f"upstream has {digest.short}…, staging {was}"
    urgency = "" if staging.staged is not None or len(record.spans) > 1 else BACKLOG
    return replace(found, change=Change.IMPORT, reason=reason, urgency=urgency)


def left(watched: Watched, now: datetime) -> Watched:
    """Return the record of a tag that is watched no longer: nothing is its current digest."""
    return replace(watched, spans=_ended(watched.spans, now))


def _equivalent(
    image: Image, watched: Watched, digest: Digest, staging: Staging, offered: Platforms | None
) -> Watched | None:
    """Return the record in which this digest counts as the one before it, or None.

    Only a digest that staging holds can stand for another: else nothing would ever be imported.
    """
    before = watched.current
    if not image.watch.equivalent or before is None or before not in staging.held:
        return None
    if digest == before:
        return None
    if _known_same(image, watched, digest):
        return watched
    required = image.platforms
    if staging.before is None or offered is None or not required:
        return None
    if any(each not in offered or offered[each] != staging.before.get(each) for each in required):
        return None
    known = watched.same if watched.required == _names(image) else ()
    return replace(watched, same=(*known, digest)[-_SAME_KEPT:], required=_names(image))


def _as_before(record: Watched, digest: Digest, staging: Staging, kind: str) -> Observation:
    """Go on with the digest that this one is equivalent to; staging's tag may yet have to follow it."""
    before = record.current
    short = before.short if before else ""
    reason = f"{digest.short}… holds the required platforms of {short}…"
    change = Change.EQUIVALENT if staging.staged == before else Change.RETAG
    return Observation(record.tag, change, reason, before, record, staging.staged, kind)


def _settling(
    image: Image,
    record: Watched,
    staging: Staging,
    offered: Platforms | None,
    now: datetime,
) -> tuple[datetime, str] | None:
    """Return until when to wait for upstream to finish, and why; None once it has stood long enough."""
    span, settle = record.spans[-1], image.watch.settle
    until = span.start + settle
    if len(record.spans) == 1 or now >= until:
        return None  # what was never seen before did not move
    held = next((each for each in reversed(record.spans) if each.digest in staging.held), None)
    since = (held.end if held else record.spans[0].start) or now
    if now >= since + _PATIENCE * settle:
        return None  # it never stands still: the newest is better than nothing
    lacking = [str(each) for each in image.platforms if offered is not None and each not in offered]
    what = f"it lacks {' and '.join(lacking)} yet" if lacking else "it moved a moment ago"
    return until, f"{what}: upstream has {_words(settle)} to finish, until {until:%H:%M:%S} UTC"


def _known_same(image: Image, watched: Watched, digest: Digest) -> bool:
    """Tell whether the digest is known as equivalent, for the platforms the catalog requires now."""
    return image.watch.equivalent and digest in watched.same and watched.required == _names(image)


def _names(image: Image) -> str:
    return " ".join(sorted(map(str, image.platforms)))


def _moved(image: Image, watched: Watched, digest: Digest, now: datetime) -> Watched:
    if watched.current == digest:
        return watched
    spans = (*_ended(watched.spans, now), Span(digest, now))[-_SPANS_KEPT:]
    return Watched(watched.tag, spans, required=_names(image))


def _ended(spans: tuple[Span, ...], now: datetime) -> tuple[Span, ...]:
    if spans and spans[-1].end is None:
        return (*spans[:-1], replace(spans[-1], end=now))
    return spans


def _words(span: timedelta) -> str:
    minutes, seconds = divmod(int(span.total_seconds()), 60)
    return f"{minutes} min" if minutes and not seconds else f"{int(span.total_seconds())} s"
