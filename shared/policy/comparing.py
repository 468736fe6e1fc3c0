"""Comparing a candidate with what is promoted: what has to happen first, and how the two differ."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from shared.catalog import Compare, Gate
from shared.oci.digest import Digest
from shared.policy import sentences
from shared.policy.actions import Delta, Stage, StartScan, Wait
from shared.policy.facts import Progress, Promoted, Scan
from shared.reports.findings import Finding, Report
from shared.severity import Severity

# Scans of the candidate within a day, in multiples of `attempts`, past which it no longer runs after what is
# promoted: a database that names another date at every scan would have the two scan each other again for ever.
_CHASES = 5


@dataclass(frozen=True, slots=True)
class Step:
    """What has to happen before the two can be compared."""

    action: Stage | StartScan | Wait
    reason: str


@dataclass(frozen=True, slots=True)
class _Pair:
    """The candidate's scan of one platform beside that of what is promoted."""

    mine: Scan
    promoted: Promoted
    theirs: Scan | None


def needed(gate: Gate) -> bool:
    """Tell whether the gate's verdict needs what is promoted to compare with."""
    return gate.compare is Compare.NOT_WORSE or gate.skip_age_for_fixes


def step(scans: Iterable[Scan], promoted: Iterable[Promoted], attempts: int) -> Step | None:
    """Return what has to happen before all can be compared; None: go on, they are, or never will be.

    What can be started goes before what must be waited for. Of two reports of different databases the older
    one's scan is done again; where that brought no newer database, or scans failed `attempts` times, it ends.
    """
    waits: list[str] = []
    dated = [each for each in scans if each.report is not None and each.report.database_date]
    dated.sort(key=lambda each: each.platform)
    for other in sorted(promoted, key=lambda each: each.digest):
        for scan in dated if not other.lost else ():
            found = _stage(other) or _pair(_Pair(scan, other, _theirs(scan, other)), attempts)
            if found is not None and not isinstance(found.action, Wait):
                return found
            waits += [found.reason] if found is not None else []
    return Step(Wait(), sentences.few(sorted(set(waits)), "; ")) if waits else None


def incomparable(scan: Scan, promoted: Promoted) -> str:
    """Say why a candidate's scan cannot be compared with that of what is promoted; "" where it can."""
    theirs, staged = _theirs(scan, promoted), promoted.staged
    if promoted.lost or staged is None:
        return sentences.clipped(promoted.lost or "staging does not hold it", sentences.TEXT)
    if scan.platform not in staged.platforms:
        return "it has no such platform"
    if theirs is None or theirs.report is None:
        return f"it could not be scanned{sentences.said(theirs.error if theirs else '')}"
    if not theirs.report.subject == theirs.digest == staged.platforms[scan.platform]:
        return "its scan is about another digest"
    if scan.report is None:
        return "the candidate has no report"
    why = _unlike(scan.report, theirs.report)
    failed = next((each for each in (theirs, scan) if each.failures), None) if why else None
    return f"{why}; scanning again failed{sentences.said(failed.error)}" if failed else why


def report_of(promoted: Promoted, scan: Scan) -> Report | None:
    """Return promoted's own report that a candidate's scan can be compared with, if there is one."""
    theirs = _theirs(scan, promoted)
    return None if theirs is None or incomparable(scan, promoted) else theirs.report


def worst(findings: Iterable[Finding]) -> Mapping[tuple[str, str], Severity]:
    """Return the worst severity of each (id, package)."""
    found: dict[tuple[str, str], Severity] = {}
    for each in findings:
        key = (each.id, each.package)
        found[key] = max(found.get(key, each.severity), each.severity)
    return found


def delta(
    scan: Scan, mine: Iterable[Finding], promoted: Promoted, theirs: Iterable[Finding]
) -> Delta:
    """Count what differs on one platform; each (id, package) counts once, as its worst severity.

    Added minus removed is therefore the difference of the two counts, severity by severity.
    """
    ours, before = worst(mine).items(), worst(theirs).items()
    added = Counter(severity for _, severity in ours - before)
    removed = Counter(severity for _, severity in before - ours)
    return Delta(promoted.digest, scan.platform, dict(added), dict(removed))


def _theirs(scan: Scan, promoted: Promoted) -> Scan | None:
    return next((each for each in promoted.scans if each.platform == scan.platform), None)


def _stage(promoted: Promoted) -> Step | None:
    if promoted.staged is not None:
        return None
    reason = f"staging does not hold {sentences.promoted(promoted)}, which it is compared with"
    return Step(Stage(promoted.digest, promoted.tags), reason)


def _pair(pair: _Pair, attempts: int) -> Step | None:
    mine, theirs, digest = pair.mine, pair.theirs, pair.promoted.digest
    if theirs is None or mine.report is None or theirs.digest != _manifest(pair):
        return None
    name = f"{sentences.promoted(pair.promoted)} on {mine.platform}"
    if theirs.report is None:
        return _scan(theirs, digest, attempts, f"{name}, to compare with")
    older = _older(mine.report, theirs.report)
    if older is theirs.report:
        return _scan(theirs, digest, attempts, f"{name} again, with the candidate's database")
    if older is None or mine.recent >= attempts * _CHASES:
        return None
    return _scan(mine, None, attempts, f"{mine.platform} again, with the database of {name}")


def _manifest(pair: _Pair) -> Digest | None:
    staged = pair.promoted.staged
    return None if staged is None else staged.platforms.get(pair.mine.platform)


def _scan(scan: Scan, of: Digest | None, attempts: int, what: str) -> Step | None:
    if scan.progress is Progress.UNDERWAY:
        return Step(Wait(), f"scanning {what}")
    if scan.failures >= attempts:
        return None
    action = StartScan(scan.platform, scan.digest, scan.attempt + 1, of)
    return Step(action, f"scanning {what}")


def _older(mine: Report, theirs: Report) -> Report | None:
    """Return the one whose scan is to be done again; None if they are alike, or that would not help.

    A report of an older database that was made after the other one has had its chance: scanning once more would
    go on for ever. Where only the scanners differ, the one made first was made by the one replaced since.
    """
    ours, others = _ages(mine), _ages(theirs)
    if not _unlike(mine, theirs) or ours is None or others is None or ours == others:
        return None
    if ours[0] <= others[0] and ours[1] <= others[1]:
        return mine
    return theirs if others[0] <= ours[0] and others[1] <= ours[1] else None


def _ages(report: Report) -> tuple[datetime, datetime] | None:
    """Return the times of its database and of itself, if it names both."""
    if report.database_date is None or report.created_at is None:
        return None
    return report.database_date, report.created_at


def _unlike(mine: Report, theirs: Report) -> str:
    """Say in what two reports' databases or scanners differ; "" where they do not."""
    if theirs.database_date is None:
        return "its report has no database date"
    if mine.database_date is None:
        return "the candidate's report has no database date"
    if (mine.scanner, mine.scanner_version) != (theirs.scanner, theirs.scanner_version):
        return f"{_scanner(theirs)} scanned it, and {_scanner(mine)} the candidate"
    if mine.database_date != theirs.database_date:
        return (
            f"its scanner's database is of {theirs.database_date:%Y-%m-%d %H:%M} UTC,"
            f" the candidate's of {mine.database_date:%Y-%m-%d %H:%M} UTC"
        )
    return ""


def _scanner(report: Report) -> str:
    return sentences.clipped(f"{report.scanner} {report.scanner_version}".strip())
