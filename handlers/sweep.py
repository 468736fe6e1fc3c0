"""The sweep: look again at whatever no event mentioned, and at whatever may have drifted."""

import logging
from dataclasses import replace
from datetime import datetime, timedelta

from handlers import adopting, catalogs, looking, observed, rebuilding, waivers
from handlers.jitter import shuffled
from handlers.recording import STATE, Subject
from handlers.traces import new_trace
from shared.catalog import Catalog, Image
from shared.errors import BreakwaterError
from shared.oci.digest import Digest
from shared.policy.sweeping import Known, has_drifted, worth_a_look
from shared.services import Services
from shared.values import Row, TagEntry, Task

_log = logging.getLogger("breakwater.sweep")

_SWEPT = "swept"  # the ledger row that says when a sweep last asked for a look
_FORGIVEN = timedelta(hours=1)  # after that long a failed candidate's attempts are forgotten


def handle(services: Services) -> int:
    """Ask for a look at every candidate that deserves one; return how many.

    Works from tag pages alone, which are cheap; listing referrers is not (ACR: 250 a minute). Each
    apps registry is listed once. One bad image or registry never stops the rest; what the first
    raised is raised in the end. The host ends what takes too long: the order is another each time.
    """
    catalog = catalogs.current(services)
    trace = new_trace()
    asked = 0
    tasks, failures = _tasks(services, catalog)
    time = adopting.Time()
    for report in (observed.report, waivers.report):
        try:
            report(services, catalog, trace)
        except BreakwaterError as error:
            _log.error("a report of the day could not be made: %s", error)
            failures.append(error)
    for image in shuffled(catalog.images):
        try:
            asked += _sweep(services, catalog, image, tasks, trace, time)
        except BreakwaterError as error:
            _log.error("%s could not be swept: %s", image.name, error)
            failures.append(error)
    if failures:
        raise failures[0]
    return asked


def _tasks(services: Services, catalog: Catalog) -> tuple[list[Task], list[BreakwaterError]]:
    """List the apps' tasks, and what went wrong with registries that could not be listed."""
    tasks: list[Task] = []
    failures: list[BreakwaterError] = []
    for registry in catalog.apps:
        try:
            tasks += services.tasks.list(registry)
        except BreakwaterError as error:
            _log.error("the apps of %s could not be listed: %s", registry, error)
            failures.append(error)
    return tasks, failures


def _sweep(
    services: Services,
    catalog: Catalog,
    image: Image,
    tasks: list[Task],
    trace: str,
    time: adopting.Time,
) -> int:
    image = catalogs.watched_now(services, image)
    staging, base = catalog.staging.repository(image.name), catalog.base.repository(image.name)
    staged = {entry.name: entry for entry in services.data_plane.tags(staging)}
    held = {entry.name: entry for entry in services.data_plane.tags(base)}
    others, failure = _adopted(services, catalog, image, held, trace, time)
    asked = 0
    for digest in dict.fromkeys([*(entry.digest for entry in staged.values()), *sorted(others)]):
        subject = Subject(image.name, digest, trace)
        rows = services.ledger.rows(subject.id)
        known = _known(image, digest, rows, staged, held)
        if digest in others:
            known = replace(known, drifted=False)  # its locks are those that adopting gives it
        if worth_a_look(known, services.clock.now(), _FORGIVEN):
            _look(services, subject, rows)
            asked += 1
    for tag in image.tags:
        if tag in held:
            rebuilding.ask(services, catalog, base, tag, held[tag].digest, trace, tasks=tasks)
    if failure is not None:
        raise failure
    return asked


def _adopted(
    services: Services,
    catalog: Catalog,
    image: Image,
    held: dict[str, TagEntry],
    trace: str,
    time: adopting.Time,
) -> tuple[frozenset[Digest], BreakwaterError | None]:
    """Adopt, and keep what went wrong: the rest of the image is swept all the same."""
    try:
        return adopting.adopt(services, catalog, image, held, trace, time), None
    except BreakwaterError as error:
        return frozenset(), error


def _known(
    image: Image,
    digest: Digest,
    rows: tuple[Row, ...],
    staged: dict[str, TagEntry],
    held: dict[str, TagEntry],
) -> Known:
    """Put together what is known of a digest; its tags are those that staging or base gives it."""
    found = {row.key: row.values for row in rows}
    state, swept = found.get(STATE), found.get(_SWEPT)
    tags = [
        tag
        for tag in image.tags
        if any(tag in names and names[tag].digest == digest for names in (staged, held))
    ]
    return Known(
        state=str(state["state"]) if state else "",
        since=datetime.fromisoformat(str(state["since"])) if state else None,
        current=bool(tags),
        drifted=has_drifted(digest, tags, held),
        looked=datetime.fromisoformat(str(swept["at"])) if swept else None,
    )


def _look(services: Services, subject: Subject, rows: tuple[Row, ...]) -> None:
    """Ask for a look, after forgetting attempts that came to nothing long ago."""
    now = services.clock.now()
    for row in rows:
        if _is_lost_long_ago(row, now):
            services.ledger.delete(subject.id, row.key)
    looking.ask(services, subject, "the sweep found it")
    # The message first: dying in between asks once more.
    services.ledger.upsert(Row(subject.id, _SWEPT, {"at": now.isoformat()}))


def _is_lost_long_ago(row: Row, now: datetime) -> bool:
    # What still says "starting" after so long died before it had a run, or lost its answer.
    if not row.key.startswith(("scan:", "test:")):
        return False
    if row.values.get("state") not in ("lost", "starting"):
        return False
    return now >= datetime.fromisoformat(str(row.values["at"])) + _FORGIVEN
