"""The upstreams are looked at: every watched tag is resolved and compared with staging."""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass

from handlers import catalogs, gathering, looking
from handlers.recording import Subject, note
from handlers.traces import new_trace
from shared.catalog import Catalog, Image
from shared.messages import IMPORTS, ImportMessage, candidate_id, encode
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
    """Watch every image, or only those named; one bad image never stops the rest."""
    catalog = catalogs.current(services)
    watches = gather(services, catalog, only)
    for watch in watches:
        for observation, before in zip(watch.observations, watch.before, strict=True):
            _apply(services, catalog, watch.image, observation, before)
    return watches


def gather(
    services: Services, catalog: Catalog, only: frozenset[str] | None = None
) -> tuple[Watch, ...]:
    """Resolve and compare; changes nothing."""
    images = [each for each in catalog.images if only is None or each.name in only]
    pairs = [(image.source, tag) for image in images for tag in image.tags]
    seen = asyncio.run(_resolve(services, pairs))
    return tuple(_compare(services, catalog, image, seen) for image in images)


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
    match seen.change:
        case Change.IMPORT if seen.digest is not None:
            _import(services, image, seen, seen.digest, trace)
        case Change.RETAG if seen.digest is not None:
            _retag(services, catalog, image, seen, seen.digest, trace)
        case Change.UNREACHABLE:
            _log.warning("%s:%s could not be watched: %s", image.source, seen.tag, seen.reason)
        case Change.GONE if before.current is not None:
            subject = Subject(image.name, before.current, trace)
            once = f"gone|{subject.id}|{seen.tag}|{before.spans[-1].start.isoformat()}"
            note(services, subject, "gone upstream", (seen.reason,), once=once)
        case _:
            pass
    # The record comes last: dying before it only means that the same change is seen again.
    if seen.watched is not None and seen.watched != before:
        services.ledger.upsert(gathering.watch_row(image, seen.watched))


def _import(
    services: Services, image: Image, seen: Observation, digest: Digest, trace: str
) -> None:
    candidate = candidate_id(image.name, digest)
    if any(row.key == "import" for row in services.ledger.rows(candidate)):
        return  # under way, or given up for a while
    subject = Subject(image.name, digest, trace)
    once = f"detected|{subject.id}|{seen.tag}"
    note(services, subject, "detected", (f"{image.source}:{seen.tag}: {seen.reason}",), once=once)
    message = ImportMessage(image.name, seen.tag, str(digest), trace)
    services.queues.send(IMPORTS, encode(message))


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
        services.data_plane.put_manifest(staging, seen.tag, manifest)
        looking.ask(services, Subject(image.name, digest, trace), seen.reason)
