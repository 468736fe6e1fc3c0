"""An import was asked for: bring the digest into staging and have its candidate looked at."""

from dataclasses import replace
from datetime import timedelta

from handlers import catalogs, gathering, importing, looking, referrers
from handlers.claims import claim
from handlers.importing import Copy, Outcome, Progress, drive
from handlers.jitter import spread
from handlers.patience import patiently
from handlers.recording import Subject, note, record
from shared.catalog import Catalog, Image
from shared.errors import Permanent, Transient
from shared.messages import (
    BACKLOG,
    IMPORTS,
    LONGEST_DELAY,
    ImportMessage,
    candidate_id,
    decode,
    encode,
)
from shared.oci.digest import Digest
from shared.oci.reference import Repository
from shared.oci.tags import unique_tag
from shared.policy.candidate import State
from shared.services import Services
from shared.values import Row

_BUSY = timedelta(seconds=3)


class _Collision(Permanent):
    """Another digest has the unique tag."""


def handle(services: Services, text: str) -> None:
    """Bring one import a step on; what is under way is looked at again by a later message."""
    message = decode(text, ImportMessage)
    patiently(services, IMPORTS, text, lambda: _handle(services, message))


def _handle(services: Services, message: ImportMessage) -> None:
    catalog = catalogs.current(services)
    image = catalogs.image(services, catalog, message.image)
    wanted = None if image is None else _still_wanted(services, image, message)
    candidate = candidate_id(message.image, message.subject or message.digest)
    if image is None or wanted is None:  # dropped since, by the catalog or by an image's rule
        importing.forget(services, candidate, _key(message))
        return
    with claim(services, f"look:{candidate}") as claimed:
        delay = _step(services, catalog, image, wanted) if claimed else _BUSY
    if delay is not None:
        services.queues.send(IMPORTS, encode(wanted), delay=delay)


def _key(message: ImportMessage) -> str:
    """Return the ledger's key of the import that a message asks for."""
    return f"referrer:{Digest(message.digest).short}" if message.subject else "import"


def _still_wanted(services: Services, image: Image, message: ImportMessage) -> ImportMessage | None:
    """Return the message under a tag that is watched: a digest may have lost its own and have another."""
    if message.tag in image.tags:
        return message
    digest = Digest(message.subject or message.digest)
    others = (each.tag for each in gathering.watched(services, image) if each.current == digest)
    tag = next(others, "")
    return replace(message, tag=tag) if tag else None


def _step(
    services: Services, catalog: Catalog, image: Image, message: ImportMessage
) -> timedelta | None:
    target = catalog.staging.repository(image.name)
    if message.subject:
        return _referrer(services, catalog, image, target, message)
    subject = Subject(image.name, Digest(message.digest), message.trace)
    unique = unique_tag(message.tag, subject.digest)
    copy = Copy(
        subject.id,
        _key(message),
        image.source,
        subject.digest,
        target,
        (message.tag, unique),
        catalog.upstream(image.source.registry),
        backlog=message.urgency == BACKLOG,
    )

    def there() -> bool:
        taken = services.data_plane.tag(target, unique)
        if taken is not None and taken.digest != subject.digest:
            reason = f"unique tag collision: {unique} is {taken.digest}"
            raise _Collision(reason)
        if message.media_type:  # before anything arrives: whoever looks at it compares
            called = {"called": message.media_type}
            services.ledger.upsert(Row(subject.id, gathering.MEDIA_TYPE, called))
        return services.data_plane.head(target, subject.digest) is not None

    try:
        progress = drive(services, copy, there=there)
    except _Collision as collision:
        record(services, subject, State.FAILED, (str(collision),))
        return None
    match progress.outcome:
        case Outcome.DONE:
            return _arrived(services, catalog, image, message, subject)
        case Outcome.FAILED:
            reason = f"importing it from {image.source} failed: {progress.error}"
            record(services, subject, State.FAILED, (reason,))
            return None
        case _:
            if not progress.no_slot:
                record(services, subject, State.IMPORTING, (f"from {image.source}",))
            return _later(services, message, progress)


def _later(services: Services, message: ImportMessage, progress: Progress) -> timedelta:
    """Return when to come back: what waits for a slot waits longer, a backlog longest, and not all together."""
    seconds: float = services.settings.look_again_seconds
    if progress.no_slot:
        low, high = (6, 30) if message.urgency == BACKLOG else (2, 6)
        seconds = spread(seconds, low, high)
    return min(timedelta(seconds=seconds), LONGEST_DELAY)


def _arrived(
    services: Services, catalog: Catalog, image: Image, message: ImportMessage, subject: Subject
) -> timedelta | None:
    """See to the tags, ask for the referrers, and have the candidate looked at.

    Returns when to come back for the referrers, where upstream wants no requests now.
    """
    target = catalog.staging.repository(image.name)
    try:
        manifest = services.data_plane.manifest(target, subject.digest)
    except Permanent as error:  # a manifest that two readers could read as two things
        record(services, subject, State.FAILED, (str(error),))
        return None
    if manifest is None:
        missing = f"{target} showed {subject.digest} a moment ago, and does not give it"
        raise Transient(missing)
    if message.media_type not in ("", manifest.media_type):
        reason = (
            f"{image.source} called {subject.digest} {message.media_type}, "
            f"and {target} calls it {manifest.media_type}"
        )
        record(services, subject, State.FAILED, (reason,))
        return None
    tags = _tags(services, image, message, subject)
    for tag in tags:
        entry = services.data_plane.tag(target, tag)
        if entry is None or entry.digest != subject.digest:
            services.data_plane.put_manifest(target, tag, manifest)
    since = services.data_plane.manifest_entry(target, subject.digest)
    arrival = since.first_seen.isoformat() if since else ""
    note(
        services,
        subject,
        "imported",
        (f"{target.at(subject.digest)} as {' and '.join(tags)}",),
        once=f"imported|{subject.id}|{message.tag}|{arrival}",
    )
    # Asked before upstream is: whatever a registry does with referrers must not stop the candidate.
    looking.ask(services, subject, "it was imported")
    parts = (subject.digest, *(each.digest for each in manifest.manifests))
    found = referrers.listed(services, catalog, image, subject, parts)
    if isinstance(found, timedelta):
        return min(found, LONGEST_DELAY)
    for digest in found:
        more = ImportMessage(
            image.name,
            message.tag,
            str(digest),
            message.trace,
            str(subject.digest),
            urgency=message.urgency,
        )
        services.queues.send(IMPORTS, encode(more))
    return None


def _tags(
    services: Services, image: Image, message: ImportMessage, subject: Subject
) -> tuple[str, ...]:
    """Return what the digest is to be called: each stable tag upstream has it under, and a unique.

    One message stands for all tags of a digest. Its own may have moved on while it waited.
    """
    newest = {each.tag: each.current for each in gathering.watched(services, image)}
    stable = [tag for tag, current in newest.items() if current == subject.digest]
    if newest.get(message.tag) is None:
        stable.append(message.tag)
    return (*stable, unique_tag(message.tag, subject.digest))


def _referrer(
    services: Services, catalog: Catalog, image: Image, target: Repository, message: ImportMessage
) -> timedelta | None:
    digest = Digest(message.digest)
    owner = Subject(image.name, Digest(message.subject), message.trace)
    copy = Copy(
        owner.id,
        _key(message),
        image.source,
        digest,
        target,
        upstream=catalog.upstream(image.source.registry),
        backlog=message.urgency == BACKLOG,
    )
    progress = drive(
        services, copy, there=lambda: services.data_plane.head(target, digest) is not None
    )
    if progress.outcome is Outcome.FAILED:
        reason = f"its referrer {digest} could not be imported: {progress.error}"
        note(services, owner, "referrer lost", (reason,), once=f"referrer|{owner.id}|{digest}")
        return None
    return None if progress.outcome is Outcome.DONE else _later(services, message, progress)
