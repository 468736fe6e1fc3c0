"""A Trivy report is read whole, or it is an error; it is never clean by accident."""

import json
import random
from datetime import UTC, datetime
from time import process_time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.reports.findings import InvalidReport, Severity
from shared.reports.trivy import parse
from tests.builders import a_digest, a_finding, a_trivy_report

PATIENT = settings(deadline=None)  # a busy machine is no fault of the code

TARGET = "usr/bin/app"
VULNERABILITY = {"VulnerabilityID": "GHSA-1", "PkgName": "x", "Severity": "LOW"}


def a_result(**keys: object) -> dict[str, object]:
    return {"Target": TARGET, "Class": "lang-pkgs", "Type": "gobinary", **keys}


def a_report(*results: dict[str, object], **changes: Any) -> bytes:
    """A report about an image without an operating system's packages."""
    return a_trivy_report(Metadata={}, Results=list(results), **changes)


def test_a_report_tells_what_it_is_about_what_it_covers_and_what_it_found():
    finding = a_finding(title="bad thing")
    report = parse(a_trivy_report([finding], subject=a_digest(7)))
    assert report.scanner == "trivy"
    assert report.scanner_version == "0.69.0"
    assert report.subject == a_digest(7)
    assert report.created_at == datetime(2026, 11, 23, 7, 0, 0, 123456, tzinfo=UTC)
    assert report.operating_system == "alpine 3.19.1"
    assert len(report.covers) == 1
    assert report.covers[0].startswith("os-pkgs: contosostaging.azurecr.io/node@")
    (found,) = report.findings
    assert (found.id, found.package, found.installed) == (
        "CVE-2025-0001",
        "libssl3",
        "3.1.4-r5",
    )
    assert (found.fixed, found.severity, found.title) == ("3.1.4-r6", Severity.HIGH, "bad thing")


@pytest.mark.parametrize("empty", [{}, {"Vulnerabilities": None}, {"Vulnerabilities": []}])
def test_a_result_without_vulnerabilities_is_clean_and_says_what_it_covers(empty):
    report = parse(a_report(a_result(**empty)))
    assert report.findings == frozenset()
    assert report.covers == ("lang-pkgs: usr/bin/app",)
    assert report.operating_system == ""


@pytest.mark.parametrize(
    ("word", "severity"),
    [
        ("LOW", Severity.LOW),
        ("Medium", Severity.MEDIUM),
        ("high", Severity.HIGH),
        ("CRITICAL", Severity.CRITICAL),
        (" Critical ", Severity.CRITICAL),
        ("UNKNOWN", Severity.UNKNOWN),
        ("", Severity.UNKNOWN),
        (None, Severity.UNKNOWN),
        ("catastrophic", Severity.UNKNOWN),
        ("CRITICAL!", Severity.UNKNOWN),
    ],
)
def test_a_severity_nobody_knows_is_the_worst(word, severity):
    (found,) = parse(
        a_report(a_result(Vulnerabilities=[{**VULNERABILITY, "Severity": word}]))
    ).findings
    assert found.severity is severity
    assert Severity.UNKNOWN > Severity.CRITICAL > Severity.HIGH > Severity.MEDIUM > Severity.LOW


def test_a_finding_without_a_severity_is_of_the_worst():
    (found,) = parse(
        a_report(a_result(Vulnerabilities=[{"VulnerabilityID": "A", "PkgName": "b"}]))
    ).findings
    assert (found.severity, found.fixed, found.installed) == (Severity.UNKNOWN, "", "")


@pytest.mark.parametrize("status", ["ignored", "not_affected", "fixed", "", "whatever"])
@pytest.mark.parametrize("key", ["ExperimentalModifiedFindings", "ModifiedFindings"])
def test_a_suppressed_finding_is_a_finding(key, status):
    modified = [{"Type": "vulnerability", "Status": status, "Finding": VULNERABILITY}]
    (found,) = parse(a_report(a_result(**{key: modified}))).findings
    assert found.id == "GHSA-1"
    assert found.suppressed is (status in {"ignored", "not_affected", "fixed"})


@pytest.mark.parametrize(
    ("key", "kind", "body", "name"),
    [
        ("Secrets", "secret", {"RuleID": "aws-key", "Severity": "CRITICAL"}, "aws-key"),
        ("Misconfigurations", "misconfiguration", {"ID": "DS001", "Status": "FAIL"}, "DS001"),
        ("Misconfigurations", "misconfiguration", {"ID": "DS001", "Status": "EXCEPTION"}, "DS001"),
        ("Misconfigurations", "misconfiguration", {"AVDID": "AVD-1"}, "AVD-1"),
        ("Licenses", "license", {"Name": "AGPL", "PkgName": "x"}, "AGPL"),
    ],
)
def test_what_lies_beside_vulnerabilities_counts_and_is_fixable(key, kind, body, name):
    beside = a_result(Class="secret", Target="etc/x", **{key: [body]})
    suppressed = a_result(ExperimentalModifiedFindings=[{"Type": kind, "Finding": body}])
    for report in (a_report(a_result(), beside), a_report(suppressed)):
        (found,) = parse(report).findings
        assert found.id == name
        assert found.fixed


def test_a_passed_check_is_no_finding():
    passed = a_result(Class="config", Misconfigurations=[{"ID": "DS001", "Status": "PASS"}])
    assert parse(a_report(a_result(), passed)).findings == frozenset()


def test_the_database_date_and_the_end_of_life_are_kept():
    database = {"VulnerabilityDB": {"UpdatedAt": "2026-11-22T01:00:00+01:00"}}
    for scanner in (database, {"Version": "1", "Server": database}):
        report = parse(
            a_trivy_report(
                Trivy=scanner, Metadata={"OS": {"Family": "alpine", "Name": "3.9", "EOSL": True}}
            )
        )
        assert report.database_date == datetime(2026, 11, 22, tzinfo=UTC)
        assert report.end_of_life
    assert parse(a_trivy_report()).database_date is None


def test_a_report_of_an_older_trivy_without_time_or_version_is_read():
    report = parse(a_report(a_result(), Trivy=None, CreatedAt="0001-01-01T00:00:00Z"))
    assert (report.created_at, report.scanner_version) == (None, "")


def test_the_subject_is_what_the_artifact_name_or_the_only_repo_digest_names():
    named = {"RepoDigests": [f"h/r@{a_digest(3)}"]}
    assert parse(a_report(a_result(), ArtifactName="h/r:tag")).subject is None
    tagged = a_trivy_report(ArtifactName="h/r:1", Metadata=named, Results=[a_result()])
    assert parse(tagged).subject == a_digest(3)
    two = {"RepoDigests": [f"h/r@{a_digest(3)}", f"h/s@{a_digest(4)}"]}
    assert (
        parse(a_trivy_report(ArtifactName="x", Metadata=two, Results=[a_result()])).subject is None
    )


def test_a_report_about_another_digest_is_refused():
    raw = a_trivy_report(subject=a_digest(1))
    assert parse(raw, subject=a_digest(1)).subject == a_digest(1)
    with pytest.raises(InvalidReport, match="expected a report about"):
        parse(raw, subject=a_digest(2))
    with pytest.raises(InvalidReport, match="expected a report about"):
        parse(a_report(a_result(), ArtifactName="h/r:tag"), subject=a_digest(2))


@pytest.mark.parametrize(
    ("raw", "place"),
    [
        (b"", "JSON"),
        (b"null", "JSON object"),
        (b"[]", "JSON object"),
        (b"\xff", "JSON"),
        (b"[" * 100_000, "JSON"),
        (b'{"SchemaVersion": NaN}', "JSON"),
        (b'{"Results": [], "Results": []}', "twice"),
        (b"{}", "SchemaVersion"),
        (a_trivy_report(SchemaVersion=1), "SchemaVersion"),
        (a_trivy_report(SchemaVersion="2"), "SchemaVersion"),
        (a_trivy_report(SchemaVersion=True), "SchemaVersion: expected a whole number"),
        (a_trivy_report(ArtifactType="filesystem"), "ArtifactType"),
        (a_trivy_report(ArtifactType=None), "ArtifactType"),
        (a_trivy_report(Results=None), "packages of alpine 3.19.1"),
        (a_trivy_report(Results=[]), "packages of alpine 3.19.1"),
        (a_trivy_report(Results=None, Metadata={}), "examined nothing"),
        (a_trivy_report(Results={}), "Results"),
        (a_trivy_report(Results=[None]), r"Results\[0\]"),
        (a_trivy_report(Results=[a_result()]), "packages of alpine 3.19.1"),
        (a_report(a_result(Class="secret")), "examined nothing"),
        (a_report(a_result(Class="malware")), r"Results\[0\].Class"),
        (a_report(a_result(Class=None)), r"Results\[0\].Class"),
        (a_report(a_result(Target="")), r"Results\[0\].Target"),
        (a_report(a_result(Vulnerabilities="none")), r"Results\[0\].Vulnerabilities"),
        (a_report(a_result(Vulnerabilities=["x"])), r"Vulnerabilities\[0\]"),
        (a_report(a_result(Vulnerabilities=[{"PkgName": "x"}])), "VulnerabilityID"),
        (a_report(a_result(Vulnerabilities=[{**VULNERABILITY, "PkgName": " "}])), "PkgName"),
        (a_report(a_result(Vulnerabilities=[{**VULNERABILITY, "Severity": 3}])), "Severity"),
        (a_report(a_result(Vulnerabilities=[{**VULNERABILITY, "FixedVersion": []}])), "Fixed"),
        (a_report(a_result(Vulnerabilities=[{**VULNERABILITY, "PkgName": "a\nb"}])), "printable"),
        (a_report(a_result(Secrets=[{}])), "RuleID"),
        (
            a_report(a_result(ExperimentalModifiedFindings=[{"Type": "x", "Finding": {"a": 1}}])),
            "Type",
        ),
        (a_report(a_result(ExperimentalModifiedFindings=[{"Type": "secret"}])), "Type"),
        (a_trivy_report(Metadata=[]), "Metadata"),
        (a_trivy_report(Metadata={"OS": "alpine"}), "Metadata.OS"),
        (a_trivy_report(Metadata={"RepoDigests": [1]}), r"RepoDigests\[0\]"),
        (a_trivy_report(Metadata={"RepoDigests": [f"x@{a_digest(9)}"]}), "RepoDigests"),
        (a_trivy_report(CreatedAt="yesterday"), "CreatedAt"),
        (a_trivy_report(CreatedAt="2026-11-23T07:00:00"), "CreatedAt"),
        (a_trivy_report(CreatedAt="9999-12-31T23:59:59-14:00"), "CreatedAt"),
    ],
)
def test_what_is_not_a_whole_report_of_an_image_is_an_error(raw, place):
    with pytest.raises(InvalidReport, match=place):
        parse(raw)


def test_a_report_beyond_the_limit_is_an_error():
    raw = a_trivy_report()
    parse(raw, limit=len(raw))
    with pytest.raises(InvalidReport, match="at most"):
        parse(raw, limit=len(raw) - 1)


@PATIENT
@given(st.data())
def test_a_truncated_report_is_an_error(data):
    raw = a_trivy_report([a_finding()])
    cut = data.draw(st.integers(0, len(raw) - 1))
    with pytest.raises(InvalidReport):
        parse(raw[:cut])


WORDS = st.text(st.characters(categories=["L", "N", "P"]), min_size=1, max_size=12)
FINDINGS = st.builds(
    a_finding,
    id=WORDS,
    package=WORDS,
    installed=WORDS,
    fixed=st.one_of(st.just(""), WORDS),
    severity=st.sampled_from(Severity),
)


@PATIENT
@given(st.lists(FINDINGS, max_size=8), st.randoms())
def test_the_order_of_findings_does_not_matter_and_none_is_lost(findings, chance: random.Random):
    shuffled = chance.sample(findings, len(findings))
    report = parse(a_trivy_report(findings))
    assert report.findings == parse(a_trivy_report(shuffled)).findings
    read = {(each.id, each.package, each.fixed, each.severity) for each in report.findings}
    assert read == {(each.id, each.package, each.fixed, each.severity) for each in findings}


JUNK = st.one_of(
    st.none(), st.booleans(), st.integers(), st.text(max_size=5), st.just([]), st.just({})
)


def _places(value: object, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    inner: list[tuple[str | int, object]] = []
    if isinstance(value, dict):
        inner = list(value.items())
    elif isinstance(value, list):
        inner = list(enumerate(value))
    return [path, *(place for key, each in inner for place in _places(each, (*path, key)))]


@PATIENT
@given(st.data())
def test_a_report_with_anything_in_any_place_is_read_or_an_error(data):
    suppressed = [{"Type": "vulnerability", "Finding": dict(VULNERABILITY)}]
    body = json.loads(a_trivy_report([a_finding()]))
    body["Results"].append(a_result(ExperimentalModifiedFindings=suppressed, Secrets=[]))
    path = data.draw(st.sampled_from([place for place in _places(body) if place]))
    holder = body
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = data.draw(JUNK)
    try:
        report = parse(json.dumps(body).encode())
    except InvalidReport:
        return
    assert report.covers


def test_long_titles_are_cut_and_kept_on_one_line():
    raw = a_report(
        a_result(Vulnerabilities=[{**VULNERABILITY, "Title": "a\n\x1b[31m" + "b" * 999}])
    )
    (found,) = parse(raw).findings
    assert found.title.startswith("a [31mb")
    assert len(found.title) <= 200


def test_a_large_report_is_read_in_time():
    many = [a_finding(id=f"CVE-{number}") for number in range(20_000)]
    began = process_time()  # a machine that pauses meanwhile is no fault of the code
    assert len(parse(a_trivy_report(many)).findings) == 20_000
    assert process_time() - began < 10
