"""Whether a report is young enough, and its scanner's database was, to be judged by."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.catalog import Gate
from shared.policy import sentences
from shared.policy.actions import Hold, StartScan, Wait
from shared.policy.facts import Progress, Scan

_AHEAD = timedelta(hours=1)  # that clocks may differ by
_PATIENCE = timedelta(
    hours=6
)  # before a scan may find a newer database: Trivy's is built that often
_MADE = ("was made", "when it was made")
_KNOWN = ("is of", "of when it is")
_DATABASE = "max_database_age"


@dataclass(frozen=True, slots=True)
class Stale:
    """What to do about a report that is no use, and why it is none.

    Hold(None): scanning again does not help, only a change from outside.
    """

    action: StartScan | Hold | Wait
    reason: str
    key: str = "max_age"  # of the gate, by which the report is no use


def step(scan: Scan, gate: Gate, now: datetime, attempts: int) -> Stale | None:
    """Return what to do about a report that is too old, or whose scanner knew too little; None: it will do.

    A scan without a report is not for this rule. What says of itself that it is from the future is undated. A
    report that stays undated in `attempts` scans is not made again that day: that would go on for ever.
    """
    if scan.report is None:
        return None
    made, database = _time(scan.report.created_at, now), _time(scan.report.database_date, now)
    if gate.max_age and (made is None or now - made > gate.max_age):
        why = _why(f"the report on {scan.platform}", _MADE, made, gate.max_age)
        return _again(scan, why, attempts, dated=made is not None)
    if gate.max_database_age and (database is None or now - database > gate.max_database_age):
        what = f"the scanner's database for the report on {scan.platform}"
        why = _why(what, _KNOWN, database, gate.max_database_age)
        again = made + _PATIENCE if made is not None else None
        if again is not None and now < again and scan.progress is not Progress.UNDERWAY:
            why = f"{why}; it is scanned again on {again:%Y-%m-%d at %H:%M} UTC"
            return Stale(Hold(again), why, _DATABASE)
        return replace(_again(scan, why, attempts, dated=made is not None), key=_DATABASE)
    return None


def _time(time: datetime | None, now: datetime) -> datetime | None:
    """Return the time, None where there is none to believe."""
    return None if time is None or time - now > _AHEAD else time


def _why(what: str, verbs: tuple[str, str], time: datetime | None, most: timedelta) -> str:
    if time is None:
        return f"{what} does not say {verbs[1]}, or says a time to come"
    when, age = f"{time:%Y-%m-%d %H:%M} UTC", sentences.lasting(most)
    return f"{what} {verbs[0]} {when}, and must not be older than {age}"


def _again(scan: Scan, why: str, attempts: int, *, dated: bool) -> Stale:
    if scan.progress is Progress.UNDERWAY:
        return Stale(Wait(), f"{why}; scanning again")
    if scan.failures >= attempts:
        failed = f"scanning again failed {scan.failures} times{sentences.said(scan.error)}"
        return Stale(Hold(None), f"{why}; {failed}")
    if not dated and scan.recent >= attempts:
        return Stale(
            Hold(None), f"{why}; {scan.recent} scans within a day made none that can be dated"
        )
    action = StartScan(scan.platform, scan.digest, scan.attempt + 1)
    return Stale(action, f"{why}; scanning again")
