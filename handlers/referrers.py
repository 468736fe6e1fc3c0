"""What upstream attached to an image: listed, with what must not come along left out."""

import asyncio
from datetime import timedelta

from handlers import lanes
from handlers.recording import Subject, note
from shared.catalog import Catalog, Image
from shared.errors import BreakwaterError
from shared.oci import media_types
from shared.oci.digest import Digest
from shared.oci.manifest import Descriptor
from shared.services import Services

_MOST = 50
_VISIT = 10.0  # seconds that upstream has to list the referrers of all parts

type _Answer = tuple[Descriptor, ...] | BaseException


def listed(
    services: Services, catalog: Catalog, image: Image, subject: Subject, parts: tuple[Digest, ...]
) -> tuple[Digest, ...] | timedelta:
    """Return what upstream attached to these parts, or how long it wants to be left alone first.

    They are kept for consumers; nothing of Breakwater's own kinds is among them. A part that cannot be asked
    about is noted, and what the others gave is used.
    """
    if (wait := _pause(services, image)) is not None:
        return wait
    answers = asyncio.run(_asked(services, catalog, image, subject, parts))
    failures = [each for each in answers if isinstance(each, BaseException)]
    if failures and (wait := _pause(services, image)) is not None:
        return wait
    for failure in failures:
        if not isinstance(failure, Exception):
            raise failure
        # Whatever a foreign registry does to its reader.
        reason = f"upstream's referrers could not all be listed: {failure}"
        note(services, subject, "referrer lost", (reason,), once=f"referrers|{subject.id}")
    found = (each for each in answers if not isinstance(each, BaseException))
    return tuple(dict.fromkeys(digest for each in found for digest in _harmless(each)))[:_MOST]


def _pause(services: Services, image: Image) -> timedelta | None:
    """Return how long upstream wants no requests yet."""
    registry = image.source.registry
    paused = lanes.pauses(services, (registry,)).get(registry)
    if paused is None or paused.paused_until is None:
        return None
    return paused.paused_until - services.clock.now()


async def _asked(
    services: Services, catalog: Catalog, image: Image, subject: Subject, parts: tuple[Digest, ...]
) -> list[_Answer]:
    source = image.source
    upstreams = {source.registry: catalog.upstream(source.registry)}
    try:
        async with services.upstreams.visit(upstreams, seconds=_VISIT) as visit:
            asked = (visit.referrers(source, part) for part in parts)
            answers: list[_Answer] = await asyncio.gather(*asked, return_exceptions=True)
            usage = visit.usage()
    except BreakwaterError as error:  # no visit: its credentials are not in the settings, say
        return [error]
    lanes.remember(services, usage, (), subject.trace)
    return answers


def _harmless(found: tuple[Descriptor, ...]) -> list[Digest]:
    """Return single manifests of others' kinds: an index would bring along what nobody has looked at."""
    return [
        each.digest
        for each in found
        if each.media_type in media_types.MANIFESTS
        and not each.artifact_type.lower().startswith(media_types.OWN_PREFIX)
    ]
