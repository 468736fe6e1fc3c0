"""Our reports as in-toto's vulns predicate: its shape, its subject, its size."""

import json
from dataclasses import replace
from typing import Any

import pytest

from shared.catalog import Severity
from shared.oci.reference import Repository
from shared.policy.facts import Facts
from shared.policy.vulns import MOST_FINDINGS, PREDICATE, statements
from tests.builders import a_finding
from tests.candidates import AMD64, ARM64, ARM_CHILD, CHILD, HOUR, a_report, a_scan, some_facts
from tests.fake_clock import START

BASE = Repository("contosobase.azurecr.io", "base/node")
REPORT = replace(
    a_report(
        a_finding(id="CVE-1", severity=Severity.LOW, fixed=""),
        a_finding(id="CVE-2", severity=Severity.UNKNOWN, target="app/package.json"),
        a_finding(id="CVE-3", severity=Severity.CRITICAL, suppressed=True),
    ),
    database_date=START - 5 * HOUR,
    scanner_version="0.69.0",
)


def about(*scans: Any) -> Facts:
    return some_facts(scans=scans)


def written(**changes: Any) -> dict[str, Any]:
    """The one statement about this report."""
    (raw,) = statements(about(a_scan(report=replace(REPORT, **changes))), BASE)
    return dict(json.loads(raw))


def test_it_is_a_vulns_statement_about_the_platforms_manifest():
    body = written()

    assert body["_type"] == "https://in-toto.io/Statement/v1"
    assert body["predicateType"] == PREDICATE
    assert body["subject"] == [{"name": str(BASE), "digest": {"sha256": CHILD.hex}}]


def test_it_names_scanner_database_and_times_as_the_predicate_wants_them():
    predicate = written()["predicate"]

    assert predicate["scanner"]["uri"] == "pkg:github/aquasecurity/trivy"
    assert predicate["scanner"]["version"] == "0.69.0"
    assert predicate["scanner"]["db"] == {"lastUpdate": "2026-11-23T07:00:00Z"}
    assert predicate["metadata"]["scanStartedOn"] == "2026-11-23T12:00:00Z"
    assert predicate["metadata"]["scanFinishedOn"] == "2026-11-23T12:00:00Z"


def test_findings_come_worst_first_with_what_tells_them_apart():
    result = written()["predicate"]["scanner"]["result"]

    assert [each["id"] for each in result] == ["CVE-2", "CVE-3", "CVE-1"]
    assert result[0] == {
        "id": "CVE-2",
        "severity": [{"method": "trivy", "score": "unknown"}],
        "annotations": [
            {
                "package": "libssl3",
                "installed": "3.1.4-r5",
                "fixed": "3.1.4-r6",
                "target": "app/package.json",
            }
        ],
    }
    assert result[1]["annotations"][0]["suppressed"] == "true"
    assert "fixed" not in result[2]["annotations"][0]


def test_nothing_found_is_an_empty_list():
    assert written(findings=frozenset())["predicate"]["scanner"]["result"] == []


def test_what_the_report_does_not_say_is_not_made_up():
    predicate = written(created_at=None, database_date=None, scanner_version="")["predicate"]

    assert predicate["scanner"]["db"] == {}
    assert predicate["metadata"].keys() == {"report"}
    assert "version" not in predicate["scanner"]


def test_a_scanner_nobody_knows_is_a_generic_package():
    predicate = written(scanner="my scanner/2")["predicate"]

    assert predicate["scanner"]["uri"] == "pkg:generic/my%20scanner%2F2"


def test_there_is_one_for_each_platform_with_a_report_and_their_order_is_fixed():
    amd64 = a_scan(report=REPORT)
    arm64 = a_scan(platform=ARM64, digest=ARM_CHILD, report=replace(REPORT, subject=ARM_CHILD))

    found = statements(about(arm64, amd64), BASE)

    assert found == statements(about(amd64, arm64), BASE)
    subjects = [json.loads(each)["subject"][0]["digest"]["sha256"] for each in found]
    assert subjects == [CHILD.hex, ARM_CHILD.hex]


def test_a_platform_without_a_report_has_none():
    assert statements(about(a_scan(platform=AMD64, report=None)), BASE) == ()


@pytest.mark.parametrize("length", [10, 2000])
def test_ten_thousand_findings_make_a_bounded_statement_that_counts_what_it_left_off(length: int):
    findings = frozenset(
        a_finding(id=f"CVE-{number}", package=length * "x", target=length * "y")
        for number in range(10_000)
    )

    (raw,) = statements(about(a_scan(report=replace(REPORT, findings=findings))), BASE)
    predicate = json.loads(raw)["predicate"]

    assert len(raw) < 4 * 1024 * 1024
    assert len(predicate["scanner"]["result"]) == MOST_FINDINGS
    assert predicate["metadata"]["leftOff"] == 10_000 - MOST_FINDINGS
