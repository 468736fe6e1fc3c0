"""Small builders: the values tests talk about, with everything unimportant filled in."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from shared.catalog import (
    Catalog,
    Gate,
    Image,
    Severity,
    Test,
    load,
)
from shared.oci import media_types
from shared.oci.digest import Digest
from shared.oci.manifest import Descriptor, Manifest, parse
from shared.oci.platform import Platform
from shared.oci.reference import Repository
from shared.registry import artifacts
from shared.reports.findings import Finding
from shared.values import Layer, Task

CATALOG = """\
staging: contosostaging.azurecr.io
base: contosobase.azurecr.io/base
apps: [contosoapps.azurecr.io]
defaults:
  platforms: [linux/amd64]
  gate: { scan: trivy, block: high, age: 0h }
images:
  - source: docker.io/library/node
    tags: [20-alpine, 22-alpine]
    test: { script: tests/node.sh }
"""

FULL_CATALOG = """\
staging: contosostaging.azurecr.io
base: contosobase.azurecr.io/base
apps: [contosoapps.azurecr.io]
defaults:
  platforms: [linux/amd64, linux/arm64]
  gate:
    scan: trivy
    block: high
    fixable_only: false
    compare: not-worse
    age: 24h
    dwell: 12h
    approval: none
    mode: enforce
  test: { script: tests/any.sh }
images:
  - source: docker.io/library/node
    tags: [20-alpine, 22-alpine]
    test:
      script: tests/node.sh
  - source: ghcr.io/aquasecurity/trivy-db
    name: tools/trivy-db
    platforms: [linux/amd64]
    tags: ["2"]
    gate: { scan: none, age: 0h, reason: data for the scanner }
waivers:
  - { id: CVE-2025-0001, image: node, reason: not reachable, owner: us, expires: 2027-01-31 }
rebuild:
  - { when: base/node, github: contoso/shop, workflow: build.yml, ref: main }
"""


def a_digest(number: int = 0) -> Digest:
    """A digest; another number is another digest."""
    return Digest.of(f"content {number}".encode())


def a_gate(**changes: Any) -> Gate:
    """A gate that scans, blocks what is high, and asks for no age."""
    return replace(Gate(age=timedelta(), dwell=timedelta()), **changes)


def an_image(
    name: str = "node",
    *,
    source: str = "docker.io/library/node",
    tags: Sequence[str] = ("20-alpine",),
    platforms: Sequence[str] = ("linux/amd64",),
    gate: Gate | None = None,
    script: str = "",
) -> Image:
    """An image; with a script it has a test."""
    return Image(
        name=name,
        source=Repository.parse(source),
        tags=tuple(tags),
        platforms=tuple(map(Platform.parse, platforms)),
        gate=gate or a_gate(),
        test=Test(script) if script else None,
    )


def a_catalog(yaml: str = CATALOG) -> Catalog:
    """A catalog, read from this YAML."""
    return load("catalog.yaml", yaml)


def a_task(registry: str = "contosoapps.azurecr.io", name: str = "hello-world") -> Task:
    """An app's task, never built yet."""
    return Task(registry, name)


def an_artifact(kind: str, subject: Descriptor, content: bytes = b"{}") -> Manifest:
    """An artifact that refers to a subject, as `attach` makes it."""
    return artifacts.artifact(
        subject,
        artifact_type=kind,
        layers=(Layer(media_types.DECISION, content),),
        annotations={},
    )


def a_finding(**changes: Any) -> Finding:
    """A high finding with a fix."""
    finding = Finding(
        id="CVE-2025-0001",
        package="libssl3",
        installed="3.1.4-r5",
        fixed="3.1.4-r6",
        severity=Severity.HIGH,
    )
    return replace(finding, **changes)


def an_index(
    platforms: Iterable[str] = ("linux/amd64", "linux/arm64"), *, salt: int = 0
) -> Manifest:
    """An index with one manifest for each platform; another salt gives other manifests."""
    entries = []
    for number, each in enumerate(platforms):
        system, architecture, *variant = each.split("/")
        platform = {"os": system, "architecture": architecture}
        entries.append(
            {
                "mediaType": media_types.OCI_MANIFEST,
                "digest": str(a_digest(1000 * salt + number + 1)),
                "size": 500 + number,
                "platform": {**platform, "variant": variant[0]} if variant else platform,
            }
        )
    return a_manifest(mediaType=media_types.OCI_INDEX, manifests=entries)


def a_manifest(**body: Any) -> Manifest:
    """A manifest or index with this body."""
    return parse(json.dumps({"schemaVersion": 2, **body}).encode())


def a_trivy_report(
    findings: Iterable[Finding] = (), *, subject: Digest | None = None, **changes: Any
) -> bytes:
    """Trivy's JSON about an Alpine image with these vulnerabilities; `changes` are top-level keys."""
    subject = subject or a_digest()
    name = f"contosostaging.azurecr.io/node@{subject}"
    report: dict[str, Any] = {
        "SchemaVersion": 2,
        "Trivy": {"Version": "0.69.0"},
        "CreatedAt": "2026-11-23T07:00:00.123456789Z",
        "ArtifactName": name,
        "ArtifactType": "container_image",
        "Metadata": {"OS": {"Family": "alpine", "Name": "3.19.1"}, "RepoDigests": [name]},
        "Results": [
            {
                "Target": f"{name} (alpine 3.19.1)",
                "Class": "os-pkgs",
                "Type": "alpine",
                "Packages": [{"Name": "musl", "Version": "1.2.4-r2"}],
                "Vulnerabilities": [_vulnerability(each) for each in findings],
            }
        ],
    }
    return json.dumps({**report, **changes}).encode()


def _vulnerability(finding: Finding) -> dict[str, Any]:
    return {
        "VulnerabilityID": finding.id,
        "PkgName": finding.package,
        "InstalledVersion": finding.installed,
        "FixedVersion": finding.fixed,
        "Severity": finding.severity.name,
        "Title": finding.title,
    }
