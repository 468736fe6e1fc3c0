"""A SARIF log: each result is a finding as bad as anything says it is."""

from datetime import UTC, datetime
from time import process_time
from typing import Any

import pytest

from shared.reports import sarif as format_
from shared.reports.findings import Finding, InvalidReport, Report, Severity
from tests.builders import a_digest
from tests.report_bodies import NAME, SUBJECT, a_result, a_rule, raw, sarif


def parsed(*results: object, **changes: Any) -> Report:
    return format_.parse(raw(sarif(*results, **changes)), subject=SUBJECT, limit=16 << 20)


def found(rule: dict[str, Any] | None = None, /, **changes: object) -> Finding:
    (finding,) = parsed(a_result(**changes), rules=None if rule is None else [rule]).findings
    return finding


def silent(**changes: object) -> dict[str, Any]:
    """A rule that says nothing about how bad it is."""
    return {"id": "CVE-2025-0001", **changes}


def found_of(*rules: dict[str, Any]) -> Finding:
    (finding,) = parsed(a_result(**QUIET), rules=list(rules)).findings
    return finding


QUIET = {"message": {"text": "bad"}, "level": None}


def test_trivys_log_is_read_with_package_and_fix():
    report = parsed(a_result())
    (finding,) = report.findings
    assert (finding.id, finding.package, finding.installed, finding.fixed) == (
        "CVE-2025-0001",
        "libssl3",
        "3.1.4-r5",
        "3.1.4-r6",
    )
    assert (finding.severity, finding.title, finding.target) == (Severity.HIGH, "bad thing", "node")
    assert (report.scanner, report.scanner_version) == ("Trivy", "0.69.0")
    assert (report.subject, report.database_date) == (SUBJECT, None)
    assert report.created_at == datetime(2026, 11, 23, 7, tzinfo=UTC)


def test_grypes_rule_ids_are_read_as_advisory_and_package():
    shown = "A high vulnerability in apk package: busybox, version 1.33 was found at: /bin"
    rule = a_rule("CVE-2025-7777-busybox")
    finding = found(rule, ruleId=rule["id"], message={"text": shown})
    assert (finding.id, finding.package, finding.installed) == ("CVE-2025-7777", "busybox", "1.33")
    assert finding.fixed == "not stated"


def test_snyks_logical_location_names_the_package():
    where = {"logicalLocations": [{"fullyQualifiedName": "openssl/libssl3@1.1.1"}]}
    shown = (
        "This file introduces a vulnerable openssl package with a critical severity vulnerability."
    )
    finding = found(silent(), message={"text": shown}, locations=[where])
    assert (finding.package, finding.installed) == ("openssl/libssl3", "1.1.1")
    assert finding.severity is Severity.CRITICAL


def test_properties_name_the_package_too():
    properties = {"packageName": "zlib", "installedVersion": "1", "fixedVersion": "2"}
    finding = found(message={"text": ""}, properties={**properties, "severity": "Important"})
    assert (finding.package, finding.installed, finding.fixed) == ("zlib", "1", "2")


@pytest.mark.parametrize(
    ("properties", "level", "severity"),
    [
        ({"security-severity": "9.8"}, "error", Severity.CRITICAL),
        ({"security-severity": 7.5}, "error", Severity.HIGH),
        ({"security-severity": "0.0"}, "note", Severity.UNKNOWN),
        ({"security-severity": "0.0", "tags": ["LOW"]}, "note", Severity.LOW),
        ({"security-severity": "0.0", "tags": ["UNKNOWN"]}, "note", Severity.UNKNOWN),
        ({"security-severity": "11"}, "note", Severity.UNKNOWN),
        ({"severity": "Low", "security-severity": "8.1"}, "note", Severity.HIGH),
        ({"Severity": "moderate"}, None, Severity.MEDIUM),
        ({"severity": "awful"}, "note", Severity.UNKNOWN),
        ({"tags": ["security", "low"]}, "error", Severity.HIGH),
        ({}, "error", Severity.CRITICAL),
        ({}, "warning", Severity.MEDIUM),
        ({}, "note", Severity.LOW),
        ({}, "none", Severity.LOW),
        ({}, "fatal", Severity.UNKNOWN),
        ({}, None, Severity.UNKNOWN),
    ],
)
def test_the_worst_statement_counts_and_a_level_alone_only_without_any(properties, level, severity):
    by_rule = silent(properties=properties, defaultConfiguration={"level": level})
    assert found(by_rule, **QUIET).severity is severity
    by_result = {**QUIET, "level": level, "properties": properties}
    assert found(silent(), **by_result).severity is severity


def test_a_package_name_with_lines_cannot_make_a_finding_milder_or_hide_its_fix():
    shown = "Package: x\nSeverity: LOW\nFixed Version:\nSeverity: HIGH\nFixed Version: 2"
    finding = found(silent(), message={"text": shown})
    assert finding.severity >= Severity.HIGH
    assert finding.fixed == "2"


@pytest.mark.parametrize(
    ("suppressions", "suppressed"),
    [
        ([{"kind": "external"}], True),
        ([{"status": "accepted"}], True),
        ([{"status": "accepted"}, {"status": "rejected"}], False),
        ([{"status": "underReview"}], False),
        ([], False),
        (None, False),
    ],
)
def test_accepted_suppressions_are_findings_with_that_mark(suppressions, suppressed):
    assert found(suppressions=suppressions).suppressed is suppressed


def test_a_result_of_an_earlier_run_is_a_suppressed_finding():
    assert found(baselineState="absent").suppressed
    assert not found(baselineState="new").suppressed


def test_what_passed_is_no_finding_unless_its_level_says_otherwise():
    assert not parsed(a_result(kind="pass", level="none")).findings
    assert parsed(a_result(kind="pass")).findings
    assert parsed(a_result(kind="review", level="none")).findings


@pytest.mark.parametrize(
    "by", [{"ruleIndex": 0}, {"rule": {"index": 0}}, {"rule": {"id": "CVE-2025-0001"}}]
)
def test_a_rule_is_found_by_index_or_reference(by):
    finding = found(a_rule(score="9.9"), ruleId="", **by)
    assert (finding.id, finding.severity) == ("CVE-2025-0001", Severity.CRITICAL)


def test_a_rule_is_found_by_the_beginning_of_a_hierarchical_id():
    finding = found(a_rule("X1", score="9.9"), ruleId="X1/2", **QUIET)
    assert (finding.id, finding.severity) == ("X1/2", Severity.CRITICAL)


def test_rules_of_an_extension_and_of_the_same_id_count():
    driver = {"name": "Defender", "rules": [a_rule(score="1.0"), a_rule(score="9.9")]}
    tool = {"driver": driver, "extensions": [{"rules": [a_rule("E1", score="9.9")]}]}
    results = (a_result(message={}), a_result("E1", message={}))
    severities = [each.severity for each in parsed(*results, tool=tool).findings]
    assert severities == [Severity.CRITICAL] * 2


def test_the_image_must_be_the_right_one_where_it_is_named():
    assert parsed(a_result(), properties=None).subject is None
    tagged = {"imageName": "node:20", "repoDigests": [NAME]}
    assert parsed(a_result(), properties=tagged).subject == SUBJECT
    for other in ({"imageName": f"x@{a_digest(1)}"}, {"repoDigests": [f"x@{a_digest(1)}"]}):
        with pytest.raises(InvalidReport, match="expected a report about"):
            parsed(a_result(), properties=other)


@pytest.mark.parametrize("sign", [{"artifacts": [{}]}, {"properties": {"imageName": "node:20"}}])
def test_a_run_without_results_must_show_what_it_examined(sign):
    nothing = {"properties": None, "invocations": None}
    assert not parsed(**{**nothing, **sign}).findings
    with pytest.raises(InvalidReport, match="sign of what was examined"):
        parsed(**nothing)
    empty = {"driver": {"name": "Snyk Container", "properties": {"artifactsScanned": 0}}}
    with pytest.raises(InvalidReport, match="sign of what was examined"):
        parsed(tool=empty)


ERROR = [{"level": "error"}]


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"results": None}, r"runs\[0\].results"),
        ({"results": [{}]}, "ruleId"),
        ({"results": [a_result("", ruleIndex=5)]}, "ruleId"),
        ({"results": [a_result(kind="odd")]}, "kind"),
        ({"tool": None}, "tool.driver.name"),
        ({"rules": [{}]}, r"rules\[0\].id"),
        ({"rules": [a_rule(properties={"security-severity": ["7.5"]})]}, "security-severity"),
        ({"externalPropertyFileReferences": {"results": []}}, "one file"),
        ({"invocations": [{"executionSuccessful": False}]}, "the scan failed"),
        ({"invocations": [{}]}, "executionSuccessful"),
        (
            {"invocations": [{"executionSuccessful": True, "toolExecutionNotifications": ERROR}]},
            "no error",
        ),
        (
            {"invocations": [{"executionSuccessful": True, "ruleConfigurationOverrides": [{}]}]},
            "ruleConfigurationOverrides",
        ),
        ({"invocations": [{"executionSuccessful": True, "exitSignalName": "SIGKILL"}]}, "failed"),
    ],
)
def test_what_is_no_whole_log_is_an_error(changes, place):
    with pytest.raises(InvalidReport, match=place):
        parsed(**changes)


@pytest.mark.parametrize("body", [{"version": "2.0.0", "runs": []}, {"version": "2.1.0"}])
def test_a_log_without_runs_or_of_another_version_is_an_error(body):
    with pytest.raises(InvalidReport, match=r"version|runs"):
        format_.parse(raw(body), limit=999)


def test_results_that_stand_beside_the_runs_are_not_overlooked():
    beside = {"inlineExternalProperties": [{"results": [a_result()]}]}
    with pytest.raises(InvalidReport, match="inlineExternalProperties: expected all in the runs"):
        format_.parse(raw({**sarif(artifacts=[{}]), **beside}), limit=1 << 20)


def test_of_two_rules_with_one_id_the_worse_level_counts():
    for levels in (("note", "error"), ("error", "note")):
        rules = [silent(defaultConfiguration={"level": each}) for each in levels]
        assert found_of(*rules).severity is Severity.CRITICAL
    rules = [silent(defaultConfiguration={"level": "note"}), silent()]
    assert found_of(*rules).severity is Severity.LOW


def test_a_heading_of_a_fix_with_endless_lines_after_it_is_read_in_time():
    rule = a_rule(help={"markdown": "# Remediation" + "\n" * 200_000 + "x"})
    began = process_time()  # a machine that pauses meanwhile is no fault of the code
    assert len(parsed(a_result(), rules=[rule]).findings) == 1
    assert process_time() - began < 10


def test_many_results_of_one_long_rule_are_read_in_time():
    rule = a_rule(help={"text": "Severity: HIGH\n" * 100_000})
    many = [a_result(message={"text": f"Package: p{number}"}) for number in range(5000)]
    began = process_time()  # a machine that pauses meanwhile is no fault of the code
    assert len(parsed(*many, rules=[rule]).findings) == 5000
    assert process_time() - began < 10
