"""One result of a SARIF run as a finding."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from shared.reports.fields import entries, mapping, one_line, prose, text
from shared.reports.findings import Finding
from shared.reports.purl_names import name_and_version
from shared.reports.sarif_rules import Rule, Rules, fix, lines, rule_for, severity

_ADVISORY = re.compile(r"(CVE-\d{4}-\d{4,19}|GHSA(?:-[0-9a-z]{4}){3})-(.+)")  # Grype's rule ids
_GRYPE = re.compile(r" package: (?P<package>\S{1,500}), version (?P<installed>\S{1,500}) was found")
_OSV = re.compile(r"^Package '(?P<package>\S{1,500})@(?P<installed>\S{1,500})' is vulnerable to ")
_LOCATION = re.compile(r"sha256:[0-9a-f]{64}:.*")  # Grype's layer and path: Snyk has a version
_NOT_SUPPRESSING = frozenset({"underReview", "rejected"})
# Whose keys: Trivy's lines, Grype's lines, then properties as several scanners spell them.
_KEYS = {
    "package": ("package", "packagename", "package_name", "pkgname"),
    "installed": ("installed version", "installedversion", "installed_version", "packageversion"),
    "fixed": ("fixed version", "fix version", "fixedversion", "fixed_version"),
}


def finding(result: Mapping[str, Any], place: str, rules: Rules) -> Finding:
    """Return a result as a finding; SARIF has no package, so it is looked for where scanners put it.

    Whatever package it is, the finding is there. Raises InvalidReport.
    """
    name, rule = rule_for(result, place, rules)
    said = _said(result, place)
    where = _target(result, place)
    advisory, package = _advisory(name, rule)
    told = next(filter(None, said["package"]), package or rule.package)
    known = rule.installed if told == rule.package else ""
    package, version = name_and_version(told)
    return Finding(
        id=advisory,
        package=one_line(package or where or "the image"),
        installed=next(filter(None, (*said["installed"], one_line(version), known)), ""),
        fixed=_fixed((*said["fixed"], *_fixes(result, place)) or rule.fixes),
        severity=severity(result, place, rule, levels=rules.levels),
        title=rule.title or prose(mapping(result, "message", place), "text", f"{place}message."),
        target=where,
        suppressed=_suppressed(result, place),
    )


def _advisory(name: str, rule: Rule) -> tuple[str, str]:
    """Return the advisory and the package that Grype joins to a rule's id; the id and "" of others."""
    if rule.package and name.endswith(f"-{rule.package}"):
        return name.removesuffix(f"-{rule.package}"), rule.package
    match = _ADVISORY.fullmatch(name)
    return (match[1], match[2]) if match else (name, "")


def _fixes(result: Mapping[str, Any], place: str) -> Iterator[str]:
    """Yield the fixes that a result describes (§3.27.30); one without words is a fix all the same."""
    for each, where in entries(result, "fixes", place):
        yield prose(mapping(each, "description", where), "text", where) or "not stated"


def _fixed(said: Sequence[str]) -> str:
    """Return the first fix; none if only the lack of one is said; what nobody says may be fixable."""
    return next(filter(None, said), "" if said else "not stated")


def _said(result: Mapping[str, Any], place: str) -> dict[str, list[str]]:
    """Return all that a result says of its package, what is installed and what fixes it."""
    found: dict[str, list[str]] = {meaning: [] for meaning in _KEYS}
    for key, value in _pairs(result, place):
        for meaning, keys in _KEYS.items():
            if key in keys:
                found[meaning].append(fix(value) if meaning == "fixed" else one_line(value))
    return found


def _pairs(result: Mapping[str, Any], place: str) -> Iterator[tuple[str, str]]:
    properties = mapping(result, "properties", place)
    yield from ((key.lower(), each) for key, each in properties.items() if isinstance(each, str))
    shown = mapping(result, "message", place).get("text")
    if isinstance(shown, str):
        yield from lines(shown)
        if match := _GRYPE.search(shown) or _OSV.search(shown):
            yield "package", match["package"]
            yield "installedversion", match["installed"]
    for each, where in entries(result, "locations", place):
        for logical, at in entries(each, "logicalLocations", where):
            name, _, version = text(logical, "fullyQualifiedName", at).rpartition("@")  # Snyk's
            if name and not _LOCATION.fullmatch(version):
                yield "package", name
                yield "installedversion", version


def _target(result: Mapping[str, Any], place: str) -> str:
    for each, where in entries(result, "locations", place):
        physical = mapping(each, "physicalLocation", where)
        artifact = mapping(physical, "artifactLocation", f"{where}physicalLocation.")
        return prose(artifact, "uri", f"{where}physicalLocation.artifactLocation.")
    return ""


def _suppressed(result: Mapping[str, Any], place: str) -> bool:
    """Tell whether a result is suppressed (§3.27.23), or only an earlier run's (§3.27.24)."""
    states = [text(each, "status", at) for each, at in entries(result, "suppressions", place)]
    accepted = bool(states) and not _NOT_SUPPRESSING.intersection(states)
    return accepted or text(result, "baselineState", place) == "absent"
