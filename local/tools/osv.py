"""Advisories in the OSV format, and whether one of them affects an installed version."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.tools import cvss
from local.tools.database import METADATA
from local.tools.errors import ToolError
from local.tools.versions import Compare, InvalidVersion

_SEVERITIES = {
    "CRITICAL": "CRITICAL",
    "HIGH": "HIGH",
    "MODERATE": "MEDIUM",
    "MEDIUM": "MEDIUM",
    "LOW": "LOW",
    "NEGLIGIBLE": "LOW",
}
_CVE = re.compile(r"CVE-[0-9]{4}-[0-9]{4,}")
_EVENTS = ("introduced", "fixed", "last_affected")


@dataclass(frozen=True, slots=True)
class Event:
    """One point of a range: from here on affected, from here on fixed, or the last one affected."""

    kind: str
    version: str


@dataclass(frozen=True, slots=True)
class Affected:
    """What an advisory says about one package of one ecosystem (`Alpine:v3.19`)."""

    ecosystem: str
    package: str
    ranges: tuple[tuple[Event, ...], ...] = ()
    versions: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Advisory:
    """One OSV record, as far as a scan needs it."""

    id: str
    cve: str
    severity: str
    summary: str
    details: str
    modified: str
    published: str
    vector: str
    references: tuple[str, ...]
    affected: tuple[Affected, ...]


def load(folder: Path) -> tuple[Advisory, ...]:
    """Read every advisory of the folder that is not withdrawn.

    Raises ToolError naming the file: an unreadable advisory must not pass for "not affected".
    """
    found = folder.glob("*.json") if folder.is_dir() else ()
    files = sorted(file for file in found if file.name != METADATA)
    if not files:
        message = f"expected advisories (*.json in the OSV format) in {folder}, found none"
        raise ToolError(message)
    records = []
    for file in files:
        try:
            body = json.loads(file.read_text(encoding="utf-8"))
            if not body.get("withdrawn"):
                records.append(parse(body))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            message = f"{file.name}: expected an advisory in the OSV format, found {error!r}"
            raise ToolError(message) from error
    return tuple(records)


def parse(body: Mapping[str, Any]) -> Advisory:
    """Parse one OSV record. Raises KeyError, TypeError or ValueError when it is none."""
    names = [body["id"], *body.get("upstream", []), *body.get("aliases", [])]
    vectors = [each["score"] for each in body.get("severity", []) if each["type"] == "CVSS_V3"]
    vector = vectors[0] if vectors else ""
    stated = body.get("database_specific", {}).get("severity", "")
    return Advisory(
        id=body["id"],
        cve=_cve(names) or body["id"],
        severity=_SEVERITIES.get(str(stated).upper(), "UNKNOWN")
        if stated
        else cvss.severity(vector),
        summary=body.get("summary", ""),
        details=body.get("details", ""),
        modified=body["modified"],
        published=body.get("published", ""),
        vector=vector,
        references=tuple(each["url"] for each in body.get("references", [])),
        affected=tuple(_affected(each) for each in body["affected"]),
    )


def check(affected: Affected, version: str, compare: Compare) -> str | None:
    """Return the version that fixes the installed one ("" when none does), or None: not affected.

    What cannot be compared counts as affected, and so does an entry that names no version at all
    (the schema, "affected[].versions and ranges": a match in either is a match).
    """
    if not affected.ranges and not affected.versions:
        return ""
    fixes = []
    hit = version in affected.versions
    for events in affected.ranges:
        inside, fix = _inside(events, version, compare)
        hit = hit or inside
        if inside and fix and fix not in fixes:
            fixes.append(fix)
    return ", ".join(fixes) if hit else None


def _inside(events: Iterable[Event], version: str, compare: Compare) -> tuple[bool, str]:
    """Evaluate one range by OSV's own algorithm; the events need no order."""
    inside = False
    fixes = [event.version for event in events if event.kind == "fixed"]
    try:
        for event in _ordered(events, compare):
            if event.kind == "introduced" and _reaches(version, event.version, compare):
                inside = True
            elif event.kind != "introduced" and _ends(event, version, compare):
                inside = False
        later = [fix for fix in fixes if compare(fix, version) > 0]
        return inside, _least(later, compare)
    except InvalidVersion:
        return True, fixes[0] if len(fixes) == 1 else ""


def _ordered(events: Iterable[Event], compare: Compare) -> list[Event]:
    ordered: list[Event] = []
    for event in events:
        place = len(ordered)
        while place and _before(event, ordered[place - 1], compare):
            place -= 1
        ordered.insert(place, event)
    return ordered


def _before(event: Event, other: Event, compare: Compare) -> bool:
    if "0" in (event.version, other.version):  # OSV: "0" sorts before every version
        return event.version == "0" and other.version != "0"
    return compare(event.version, other.version) < 0


def _reaches(version: str, start: str, compare: Compare) -> bool:
    if start == "0":
        compare(version, version)  # an unparsable version must not slip past the fix below
        return True
    return compare(version, start) >= 0


def _ends(event: Event, version: str, compare: Compare) -> bool:
    order = compare(version, event.version)
    return order >= 0 if event.kind == "fixed" else order > 0


def _least(versions: list[str], compare: Compare) -> str:
    least = versions[0] if versions else ""
    for version in versions[1:]:
        least = version if compare(version, least) < 0 else least
    return least


def _cve(names: Iterable[str]) -> str:
    found = (_CVE.search(name) for name in names)
    return next((match[0] for match in found if match), "")


def _affected(body: Mapping[str, Any]) -> Affected:
    return Affected(
        ecosystem=body["package"]["ecosystem"],
        package=body["package"]["name"],
        ranges=tuple(_range(each) for each in body.get("ranges", []) if each["type"] != "GIT"),
        versions=frozenset(body.get("versions", [])),
    )


def _range(body: Mapping[str, Any]) -> tuple[Event, ...]:
    if body["type"] != "ECOSYSTEM":
        message = f"range type {body['type']!r}; a distribution's packages have ECOSYSTEM ranges"
        raise ValueError(message)
    return tuple(_event(each) for each in body["events"])


def _event(body: Mapping[str, str]) -> Event:
    ((kind, version),) = body.items()
    if kind not in _EVENTS or not isinstance(version, str):
        message = f"event {dict(body)}; expected one of {', '.join(_EVENTS)}"
        raise ValueError(message)
    return Event(kind, version)
