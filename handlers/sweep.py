"""The sweep: look again at whatever no event mentioned, and at whatever may have drifted."""

import logging
from datetime import datetime, timedelta

from handlers import catalogs, looking, rebuilding
from handlers.recording import STATE, Subject
from handlers.traces import new_trace
from shared.catalog import Catalog, Image
from shared.errors import BreakwaterError
from shared.messages import candidate_id
from shared.oci.digest import Digest
from shared.policy.sweeping import Known, worth_a_look
from shared.ports import Row, TagEntry
from shared.services import Services

_log = logging.getLogger("breakwater.sweep")

_FORGIVEN = timedelta(hours=1)  # after that long a failed candidate's attempts are forgotten


def handle(services: Services) -> int:
    """Ask for a look at every candidate that deserves one; return how many.

    Works from tag pages alone, which are cheap; listing referrers is not (ACR: 250 a minute). One
    bad image never stops the rest; what the first raised is raised in the end.
    """
    catalog = catalogs.current(services)
    trace = new_trace()
    asked = 0
    failures: list[BreakwaterError] = []
    for image in catalog.images:
        try:
            asked += _sweep(services, catalog, image, trace)
        except BreakwaterError as error:
            _log.error("%s could not be swept: %s", image.name, error)
            failures.append(error)
    if failures:
        raise failures[0]
    return asked


def _sweep(services: Services, catalog: Catalog, image: Image, trace: str) -> int:
    staged = tuple(services.data_plane.tags(catalog.staging.repository(image.name)))
    base = catalog.base.repository(image.name)
    held = {entry.name: entry for entry in services.data_plane.tags(base)}
    asked = 0
    for digest in dict.fromkeys(entry.digest for entry in staged):
        known = _known(services, image, digest, staged, held)
        if worth_a_look(known, services.clock.now(), _FORGIVEN):
            _forgive(services, candidate_id(image.name, digest))
            looking.ask(services, Subject(image.name, digest, trace), "the sweep found it")
            asked += 1
    for tag in image.tags:
        if tag in held:
            rebuilding.ask(services, catalog, base, tag, held[tag].digest, trace)
    return asked


def _known(
    services: Services,
    image: Image,
    digest: Digest,
    staged: tuple[TagEntry, ...],
    held: dict[str, TagEntry],
) -> Known:
    rows = services.ledger.rows(candidate_id(image.name, digest))
    row = next((each for each in rows if each.key == STATE), None)
    return Known(
        state=str(row.values["state"]) if row else "",
        since=datetime.fromisoformat(str(row.values["since"])) if row else None,
        current=any(
            entry.name in image.tags and entry.digest == digest
            for entry in (*staged, *held.values())
        ),
    )


def _forgive(services: Services, candidate: str) -> None:
    """Forget attempts that came to nothing long ago, so that new ones may be made."""
    now = services.clock.now()
    for row in services.ledger.rows(candidate):
        if _is_lost_long_ago(row, now):
            services.ledger.delete(candidate, row.key)


def _is_lost_long_ago(row: Row, now: datetime) -> bool:
    # What still says "starting" after so long died before it had a run, or lost its answer.
    if not row.key.startswith(("scan:", "test:")):
        return False
    if row.values.get("state") not in ("lost", "starting"):
        return False
    return now >= datetime.fromisoformat(str(row.values["at"])) + _FORGIVEN
