"""Reads Grype's JSON report of a container image."""

from collections.abc import Iterator, Mapping
from typing import Any

from shared.oci.digest import Digest
from shared.reports.fields import (
    document,
    entries,
    flag,
    mapping,
    moment,
    present,
    prose,
    text,
    texts,
)
from shared.reports.findings import Finding, InvalidReport, Report, Severity
from shared.reports.subjects import claimed

# Shapes: anchore/grype, grype/presenter/models/*.go; the database's in `descriptor.db` (schema 5)
# and `descriptor.db.status` (schema 6); the image's in anchore/syft, syft/source/image_metadata.go.
# What no state says may be fixable: `fixable_only` must not make it disappear.
_STATES = {"fixed": "a later version", "not-fixed": "", "wont-fix": "", "unknown": ""}
_ALERTS = frozenset({"distro-eol", "distro-disabled"})


def parse(raw: bytes, *, subject: Digest | None = None, limit: int) -> Report:
    """Parse a report; with a `subject`, it must claim to be about that very manifest.

    Grype lists what it found, never what it looked at: a report with no match that names no
    distribution shows nothing examined and is an error, as is one made with an invalid database,
    or of a distribution that Grype does not match. Ignored matches are findings with that mark.
    Raises InvalidReport, naming the place, what was expected and what found.
    """
    body = document(raw, limit)
    descriptor = mapping(body, "descriptor", "")
    if (name := text(descriptor, "name", "descriptor.")) != "grype":
        message = f"descriptor.name: expected grype, found {name[:60]!r}"
        raise InvalidReport(message)
    distro = mapping(body, "distro", "")
    system = " ".join(part for key in ("name", "version") if (part := text(distro, key, "distro.")))
    findings = list(_findings(present(body, "matches", ""), "matches"))
    findings += _findings(body, "ignoredMatches")
    kinds = {kind for _, kind in findings} | ({system} if system else set())
    if not kinds:
        message = (
            "distro.name: expected a distribution or at least one match, found neither: "
            "the report does not show that anything was examined (Trivy's and CycloneDX reports do)"
        )
        raise InvalidReport(message)
    return Report(
        scanner="grype",
        subject=_subject(body, subject),
        created_at=moment(descriptor, "timestamp", "descriptor."),
        findings=frozenset(finding for finding, _ in findings),
        covers=tuple(sorted(kinds)),
        database_date=moment(*_database(descriptor)),
        scanner_version=text(descriptor, "version", "descriptor."),
        operating_system=system,
        end_of_life=_end_of_life(body),
    )


def _subject(body: Mapping[str, Any], expected: Digest | None) -> Digest | None:
    source = mapping(body, "source", "")
    if (kind := text(source, "type", "source.")) != "image":
        message = f"source.type: expected image, found {kind[:60]!r}"
        raise InvalidReport(message)
    target, place = mapping(source, "target", "source."), "source.target."
    named = (text(target, "userInput", place), text(target, "manifestDigest", place))
    return claimed(named, texts(target, "repoDigests", place), expected, "source.target")


def _database(descriptor: Mapping[str, Any]) -> tuple[Mapping[str, Any], str, str]:
    outer, place = mapping(descriptor, "db", "descriptor."), "descriptor.db."
    levels = [(outer, place), (mapping(outer, "status", place), f"{place}status.")]
    for database, where in levels:
        broken = prose(database, "error", where)
        if broken or (database.get("valid") is not None and not flag(database, "valid", where)):
            message = f"{where}valid: expected a valid database, found {broken or 'an invalid one'}"
            raise InvalidReport(message)
    database, where = levels[1] if "status" in outer else levels[0]
    return database, "built", where


def _findings(body: Mapping[str, Any], key: str) -> Iterator[tuple[Finding, str]]:
    for match, place in entries(body, key, ""):
        vulnerability, where = mapping(match, "vulnerability", place), f"{place}vulnerability."
        artifact, part = mapping(match, "artifact", place), f"{place}artifact."
        kind = text(artifact, "type", part) or "package"
        locations = entries(artifact, "locations", part)
        paths = [text(location, "path", at) for location, at in locations]
        finding = Finding(
            id=text(vulnerability, "id", where, required=True),
            package=text(artifact, "name", part, required=True),
            installed=text(artifact, "version", part),
            fixed=_fixed(mapping(vulnerability, "fix", where), f"{where}fix."),
            severity=Severity.of(text(vulnerability, "severity", where)),
            title=prose(vulnerability, "description", where),
            target=min(filter(None, paths), default=kind),
            suppressed=key == "ignoredMatches",
        )
        yield finding, kind


def _fixed(fix: Mapping[str, Any], place: str) -> str:
    versions = [each for each in texts(fix, "versions", place) if each.strip()]
    joined = text({"versions": ", ".join(versions)}, "versions", place)
    return joined or _STATES.get(text(fix, "state", place), "not stated")


def _end_of_life(body: Mapping[str, Any]) -> bool:
    found = set()
    for package, place in entries(body, "alertsByPackage", ""):
        for alert, where in entries(package, "alerts", place):
            kind = text(alert, "type", where)
            if kind not in _ALERTS or kind == "distro-disabled":
                message = f"{where}type: expected packages that Grype matches, found {kind[:60]!r}"
                raise InvalidReport(message)
            found.add(kind)
    return "distro-eol" in found
