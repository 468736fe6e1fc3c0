"""Promotion in the design's order: from what base holds to the next step that is still missing."""

import json
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field

from shared.oci import media_types
from shared.oci.digest import Digest
from shared.oci.manifest import Manifest
from shared.oci.reference import Repository
from shared.oci.tags import unique_tag
from shared.policy.statement import PREDICATE
from shared.values import Locks

UNIQUE_TAG_LOCKS = Locks(write=False, delete=False)
# A manifest cannot change, and a write lock might block retagging and attaching (design §4).
KEEP = Locks(write=True, delete=False)


@dataclass(frozen=True, slots=True)
class Held:
    """Another digest that a stable tag of base holds, and what keeps it when the tag moves on.

    `kept` are its manifests that must not be deleted, with their locks now; they matter once it has its unique
    tag, and until that is locked.
    """

    digest: Digest
    unique: tuple[Digest, Locks] | None = None
    kept: Mapping[Digest, Locks] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Base:
    """What the base registry holds of a candidate.

    `stable` and `unique` are keyed by stable tag; `kept` are the manifests that must not be
    deleted (the image, its platforms, its decision and reports) with their locks now; `held` are the
    other digests that stable tags hold. `stable`, `kept` and `held` matter once nothing is missing and the
    decision is there; until then they may be empty.
    """

    holds: bool
    stable: Mapping[str, tuple[Digest, Locks] | None] = field(default_factory=dict)
    unique: Mapping[str, tuple[Digest, Locks] | None] = field(default_factory=dict)
    missing_referrers: tuple[Digest, ...] = ()
    decision: Digest | None = None
    kept: Mapping[Digest, Locks] = field(default_factory=dict)
    rebuilds_asked: frozenset[str] = frozenset()
    held: Mapping[str, Held] = field(default_factory=dict)


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
class TagHeld:
    """Give another digest, which a stable tag still holds, its unique tag: no promotion loses an image."""

    tag: str
    digest: Digest


@dataclass(frozen=True, slots=True)
class AttachDecision:
    """Attach the in-toto statements that say why, and what was found."""


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
    | TagHeld
    | AttachDecision
    | Lock
    | MoveTag
    | AskRebuilds
    | Collision
)


def refusal(manifests: Iterable[Manifest], about: Set[Digest] = frozenset()) -> str | None:
    """Say why these manifests, which one import brings along together, must not get into base.

    In base, a manifest with a subject is a referrer of it, whoever made it: so none may be of
    Breakwater's kinds, and none may speak about anything but the others here and `about`.
    """
    together = {each.digest: each for each in manifests}
    for digest, each in together.items():
        kinds = {each.artifact_type, each.config.media_type if each.config else ""}
        for kind in sorted(kinds):
            if kind.lower().startswith(media_types.OWN_PREFIX):
                return f"it brings {digest} along, which poses as Breakwater's own: {kind[:100]}"
        if each.subject is not None and each.subject.digest not in together.keys() | about:
            return (
                f"it brings {digest} along, which speaks about {each.subject.digest}, not about it"
            )
    return None


def decided(manifest: Manifest, digest: Digest) -> Digest | None:
    """Return the first blob of a manifest that is made like our decision about the digest.

    Behind it there may be more statements, about what was found.
    """
    subject = manifest.subject.digest if manifest.subject else None
    kinds = {layer.media_type for layer in manifest.layers}
    if manifest.artifact_type != media_types.DECISION_ARTIFACT or subject != digest:
        return None
    return manifest.layers[0].digest if kinds == {media_types.DECISION} else None


def named(content: bytes, base: Repository, digest: Digest) -> tuple[Digest, ...] | None:
    """Return the reports, results and rulings a decision names; None if it is none of ours on this digest."""
    try:
        body = json.loads(content)
        [subject] = body["subject"]
        predicate = body["predicate"]
        kind = (body["_type"], body["predicateType"], predicate["verdict"])
        if kind != ("https://in-toto.io/Statement/v1", PREDICATE, "promote"):
            return None
        if subject != {"name": str(base), "digest": {"sha256": digest.hex}}:
            return None
        # "" is one that could not be had, and that was done without.
        reports = [Digest(each["report"]) for each in predicate["scans"] if each["report"] != ""]
        results = [Digest(each["result"]) for each in predicate["tests"] if each["result"] != ""]
        approval = predicate.get("approval") or {}  # decisions of before name none
        rulings = [Digest(approval["referrer"])] if approval.get("referrer") else []
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None  # a forgery may be anything
    return (*reports, *results, *rulings)


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


def keep(tag: str, held: Held) -> TagHeld | Lock | Collision | None:
    """Return the next step towards keeping what the stable tag holds, or None when it is kept.

    Its unique tag is locked last, so one that is locked says that the manifests are kept too.
    """
    unique = unique_tag(tag, held.digest)
    if held.unique is None:
        return TagHeld(unique, held.digest)
    found, locks = held.unique
    if found != held.digest:
        reason = f"unique tag collision: {unique} is {found}, so what {tag} holds cannot be kept"
        return Collision(reason)
    if locks == UNIQUE_TAG_LOCKS:
        return None
    loose: dict[str | Digest, Locks] = {
        each: KEEP for each, locks in held.kept.items() if locks.delete
    }
    return Lock({**loose, unique: UNIQUE_TAG_LOCKS})


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
            return (keep(tag, base.held[tag]) if tag in base.held else None) or MoveTag(tag)
        if entry[1].delete:
            return Lock({tag: KEEP})
    return None
