"""What an operator says about a digest: attached for all to see, kept where nobody can forge it, acted on."""

import json
import logging
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from handlers import catalogs, gathering, looking
from handlers.asked import Asked
from handlers.plain import plain
from handlers.recording import Subject, known, note
from handlers.signed_in import Answer, Refused
from handlers.traces import new_trace
from shared.catalog import Approval, Catalog, Image
from shared.errors import Misconfigured, Permanent, Transient
from shared.oci import media_types
from shared.oci.digest import Digest
from shared.oci.reference import Repository
from shared.oci.tags import split_unique
from shared.operators import Operator, Ruling, RulingKind
from shared.policy.facts import Watched
from shared.services import Services

_log = logging.getLogger("breakwater.operators")

_SHOWN = 10  # names in an answer
_DONE = {
    RulingKind.APPROVE: "approved",
    RulingKind.DENY: "denied",
    RulingKind.RELEASE: "released",
}


@dataclass(frozen=True, slots=True)
class Place:
    """A known digest of an image that the catalog lists, and what upstream gave its tags so far."""

    catalog: Catalog
    image: Image
    subject: Subject
    watched: tuple[Watched, ...]

    @property
    def staging(self) -> Repository:
        """Where it is examined."""
        return self.catalog.staging.repository(self.image.name)

    @property
    def base(self) -> Repository:
        """Where it is promoted to."""
        return self.catalog.base.repository(self.image.name)


def rule(services: Services, who: Operator, kind: RulingKind, asked: Asked) -> Answer:
    """Record what an operator says about a digest, and have the digest looked at.

    Attached, then kept in the table, then journalled, then asked about: whoever dies on the way and is asked
    again goes on, and leaves at worst a second attachment. Only the table is ever read as proof, because
    anyone who may push to staging can attach. Raises Refused.
    """
    place = _place(services, kind, asked)
    said = services.rulings.of(place.image.name, asked.digest)
    refused = _denied(said, kind)
    if refused is not None:
        _journal(services, place.subject, said)
        raise refused
    withdrawn = _withdrawn(place)
    before = next((each for each in said if _covers(each, kind, asked.override, withdrawn)), None)
    ruling = before or services.rulings.add(_attached(services, place, who, kind, asked))
    _journal(services, place.subject, dict.fromkeys((*said, ruling)))
    looking.ask(services, place.subject, f"an operator {_DONE[kind]} it")
    _log.info("%s, trace %s", _sentence(ruling), place.subject.trace)
    told = [
        _sentence(ruling, already=before is not None),
        *_unkept(before, asked),
        *_where(services, place, ruling),
    ]
    return Answer(200, {"told": told, **_body(ruling), "trace": place.subject.trace})


def _denied(said: Iterable[Ruling], kind: RulingKind) -> Refused | None:
    """Return the refusal of whatever else is said of a digest that was denied."""
    denial = next((each for each in said if each.kind is RulingKind.DENY), None)
    if denial is None or kind is RulingKind.DENY:
        return None
    message = f"{_sentence(denial)}. That is final for this digest: it cannot be {_DONE[kind]}"
    return Refused(409, message)


def _covers(
    ruling: Ruling, kind: RulingKind, override: bool, withdrawn: Iterable[datetime]
) -> bool:
    """Tell whether nothing is added to this ruling by another of this kind."""
    if ruling.kind is not kind:
        return False
    if kind is RulingKind.RELEASE:
        return all(each <= ruling.at for each in withdrawn)
    return ruling.override or not override


def _withdrawn(place: Place) -> tuple[datetime, ...]:
    """Return when upstream last took its tags from this digest; a release before that says nothing of it."""
    spans = (each.span(place.subject.digest) for each in place.watched)
    return tuple(each.end for each in spans if each is not None and each.end is not None)


def _place(services: Services, kind: RulingKind, asked: Asked) -> Place:
    """Find what is ruled on: a candidate, or for a denial what may become one.

    Raises Refused, with what is known, when the catalog or the registry knows none.
    """
    catalog = catalogs.current(services)
    image = listed(services, catalog, asked.image)
    subject = Subject(image.name, asked.digest, new_trace())
    place = Place(catalog, image, subject, gathering.watched(services, image))
    if known(services, place.subject.id) is not None:
        return place
    denies = kind is RulingKind.DENY  # of what may become one, too: that brake waits for nothing
    if denies and any(each.span(asked.digest) for each in place.watched):
        return place
    entry = services.data_plane.manifest_entry(place.staging, asked.digest)
    if entry is not None and _names(image, entry.tags, asked.digest):
        return place
    held = services.data_plane.manifest_entry(place.base, asked.digest) if denies else None
    if held is not None and any(tag in image.tags for tag in held.tags):
        return place
    what = (
        "holds it only as a part of an image, or attached to one" if entry else "does not hold it"
    )
    raise Refused(
        404,
        f"{image.name}@{asked.digest} is no candidate: {place.staging} {what}; "
        f"there is {tagged(services, place.staging, image)}",
    )


def listed(services: Services, catalog: Catalog, name: str) -> Image:
    """Return the image with the tags it is watched under now. Raises Refused when the catalog lists none."""
    image = catalogs.image(services, catalog, name)
    if image is None:
        names = [each.name for each in catalog.images]
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        has = ", ".join(names[:_SHOWN]) + more or "none"
        raise Refused(404, f"the catalog lists no image {name}; it has {has}")
    return image


def tagged(services: Services, staging: Repository, image: Image) -> str:
    """Say what staging holds under the first of the image's tags: a sentence, not a list of everything."""
    heads = ((tag, services.data_plane.head(staging, tag)) for tag in image.tags[:_SHOWN])
    said = ", ".join(f"{tag} = {head.digest}" for tag, head in heads if head is not None)
    return said or "nothing under the watched tags"


def _names(image: Image, tags: Iterable[str], digest: Digest) -> bool:
    """Tell whether these tags make a digest in staging a candidate; a platform's manifest has none."""
    return any(
        tag in image.tags or (split_unique(tag) or ("", ""))[1] == digest.short for tag in tags
    )


def _attached(
    services: Services, place: Place, who: Operator, kind: RulingKind, asked: Asked
) -> Ruling:
    """Return the ruling, attached to the digest where staging holds it."""
    ruling = Ruling(
        image=place.image.name,
        digest=asked.digest,
        kind=kind,
        by=plain(who.name or who.id, 200),
        at=services.clock.now(),
        comment=asked.comment,
        override=asked.override,
        by_id=plain(who.id, 200),
    )
    try:
        return replace(ruling, referrer=_attach(services, place, ruling))
    except (Permanent, Misconfigured, Transient) as error:
        if kind is not RulingKind.DENY:
            raise
        _log.warning("a denial of %s was kept, not attached: %s", place.subject.id, error)
        return ruling  # a brake that needs staging to take an attachment would be none


def _attach(services: Services, place: Place, ruling: Ruling) -> Digest | None:
    subject = services.data_plane.head(place.staging, ruling.digest)
    if subject is None:
        return None
    return services.data_plane.attach(
        place.staging,
        subject,
        artifact_type=media_types.RULING,
        media_type=media_types.RULING,
        content=json.dumps(_body(ruling), sort_keys=True).encode(),
        annotations={"io.breakwater.candidate": place.subject.id},
    )


def _body(ruling: Ruling) -> dict[str, str | bool]:
    body: dict[str, str | bool] = {
        "image": ruling.image,
        "digest": str(ruling.digest),
        "ruling": ruling.kind.value,
        "by": ruling.by,
        "by_id": ruling.by_id,
        "at": ruling.at.isoformat(),
        "comment": ruling.comment,
        "override": ruling.override,
    }
    return body | ({"referrer": str(ruling.referrer)} if ruling.referrer else {})


def _journal(services: Services, subject: Subject, rulings: Iterable[Ruling]) -> None:
    """Add what was said, once; whoever said the earlier ones may have died before they came to this."""
    for each in rulings:
        once = f"{subject.id}|{json.dumps(_body(replace(each, referrer=None)), sort_keys=True)}"
        reasons = tuple(text for text in (_who_and_when(each), each.comment) if text)
        match each.kind:
            case RulingKind.APPROVE:
                note(services, subject, "approved", reasons, once=once)
            case RulingKind.DENY:
                note(services, subject, "denied", reasons, once=once)
            case RulingKind.RELEASE:
                note(services, subject, "released", reasons, once=once)


def _sentence(ruling: Ruling, *, already: bool = False) -> str:
    """Say it all: `node@sha256:… was approved already by alice on 2026-11-23 12:00 UTC: because`."""
    done = f"{_DONE[ruling.kind]} already" if already else _DONE[ruling.kind]
    comment = f": {ruling.comment}" if ruling.comment else ""
    return f"{ruling.image}@{ruling.digest} was {done} {_who_and_when(ruling)}{comment}"


def _unkept(before: Ruling | None, asked: Asked) -> tuple[str, ...]:
    """Say that a comment on what was said already is lost: the first word stands."""
    lost = before is not None and asked.comment not in ("", before.comment)
    return ("nothing is added to that: this comment is not kept",) if lost else ()


def _who_and_when(ruling: Ruling) -> str:
    override = ", overriding what is missing" if ruling.override else ""
    return f"by {ruling.by} on {ruling.at:%Y-%m-%d %H:%M} UTC{override}"


def _where(services: Services, place: Place, ruling: Ruling) -> tuple[str, ...]:
    """Say what it means; where that cannot be found out, it was ruled all the same."""
    try:
        return tuple(_told(services, place, ruling))
    except (Permanent, Misconfigured, Transient) as error:
        said = f"what that means for base cannot be told for now: {plain(str(error))}"
        return said, "it is looked at again now"


def _told(services: Services, place: Place, ruling: Ruling) -> Iterable[str]:
    """Say what the ruling means where the digest is now. Raises Refused where it was denied meanwhile."""
    refused = _denied(services.rulings.of(ruling.image, ruling.digest), ruling.kind)
    if refused is not None:
        raise refused
    held = services.data_plane.manifest_entry(place.base, ruling.digest)
    names = [place.base.tagged(tag) for tag in place.image.tags if held and tag in held.tags]
    promoted = " and ".join(names)
    if ruling.referrer is None:
        yield f"it is not attached: {place.staging} does not hold the digest, or takes no attachment"
    if ruling.kind is RulingKind.DENY and promoted:
        yield f"{promoted} is this digest and stays it until another digest is promoted"
    elif promoted:
        yield f"it is promoted already: {promoted} is this digest"
    if ruling.kind is RulingKind.APPROVE and not promoted:
        if ruling.override:
            yield "the override stands in for what is missing; it forgives nothing that was found"
        elif place.image.gate.approval is Approval.NONE:
            yield f"the gate of {place.image.name} asks for no approval, so nothing waited for this"
    current = [each.tag for each in place.watched if each.current == ruling.digest]
    if ruling.kind is RulingKind.RELEASE and current:
        yield (
            f"upstream's {' and '.join(current)} is this digest: it is not withdrawn; "
            "release it again if upstream withdraws it"
        )
    yield "it is looked at again now"
