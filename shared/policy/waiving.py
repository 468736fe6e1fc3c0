"""Waiving: which findings of which image are forgiven, by whom, and until when."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from shared.catalog_model import Image, Waiver
from shared.oci.digest import Digest
from shared.oci.platform import Platform
from shared.oci.reference import Repository
from shared.reports.findings import Finding
from shared.vex.standing import Candidate, Claim, plain, repositories, standing
from shared.vex.statements import Statement

SOON = timedelta(days=7)  # before a waiver's end
_WAIVER = "waiver"


@dataclass(frozen=True, slots=True)
class Excuse:
    """Why one finding of one image does not count: a waiver, or a VEX statement.

    `package` is "" for any, `version` likewise. It holds until `until` (excluded; None: for good).
    `source` says where it is written: `waiver`, or the VEX document's file. `part` is the one platform's
    manifest that a VEX statement is about, None where it is about the whole candidate.
    """

    id: str
    reason: str
    owner: str
    source: str
    package: str = ""
    version: str = ""
    until: datetime | None = None
    part: Digest | None = None


@dataclass(frozen=True, slots=True)
class Expiring:
    """A waiver in its last week, or past its end; `until` is the end, excluded."""

    waiver: Waiver
    until: datetime
    expired: bool


def excuses(
    waivers: Iterable[Waiver],
    statements: Iterable[Statement],
    image: Image,
    digest: Digest,
    platforms: Mapping[Platform, Digest],
    also: Iterable[Repository] = (),
) -> tuple[Excuse, ...]:
    """Return what is excused in this digest of the image, in force or not.

    `platforms` are its manifests. VEX products may name the image by its source, or by a repository that holds
    it `also` (in staging, in base). VEX statements take back each other, never a waiver.
    """
    waived = [_of_waiver(each) for each in waivers if each.covers(image.name)]
    places = repositories(str(each) for each in (image.source, *also))
    candidate = Candidate(image.name, places, digest, platforms)
    claimed = [_of_claim(each) for each in standing(statements, candidate)]
    return tuple(dict.fromkeys((*waived, *claimed)))


def in_force(listed: Iterable[Excuse], now: datetime) -> tuple[Excuse, ...]:
    """Return those that hold now."""
    return tuple(each for each in listed if each.until is None or now < each.until)


def excuse_for(
    finding: Finding, listed: Iterable[Excuse], now: datetime, part: Digest | None = None
) -> Excuse | None:
    """Return the excuse for this finding that holds now: of several the one that lasts longest.

    Ids are equal in any case, packages also with `_` for `-` (purls have PyPI's that way), versions letter by
    letter. `part` is the candidate's platform manifest that the finding is judged for, also where it was found in
    what is promoted: without it, what is excused for one platform only is not excused.
    """
    wanted = finding.id.casefold()
    named = [each for each in listed if each.id.casefold() == wanted]
    fitting = [each for each in in_force(named, now) if _fits(each, finding, part)]
    return min(fitting, key=_longest_first, default=None)


def ends(waiver: Waiver) -> datetime:
    """Return when the waiver no longer holds: after the day it expires, in UTC."""
    start = datetime.combine(waiver.expires, time(), UTC)
    return start + min(timedelta(days=1), datetime.max.replace(tzinfo=UTC) - start)


def expiring(waivers: Iterable[Waiver], now: datetime) -> tuple[Expiring, ...]:
    """Return the waivers that end within a week, and those that have ended."""
    ending = ((each, ends(each)) for each in waivers)
    return tuple(Expiring(each, end, now >= end) for each, end in ending if end - now <= SOON)


def _of_waiver(waiver: Waiver) -> Excuse:
    return Excuse(
        id=waiver.id,
        reason=waiver.reason,
        owner=waiver.owner,
        source=_WAIVER,
        package=waiver.package,
        until=ends(waiver),
    )


def _of_claim(claim: Claim) -> Excuse:
    return Excuse(
        id=claim.id,
        reason=claim.statement.reason,
        owner=claim.statement.author,
        source=claim.statement.source,
        package=claim.package,
        version=claim.version,
        part=claim.part,
    )


def _fits(excuse: Excuse, finding: Finding, part: Digest | None) -> bool:
    return (
        (not excuse.package or plain(excuse.package) == plain(finding.package))
        and excuse.version in ("", finding.installed)
        and excuse.part in (None, part)
    )


def _longest_first(excuse: Excuse) -> tuple[float, tuple[str, ...]]:
    last = float("inf") if excuse.until is None else excuse.until.timestamp()
    text = (excuse.source, excuse.reason, excuse.owner, excuse.package, excuse.version)
    return -last, (*text, excuse.id, str(excuse.part or ""))
