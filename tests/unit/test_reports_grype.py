"""Grype's JSON report: every match is a finding, and silence is not clean."""

from datetime import UTC, datetime

import pytest

from shared.reports import grype as format_
from shared.reports.findings import InvalidReport, Report, Severity
from tests.builders import a_digest
from tests.report_bodies import NAME, SUBJECT, a_match, grype, raw


def parsed(*matches: object, **changes: object) -> Report:
    return format_.parse(raw(grype(*matches, **changes)), subject=SUBJECT, limit=1 << 20)


def a_target(**target: object) -> dict[str, object]:
    return {"source": {"type": "image", "target": target}}


def a_descriptor(**database: object) -> dict[str, object]:
    return {"descriptor": {"name": "grype", "db": database}}


def test_a_report_tells_what_was_found_when_and_with_which_database():
    report = parsed(a_match())
    (found,) = report.findings
    assert (found.id, found.package, found.installed) == ("CVE-2025-0001", "libssl3", "3.1.4-r5")
    assert (found.fixed, found.severity, found.title) == ("3.1.4-r6", Severity.HIGH, "bad thing")
    assert (found.target, found.suppressed) == ("/lib/apk/db/installed", False)
    assert (report.subject, report.operating_system) == (SUBJECT, "alpine 3.19.1")
    assert report.created_at == datetime(2026, 11, 23, 7, 0, 0, 123456, tzinfo=UTC)
    assert report.database_date == datetime(2026, 11, 22, 6, tzinfo=UTC)
    assert (report.scanner, report.scanner_version) == ("grype", "0.104.0")


def test_a_database_of_schema_5_has_its_date_elsewhere_and_none_has_no_date():
    old = a_descriptor(schemaVersion=5, built="2026-11-22T06:00:00Z", error=None)
    assert parsed(**old).database_date == datetime(2026, 11, 22, 6, tzinfo=UTC)
    assert parsed(descriptor={"name": "grype"}).database_date is None


def test_ignored_matches_are_findings_with_that_mark():
    report = parsed(a_match(), ignoredMatches=[a_match("CVE-2"), a_match()])
    marks = sorted((each.id, each.suppressed) for each in report.findings)
    assert marks == [("CVE-2", True), ("CVE-2025-0001", False), ("CVE-2025-0001", True)]


@pytest.mark.parametrize(
    ("fix", "fixed"),
    [
        ({"versions": ["1", "2"], "state": "fixed"}, "1, 2"),
        ({"versions": [], "state": "fixed"}, "a later version"),
        ({"versions": [], "state": "wont-fix"}, ""),
        ({"versions": [], "state": "unknown"}, ""),
        ({"versions": None, "state": "not-fixed"}, ""),
        ({"versions": [], "state": "odd"}, "not stated"),
        (None, "not stated"),
    ],
)
def test_the_fix_is_what_grype_says_of_it(fix, fixed):
    (found,) = parsed(a_match(fix=fix)).findings
    assert found.fixed == fixed


def test_a_clean_report_names_a_distribution():
    assert parsed().findings == frozenset()
    with pytest.raises(InvalidReport, match="anything was examined"):
        parsed(distro={"name": "", "version": ""})
    assert parsed(a_match(), distro=None).covers == ("apk",)


def test_the_subject_is_the_manifest_that_was_examined():
    index = f"h/r@{a_digest(1)}"
    assert parsed(**a_target(userInput=index, manifestDigest=str(SUBJECT))).subject == SUBJECT
    assert parsed(**a_target(userInput=NAME, manifestDigest=str(a_digest(1)))).subject == SUBJECT
    assert parsed(**a_target(userInput="h/r:1", repoDigests=[NAME])).subject == SUBJECT
    for other in (
        {"userInput": index, "repoDigests": [NAME]},
        {"userInput": "h/r:1", "repoDigests": [NAME, index]},
        {"userInput": "h/r:1", "imageID": str(SUBJECT)},
        {},
    ):
        with pytest.raises(InvalidReport, match="expected a report about"):
            parsed(**a_target(**other))


def test_an_ended_distribution_is_known_and_an_unmatched_one_is_an_error():
    ended = [{"package": {}, "alerts": [{"type": "distro-eol"}]}]
    assert parsed(alertsByPackage=ended).end_of_life
    assert not parsed().end_of_life
    for kind in ("distro-disabled", "new", None):
        with pytest.raises(InvalidReport, match="alerts"):
            parsed(alertsByPackage=[{"alerts": [{"type": kind}]}])


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"matches": None}, "matches"),
        ({"matches": {}}, "matches"),
        ({"matches": [a_match(name="")]}, r"matches\[0\].vulnerability.id"),
        ({"matches": [{"vulnerability": {"id": "x"}}]}, r"matches\[0\].artifact.name"),
        ({"matches": [a_match(severity=7)]}, "severity"),  # type: ignore[arg-type]  # on purpose
        ({"source": {"type": "directory", "target": "/"}}, "source.type"),
        ({"descriptor": {"name": "syft"}}, "descriptor.name"),
        (a_descriptor(status={"valid": False}), "valid database"),
        (a_descriptor(status={"valid": True, "error": "too old"}), "too old"),
        (a_descriptor(status={"valid": True}, valid=False), "valid database"),
        (a_descriptor(status=None, error="no database"), "no database"),
        (a_descriptor(built="yesterday"), "descriptor.db.built"),
    ],
)
def test_what_is_no_whole_report_of_an_image_is_an_error(changes, place):
    with pytest.raises(InvalidReport, match=place):
        parsed(**changes)
