"""Rules about what a candidate is: whose digest, whether it may be promoted at all, what evidence is about."""

from collections.abc import Iterable, Mapping

from shared.oci.digest import Digest
from shared.oci.platform import Platform
from shared.policy import gate as gates
from shared.policy import remedies
from shared.policy.actions import Decision, Hold, Import, Promote, Rest, Stage, State, Wait
from shared.policy.facts import Scan
from shared.policy.look import Look
from shared.policy.standing import Standing


def upstream(look: Look) -> Decision | None:
    """Stop before a run is spent on a digest no tag may carry: withdrawn, superseded, never ours."""
    if look.eligible:
        return None
    reasons = tuple(each.reason for each in look.tags) or (
        "the catalog watches no tag of this image",
    )
    found = {each.standing for each in look.tags}
    if look.denial is not None:
        reasons = (*reasons, _denied(look))
    if Standing.SUPERSEDED in found:
        return Decision(Rest(), State.SUPERSEDED, reasons, remedies=(_SUPERSEDED,))
    if look.denial is not None:
        return Decision(Hold(None), State.HELD, reasons, remedies=(remedies.FINAL,))
    if Standing.WITHDRAWN in found:
        said = ("wait for upstream's next digest", remedies.release(look))
        return Decision(Hold(None), State.HELD, reasons, remedies=said)
    watch = (f"watch the tag whose digest it is: the `tags` of {look.image.name} in the catalog",)
    return Decision(Hold(None), State.HELD, reasons, remedies=watch)


def denied(look: Look) -> Decision | None:
    """Reject what an operator denied: final, so an approval before or after it changes nothing."""
    if look.denial is None:
        return None
    said = [remedies.FINAL]
    if look.carried:
        held = " and ".join(look.carried)
        said.append(f"base's {held} still is this digest: have another one promoted in its place")
    return Decision(Rest(), State.REJECTED, (_denied(look),), remedies=tuple(said))


def in_staging(look: Look) -> Decision | None:
    """Bring it into staging: from upstream while it is there, else from base if base holds it."""
    if look.facts.staged is not None:
        return None
    if look.facts.unreadable:
        reason = f"what staging holds cannot be read: {look.facts.unreadable}"
        said = ("wait for upstream's next digest",)
        return Decision(Rest(), State.FAILED, (reason,), remedies=said)
    if look.facts.arriving:
        # Importing it from upstream besides would only bring the next look here, at once and again and again.
        reasons = ("it is on its way from base into staging",)
        return Decision(Wait(), State.DETECTED, reasons, remedies=remedies.BY_ITSELF)
    current = [each.tag for each in look.tags if each.standing is Standing.CURRENT]
    if current:
        reasons = ("staging does not hold it yet",)
        return Decision(Import(current[0]), State.DETECTED, reasons, remedies=remedies.BY_ITSELF)
    if look.carried:
        reasons = ("staging does not hold it yet, and base does",)
        stage = Stage(look.facts.digest, look.carried)
        return Decision(stage, State.DETECTED, reasons, remedies=remedies.BY_ITSELF)
    reasons = ("staging does not hold it, and upstream moved on",)
    said = ("wait for upstream's next digest",)
    return Decision(Hold(None), State.HELD, reasons, remedies=said)


def already_promoted(look: Look) -> Decision | None:
    """Trust what base holds with its decision: the tag moves last, so the verdict was passed before."""
    if not look.facts.decided or look.carried != look.eligible:
        return None
    return Decision(Promote(look.eligible), State.PROMOTED, ("base holds it, with its decision",))


def same_type(look: Look) -> Decision | None:
    """Stop what upstream and staging call by two media types: two readers may read it as two things."""
    called, staged = look.facts.called, look.facts.staged
    if staged is None or called in ("", staged.media_type):
        return None
    reason = f"upstream called it {called}, and staging calls it {staged.media_type}"
    said = ("ask upstream to publish it again, under one media type",)
    return Decision(Rest(), State.FAILED, (reason,), remedies=said)


def demanding(look: Look) -> Decision | None:
    """Hold what has to pass nothing."""
    if gates.demands_something(look.gate, tested=look.image.test is not None):
        return None
    reason = "the gate demands nothing: give it scan, test, approval or age"
    said = (f"say in the catalog what {look.image.name} must pass: scan, test, approval or age",)
    return Decision(Hold(None), State.HELD, (reason,), remedies=said)


def complete(look: Look) -> Decision | None:
    """Hold what lacks a required platform."""
    image, staged = look.image, look.facts.staged
    if staged is None or (not look.asks_scans and image.test is None):
        return None
    if not image.platforms:
        reason = "the catalog requires no platform, so there is nothing to scan or test"
        named = (f"name the platforms of {image.name} in the catalog",)
        return Decision(Hold(None), State.HELD, (reason,), remedies=named)
    lacking = ", ".join(str(each) for each in image.platforms if each not in staged.platforms)
    if not lacking:
        return None
    said = (
        "wait for an upstream digest that has them all",
        f"or require fewer `platforms` of {image.name} in the catalog",
    )
    return Decision(Hold(None), State.HELD, (f"it lacks {lacking}",), remedies=said)


def exact(look: Look) -> Decision | None:
    """Hold what came with a verdict about anything but the very manifests that staging holds."""
    reason = _strays(look)
    if not reason:
        return None
    said = ("look up the run in the registry's tasks: a run of ours never names another digest",)
    return Decision(Hold(None), State.HELD, (f"{reason} is about another digest",), remedies=said)


def _strays(look: Look) -> str:
    """Say which scan or test is about something else than staging's manifest of its platform."""
    staged = look.facts.staged.platforms if look.facts.staged else {}
    stray = _stray(look.facts.scans, staged) if look.asks_scans else None
    if stray is not None:
        return f"its scan of {stray}"
    for each in look.promoted if look.compares else ():
        stray = _stray(each.scans, each.staged.platforms if each.staged else {})
        if stray is not None:
            return f"the scan of {stray} of {each.digest}, which it is compared with,"
    test = look.facts.test if look.image.test is not None else None
    if test is not None and test.digest != staged.get(test.platform):
        return f"its test on {test.platform}"
    return ""


def _stray(scans: Iterable[Scan], staged: Mapping[Platform, Digest]) -> Platform | None:
    """Return the first platform whose scan is of something else, or that has two scans to choose from."""
    seen: set[Platform] = set()
    for scan in sorted(scans, key=lambda scan: scan.platform):
        about = scan.digest if scan.report is None else scan.report.subject
        if scan.platform in seen or not scan.digest == about == staged.get(scan.platform):
            return scan.platform
        seen.add(scan.platform)
    return None


def _denied(look: Look) -> str:
    ruling = look.denial
    if ruling is None:
        return ""
    said = f": {ruling.comment}" if ruling.comment else ""
    return f"{ruling.by} denied it on {ruling.at:%Y-%m-%d}{said}"


_SUPERSEDED = "nothing to do: base holds something newer"
