"""An import was asked for: bring the digest into staging and have its candidate looked at."""

import asyncio
from datetime import timedelta

from handlers import catalogs, gathering, looking
from handlers.claims import claim
from handlers.importing import Copy, Outcome, drive, pending
from handlers.recording import Subject, note, record
from shared.catalog import Catalog, Image
from shared.messages import IMPORTS, ImportMessage, decode, encode
from shared.oci import media_types
from shared.oci.digest import Digest
from shared.oci.reference import Repository
from shared.oci.tags import unique_tag
from shared.policy.candidate import State
from shared.services import Services

_MOST_REFERRERS = 50
_BUSY = timedelta(seconds=3)


def handle(services: Services, text: str) -> None:
    """Bring one import a step on; what is under way is looked at again by a later message."""
    message = decode(text, ImportMessage)
    catalog = catalogs.current(services)
    image = catalog.image(message.image)
    if image is None:
        return  # dropped from the catalog since
    key = f"look:{Subject(image.name, Digest(message.subject or message.digest), '').id}"
    with claim(services, key) as claimed:
        delay = _step(services, catalog, image, message) if claimed else _BUSY
    if delay is not None:
        services.queues.send(IMPORTS, encode(message), delay=delay)


def _step(
    services: Services, catalog: Catalog, image: Image, message: ImportMessage
) -> timedelta | None:
    target = catalog.staging.repository(image.name)
    if message.subject:
        return _referrer(services, image, target, message)
    subject = Subject(image.name, Digest(message.digest), message.trace)
    taken = services.data_plane.tag(target, unique_tag(message.tag, subject.digest))
    if taken is not None and taken.digest != subject.digest:
        reason = f"unique tag collision: {taken.name} is {taken.digest}"
        record(services, subject, State.FAILED, (reason,))
        return None
    under_way = pending(services.ledger.rows(subject.id), "import")
    if under_way is None and services.data_plane.head(target, subject.digest) is not None:
        _arrived(services, image, target, message, subject)
        return None
    tags = (message.tag, unique_tag(message.tag, subject.digest))
    copy = Copy(subject.id, "import", image.source, subject.digest, target, tags)
    progress = drive(services, copy)
    match progress.outcome:
        case Outcome.DONE:
            _arrived(services, image, target, message, subject)
            return None
        case Outcome.FAILED:
            reason = f"importing it from {image.source} failed: {progress.error}"
            record(services, subject, State.FAILED, (reason,))
            return None
        case _:
            record(services, subject, State.IMPORTING, (f"from {image.source}",))
            return timedelta(seconds=services.settings.look_again_seconds)


def _arrived(
    services: Services, image: Image, target: Repository, message: ImportMessage, subject: Subject
) -> None:
    """See to the tags, ask for the referrers, and have the candidate looked at."""
    manifest = services.data_plane.manifest(target, subject.digest)
    if manifest is None:
        return
    unique = unique_tag(message.tag, subject.digest)
    newest = {each.tag: each.current for each in gathering.watched(services, image)}
    stale = newest.get(message.tag) not in (None, subject.digest)
    for tag in (unique,) if stale else (unique, message.tag):
        entry = services.data_plane.tag(target, tag)
        if entry is None or entry.digest != subject.digest:
            services.data_plane.put_manifest(target, tag, manifest)
    since = services.data_plane.manifest_entry(target, subject.digest)
    arrival = since.first_seen.isoformat() if since else ""
    note(
        services,
        subject,
        "imported",
        (f"{target.at(subject.digest)} as {message.tag} and {unique}",),
        once=f"imported|{subject.id}|{message.tag}|{arrival}",
    )
    # Asked before upstream is: a registry that cannot list referrers must not stop the candidate.
    looking.ask(services, subject, "it was imported")
    parts = (subject.digest, *(each.digest for each in manifest.manifests))
    for digest in _upstream_referrers(services, image, parts):
        more = ImportMessage(
            image.name, message.tag, str(digest), message.trace, str(subject.digest)
        )
        services.queues.send(IMPORTS, encode(more))


def _upstream_referrers(
    services: Services, image: Image, parts: tuple[Digest, ...]
) -> tuple[Digest, ...]:
    """Return what upstream attached, kept for consumers; nothing of Breakwater's own kinds."""

    async def listed() -> list[Digest]:
        return [
            each.digest
            for part in parts
            for each in await services.upstreams.referrers(image.source, part)
            if not each.artifact_type.startswith(media_types.OWN_PREFIX)
        ]

    return tuple(asyncio.run(listed())[:_MOST_REFERRERS])


def _referrer(
    services: Services, image: Image, target: Repository, message: ImportMessage
) -> timedelta | None:
    digest = Digest(message.digest)
    owner = Subject(image.name, Digest(message.subject), message.trace)
    copy = Copy(owner.id, f"referrer:{digest.short}", image.source, digest, target)
    under_way = pending(services.ledger.rows(owner.id), copy.key)
    if under_way is None and services.data_plane.head(target, digest) is not None:
        return None
    progress = drive(services, copy)
    if progress.outcome is Outcome.FAILED:
        reason = f"its referrer {digest} could not be imported: {progress.error}"
        note(services, owner, "referrer lost", (reason,), once=f"referrer|{owner.id}|{digest}")
        return None
    if progress.outcome is Outcome.DONE:
        return None
    return timedelta(seconds=services.settings.look_again_seconds)
