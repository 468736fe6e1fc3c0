"""Reads a CycloneDX JSON document (1.4 to 1.7) that lists vulnerabilities: a VDR."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from shared.oci.digest import Digest
from shared.reports.cyclonedx_parts import Part, by_ref, elsewhere, parts
from shared.reports.fields import (
    document,
    entries,
    mapping,
    moment,
    number,
    one_line,
    present,
    prose,
    text,
    texts,
)
from shared.reports.findings import Finding, InvalidReport, NothingExamined, Report, Severity
from shared.reports.subjects import claimed

# Shapes: CycloneDX/specification, schema/bom-1.6.schema.json; what Trivy, Grype and depscan write into it.
_VERSIONS = frozenset({"1.4", "1.5", "1.6", "1.7"})
_SYSTEM = "operating-system"
_UNJUDGED = frozenset({_SYSTEM, "file"})  # no package, so nothing is known of them
_SUPPRESSED = frozenset({"not_affected", "false_positive"})
_NO_FIX = frozenset({"can_not_fix", "will_not_fix"})


def parse(raw: bytes, *, subject: Digest | None = None, limit: int) -> Report:
    """Parse a document; with a `subject`, its component must claim to be that very manifest.

    An SBOM is no report: `vulnerabilities` must be there, if only empty, and an empty list needs
    components that were examined. A finding is as bad as the worst of its ratings. `fixable_only`
    does not hide what has no `recommendation` and no unaffected version, unless its analysis says that
    there is no fix: the format cannot say it otherwise. It has no place for the scanner's database.
    Raises InvalidReport, naming the place, what was expected and what found.
    """
    body = document(raw, limit)
    for key, expected in (("bomFormat", {"CycloneDX"}), ("specVersion", _VERSIONS)):
        if (found := text(body, key, "")) not in expected:
            message = f"{key}: expected {' or '.join(sorted(expected))}, found {found[:60]!r}"
            raise InvalidReport(message)
    metadata = mapping(body, "metadata", "")
    found_subject = _subject(metadata, subject)
    listed = parts(body)
    findings = frozenset(_findings(present(body, "vulnerabilities", ""), listed))
    kinds = sorted({part.kind for part in listed if part.examined} - _UNJUDGED)
    if not kinds and not findings:
        message = (
            "components: expected at least one, found none: the scanner examined nothing it can "
            "judge (data that is not run may say `scan: none` with a reason)"
        )
        raise NothingExamined(message)
    scanner, version = _tool(metadata)
    systems = sorted(part.title for part in listed if part.kind == _SYSTEM)
    return Report(
        scanner=scanner,
        subject=found_subject,
        created_at=moment(metadata, "timestamp", "metadata."),
        findings=findings,
        covers=tuple(kinds),
        scanner_version=version,
        operating_system=", ".join(systems),
    )


def _subject(metadata: Mapping[str, Any], expected: Digest | None) -> Digest | None:
    component, place = mapping(metadata, "component", "metadata."), "metadata.component."
    if (kind := text(component, "type", place)) != "container":
        message = f"{place}type: expected container, found {kind[:60]!r}"
        raise InvalidReport(message)
    named = [text(component, key, place) for key in ("name", "version", "purl")]
    for each, where in entries(component, "hashes", place):
        if text(each, "alg", where) == "SHA-256":
            named.append(f"sha256:{text(each, 'content', where).lower()}")
    listed = (
        text(each, "value", where)
        for each, where in entries(component, "properties", place)
        if text(each, "name", where) == "aquasecurity:trivy:RepoDigest"
    )
    return claimed(named, listed, expected, "metadata.component")


def _tool(metadata: Mapping[str, Any]) -> tuple[str, str]:
    # 1.4 has a list, 1.5 and later an object with components; 1.4's way stays valid.
    holder, key, place = metadata, "tools", "metadata."
    if isinstance(metadata.get("tools"), dict):
        holder, key, place = (
            mapping(metadata, "tools", "metadata."),
            "components",
            "metadata.tools.",
        )
    for tool, where in entries(holder, key, place):
        return text(tool, "name", where) or "cyclonedx", text(tool, "version", where)
    return "cyclonedx", ""


def _findings(body: Mapping[str, Any], listed: Iterable[Part]) -> Iterator[Finding]:
    parts_by_ref = by_ref(listed)
    for each, place in entries(body, "vulnerabilities", ""):
        analysis, where = mapping(each, "analysis", place), f"{place}analysis."
        responses = set(texts(analysis, "response", where))
        no_fix = "" if responses & _NO_FIX else "not stated"
        advice = prose(each, "recommendation", place)
        common = Finding(
            id=text(each, "id", place, required=True),
            package="",
            installed="",
            fixed="",
            severity=_severity(each, place),
            title=prose(each, "description", place),
            suppressed=text(analysis, "state", where) in _SUPPRESSED,
        )
        for part, unaffected, better in _affected(each, place, parts_by_ref):
            yield replace(
                common,
                package=part.name,
                installed=part.version,
                fixed=advice or better or no_fix,
                target=part.kind,
                suppressed=common.suppressed or unaffected,
            )


def _affected(
    body: Mapping[str, Any], place: str, parts_by_ref: Mapping[str, Part]
) -> Iterator[tuple[Part, bool, str]]:
    """Yield what a vulnerability is in, whether all versions named there are unaffected, and else those that are."""
    some = False
    for each, where in entries(body, "affects", place):
        ref = text(each, "ref", where, required=True)
        local = ref.rpartition("#")[2] if ref.startswith("urn:cdx:") else ref
        part = parts_by_ref.get(ref) or parts_by_ref.get(local)
        if part is None and ref == local:
            message = f"{where}ref: expected the bom-ref of a component, found {ref[:60]!r}"
            raise InvalidReport(message)
        states = set[str]()
        better: list[str] = []
        for version, at in entries(each, "versions", where):
            states.add(text(version, "status", at))
            if text(version, "status", at) == "unaffected":
                span = text(version, "range", at).rpartition("/")[2]  # vers:type/constraints
                better.append(text(version, "version", at) or span)
        some = True
        unaffected = states == {"unaffected"}
        yield part or elsewhere(ref, local), unaffected, one_line(", ".join(filter(None, better)))
    if not some:
        yield Part("", "the image", "", "container"), False, ""


def _severity(body: Mapping[str, Any], place: str) -> Severity:
    """Return the worst of all ratings; where none says anything, UNKNOWN.

    One source's "unknown" says nothing, nor does a score of 0.0 (scanners write it for unknown), nor
    "none" by another method than CVSS: Amazon Inspector has it beside a likelihood (EPSS).
    """
    found: list[Severity] = []
    for each, where in entries(body, "ratings", place):
        word = text(each, "severity", where).strip()
        score = number(each, "score", where)
        method = text(each, "method", where).lower()
        by_cvss = not method or method.startswith("cvss")  # tools spell 3.1 and 4.0 in several ways
        if score and by_cvss:
            found.append(Severity.of_score(score))
        if word and word.lower() not in ({"unknown"} if by_cvss else {"unknown", "none"}):
            found.append(Severity.of(word))
    return max(found, default=Severity.UNKNOWN)
