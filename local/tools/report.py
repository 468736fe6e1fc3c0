"""What Trivy would say of an SBOM, in Trivy's JSON (its schema version 2)."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from local.tools.errors import ToolError
from local.tools.osv import Advisory, check
from local.tools.sbom import Package, Sbom
from local.tools.versions import Compare, compare_apk, compare_dpkg

VERSION = "stand-in of Breakwater's local Azure; in Azure the real Trivy runs"
_ORDER = ("CRITICAL", "HIGH", "MEDIUM", "LOW", "UNKNOWN")
# endoflife.date: when a release got its last regular security fix. Trivy marks what is past it.
_END_OF_LIFE = {"Alpine:v3.19": date(2025, 11, 1), "Debian:12": date(2028, 6, 30)}


@dataclass(frozen=True, slots=True)
class Subject:
    """The image a report is about."""

    reference: str  # as it stood on the command line
    repo_digest: str  # host/repository@digest of the manifest scanned
    image_id: str  # the digest of its config
    config: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Match:
    """An advisory that concerns an installed package, and what fixes it ("" if nothing does)."""

    package: Package
    advisory: Advisory
    fixed: str


def ecosystem(sbom: Sbom) -> tuple[str, Compare] | None:
    """Return OSV's name of the distribution and how it orders versions; None for no distribution.

    Raises ToolError for a distribution the stand-in knows nothing about.
    """
    if not sbom.distribution and not sbom.packages:
        return None
    numbers = re.match(r"([0-9]+)(?:\.([0-9]+))?", sbom.release)
    if sbom.distribution == "alpine" and numbers and numbers[2]:
        return f"Alpine:v{numbers[1]}.{numbers[2]}", compare_apk
    if sbom.distribution == "debian" and numbers:
        return f"Debian:{numbers[1]}", compare_dpkg
    found = f"{sbom.distribution} {sbom.release}".strip() or "packages without an os-release"
    message = f"the stand-in knows Alpine and Debian releases, found {found}"
    raise ToolError(message)


def matches(sbom: Sbom, advisories: Iterable[Advisory]) -> tuple[Match, ...]:
    """Find every advisory that affects a package, worst first.

    Raises ToolError when no advisory covers the distribution: silence would look like a clean image.
    """
    known = ecosystem(sbom)
    if known is None:
        return ()
    name, compare = known
    listed = [
        (advisory, affected)
        for advisory in advisories
        for affected in advisory.affected
        if affected.ecosystem == name
    ]
    if not listed:
        message = (
            f"expected advisories for {name}, found none; add OSV files to BREAKWATER_ADVISORIES"
        )
        raise ToolError(message)
    found = [
        Match(package, advisory, fixed)
        for package in sbom.packages
        for advisory, affected in listed
        if affected.package == package.source
        and (fixed := check(affected, package.source_version, compare)) is not None
    ]
    return tuple(sorted(found, key=_by_severity))


def report(
    subject: Subject, sbom: Sbom, advisories: Iterable[Advisory], now: datetime
) -> dict[str, Any]:
    """Build the report; `now` is in UTC."""
    found = matches(sbom, advisories)
    results = []
    if sbom.distribution:
        result: dict[str, Any] = {
            "Target": f"{subject.reference} ({sbom.distribution} {sbom.release})",
            "Class": "os-pkgs",
            "Type": sbom.distribution,
        }
        if sbom.packages:  # Trivy only warns where there are none
            result["Packages"] = [_package(each) for each in sbom.packages]
        if found:
            result["Vulnerabilities"] = [_vulnerability(each) for each in found]
        results.append(result)
    body = {
        "SchemaVersion": 2,
        "Trivy": {"Version": VERSION},  # 0.69 tells its database's age by `trivy version` alone
        "CreatedAt": now.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "ArtifactName": subject.reference,
        "ArtifactType": "container_image",
        "Metadata": _metadata(subject, sbom, now.date()),
    }
    return body | ({"Results": results} if results else {})  # Trivy leaves an empty list out


def _metadata(subject: Subject, sbom: Sbom, today: date) -> dict[str, Any]:
    metadata: dict[str, Any] = {}
    if sbom.distribution:
        metadata["OS"] = {"Family": sbom.distribution, "Name": sbom.release}
        known = ecosystem(sbom)
        end = _END_OF_LIFE.get(known[0]) if known else None
        if end and end < today:
            metadata["OS"]["EOSL"] = True
    return metadata | {
        "ImageID": subject.image_id,
        "DiffIDs": subject.config.get("rootfs", {}).get("diff_ids", []),
        "RepoTags": [],
        "RepoDigests": [subject.repo_digest],
        "ImageConfig": dict(subject.config),
    }


def _package(package: Package) -> dict[str, Any]:
    return {
        "ID": f"{package.name}@{package.version}",
        "Name": package.name,
        "Identifier": {"PURL": package.purl},
        "Version": package.version,
        "SrcName": package.source,
        "SrcVersion": package.source_version,
        "Layer": {"DiffID": package.layer},
    }


def _vulnerability(match: Match) -> dict[str, Any]:
    package, advisory = match.package, match.advisory
    body: dict[str, Any] = {
        "VulnerabilityID": advisory.cve,
        "VendorIDs": [advisory.id],
        "PkgID": f"{package.name}@{package.version}",
        "PkgName": package.name,
        "PkgIdentifier": {"PURL": package.purl},
        "InstalledVersion": package.version,
        "FixedVersion": match.fixed,
        "Status": "fixed" if match.fixed else "affected",
        "Layer": {"DiffID": package.layer},
        "SeveritySource": "osv",
        "PrimaryURL": f"https://osv.dev/vulnerability/{advisory.id}",
        "DataSource": {"ID": "osv", "Name": "excerpts in OSV format", "URL": "https://osv.dev"},
        "Title": advisory.summary,
        "Description": advisory.details,
        "Severity": advisory.severity,
        "References": list(advisory.references),
        "PublishedDate": advisory.published,
        "LastModifiedDate": advisory.modified,
    }
    if advisory.vector:
        body["CVSS"] = {"osv": {"V3Vector": advisory.vector}}
    return {key: value for key, value in body.items() if value not in ("", [])}


def _by_severity(match: Match) -> tuple[int, str, str]:
    return _ORDER.index(match.advisory.severity), match.advisory.cve, match.package.name
