"""Rules about reports: that they are there, fresh and comparable, and what they say."""

from collections.abc import Iterable

from shared.catalog import Counted, EndOfLife
from shared.policy import comparing, freshness, judging, laxer, remedies
from shared.policy.actions import Decision, Hold, Rest, StartScan, State, Wait
from shared.policy.facts import Progress, Scan
from shared.policy.freshness import Stale
from shared.policy.look import MAX_ATTEMPTS, Look

_FRESHENED = {
    "max_age": "mend what its scans fail at",
    "max_database_age": "have the scanner's database brought up to date, which the next scan then has",
}


def scanned(look: Look) -> Decision | None:
    """Have every required platform scanned; fail when a report could not be had, unless overridden."""
    if not look.asks_scans:
        return None
    refused, pending = _unscannable(look), _scanning(look)
    if look.observes:
        # What can be known is found out, before it goes on without the rest.
        return pending or refused
    return refused or pending


def lost_scans(look: Look) -> tuple[str, ...]:
    """Say which reports could not be had; an override stands in for them."""
    if not look.asks_scans:
        return ()
    return tuple(
        f"scanning {scan.platform} failed {scan.failures} times: {scan.error}"
        for scan in look.scans
        if is_lost(scan)
    )


def is_lost(scan: Scan) -> bool:
    """Tell whether a scan leaves no report: it has failed for the last time, and none is under way."""
    underway = scan.progress is Progress.UNDERWAY
    return scan.report is None and not underway and scan.failures >= MAX_ATTEMPTS


def fresh(look: Look) -> Decision | None:
    """Have reports made again that are too old, or whose scanner knew too little; an override does without."""
    stale = () if look.override else _stale(look)
    for kind in (StartScan, Wait, Hold):
        found = [each for each in stale if isinstance(each.action, kind)]
        if not found:
            continue
        reasons = tuple(dict.fromkeys(each.reason for each in found))
        if kind is not Hold:
            action = found[0].action
            return Decision(action, State.SCANNING, reasons, remedies=remedies.BY_ITSELF)
        keys = dict.fromkeys(each.key for each in found)
        said = (
            *(_FRESHENED[each] for each in keys),
            remedies.override(look, "a fresh report"),
            remedies.keys(look, *(f"a longer `{each}`" for each in keys)),
        )
        return Decision(_soonest(found), State.HELD, reasons, remedies=said)
    return None


def stale_reports(look: Look) -> tuple[str, ...]:
    """Say which reports are too old, or whose scanner knew too little; an override stands in for that."""
    return tuple(dict.fromkeys(each.reason.partition("; ")[0] for each in _stale(look)))


def compared(look: Look) -> Decision | None:
    """Have what it is compared with scanned too, by the same scanner with the same database."""
    if not look.compares:
        return None
    step = comparing.step(look.reported, look.promoted, MAX_ATTEMPTS)
    if step is None:
        return None
    return Decision(step.action, State.SCANNING, (step.reason,), remedies=remedies.BY_ITSELF)


def foreign(look: Look) -> Decision | None:
    """Hold while somebody's report cannot be read: it might name what ours does not."""
    unread = () if look.override else unreadable(look)
    if not unread:
        return None
    said = (
        "have it attached again in a format that can be read, or deleted from staging",
        remedies.override(look, "it"),
        remedies.keys(look, "`foreign: ignore`"),
    )
    return Decision(Hold(None), State.HELD, unread, remedies=said)


def unreadable(look: Look) -> tuple[str, ...]:
    """Name the foreign reports that cannot be read, where they count; an override stands in for them."""
    if not look.asks_scans or look.gate.foreign is not Counted.COUNT:
        return ()
    found = {
        f"the report {each.digest} that somebody attached to {scan.platform} cannot be read:"
        f" {each.error or 'it holds no report'}"
        for scan in look.scans
        for each in scan.foreign
        if each.report is None
    }
    return tuple(sorted(found))


def clean(look: Look) -> Decision | None:
    """Reject what has a finding that blocks; nothing but the catalog forgives it."""
    if not look.asks_scans or not look.judgement.reasons:
        return None
    said = (
        "wait for upstream's next digest, which may fix it",
        *laxer.renewed(look),
        "waive each finding, by the catalog's `waivers` (id, image, reason, owner, expires) or a VEX document",
        *laxer.keys(look),
    )
    return Decision(Rest(), State.REJECTED, look.judgement.reasons, remedies=said)


def eol(look: Look) -> Decision | None:
    """Reject an operating system that gets no more fixes, where the gate asks."""
    if not look.asks_scans or look.gate.eol is not EndOfLife.BLOCK:
        return None
    reasons = judging.end_of_life(look.reported)
    if not reasons:
        return None
    said = (
        "watch a tag of an operating system that still gets fixes",
        remedies.keys(look, "`eol: allow`"),
    )
    return Decision(Rest(), State.REJECTED, reasons, remedies=said)


def _unscannable(look: Look) -> Decision | None:
    known = {scan.platform for scan in look.scans}
    for platform in look.image.platforms:
        if platform not in known:
            reason = f"nothing is known of a scan of {platform}"
            wait = ("wait for a digest that has this platform",)
            return Decision(Hold(None), State.HELD, (reason,), remedies=wait)
    lost = () if look.override else lost_scans(look)
    if not lost:
        return None
    said = (
        "nothing to do if the cause passes: an hour later the sweep tries again",
        remedies.override(look, "the report"),
    )
    return Decision(Rest(), State.FAILED, lost, remedies=said)


def _scanning(look: Look) -> Decision | None:
    waiting = [scan for scan in look.scans if scan.report is None and not is_lost(scan)]
    underway = tuple(
        f"scanning {scan.platform}" for scan in waiting if scan.progress is Progress.UNDERWAY
    )
    for scan in waiting:
        if scan.progress is not Progress.UNDERWAY:
            action = StartScan(scan.platform, scan.digest, scan.attempt + 1)
            reason = f"not scanned on {scan.platform} yet"
            return Decision(action, State.SCANNING, (reason,), remedies=remedies.BY_ITSELF)
    return (
        Decision(Wait(), State.SCANNING, underway, remedies=remedies.BY_ITSELF)
        if underway
        else None
    )


def _stale(look: Look) -> tuple[Stale, ...]:
    if not look.asks_scans:
        return ()
    found = (freshness.step(scan, look.gate, look.now, MAX_ATTEMPTS) for scan in look.reported)
    return tuple(each for each in found if each is not None)


def _soonest(stale: Iterable[Stale]) -> Hold:
    """Return the hold that ends first: there is something to look at then."""
    times = [each.action.until for each in stale if isinstance(each.action, Hold)]
    return Hold(min((each for each in times if each is not None), default=None))
