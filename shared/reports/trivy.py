"""Reads Trivy's JSON report (schema version 2) of a container image."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from shared.oci.digest import Digest
from shared.reports.fields import (
    document,
    entries,
    flag,
    mapping,
    moment,
    prose,
    text,
    texts,
    whole,
)
from shared.reports.findings import Finding, InvalidReport, Report, Severity

# Shapes: aquasecurity/trivy, pkg/types/report.go and finding.go, integration/testdata/*.json.golden.
# What Trivy leaves out when it is empty may be absent or null here too.
LARGEST = 32 << 20  # bytes; the largest images' reports with all packages listed have about a third
_SCHEMA = 2
_SYSTEM = "os-pkgs"
_PACKAGES = frozenset({_SYSTEM, "lang-pkgs"})
# Lists packages of these, and knows no vulnerability of any (pkg/detector/library/driver.go).
_UNJUDGED = frozenset({"conda-pkg", "conda-environment"})
_CLASSES = _PACKAGES | {"secret", "config", "license", "license-file", "custom"}
_SUPPRESSED = frozenset({"ignored", "not_affected", "fixed"})  # pkg/types/finding.go
_SUBJECT = re.compile(r".*@(sha256:[0-9a-f]{64})")


def parse(raw: bytes, *, subject: Digest | None = None, limit: int = LARGEST) -> Report:
    """Parse a report; with a `subject`, it must claim to be about that very manifest.

    Fails closed. Trivy leaves packages it could not examine out without a word, so a report that
    has no results, no result about packages, or shows none of the packages of the operating system it
    names is an error, never "clean": of an image whose package database was deleted, Trivy writes a result
    that lists nothing. Findings that an ignore file or a VEX document suppressed
    are findings with that mark. Raises InvalidReport, naming the place, what was expected and what found.
    """
    body = document(raw, limit)
    if (version := whole(body, "SchemaVersion", "")) != _SCHEMA:
        message = f"SchemaVersion: expected {_SCHEMA}, found {version}"
        raise InvalidReport(message)
    if (made := text(body, "ArtifactType", "")) != "container_image":
        message = f"ArtifactType: expected container_image, found {made[:60]!r}"
        raise InvalidReport(message)
    system = mapping(mapping(body, "Metadata", ""), "OS", "Metadata.")
    named = " ".join(
        part for key in ("Family", "Name") if (part := text(system, key, "Metadata.OS."))
    )
    findings: set[Finding] = set()
    covers: set[tuple[str, str]] = set()
    examined: set[str] = set()
    for result, place in entries(body, "Results", ""):
        kind = _class(result, place)
        covers.add((kind, text(result, "Target", place, required=kind != "custom")))
        found = set(_findings(result, place))
        findings |= found
        if found or _lists(result, kind, place):
            examined.add(kind)
    _examined({kind for kind, _ in covers}, examined, named)
    scanner = mapping(body, "Trivy", "")
    return Report(
        scanner="trivy",
        subject=_subject(body, subject),
        created_at=moment(body, "CreatedAt", ""),
        findings=frozenset(findings),
        covers=tuple(": ".join(filter(None, each)) for each in sorted(covers)),
        database_date=moment(_database(scanner), "UpdatedAt", "Trivy.VulnerabilityDB."),
        scanner_version=text(scanner, "Version", "Trivy."),
        operating_system=named,
        end_of_life=flag(system, "EOSL", "Metadata.OS."),
    )


def _class(result: Mapping[str, Any], place: str) -> str:
    found = text(result, "Class", place)
    if found not in _CLASSES:  # a class nobody knows may hold findings nobody reads
        message = (
            f"{place}Class: expected one of {', '.join(sorted(_CLASSES))}, found {found[:60]!r}"
        )
        raise InvalidReport(message)
    return found


def _lists(result: Mapping[str, Any], kind: str, place: str) -> bool:
    """Tell whether a result shows packages that were judged; one of a language is there only if it has some."""
    if kind == _SYSTEM:
        return any(True for _ in entries(result, "Packages", place))
    return kind in _PACKAGES and text(result, "Type", place) not in _UNJUDGED


def _examined(classes: set[str], examined: set[str], system: str) -> None:
    if (system or _SYSTEM in classes) and _SYSTEM not in examined:
        message = (
            f"Results: expected packages of {system or 'the operating system'}, found none: "
            "the image may lack its package database"
        )
        raise InvalidReport(message)
    if not examined & _PACKAGES:
        message = (
            "Results: expected at least one result about packages, found none: the scanner examined "
            "nothing it can judge (data that is not run may say `scan: none` with a reason)"
        )
        raise InvalidReport(message)


def _subject(body: Mapping[str, Any], expected: Digest | None) -> Digest | None:
    repo_digests = texts(mapping(body, "Metadata", ""), "RepoDigests", "Metadata.")
    listed = {Digest(match[1]) for each in repo_digests if (match := _SUBJECT.fullmatch(each))}
    match = _SUBJECT.fullmatch(text(body, "ArtifactName", ""))
    asked = Digest(match[1]) if match else None
    if asked and listed and asked not in listed:
        message = f"Metadata.RepoDigests: expected {asked} as in ArtifactName, found another digest"
        raise InvalidReport(message)
    claimed = asked or (next(iter(listed)) if len(listed) == 1 else None)
    if expected is not None and claimed != expected:
        message = f"ArtifactName: expected a report about {expected}, found one about {claimed}"
        raise InvalidReport(message)
    return claimed


def _database(scanner: Mapping[str, Any]) -> Mapping[str, Any]:
    own = mapping(scanner, "VulnerabilityDB", "Trivy.")
    return own or mapping(mapping(scanner, "Server", "Trivy."), "VulnerabilityDB", "Trivy.Server.")


def _findings(result: Mapping[str, Any], place: str) -> Iterator[Finding]:
    target = text(result, "Target", place)
    for key, read in _LISTS.items():
        for each, where in entries(result, key, place):
            yield from read(each, where, target)
    for key in ("ExperimentalModifiedFindings", "ModifiedFindings"):
        for each, where in entries(result, key, place):
            kind = text(each, "Type", where)
            if kind not in _TYPES or not mapping(each, "Finding", where):
                message = f"{where}Type: expected a finding of a known type, found {kind[:60]!r}"
                raise InvalidReport(message)
            suppressed = text(each, "Status", where) in _SUPPRESSED
            for found in _TYPES[kind](mapping(each, "Finding", where), f"{where}Finding.", target):
                yield replace(found, suppressed=suppressed)


def _vulnerability(body: Mapping[str, Any], place: str, target: str) -> Iterator[Finding]:
    unnamed = "a later version" if text(body, "Status", place) == "fixed" else ""
    yield Finding(
        id=text(body, "VulnerabilityID", place, required=True),
        package=text(body, "PkgName", place, required=True),
        installed=text(body, "InstalledVersion", place),
        fixed=text(body, "FixedVersion", place) or unnamed,
        severity=Severity.of(text(body, "Severity", place)),
        title=prose(body, "Title", place),
        target=target,
    )


def _secret(body: Mapping[str, Any], place: str, target: str) -> Iterator[Finding]:
    yield _without_fix(body, "RuleID", place, target)


def _misconfiguration(body: Mapping[str, Any], place: str, target: str) -> Iterator[Finding]:
    if text(body, "Status", place) != "PASS":
        key = "AVDID" if not body.get("ID") else "ID"
        yield _without_fix(body, key, place, target)


def _license(body: Mapping[str, Any], place: str, target: str) -> Iterator[Finding]:
    yield _without_fix(body, "Name", place, target)


def _without_fix(body: Mapping[str, Any], key: str, place: str, target: str) -> Finding:
    # The fix of these is in the publisher's hands: `fixable_only` must not make them disappear.
    where = text(body, "FilePath", place) or target  # a licence's: its result stands for all files
    return Finding(
        id=text(body, key, place, required=True),
        package=text(body, "PkgName", place) or where,
        installed="",
        fixed="a corrected image",
        severity=Severity.of(text(body, "Severity", place)),
        title=prose(body, "Title", place),
        target=where,
    )


type _Read = Callable[[Mapping[str, Any], str, str], Iterator[Finding]]

_LISTS: Mapping[str, _Read] = {
    "Vulnerabilities": _vulnerability,
    "Secrets": _secret,
    "Misconfigurations": _misconfiguration,
    "Licenses": _license,
}
_TYPES: Mapping[str, _Read] = {
    "vulnerability": _vulnerability,
    "secret": _secret,
    "misconfiguration": _misconfiguration,
    "license": _license,
}
