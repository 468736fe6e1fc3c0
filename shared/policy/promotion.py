"""Promotion in the design's order: from what base holds to the next step that is still missing."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from shared.oci.digest import Digest
from shared.oci.tags import unique_tag
from shared.ports import Locks

UNIQUE_TAG_LOCKS = Locks(write=False, delete=False)
# A manifest cannot change, and a write lock might block retagging and attaching (design §4).
KEEP = Locks(write=True, delete=False)


@dataclass(frozen=True, slots=True)
class Base:
    """What the base registry holds of a candidate.

    `stable` and `unique` are keyed by stable tag; `kept` are the manifests that must not be
    deleted (the image, its platforms, its decision and reports) with their locks now.
    """

    holds: bool
    stable: Mapping[str, tuple[Digest, Locks] | None] = field(default_factory=dict)
    unique: Mapping[str, tuple[Digest, Locks] | None] = field(default_factory=dict)
    missing_referrers: tuple[Digest, ...] = ()
    decision: Digest | None = None
    kept: Mapping[Digest, Locks] = field(default_factory=dict)
    rebuilds_asked: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Collision:
    """A unique tag is taken by another digest: never overwritten, an operator must look."""

    reason: str


@dataclass(frozen=True, slots=True)
class CopyImage:
    """Import the digest into base under its unique tags only."""

    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CopyReferrers:
    """Import these referrers, untagged."""

    digests: tuple[Digest, ...]


@dataclass(frozen=True, slots=True)
class TagUnique:
    """Give the digest, which base holds already, one more unique tag."""

    tag: str


@dataclass(frozen=True, slots=True)
class AttachDecision:
    """Attach the in-toto statement that says why."""


@dataclass(frozen=True, slots=True)
class Lock:
    """Set the locks of these tags and manifests."""

    wanted: Mapping[str | Digest, Locks]


@dataclass(frozen=True, slots=True)
class MoveTag:
    """Move the stable tag, by a plain PUT of the same bytes."""

    tag: str


@dataclass(frozen=True, slots=True)
class AskRebuilds:
    """Ask for the apps built on this tag to be rebuilt."""

    tag: str


type Step = (
    CopyImage
    | CopyReferrers
    | TagUnique
    | AttachDecision
    | Lock
    | MoveTag
    | AskRebuilds
    | Collision
)


def next_step(digest: Digest, tags: tuple[str, ...], base: Base) -> Step | None:
    """Return the first step not yet taken, or None when base is as it should be.

    The stable tag moves last but for the rebuilds: no consumer sees a digest before its protection.
    """
    for tag in tags:
        entry = base.unique.get(tag)
        if entry is not None and entry[0] != digest:
            return Collision(f"unique tag collision: {unique_tag(tag, digest)} is {entry[0]}")
    unique = {tag: unique_tag(tag, digest) for tag in tags}
    if not base.holds:
        return CopyImage(tuple(unique.values()))
    return (
        _copied(unique, base)
        or _protected(unique, base)
        or _moved(digest, tags, base)
        or next((AskRebuilds(tag) for tag in tags if tag not in base.rebuilds_asked), None)
    )


def _copied(unique: Mapping[str, str], base: Base) -> Step | None:
    for stable, tag in unique.items():
        if base.unique.get(stable) is None:
            return TagUnique(tag)
    if base.missing_referrers:
        return CopyReferrers(base.missing_referrers)
    return AttachDecision() if base.decision is None else None


def _protected(unique: Mapping[str, str], base: Base) -> Step | None:
    wanted: dict[str | Digest, Locks] = {
        manifest: KEEP for manifest, locks in base.kept.items() if locks.delete
    }
    for stable, tag in unique.items():
        entry = base.unique.get(stable)
        if entry is not None and entry[1] != UNIQUE_TAG_LOCKS:
            wanted[tag] = UNIQUE_TAG_LOCKS
    return Lock(wanted) if wanted else None


def _moved(digest: Digest, tags: tuple[str, ...], base: Base) -> Step | None:
    for tag in tags:
        entry = base.stable.get(tag)
        if entry is None or entry[0] != digest:
            return MoveTag(tag)
        if entry[1].delete:
            return Lock({tag: KEEP})
    return None
