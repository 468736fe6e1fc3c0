"""Reports that others attached to a candidate in staging: listed sparingly, whatever is attached."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta

from handlers import foreign_reading
from handlers.foreign_reading import MOST, Parts, kind_of
from handlers.recording import Subject
from shared.catalog import Catalog
from shared.errors import Permanent
from shared.oci.digest import Digest
from shared.oci.reference import Repository
from shared.policy.facts import Foreign, Scan
from shared.reports import formats
from shared.services import Services
from shared.values import Row

_LISTED = "foreign"  # the ledger's key of what was listed last
LASTS = timedelta(minutes=5)  # of a listing: a registry answers few of them a minute
LASTS_HELD = timedelta(hours=6)  # of what is held anyway: a thousand may be, for months
_ROOM = 20_000  # characters of a row; a table's text holds 32,000, escaped once more


def added(
    services: Services,
    catalog: Catalog,
    subject: Subject,
    scans: tuple[Scan, ...],
    rows: tuple[Row, ...],
    *,
    lasts: timedelta,
    follow: bool,
) -> Mapping[Digest, tuple[Foreign, ...]]:
    """Return, by platform's manifest, what others reported about it or about the whole index.

    `rows` are the candidate's; `lasts` is how old a listing may be. Where these come from proves nothing, so
    nothing here may ever stand in for a report of ours: it can add findings, or hold the candidate because it
    cannot be read.
    """
    repository, digest = catalog.staging.repository(subject.image), subject.digest
    children = tuple(dict.fromkeys(scan.digest for scan in scans))
    parts = tuple(dict.fromkeys((digest, *children)))
    since = services.clock.now() - lasts
    try:
        listed = _listed(services, subject.id, repository, parts, rows, since=since, follow=follow)
    except Permanent as error:
        # Somebody attached what the list cannot hold, say: it might name what ours does not.
        unlisted = (Foreign(digest, error=f"what is attached could not be listed: {error}"),)
        return dict.fromkeys(children, unlisted)
    read = foreign_reading.read(services.data_plane, repository, listed, parts)
    return {each: tuple(dict.fromkeys((*read[digest], *read[each]))) for each in children}


def _listed(
    services: Services,
    candidate: str,
    repository: Repository,
    parts: tuple[Digest, ...],
    rows: tuple[Row, ...],
    *,
    since: datetime,
    follow: bool,
) -> Parts:
    """List others' reports of each part, or return what was listed since then.

    A candidate is looked at every few seconds while something is under way, and a registry lists referrers 250 times
    a minute. A report that is attached meanwhile counts at the next listing.
    """
    row = next((each for each in rows if each.key == _LISTED), None)
    if row is not None and since < datetime.fromisoformat(str(row.values["at"])):
        known = _parsed_row(str(row.values["parts"]))
        if known.keys() >= set(parts):
            return known
    found = {part: _list(services, repository, part) for part in parts}
    text = json.dumps({str(part): [str(each) for each in found[part]] for part in parts})
    if follow and len(text) <= _ROOM:
        at = services.clock.now().isoformat()
        services.ledger.upsert(Row(candidate, _LISTED, {"at": at, "parts": text}))
    return found


def _parsed_row(text: str) -> Parts:
    return {
        Digest(part): tuple(Digest(each) for each in found)
        for part, found in json.loads(text).items()
    }


def _list(services: Services, repository: Repository, part: Digest) -> tuple[Digest, ...]:
    """Return at most one more than are read: that one says that there are too many."""
    found = (
        each.digest
        for each in services.data_plane.referrers(repository, part)
        if kind_of(each.artifact_type) in formats.FOREIGN
    )
    return tuple(sorted(set(found)))[: MOST + 1]
