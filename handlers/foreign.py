"""Reports that others attached to a candidate in staging: listed sparingly, read once, bounded."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache

from handlers.recording import Subject
from shared.catalog import Catalog
from shared.errors import Permanent
from shared.oci.digest import Digest
from shared.oci.reference import Repository
from shared.policy.facts import Foreign, Scan
from shared.ports import Row
from shared.reports import fields, formats
from shared.reports.findings import InvalidReport, Report
from shared.services import Services

_MOST = 20  # reports that are read of each part
_KEPT = 64  # outcomes of reading one; their names are digests, so none is ever stale
_LISTED = "foreign"  # the ledger's key of what was listed last
_CYCLONEDX = "application/vnd.cyclonedx+json"
_LASTS = timedelta(minutes=5)  # of a listing: a registry answers few of them a minute
_ROOM = 20_000  # characters of a row; a table's text holds 32,000, escaped once more


@dataclass(frozen=True, slots=True)
class _Asked:
    """A report, what it is attached to and what it may be about; how to fetch it is no part of what it is."""

    repository: Repository
    digest: Digest
    part: Digest
    about: tuple[Digest, ...]
    fetch: Callable[[], tuple[str, bytes]] = field(compare=False)


type _Parts = Mapping[Digest, tuple[Digest, ...]]


def added(
    services: Services,
    catalog: Catalog,
    subject: Subject,
    scans: tuple[Scan, ...],
    rows: tuple[Row, ...],
    *,
    follow: bool,
) -> Mapping[Digest, tuple[Foreign, ...]]:
    """Return, by platform's manifest, what others reported about it or about the whole index.

    `rows` are the candidate's. Where these come from proves nothing, so nothing here may ever stand in for a
    report of ours: it can add findings, or hold the candidate because it cannot be read.
    """
    repository, digest = catalog.staging.repository(subject.image), subject.digest
    children = tuple(dict.fromkeys(scan.digest for scan in scans))
    parts = tuple(dict.fromkeys((digest, *children)))
    listed = _listed(services, subject.id, repository, parts, rows, follow=follow)
    read = {part: _read_all(services, repository, part, listed[part], parts) for part in parts}
    return {each: tuple(dict.fromkeys((*read[digest], *read[each]))) for each in children}


def _listed(
    services: Services,
    candidate: str,
    repository: Repository,
    parts: tuple[Digest, ...],
    rows: tuple[Row, ...],
    *,
    follow: bool,
) -> _Parts:
    """List others' reports of each part, or return what was listed a few minutes ago.

    A candidate is looked at every few seconds while something is under way, and a registry lists referrers 250 times
    a minute. A report that is attached meanwhile counts at the next listing.
    """
    now = services.clock.now()
    row = next((each for each in rows if each.key == _LISTED), None)
    if row is not None and now < datetime.fromisoformat(str(row.values["at"])) + _LASTS:
        known = _parsed_row(str(row.values["parts"]))
        if known.keys() >= set(parts):
            return known
    found = {part: _list(services, repository, part) for part in parts}
    text = json.dumps({str(part): [str(each) for each in found[part]] for part in parts})
    if follow and len(text) <= _ROOM:
        services.ledger.upsert(Row(candidate, _LISTED, {"at": now.isoformat(), "parts": text}))
    return found


def _parsed_row(text: str) -> _Parts:
    return {
        Digest(part): tuple(Digest(each) for each in found)
        for part, found in json.loads(text).items()
    }


def _list(services: Services, repository: Repository, part: Digest) -> tuple[Digest, ...]:
    """Return at most one more than are read: that one says that there are too many."""
    found = (
        each.digest
        for each in services.data_plane.referrers(repository, part)
        if _kind(each.artifact_type) in formats.FOREIGN
    )
    return tuple(sorted(set(found)))[: _MOST + 1]


def _read_all(
    services: Services,
    repository: Repository,
    part: Digest,
    found: tuple[Digest, ...],
    parts: tuple[Digest, ...],
) -> tuple[Foreign, ...]:
    read = (_read(services, repository, part, each, parts) for each in found[:_MOST])
    kept = tuple(each for each in read if each is not None)
    if len(found) <= _MOST:
        return kept
    error = f"it was not read, because more than {_MOST} are attached to {part}"
    return (*kept, Foreign(found[_MOST], error=error))


def _read(
    services: Services,
    repository: Repository,
    part: Digest,
    digest: Digest,
    parts: tuple[Digest, ...],
) -> Foreign | None:
    """Read one; None for what is no report but a bill of materials."""

    def fetch() -> tuple[str, bytes]:
        return _fetch(services, repository, part, digest)

    index = parts[0]
    about = parts if part == index else (part, index)
    try:
        report = _parsed(_Asked(repository, digest, part, about, fetch))
    except Permanent as error:
        report = str(error)
    if isinstance(report, str):
        return Foreign(digest, error=report)
    return None if report is None else Foreign(digest, report)


def _fetch(
    services: Services, repository: Repository, part: Digest, digest: Digest
) -> tuple[str, bytes]:
    """Return its artifact type and its bytes, at most LARGEST. Raises Permanent saying what is wrong with it."""
    manifest = services.data_plane.manifest(repository, digest)
    if manifest is None:
        message = "staging lists it and does not give it"
        raise Permanent(message)
    kind = _kind(manifest.artifact_type)
    if kind not in formats.FOREIGN:
        message = (
            f"artifact type: expected one of {', '.join(formats.FOREIGN)}, found {kind[:100]!r}"
        )
        raise Permanent(message)
    if manifest.subject is None or manifest.subject.digest != part:
        message = f"subject: expected {part}, found another"
        raise Permanent(message)
    if len(manifest.layers) != 1:
        message = f"layers: expected one, found {len(manifest.layers)}"
        raise Permanent(message)
    return kind, services.data_plane.blob(repository, manifest.layers[0].digest, formats.LARGEST)


@lru_cache(maxsize=_KEPT)
def _parsed(asked: _Asked) -> Report | str | None:
    """Return the report, or why it is none; a bill of materials without `vulnerabilities` is None."""
    kind, raw = asked.fetch()
    try:
        if kind == _CYCLONEDX and _is_plain(fields.document(raw, formats.LARGEST)):
            return None
        return _about_any(asked, kind, raw)
    except InvalidReport as error:
        return str(error)


def _about_any(asked: _Asked, kind: str, raw: bytes) -> Report:
    """Parse it as being about any of the manifests it may be about; what the first refused says why not."""
    first: InvalidReport | None = None
    for subject in (asked.part, *(each for each in asked.about if each != asked.part)):
        try:
            return formats.parse(raw, kind=kind, subject=subject)
        except InvalidReport as error:
            first = first or error
    raise first or InvalidReport("it is about nothing")


def _is_plain(body: Mapping[str, object]) -> bool:
    return body.get("bomFormat") == "CycloneDX" and "vulnerabilities" not in body


def _kind(artifact_type: str) -> str:
    return artifact_type.partition(";")[0].strip().lower()
