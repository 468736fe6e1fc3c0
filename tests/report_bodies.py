"""Reports as the scanners write them, in short: bodies that tests change and serialise."""

import json
from typing import Any

from tests.builders import a_digest

SUBJECT = a_digest(7)
NAME = f"contosostaging.azurecr.io/node@{SUBJECT}"


def raw(body: Any) -> bytes:
    """The bytes of a body."""
    return json.dumps(body).encode()


def a_match(name: str = "CVE-2025-0001", severity: str = "High", **vulnerability: Any) -> Any:
    """One of Grype's matches."""
    return {
        "vulnerability": {
            "id": name,
            "namespace": "alpine:distro:alpine:3.19",
            "severity": severity,
            "description": "bad\nthing",
            "fix": {"versions": ["3.1.4-r6"], "state": "fixed"},
            **vulnerability,
        },
        "relatedVulnerabilities": [],
        "artifact": {
            "name": "libssl3",
            "version": "3.1.4-r5",
            "type": "apk",
            "locations": [{"path": "/lib/apk/db/installed", "layerID": "sha256:1"}],
        },
    }


def grype(*matches: Any, **changes: Any) -> dict[str, Any]:
    """Grype's report of an Alpine image."""
    return {
        "matches": list(matches),
        "source": {
            "type": "image",
            "target": {
                "userInput": NAME,
                "imageID": str(a_digest(99)),
                "manifestDigest": str(SUBJECT),
                "repoDigests": [NAME],
            },
        },
        "distro": {"name": "alpine", "version": "3.19.1", "idLike": None},
        "descriptor": {
            "name": "grype",
            "version": "0.104.0",
            "timestamp": "2026-11-23T08:00:00.123456789+01:00",
            "db": {"status": {"schemaVersion": "v6.1.2", "built": "2026-11-22T06:00:00Z"}},
        },
        **changes,
    }


def a_result(rule: str = "CVE-2025-0001", /, **changes: Any) -> dict[str, Any]:
    """One of Trivy's results in SARIF."""
    lines = ("Package: libssl3", "Installed Version: 3.1.4-r5", "Vulnerability CVE-2025-0001")
    shown = "\n".join((*lines, "Severity: HIGH", "Fixed Version: 3.1.4-r6"))
    where = {"physicalLocation": {"artifactLocation": {"uri": "node"}}}
    return {
        "ruleId": rule,
        "level": "error",
        "message": {"text": shown},
        "locations": [where],
        **changes,
    }


def a_rule(name: str = "CVE-2025-0001", score: str = "7.5", **changes: Any) -> dict[str, Any]:
    """One of Trivy's rules in SARIF."""
    return {
        "id": name,
        "shortDescription": {"text": "bad thing"},
        "defaultConfiguration": {"level": "error"},
        "properties": {"security-severity": score, "tags": ["vulnerability", "security", "HIGH"]},
        **changes,
    }


def sarif(*results: Any, rules: Any = None, **changes: Any) -> dict[str, Any]:
    """Trivy's SARIF log; `changes` are the run's keys."""
    rules = [a_rule()] if rules is None else rules
    run = {
        "tool": {"driver": {"name": "Trivy", "version": "0.69.0", "rules": rules}},
        "results": list(results),
        "properties": {"imageName": NAME, "repoDigests": [NAME]},
        "invocations": [{"executionSuccessful": True, "endTimeUtc": "2026-11-23T07:00:00Z"}],
        **changes,
    }
    return {"version": "2.1.0", "runs": [run]}


def a_vulnerability(name: str = "CVE-2025-0001", /, **changes: Any) -> dict[str, Any]:
    """One vulnerability of a VDR, as Trivy writes it."""
    return {
        "id": name,
        "ratings": [{"source": {"name": "nvd"}, "score": 7.5, "severity": "high", "method": "CVSSv31"}],
        "description": "bad thing",
        "recommendation": "Upgrade libssl3 to version 3.1.4-r6",
        "affects": [{"ref": "ssl", "versions": [{"version": "3.1.4-r5", "status": "affected"}]}],
        **changes,
    }  # fmt: skip


def cyclonedx(*vulnerabilities: Any, **changes: Any) -> dict[str, Any]:
    """A VDR of an Alpine image, as Trivy writes it."""
    image = {
        "bom-ref": "image",
        "type": "container",
        "name": "contosostaging.azurecr.io/node:20",
        "purl": f"pkg:oci/node@sha256%3A{SUBJECT.hex}?arch=amd64&repository_url=x",
    }
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "metadata": {
            "timestamp": "2026-11-23T07:00:00+00:00",
            "tools": {"components": [{"type": "application", "name": "trivy", "version": "0.69.0"}]},
            "component": image,
        },
        "components": [
            {"bom-ref": "os", "type": "operating-system", "name": "alpine", "version": "3.19.1"},
            {"bom-ref": "ssl", "type": "library", "name": "libssl3", "version": "3.1.4-r5",
             "purl": "pkg:apk/alpine/libssl3@3.1.4-r5"},
            {"bom-ref": "mvn", "type": "library", "group": "org.x", "name": "y", "version": "1",
             "purl": "pkg:maven/org.x/y@1"},
        ],
        "vulnerabilities": list(vulnerabilities),
        **changes,
    }  # fmt: skip
