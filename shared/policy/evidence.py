"""What a verdict rests on, as JSON: the same words in the attached decision and in an explanation."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from shared.oci.digest import Digest
from shared.operators import Ruling
from shared.policy.actions import Delta, Enforced, Excused, Grounds
from shared.policy.facts import Scan
from shared.reports.findings import Finding
from shared.severity import Severity

type Body = dict[str, Any]


def scanned(scan: Scan) -> Body:
    """Return one platform's scan: whose report, of what date and database, what it counts."""
    body: Body = {
        "platform": str(scan.platform),
        "digest": str(scan.digest),
        "report": digest(scan.report_digest),
        "run": scan.run_id,
    }
    if scan.foreign:
        body["foreign"] = sorted(str(each.digest) for each in scan.foreign)
    report = scan.report
    if report is None:
        return body
    return body | {
        "scanner": report.scanner,
        "scanner_version": report.scanner_version,
        "report_date": date(report.created_at),
        "database_date": date(report.database_date),
        "findings": counted(report.findings),
    }


def counted(findings: Iterable[Finding]) -> dict[str, int]:
    """Return how many findings there are of each severity, the worst first; suppressed ones too."""
    return by_severity(Counter(each.severity for each in findings))


def by_severity(counts: Mapping[Severity, int]) -> dict[str, int]:
    """Return counts by the severity's word, the worst first."""
    return {each.label: counts[each] for each in sorted(counts, reverse=True)}


def waived(excused: Iterable[Excused]) -> list[Body]:
    """Return what excused findings that would have blocked; one entry for all platforms alike."""
    platforms: dict[tuple[str, ...], set[str]] = {}
    for each in excused:
        finding, excuse = each.finding, each.excuse
        until = date(excuse.until)
        key = (finding.id, finding.package, excuse.reason, excuse.owner, until, excuse.source)
        platforms.setdefault(key, set()).add(str(each.platform))
    names = ("id", "package", "reason", "owner", "until", "source")
    return [
        {**dict(zip(names, key, strict=True)), "platforms": sorted(platforms[key])}
        for key in sorted(platforms)
    ]


def compared(deltas: Iterable[Delta]) -> list[Body]:
    """Return how the findings differ from each promoted digest's, per platform."""
    ordered = sorted(deltas, key=lambda each: (each.promoted, str(each.platform)))
    return [
        {
            "promoted": str(each.promoted),
            "platform": str(each.platform),
            "added": by_severity(each.added),
            "removed": by_severity(each.removed),
        }
        for each in ordered
    ]


def ruled(ruling: Ruling) -> Body:
    """Return what an operator said: who, when, why, and the artifact that says so."""
    return {
        "kind": ruling.kind.value,
        "by": ruling.by,
        "at": date(ruling.at),
        "comment": ruling.comment,
        "override": ruling.override,
        "referrer": str(ruling.referrer) if ruling.referrer else "",
    }


def enforced(said: Enforced | None) -> Body | None:
    """Return what `mode: enforce` would have said, if that is another thing."""
    return None if said is None else {"state": said.state.value, "reasons": list(said.reasons)}


def grounds(found: Grounds) -> Body:
    """Return everything a verdict rests on besides its reasons."""
    return {
        "waivers": waived(found.excused),
        "deltas": compared(found.deltas),
        "approval": ruled(found.approval) if found.approval else None,
        "unexamined": sorted(map(str, found.unexamined)),
        "hastened": found.hastened,
        "overridden": list(found.overridden),
        "moving": [{"tag": tag, "reason": why} for tag, why in sorted(found.moving.items())],
    }


def digest(of: Digest | None) -> str:
    """Return a digest as text; "" where there is none: an override did without, say."""
    return "" if of is None else str(of)


def date(at: datetime | None) -> str:
    """Return a time in UTC as RFC 3339 writes it, to the second; "" where there is none."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" if at else ""
