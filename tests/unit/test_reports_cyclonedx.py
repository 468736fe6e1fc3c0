"""A CycloneDX document: its vulnerabilities are findings, and an SBOM is no report."""

from datetime import UTC, datetime

import pytest

from shared.reports import cyclonedx as format_
from shared.reports.findings import Finding, InvalidReport, Report, Severity
from tests.builders import a_digest
from tests.report_bodies import NAME, SUBJECT, a_vulnerability, cyclonedx, raw


def parsed(*vulnerabilities: object, **changes: object) -> Report:
    body = cyclonedx(*vulnerabilities, **changes)
    return format_.parse(raw(body), subject=SUBJECT, limit=1 << 20)


def found(**changes: object) -> Finding:
    (finding,) = parsed(a_vulnerability(**changes)).findings
    return finding


def about(**component: object) -> dict[str, object]:
    return {"metadata": {"component": {"type": "container", "name": "node", **component}}}


def test_a_report_tells_what_was_found_in_which_component():
    report = parsed(a_vulnerability())
    (finding,) = report.findings
    assert (finding.id, finding.package, finding.installed) == (
        "CVE-2025-0001",
        "libssl3",
        "3.1.4-r5",
    )
    assert (finding.severity, finding.title, finding.target) == (Severity.HIGH, "bad thing", "apk")
    assert "3.1.4-r6" in finding.fixed
    assert report.covers == ("apk", "maven")
    assert (report.scanner, report.scanner_version) == ("trivy", "0.69.0")
    assert report.operating_system == "alpine 3.19.1"
    assert report.created_at == datetime(2026, 11, 23, 7, tzinfo=UTC)
    assert report.database_date is None


@pytest.mark.parametrize(
    ("ratings", "severity"),
    [
        ([{"severity": "low"}, {"severity": "critical"}], Severity.CRITICAL),
        ([{"severity": "low", "score": 9.8, "method": "CVSSv31"}], Severity.CRITICAL),
        ([{"score": 5, "method": "CVSSv4"}], Severity.MEDIUM),
        ([{"severity": "low"}, {"score": 9.8, "method": "CVSSv3.1"}], Severity.CRITICAL),
        ([{"severity": "low"}, {"score": 9.8, "method": "cvssv31"}], Severity.CRITICAL),
        ([{"score": 9.8, "method": "OWASP"}], Severity.UNKNOWN),
        ([{"severity": "info"}], Severity.LOW),
        ([{"severity": "unknown"}, {"severity": "low"}], Severity.LOW),
        ([{"severity": "unknown"}], Severity.UNKNOWN),
        ([{"severity": "awful"}, {"severity": "low"}], Severity.UNKNOWN),
        ([{"score": 0.0}], Severity.UNKNOWN),
        ([], Severity.UNKNOWN),
        (None, Severity.UNKNOWN),
    ],
)
def test_a_finding_is_as_bad_as_its_worst_rating(ratings, severity):
    assert found(ratings=ratings).severity is severity


@pytest.mark.parametrize("state", ["not_affected", "false_positive", "exploitable", "resolved", ""])
def test_what_the_analysis_excuses_is_a_finding_with_that_mark(state):
    excused = state in {"not_affected", "false_positive"}
    assert found(analysis={"state": state}).suppressed is excused


def test_versions_that_are_all_unaffected_are_suppressed():
    states = [{"status": "unaffected"}]
    assert found(affects=[{"ref": "ssl", "versions": states}]).suppressed
    assert not found(affects=[{"ref": "ssl", "versions": [*states, {}]}]).suppressed


def test_a_finding_that_says_nothing_of_a_fix_is_not_hidden_as_unfixable():
    assert found(recommendation=None).fixed
    assert not found(recommendation=None, analysis={"response": ["will_not_fix"]}).fixed


@pytest.mark.parametrize(
    ("better", "fixed"),
    [
        ([{"range": "vers:apk/>=3.1.4-r6", "status": "unaffected"}], ">=3.1.4-r6"),
        (
            [
                {"version": "3.1.4-r6", "status": "unaffected"},
                {"range": "vers:generic/>=3.2", "status": "unaffected"},
            ],
            "3.1.4-r6, >=3.2",
        ),
        ([{"range": "vers:apk/<3.1.4-r6", "status": "affected"}], "not stated"),
        ([{"status": "unaffected"}], "not stated"),
    ],
)
def test_versions_that_are_unaffected_are_the_fix_where_nothing_is_recommended(better, fixed):
    """Grype 0.11x writes them so, depscan beside a recommendation."""
    affected = {"version": "3.1.4-r5", "status": "affected"}
    affects = [{"ref": "ssl", "versions": [affected, *better]}]
    finding = found(recommendation=None, affects=affects, analysis={"response": []})
    assert (finding.fixed, finding.suppressed) == (fixed, False)
    assert found(recommendation="Update", affects=affects).fixed == "Update"


def test_a_component_of_another_document_is_named_by_the_end_of_its_link():
    """Trivy's report of an SBOM refers to the SBOM's components."""
    link = (
        "urn:cdx:1455c02d-64ca-453e-a5df-ddfb70a7c804/1#pkg:rpm/rocky/openssl-libs@1%3A3.0?arch=x"
    )
    finding = found(affects=[{"ref": link}])
    assert (finding.package, finding.installed) == ("openssl-libs", "1:3.0")
    assert finding.target == "another document"
    unnamed = "urn:cdx:1455c02d-64ca-453e-a5df-ddfb70a7c804/1#ssl-9"
    assert found(affects=[{"ref": unnamed}]).package == unnamed


@pytest.mark.parametrize("version", ["1.4", "1.5", "1.6", "1.7"])
def test_every_version_that_has_vulnerabilities_is_read(version):
    assert parsed(a_vulnerability(), specVersion=version).findings


def test_a_score_that_is_no_cvss_says_nothing_of_how_bad_it_is():
    """Grype lists EPSS and CISA's catalogue among the ratings."""
    ratings = [
        {"score": 3.7, "severity": "low", "method": "CVSSv31"},
        {"source": {"name": "FIRST"}, "score": 0.93, "method": "other"},
        {"source": {"name": "CISA KEV Catalog"}, "score": 1, "method": "other"},
    ]
    assert found(ratings=ratings).severity is Severity.LOW


def test_a_severity_of_none_beside_a_likelihood_is_not_mild():
    """Amazon Inspector writes it beside EPSS, also of what has no severity yet."""
    likely = {"source": {"name": "EPSS"}, "score": 0.4, "severity": "none", "method": "other"}
    unscored = {"source": {"name": "NVD"}, "severity": "unknown"}
    assert found(ratings=[unscored, likely]).severity is Severity.UNKNOWN
    assert found(ratings=[{"severity": "low"}, likely]).severity is Severity.LOW
    scored = {"score": 0.0, "severity": "none", "method": "CVSSv31"}
    assert found(ratings=[scored]).severity is Severity.LOW


def test_a_vulnerability_is_a_finding_in_each_component_and_without_any():
    refs = [{"ref": "mvn"}, {"ref": "ssl"}, {"ref": "urn:cdx:1/1#ssl"}, {"ref": "urn:cdx:1/1#z"}]
    names = {each.package for each in parsed(a_vulnerability(affects=refs)).findings}
    assert names == {"org.x:y", "libssl3", "urn:cdx:1/1#z"}
    assert found(affects=None).package == "the image"


def test_the_image_is_named_by_purl_version_name_or_hash():
    for component in (
        {"version": str(SUBJECT)},
        {"name": NAME},
        {"hashes": [{"alg": "SHA-256", "content": SUBJECT.hex.upper()}]},
        {"properties": [{"name": "aquasecurity:trivy:RepoDigest", "value": NAME}]},
    ):
        assert parsed(**about(**component)).subject == SUBJECT
    for component in ({}, {"version": str(a_digest(1))}, {"properties": [{"value": NAME}]}):
        with pytest.raises(InvalidReport, match="expected a report about"):
            parsed(**about(**component))


def test_tools_are_read_in_the_old_shape_too():
    old = {**about(name=NAME)["metadata"], "tools": [{"vendor": "x", "name": "t", "version": "1"}]}  # type: ignore[dict-item]  # a builder's object
    report = parsed(metadata=old, specVersion="1.4")
    assert (report.scanner, report.scanner_version) == ("t", "1")


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"bomFormat": "SPDX"}, "bomFormat"),
        ({"specVersion": "1.3"}, "specVersion"),
        ({"vulnerabilities": None}, "vulnerabilities"),
        ({"vulnerabilities": [a_vulnerability("")]}, r"vulnerabilities\[0\].id"),
        ({"vulnerabilities": [a_vulnerability(affects=[{"ref": "gone"}])]}, "ref"),
        ({"components": []}, "examined nothing"),
        ({"components": [{"type": "operating-system", "name": "alpine"}]}, "examined nothing"),
        ({"components": [{"type": "file", "name": "etc/passwd"}]}, "examined nothing"),
        ({"components": [{"type": "library"}]}, r"components\[0\].name"),
        ({"metadata": {"component": {"type": "application", "name": NAME}}}, "type"),
        ({"components": [{"bom-ref": "image", "type": "library", "name": "z"}]}, "one of them"),
    ],
)
def test_what_is_no_whole_report_of_an_image_is_an_error(changes, place):
    with pytest.raises(InvalidReport, match=place):
        parsed(**changes)


def test_components_too_deep_are_an_error():
    nested: dict[str, object] = {"type": "library", "name": "x"}
    for _ in range(60):
        nested = {"type": "library", "name": "x", "components": [nested]}
    with pytest.raises(InvalidReport, match="levels"):
        parsed(components=[nested])
