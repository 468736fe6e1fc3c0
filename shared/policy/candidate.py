"""The one decision about a candidate: from facts to the next action, with its reasons."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from shared.catalog import Approval, ScanMode
from shared.oci.platform import Platform
from shared.policy import gate as gates
from shared.policy.actions import (
    Action,
    Decision,
    Hold,
    Import,
    Promote,
    Rest,
    StartScan,
    StartTest,
    State,
    Wait,
)
from shared.policy.facts import Facts, Progress, Scan, Tested
from shared.policy.standing import Standing, TagStanding, standing

__all__ = [
    "MAX_ATTEMPTS",
    "Action",
    "Decision",
    "Hold",
    "Import",
    "Promote",
    "Rest",
    "StartScan",
    "StartTest",
    "State",
    "Wait",
    "decide",
    "platform_to_test",
]

MAX_ATTEMPTS = 3
_DEFAULT_TEST_PLATFORM = Platform("linux", "amd64")


@dataclass(frozen=True, slots=True)
class _Look:
    """What every rule is given."""

    facts: Facts
    tags: tuple[TagStanding, ...]
    now: datetime


def decide(facts: Facts, now: datetime) -> Decision:
    """Return the next action. Pure and total: every candidate gets exactly one, with reasons.

    Promotion is reached only past every rule before it; the first rule that has an answer gives it.
    """
    tags = tuple(
        standing(each, facts.digest, facts.base.get(each.tag), facts.image.gate.dwell, now)
        for each in facts.watched
    )
    look = _Look(facts, tags, now)
    for rule in _RULES:
        decision = rule(look)
        if decision is not None:
            return decision
    eligible = tuple(each for each in tags if each.eligible)
    return Decision(
        Promote(tuple(each.tag for each in eligible)),
        State.PROMOTING,
        (_passed(facts), *(each.reason for each in eligible)),
    )


def _upstream(look: _Look) -> Decision | None:
    """Stop before a run is spent on a digest no tag may carry: withdrawn, superseded, never ours."""
    if any(each.eligible for each in look.tags):
        return None
    reasons = tuple(each.reason for each in look.tags) or (
        "the catalog watches no tag of this image",
    )
    if any(each.standing is Standing.SUPERSEDED for each in look.tags):
        return Decision(Rest(), State.SUPERSEDED, reasons)
    return Decision(Hold(None), State.HELD, reasons)


def _in_staging(look: _Look) -> Decision | None:
    if look.facts.staged is not None:
        return None
    current = [each.tag for each in look.tags if each.standing is Standing.CURRENT]
    if current:
        return Decision(Import(current[0]), State.DETECTED, ("staging does not hold it yet",))
    return Decision(Hold(None), State.HELD, ("staging does not hold it, and upstream moved on",))


def _same_type(look: _Look) -> Decision | None:
    """Stop what upstream and staging call by two media types: two readers may read it as two things."""
    called, staged = look.facts.called, look.facts.staged
    if staged is None or called in ("", staged.media_type):
        return None
    reason = f"upstream called it {called}, and staging calls it {staged.media_type}"
    return Decision(Rest(), State.FAILED, (reason,))


def _already_promoted(look: _Look) -> Decision | None:
    """Trust what base holds with its decision: the tag moves last, so the verdict was passed before."""
    eligible = tuple(each.tag for each in look.tags if each.eligible)
    if not look.facts.decided or any(
        look.facts.base.get(tag) != look.facts.digest for tag in eligible
    ):
        return None
    return Decision(Promote(eligible), State.PROMOTED, ("base holds it, with its decision",))


def _demanding(look: _Look) -> Decision | None:
    if gates.demands_something(look.facts.image.gate, tested=look.facts.image.test is not None):
        return None
    reason = "the gate demands nothing: give it scan, test, approval or age"
    return Decision(Hold(None), State.HELD, (reason,))


def _complete(look: _Look) -> Decision | None:
    image, staged = look.facts.image, look.facts.staged
    if staged is None or (image.gate.scan is ScanMode.NONE and image.test is None):
        return None
    if not image.platforms:
        reason = "the catalog requires no platform, so there is nothing to scan or test"
        return Decision(Hold(None), State.HELD, (reason,))
    lacking = [str(each) for each in image.platforms if each not in staged.platforms]
    if lacking:
        return Decision(Hold(None), State.HELD, (f"it lacks {', '.join(lacking)}",))
    return None


def _exact(look: _Look) -> Decision | None:
    """Hold what came with a verdict about anything but the very manifests that staging holds."""
    image, staged = look.facts.image, look.facts.staged
    if staged is None:
        return None
    if image.gate.scan is not ScanMode.NONE:
        for scan in look.facts.scans:
            about = scan.digest if scan.report is None else scan.report.subject
            if not scan.digest == about == staged.platforms.get(scan.platform):
                reason = f"its scan of {scan.platform} is about another digest"
                return Decision(Hold(None), State.HELD, (reason,))
    test = look.facts.test if image.test is not None else None
    if test is not None and test.digest != staged.platforms.get(test.platform):
        reason = f"its test on {test.platform} is about another digest"
        return Decision(Hold(None), State.HELD, (reason,))
    return None


def _scanned(look: _Look) -> Decision | None:
    if look.facts.image.gate.scan is ScanMode.NONE:
        return None
    by_platform = {scan.platform: scan for scan in look.facts.scans}
    underway: list[str] = []
    for platform in look.facts.image.platforms:
        scan = by_platform.get(platform)
        if scan is None:
            return Decision(Hold(None), State.HELD, (f"nothing is known of a scan of {platform}",))
        if scan.report is not None:
            continue
        if scan.progress is Progress.UNDERWAY:
            underway.append(f"scanning {platform}")
            continue
        return _start_scan(scan)
    return Decision(Wait(), State.SCANNING, tuple(underway)) if underway else None


def _start_scan(scan: Scan) -> Decision:
    if scan.attempt >= MAX_ATTEMPTS:
        reason = f"scanning {scan.platform} failed {scan.attempt} times: {scan.error}"
        return Decision(Rest(), State.FAILED, (reason,))
    action = StartScan(scan.platform, scan.digest, scan.attempt + 1)
    return Decision(action, State.SCANNING, (f"not scanned on {scan.platform} yet",))


def _clean(look: _Look) -> Decision | None:
    if look.facts.image.gate.scan is ScanMode.NONE:
        return None
    refusal = gates.judge_scans(look.facts.scans, look.facts.image.gate)
    return Decision(Rest(), State.REJECTED, refusal.reasons) if refusal else None


def _tested(look: _Look) -> Decision | None:
    if look.facts.image.test is None:
        return None
    test = look.facts.test
    if test is None:
        return Decision(Hold(None), State.HELD, ("nothing is known of its test",))
    if test.progress is Progress.UNDERWAY:
        return Decision(Wait(), State.TESTING, (f"testing on {test.platform}",))
    if test.passed is None:
        return _start_test(test)
    refusal = gates.judge_test(test)
    return Decision(Rest(), State.REJECTED, refusal.reasons) if refusal else None


def _start_test(test: Tested) -> Decision:
    if test.attempt >= MAX_ATTEMPTS:
        reason = f"its test could not be run on {test.platform}, {test.attempt} times: {test.error}"
        return Decision(Rest(), State.FAILED, (reason,))
    action = StartTest(test.platform, test.digest, test.attempt + 1)
    return Decision(action, State.TESTING, (f"not tested on {test.platform} yet",))


def _aged(look: _Look) -> Decision | None:
    gate = look.facts.image.gate
    if look.facts.staged is None or not gate.age:
        return None
    ripe = look.facts.staged.first_seen + gate.age
    if look.now >= ripe:
        return None
    reason = f"too young: first seen {look.facts.staged.first_seen:%Y-%m-%d %H:%M} UTC, must age {gate.age}"
    return Decision(Hold(ripe), State.HELD, (f"{reason}, until {ripe:%Y-%m-%d %H:%M} UTC",))


def _approved(look: _Look) -> Decision | None:
    if look.facts.image.gate.approval is Approval.NONE:
        return None
    reason = "its gate asks for an approval, and approvals are not supported yet"
    return Decision(Hold(None), State.HELD, (reason,))


def platform_to_test(platforms: tuple[Platform, ...]) -> Platform | None:
    """Return the platform an image is tested on: ACR's agents are amd64 (ACR Tasks overview)."""
    if _DEFAULT_TEST_PLATFORM in platforms:
        return _DEFAULT_TEST_PLATFORM
    return platforms[0] if platforms else None


def _passed(facts: Facts) -> str:
    image = facts.image
    parts = []
    if image.gate.scan is not ScanMode.NONE:
        parts.append(f"nothing at or above {image.gate.block} on {_list(image.platforms)}")
    if image.test is not None:
        parts.append("its test passed")
    if image.gate.age:
        parts.append(f"it has aged {image.gate.age}")
    return ", ".join(parts)


def _list(platforms: tuple[Platform, ...]) -> str:
    return " and ".join(str(each) for each in platforms)


_RULES: tuple[Callable[[_Look], Decision | None], ...] = (
    _upstream,
    _in_staging,
    _already_promoted,
    _same_type,
    _demanding,
    _complete,
    _exact,
    _scanned,
    _clean,
    _tested,
    _aged,
    _approved,
)
