"""The upstreams are watched: every watched tag is resolved, compared with staging, and acted upon."""

import logging
import random
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from handlers import catalogs, lanes, observing, sharing
from handlers.acting import act
from handlers.jitter import spread
from handlers.observing import Watch
from handlers.traces import new_trace
from shared.catalog import Catalog, Image
from shared.errors import BreakwaterError
from shared.messages import LONGEST_DELAY
from shared.services import Services
from shared.values import Row

_log = logging.getLogger("breakwater.watch")

_THREADS = 16
_MOST_REMEMBERED = 500  # images; any further come when their turn comes
_BUSY = 3.0  # times LOOK_AGAIN_SECONDS until a registry is asked again whose lanes were all taken


def handle(services: Services) -> None:
    """Watch every image, here or, when there are too many tags, shared among instances.

    Raises what the first bad image raised, when all the others have been seen to.
    """
    catalog = catalogs.current(services)
    images = _ordered(services, catalog)
    if sum(map(sharing.weight, images)) > services.settings.watch_split:
        sharing.share(services, images, new_trace())
        return
    for error in watch(services, catalog, images).values():
        raise error


def watch(
    services: Services, catalog: Catalog, images: tuple[Image, ...], *, part_of: str = ""
) -> dict[str, BreakwaterError]:
    """Watch these images now; one bad image or registry never stops the rest.

    Returns what went wrong, by image: the next timer's watch begins with those.
    """
    trace = new_trace()
    registries = [image.source.registry for image in images]
    with lanes.taken(services, catalog, registries) as upstreams:
        found = observing.gather(
            services,
            catalog,
            images,
            seconds=services.settings.watch_seconds,
            upstreams=upstreams,
        )
    lanes.remember(services, found.usage, _whole(catalog, images), trace)
    failures = {**found.failures, **_acted(services, catalog, found.watches)}
    busy = [each.name for each in images if each.source.registry not in upstreams]
    for names in sharing.batched(dict.fromkeys(busy, 1)):
        seconds = spread(_BUSY * services.settings.look_again_seconds, 1.0, 2.0)
        delay = min(timedelta(seconds=seconds), LONGEST_DELAY)
        sharing.ask(services, names, trace, part_of=part_of, delay=delay)
    _remember(services, images, (*failures, *found.unreached), busy)
    for name, why in failures.items():
        _log.error("%s could not be watched: %s", name, why)
    return failures


def _whole(catalog: Catalog, images: tuple[Image, ...]) -> frozenset[str]:
    """Return the registries of which these are all the catalog's images."""
    names = {image.name for image in images}
    partly = {each.source.registry for each in catalog.images if each.name not in names}
    return frozenset({image.source.registry for image in images} - partly)


def _acted(
    services: Services, catalog: Catalog, watches: tuple[Watch, ...]
) -> dict[str, BreakwaterError]:
    """Act on every watch, many at a time: a first deployment asks for thousands of imports."""

    def each(watch: Watch) -> BreakwaterError | None:
        try:
            act(services, catalog, watch)
        except BreakwaterError as error:
            return error
        return None

    with ThreadPoolExecutor(_THREADS, thread_name_prefix="act") as pool:
        failures = list(pool.map(each, watches))
    return {
        watch.image.name: error
        for watch, error in zip(watches, failures, strict=True)
        if error is not None
    }


def _ordered(services: Services, catalog: Catalog) -> tuple[Image, ...]:
    """Put first what was not reached last time, and begin elsewhere each time with the rest."""
    late = {row.key for row in services.ledger.rows(sharing.SUBJECT)}
    images = [each for each in catalog.images if each.name not in late]
    minute = int(services.clock.now().timestamp()) // 60
    start = random.Random(minute).randrange(len(images)) if images else 0  # noqa: S311  # spreads, guards nothing
    first = [each for each in catalog.images if each.name in late]
    return (*first, *images[start:], *images[:start])


def _remember(
    services: Services, images: tuple[Image, ...], missed: tuple[str, ...], busy: Iterable[str]
) -> None:
    """Keep what was not reached for next time; a message of its own sees to what was busy."""
    known = {row.key for row in services.ledger.rows(sharing.SUBJECT)}
    unreached = [each for each in dict.fromkeys(missed) if each not in set(busy)]
    now = services.clock.now().isoformat()
    for name in unreached[:_MOST_REMEMBERED]:
        if name not in known:
            services.ledger.upsert(Row(sharing.SUBJECT, name, {"since": now}))
    for name in known & {each.name for each in images} - set(unreached):
        services.ledger.delete(sharing.SUBJECT, name)
