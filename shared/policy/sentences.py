"""What a verdict says about findings, in sentences whose number and length are bounded."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import timedelta

from shared.oci.platform import Platform
from shared.policy.actions import Delta, Excused
from shared.policy.facts import Promoted, Scan
from shared.reports.findings import Finding
from shared.severity import Severity

NAMED = 5  # things a sentence, and findings a verdict, can carry
_LONGEST = 60  # characters of a name that a publisher or another registry chose
TEXT = 200  # characters of what a person or a tool wrote
_UNITS = ((86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))
_TWO_DAYS = 2 * 86_400  # seconds; until then it is hours, as people write `24h` and `36h`
_MINUS = "\N{MINUS SIGN}"


def worst_first(finding: Finding) -> tuple[int | str | bool, ...]:
    """Return what sorts findings: by severity, then by all the rest, so that the order is total."""
    return (
        -finding.severity,
        finding.id,
        finding.package,
        finding.installed,
        finding.fixed,
        finding.title,
        finding.target,
        finding.suppressed,
    )


def listed(names: Iterable[object], conjunction: str = ", ") -> str:
    """Join the first few names, each cut where it is too long, and count the rest."""
    texts = [clipped(str(each)) for each in names]
    return few(texts, ", " if len(texts) > NAMED else conjunction)


def few(texts: Sequence[str], joint: str) -> str:
    """Join the first few texts, and count the rest."""
    more = f" and {len(texts) - NAMED} more" if len(texts) > NAMED else ""
    return f"{joint.join(texts[:NAMED])}{more}"


def clipped(text: str, longest: int = _LONGEST) -> str:
    """Return the text, cut where it is too long for a sentence."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def lasting(span: timedelta) -> str:
    """Return how long it is in one or two units, never more than it is: `36 hours`, `2 days 12 hours`."""
    left = int(span.total_seconds())
    parts: list[tuple[int, str]] = []
    for size, unit in _UNITS[0 if left >= _TWO_DAYS else 1 :]:
        count, rest = divmod(left, size)
        if parts or count:
            parts.append((count, unit))
            left = rest
    told = [f"{count} {unit}{'' if count == 1 else 's'}" for count, unit in parts[:2] if count]
    return " ".join(told) or "less than a second"


def said(error: str) -> str:
    """Return what to append about an error: nothing, where there is none."""
    return f": {clipped(error, TEXT)}" if error else ""


def platforms(found: Iterable[Platform]) -> str:
    """Return the platforms in one order, whichever they came in."""
    return listed(sorted(set(found)), " and ")


def promoted(found: Promoted) -> str:
    """Name what base holds: `base's 20-alpine (sha256:3f2a9c1d7b0455e1…)`."""
    return f"base's {listed(sorted(found.tags), ' and ')} (sha256:{found.digest.short}…)"


def without_report(scans: Iterable[Scan]) -> tuple[str, ...]:
    """Say which platforms have no report."""
    lacking = [each.platform for each in scans if each.report is None]
    if not lacking:
        return ()
    return (f"{platforms(lacking)} {'have' if len(set(lacking)) > 1 else 'has'} no report",)


def blocked(
    found: Iterable[tuple[Platform, Iterable[Finding]]], threshold: Severity
) -> tuple[str, ...]:
    """Name the worst findings that block, one sentence for what several packages or platforms share."""
    grouped: dict[tuple[Finding, ...], list[Platform]] = {}
    for platform, findings in found:
        for group in _alike(findings):
            grouped.setdefault(group, []).append(platform)
    groups = sorted(grouped, key=lambda group: [worst_first(each) for each in group])
    told = [_finding(group, grouped[group]) for group in groups[:NAMED]]
    if len(groups) > NAMED:
        told.append(f"and {len(groups) - NAMED} more at or above {threshold}")
    return tuple(told)


def excused(used: Iterable[Excused]) -> tuple[str, ...]:
    """Name the excuses that a pass rests on, the worst findings' first."""
    grouped: dict[tuple[str, ...], list[Excused]] = {}
    for each in sorted(used, key=lambda one: (worst_first(one.finding), one.platform)):
        until = each.excuse.until.isoformat() if each.excuse.until else ""
        excuse = (each.excuse.reason, each.excuse.owner, each.excuse.source, until)
        grouped.setdefault((each.finding.id, *excuse), []).append(each)
    told = [_excused(group) for group in list(grouped.values())[:NAMED]]
    if len(grouped) > NAMED:
        told.append(f"and {len(grouped) - NAMED} more are excused")
    return tuple(told)


def differs(deltas: Iterable[Delta]) -> tuple[str, ...]:
    """Say how findings differ: `+1 medium on linux/amd64`, removed ones after a minus; alike platforms once."""
    grouped: dict[str, list[Platform]] = {}
    for delta in sorted(deltas, key=lambda each: each.platform):
        grouped.setdefault(_counts(delta), []).append(delta.platform)
    return tuple(f"{counts} on {platforms(found)}" for counts, found in grouped.items())


def _counts(delta: Delta) -> str:
    parts = []
    for severity in sorted(Severity, reverse=True):
        counts = ((_MINUS, delta.removed.get(severity, 0)), ("+", delta.added.get(severity, 0)))
        parts += [f"{sign}{count} {severity}" for sign, count in counts if count]
    return ", ".join(parts) or "no difference"


def _alike(findings: Iterable[Finding]) -> Iterable[tuple[Finding, ...]]:
    """Group what one sentence can say: the same finding in several packages of one version."""
    groups: dict[tuple[object, ...], dict[str, Finding]] = {}
    for each in sorted(findings, key=worst_first):
        key = (each.id, each.severity, each.installed, each.fixed)
        plain = replace(each, title="", target="", suppressed=False)
        groups.setdefault(key, {}).setdefault(each.package, plain)
    return (tuple(packages.values()) for packages in groups.values())


def _finding(group: Sequence[Finding], where: Iterable[Platform]) -> str:
    first = group[0]
    fix = f"fixed in {clipped(first.fixed)}" if first.fixed else "no fix yet"
    packages = listed(each.package for each in group)
    return (
        f"{clipped(first.id)} ({first.severity}) in {packages} {clipped(first.installed)}"
        f" on {platforms(where)}, {fix}"
    )


def _excused(group: Sequence[Excused]) -> str:
    finding, excuse = group[0].finding, group[0].excuse
    packages = listed(sorted({each.finding.package for each in group}))
    until = f" until {excuse.until:%Y-%m-%d %H:%M} UTC" if excuse.until else ""
    by = f" by {clipped(excuse.owner)}" if excuse.owner else ""
    return (
        f"{clipped(finding.id)} ({finding.severity}) in {packages} on"
        f" {platforms(each.platform for each in group)} is excused{until}{by}"
        f" ({clipped(excuse.source)}){said(excuse.reason)}"
    )
