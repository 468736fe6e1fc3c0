"""Our reports in the form others read: in-toto's vulns predicate, one statement a platform."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from shared.oci.reference import Repository
from shared.policy import evidence
from shared.policy.facts import Facts, Scan
from shared.policy.sentences import worst_first
from shared.reports.findings import Finding, Report

PREDICATE = "https://in-toto.io/attestation/vulns/v0.2"
MOST_FINDINGS = 5000  # of one statement, the worst first
_LONGEST = 200  # characters of one text
_SCANNERS = {
    "trivy": "pkg:github/aquasecurity/trivy",
    "grype": "pkg:github/anchore/grype",
    "osv-scanner": "pkg:github/google/osv-scanner",
}


def statements(facts: Facts, base: Repository) -> tuple[bytes, ...]:
    """Return one statement for each platform that has a report of ours, about that platform's manifest.

    Shape: in-toto attestation, spec/predicates/vulns_02.md. A report holds one time, which stands for the
    scan's start and end; what a report does not say is left out. The same report, the same bytes.
    """
    return tuple(dict.fromkeys(_statements(facts, base)))


def _statements(facts: Facts, base: Repository) -> Iterator[bytes]:
    for scan in sorted(facts.scans, key=lambda each: str(each.platform)):
        if scan.report is not None:
            body = {
                "_type": "https://in-toto.io/Statement/v1",
                "subject": [{"name": str(base), "digest": {"sha256": scan.digest.hex}}],
                "predicateType": PREDICATE,
                "predicate": _predicate(scan, scan.report),
            }
            yield json.dumps(body, separators=(",", ":"), sort_keys=True).encode()


def _predicate(scan: Scan, report: Report) -> dict[str, Any]:
    ordered = sorted(report.findings, key=worst_first)
    metadata: dict[str, Any] = {"report": str(scan.report_digest)}
    if report.created_at is not None:
        at = evidence.date(report.created_at)
        metadata |= {"scanStartedOn": at, "scanFinishedOn": at}
    if len(ordered) > MOST_FINDINGS:
        metadata["leftOff"] = (
            len(ordered) - MOST_FINDINGS
        )  # an addition of ours, as the spec allows
    scanner: dict[str, Any] = {
        "uri": _SCANNERS.get(report.scanner, f"pkg:generic/{quote(report.scanner, safe='')}"),
        "db": {"lastUpdate": evidence.date(report.database_date)} if report.database_date else {},
        "result": [_result(each, report.scanner) for each in ordered[:MOST_FINDINGS]],
    }
    if report.scanner_version:
        scanner["version"] = report.scanner_version[:_LONGEST]
    return {"scanner": scanner, "metadata": metadata}


def _result(finding: Finding, scanner: str) -> dict[str, Any]:
    said = {
        "package": finding.package,
        "installed": finding.installed,
        "fixed": finding.fixed,
        "target": finding.target,
        "suppressed": "true" if finding.suppressed else "",
    }
    return {
        "id": finding.id[:_LONGEST],
        "severity": [{"method": scanner, "score": finding.severity.label}],
        "annotations": [{name: each[:_LONGEST] for name, each in said.items() if each}],
    }
