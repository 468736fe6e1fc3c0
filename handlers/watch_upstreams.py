"""The upstreams are looked at: every watched tag is resolved and compared with staging."""

import asyncio
import logging
import random
from collections.abc import Mapping
from dataclasses import dataclass

from handlers import catalogs, gathering, importing, looking
from handlers.recording import Subject, note
from handlers.traces import new_trace
from shared.catalog import Catalog, Image
from shared.errors import BreakwaterError
from shared.messages import IMPORTS, ImportMessage, encode
from shared.oci.digest import Digest
from shared.oci.reference import Repository
from shared.policy.facts import Watched
from shared.policy.watching import Change, Observation, observe
from shared.ports import Resolved, Unresolved
from shared.services import Services

_log = logging.getLogger("breakwater.watch")

type Seen = Mapping[tuple[Repository, str], Resolved | Unresolved]


@dataclass(frozen=True, slots=True)
class Watch:
    """One image's tags as upstream and staging have them."""

    image: Image
    before: tuple[Watched, ...]
    observations: tuple[Observation, ...]


def handle(services: Services, only: frozenset[str] | None = None) -> tuple[Watch, ...]:
    """Watch every image, or only those named; one bad image never stops the rest.

    Raises what the first bad one raised, when all the others have been seen to.
    """
    catalog = catalogs.current(services)
    images = _turned(services, _named(catalog, only))
    seen = _looked(services, images)
    watches: list[Watch] = []
    failures: list[BreakwaterError] = []
    for image in images:
        try:
            watch = _compare(services, catalog, image, seen)
            for observation, before in zip(watch.observations, watch.before, strict=True):
                _apply(services, catalog, image, observation, before)
        except BreakwaterError as error:
            _log.error("%s could not be watched: %s", image.name, error)
            failures.append(error)
        else:
            watches.append(watch)
    if failures:
        raise failures[0]
    return tuple(watches)


def gather(
    services: Services, catalog: Catalog, only: frozenset[str] | None = None
) -> tuple[Watch, ...]:
    """Resolve and compare; changes nothing."""
    images = _named(catalog, only)
    seen = _looked(services, images)
    return tuple(_compare(services, catalog, image, seen) for image in images)


def _named(catalog: Catalog, only: frozenset[str] | None) -> tuple[Image, ...]:
    return tuple(each for each in catalog.images if only is None or each.name in only)


def _turned(services: Services, images: tuple[Image, ...]) -> tuple[Image, ...]:
    """Begin elsewhere each time: what one watch has no time for comes early in another."""
    if not images:
        return ()
    minute = int(services.clock.now().timestamp()) // 60
    start = random.Random(minute).randrange(len(images))  # noqa: S311  # spreads, guards nothing
    return images[start:] + images[:start]


def _looked(services: Services, images: tuple[Image, ...]) -> Seen:
    pairs = [(image.source, tag) for image in images for tag in image.tags]
    return asyncio.run(_resolve(services, pairs))


async def _resolve(services: Services, pairs: list[tuple[Repository, str]]) -> Seen:
    return await services.upstreams.resolve(pairs)


def _compare(services: Services, catalog: Catalog, image: Image, seen: Seen) -> Watch:
    staging = catalog.staging.repository(image.name)
    tags = {entry.name: entry.digest for entry in services.data_plane.tags(staging)}
    held = frozenset(tags.values())
    before = gathering.watched(services, image)
    now = services.clock.now()
    return Watch(
        image,
        before,
        tuple(
            observe(each, seen[image.source, each.tag], tags.get(each.tag), held, now)
            for each in before
        ),
    )


def _apply(
    services: Services, catalog: Catalog, image: Image, seen: Observation, before: Watched
) -> None:
    trace = new_trace()
    if seen.change is Change.GONE and before.current is not None:
        subject = Subject(image.name, before.current, trace)
        once = f"gone|{subject.id}|{seen.tag}|{before.spans[-1].start.isoformat()}"
        note(services, subject, "gone upstream", (seen.reason,), once=once)
    # The record comes before what it leads to: who looks at once must find it. Dying in between
    # does no harm, because what staging lacks is seen again.
    if seen.watched is not None and seen.watched != before:
        services.ledger.upsert(gathering.watch_row(image, seen.watched))
    match seen.change:
        case Change.IMPORT if seen.digest is not None:
            _import(services, image, seen, seen.digest, trace)
        case Change.RETAG if seen.digest is not None:
            _retag(services, catalog, image, seen, seen.digest, trace)
        case Change.UNREACHABLE:
            _log.warning("%s:%s could not be watched: %s", image.source, seen.tag, seen.reason)
        case _:
            pass


def _import(
    services: Services, image: Image, seen: Observation, digest: Digest, trace: str
) -> None:
    subject = Subject(image.name, digest, trace)
    if not importing.asking(services, subject.id):
        return
    once = f"detected|{subject.id}|{seen.tag}"
    note(services, subject, "detected", (f"{image.source}:{seen.tag}: {seen.reason}",), once=once)
    message = ImportMessage(image.name, seen.tag, str(digest), trace)
    services.queues.send(IMPORTS, encode(message))
    importing.asked(services, subject.id)


def _retag(
    services: Services,
    catalog: Catalog,
    image: Image,
    seen: Observation,
    digest: Digest,
    trace: str,
) -> None:
    staging = catalog.staging.repository(image.name)
    manifest = services.data_plane.manifest(staging, digest)
    if manifest is not None:
        # Asked first: once the tag is there, nobody would notice that the question is missing.
        looking.ask(services, Subject(image.name, digest, trace), seen.reason)
        services.data_plane.put_manifest(staging, seen.tag, manifest)
