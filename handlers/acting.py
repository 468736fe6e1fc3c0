"""What a watch saw is acted upon: records are kept, imports asked for, staging's tags moved."""

import logging
from dataclasses import replace
from datetime import datetime, timedelta

from handlers import importing, looking, records
from handlers.jitter import spread
from handlers.observing import Watch
from handlers.recording import Subject, note, say
from handlers.traces import new_trace
from shared.catalog import Catalog, Image
from shared.messages import (
    BACKLOG,
    IMPORTS,
    LONGEST_DELAY,
    WATCH,
    ImportMessage,
    WatchMessage,
    encode,
)
from shared.oci.digest import Digest
from shared.policy.facts import Watched
from shared.policy.selection import Chosen
from shared.policy.watching import Change, Observation, left
from shared.services import Services
from shared.values import Row

_log = logging.getLogger("breakwater.watch")

_NAMED = 50  # tags in one sentence


def act(services: Services, catalog: Catalog, watch: Watch) -> None:
    """Do what the watch of one image calls for. Twice is harmless; so is dying half-way."""
    _unwatched(services, watch)
    _discovered(services, watch)
    for observation, before in zip(watch.observations, watch.before, strict=True):
        row = next((each for each in watch.rows if each.key == before.tag), None)
        _apply(services, catalog, watch.image, observation, before, row)


def _unwatched(services: Services, watch: Watch) -> None:
    """End what is on record of tags nobody watches any more: since when it was upstream's, `dwell` asks."""
    for row in watch.rows:
        if row.key.startswith(records.CHOSEN) or row.key in watch.image.tags:
            continue
        record = records.watched(row.key, row)
        if record.current is not None:
            ended = left(record, services.clock.now())
            services.ledger.upsert(records.watched_row(watch.image.name, ended))


def _discovered(services: Services, watch: Watch) -> None:
    """Journal what the rule's list changed, and keep what it chose."""
    found = watch.discovery
    if found is None:
        return
    refusal, before = found.refusal, records.chosen(watch.rows)
    if not refusal and _chooses_none_now(before, found.chosen):
        refusal = "the rule chooses none of the tags upstream lists"
    _tell(services, watch, "tags refused", refusal)
    _tell(services, watch, "tags appeared", _listed(found.appeared))
    _tell(services, watch, "tags vanished", _listed(found.vanished))
    _tell(services, watch, "tags dropped", _listed(found.dropped))
    # The journal first: dying in between tells the same once more, which is the same entry.
    if found.chosen != before:
        for row in records.chosen_rows(watch.image.name, found.chosen):
            services.ledger.upsert(row)


def _chooses_none_now(before: Chosen | None, now: Chosen) -> bool:
    """Tell whether this rule chose something until now; a list that merely grew is no news."""
    return not now.tags and (before is None or bool(before.tags) or before.rule != now.rule)


def _tell(services: Services, watch: Watch, event: str, reason: str) -> None:
    """Journal what a list brought, once for each list it is compared with."""
    if reason:
        name = watch.image.name
        once = f"{name}|{records.mark(watch.rows)}|{reason}"
        say(services, name, event, (reason,), once=once, trace=new_trace())


def _listed(tags: tuple[str, ...]) -> str:
    more = f" and {len(tags) - _NAMED} more" if len(tags) > _NAMED else ""
    return ", ".join(tags[:_NAMED]) + more


def _apply(
    services: Services,
    catalog: Catalog,
    image: Image,
    seen: Observation,
    before: Watched,
    row: Row | None,
) -> None:
    trace = new_trace()
    if seen.change is Change.GONE and before.current is not None:
        subject = Subject(image.name, before.current, trace)
        once = f"gone|{subject.id}|{seen.tag}|{before.spans[-1].start.isoformat()}"
        note(services, subject, "gone upstream", (seen.reason,), once=once)
    if seen.change is Change.EQUIVALENT and seen.watched != before and seen.digest is not None:
        subject = Subject(image.name, seen.digest, trace)
        once = f"equivalent|{subject.id}|{seen.tag}|{seen.reason}"
        note(services, subject, "equivalent", (f"{seen.tag}: {seen.reason}",), once=once)
    # The record comes before what it leads to: who looks at once must find it. Dying in between
    # does no harm, because what staging lacks is seen again.
    if seen.watched is not None and seen.watched != before:
        kept = records.watched_row(image.name, seen.watched)
        ledger = services.ledger
        if not (ledger.replace(replace(kept, version=row.version)) if row else ledger.insert(kept)):
            return  # somebody looked later, and was faster: the next watch goes on from there
    match seen.change, seen.digest:
        case Change.IMPORT, Digest() as digest:
            _import(services, image, seen, digest, trace)
        case Change.RETAG, Digest() as digest:
            _retag(services, catalog, image, seen, digest, trace)
        case Change.SETTLING, _ if seen.watched != before and seen.until is not None:
            _watch_again(services, image, seen.until, trace)
        case Change.UNREACHABLE, _:
            _log.warning("%s:%s could not be watched: %s", image.source, seen.tag, seen.reason)
        case _:
            pass


def _import(
    services: Services, image: Image, seen: Observation, digest: Digest, trace: str
) -> None:
    subject = Subject(image.name, digest, trace)
    if not importing.asking(services, subject.id, urgent=seen.urgency != BACKLOG):
        return
    once = f"detected|{subject.id}|{seen.tag}"
    note(services, subject, "detected", (f"{image.source}:{seen.tag}: {seen.reason}",), once=once)
    message = ImportMessage(
        image.name,
        seen.tag,
        str(digest),
        trace,
        media_type=seen.media_type,
        urgency=seen.urgency,
    )
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


def _watch_again(services: Services, image: Image, until: datetime, trace: str) -> None:
    """Have the image watched as soon as its move has settled; if this is lost, the timer comes by."""
    wait = (until - services.clock.now()).total_seconds()
    delay = min(timedelta(seconds=spread(max(wait, 0) + 1, 1.0, 1.05)), LONGEST_DELAY)
    services.queues.send(WATCH, encode(WatchMessage(image.name, trace)), delay=delay)
