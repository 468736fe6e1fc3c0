"""Adoption: what a stable tag of base holds without a decision of ours is recorded and kept."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

from handlers import gathering, keeping
from handlers.recording import Subject, note
from shared.catalog import Catalog, Image
from shared.errors import Permanent
from shared.oci.digest import Digest
from shared.oci.reference import Repository
from shared.oci.tags import unique_tag
from shared.policy.sweeping import is_fixed
from shared.services import Services
from shared.values import Row, TagEntry

_US = "us"
_MOST_LISTED = (
    50  # digests of one image whose referrers one sweep lists; the next ones are the next sweep's
)
_LONGEST = timedelta(minutes=2)  # a sweep may take five


@dataclass(slots=True)
class Time:
    """The time that one sweep still has for digests the ledger says nothing of; the rest is the next sweep's."""

    left: timedelta = _LONGEST


def adopt(
    services: Services,
    catalog: Catalog,
    image: Image,
    held: Mapping[str, TagEntry],
    trace: str,
    time: Time,
) -> frozenset[Digest]:
    """Adopt what the watched tags of base hold and others promoted; return those digests, old and new.

    No stable tag moves. A digest gets its unique tag and the locks of any, and one line in the journal a tag;
    it is for the caller to have it looked at. Only a digest the ledger says nothing of costs a listing of
    referrers. The row comes last: dying before does it all again, to the same end.
    """
    base = catalog.base.repository(image.name)
    tags: dict[Digest, list[str]] = {}
    for tag in image.tags:
        if tag in held:
            tags.setdefault(held[tag].digest, []).append(tag)
    others: set[Digest] = set()
    listed = 0
    for digest, names in tags.items():
        subject = Subject(image.name, digest, trace)
        rows = {row.key: row for row in services.ledger.rows(subject.id)}
        if any(key.startswith("rebuilds:") for key in rows):
            continue  # a promotion of ours came to its end, so there is a decision
        known = rows.get(gathering.ADOPTED)
        if known is None:
            listed += 1
            if listed > _MOST_LISTED or time.left <= timedelta():
                continue
        started = services.clock.now()
        known = known or _by_whom(services, base, subject)
        if known.values["by"] == gathering.OTHERS:
            _adopt(services, base, subject, names, held, known)
            others.add(digest)
        time.left -= services.clock.now() - started
    return frozenset(others)


def _by_whom(services: Services, base: Repository, subject: Subject) -> Row:
    """Ask base for a decision of ours, and remember that there is one."""
    if gathering.decision(services, base, subject.digest) is None:
        return Row(subject.id, gathering.ADOPTED, {"by": gathering.OTHERS, "tags": ""})
    ours = Row(subject.id, gathering.ADOPTED, {"by": _US, "tags": ""})
    services.ledger.upsert(ours)
    return ours


def _adopt(
    services: Services,
    base: Repository,
    subject: Subject,
    tags: list[str],
    held: Mapping[str, TagEntry],
    known: Row,
) -> None:
    """Keep what these tags hold where nothing keeps it yet, or any more."""
    adopted = str(known.values["tags"]).split()
    new = [tag for tag in tags if tag not in adopted]
    for tag in tags:
        if tag in new or not is_fixed(held.get(unique_tag(tag, subject.digest)), subject.digest):
            _keep(services, base, subject, tag)
    if new:
        values = {"by": gathering.OTHERS, "tags": " ".join([*adopted, *new])}
        services.ledger.upsert(Row(subject.id, gathering.ADOPTED, values))


def _keep(services: Services, base: Repository, subject: Subject, tag: str) -> None:
    """Give it its unique tag with the locks, and say so once; what cannot be done is said too."""
    try:
        refused = keeping.keep(services, base, tag, subject.digest)
    except Permanent as error:
        refused = str(error)  # somebody else's lock, say: it explains itself
    reasons = (f"promoted by others, before Breakwater: base's {tag} is it", *_said(tag, refused))
    once = f"{subject.id}|adopted|{tag}|{refused}"
    note(services, subject, "adopted", reasons, once=once)


def _said(tag: str, refused: str) -> Iterator[str]:
    if refused:
        yield f"it could not be given its unique tag, and will be lost when {tag} moves: {refused}"
