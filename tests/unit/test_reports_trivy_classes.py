"""What Trivy writes of packages it could not judge, and beside packages: loose licences, what its modules found."""

import pytest

from shared.reports.findings import InvalidReport
from shared.reports.trivy import parse
from tests.builders import a_trivy_report

SYSTEM = {"Target": "node (alpine 3.19.1)", "Class": "os-pkgs", "Type": "alpine"}
BINARY = {"Target": "usr/bin/app", "Class": "lang-pkgs", "Type": "gobinary"}


def a_report(**beside: object) -> bytes:
    """A report with one more result than that of a Go binary."""
    return a_trivy_report(Metadata={}, Results=[BINARY, beside])


def test_licenses_of_loose_files_are_findings_of_their_files():
    found = [{"Name": "AGPL-3.0", "PkgName": "", "FilePath": path} for path in ("a/LIC", "b/LIC")]
    loose = a_report(Class="license-file", Target="Loose File License(s)", Licenses=found)
    assert {each.package for each in parse(loose).findings} == {"a/LIC", "b/LIC"}


def test_what_trivys_modules_found_has_no_target_and_is_no_finding():
    custom = a_report(Target="", Class="custom", CustomResources=[{"Type": "x/y", "Data": "1"}])
    report = parse(custom)
    assert report.findings == frozenset()
    assert report.covers == ("custom", "lang-pkgs: usr/bin/app")


def test_any_other_result_has_a_target():
    with pytest.raises(InvalidReport, match=r"Results\[1\].Target"):
        parse(a_report(Target="", Class="secret"))


@pytest.mark.parametrize("beside", [(), (BINARY,)])
@pytest.mark.parametrize("packages", [{}, {"Packages": None}, {"Packages": []}])
@pytest.mark.parametrize("metadata", [{"OS": {"Family": "alpine", "Name": "3.19.1"}}, {}])
def test_an_operating_system_none_of_whose_packages_was_seen_is_not_clean(
    beside, packages, metadata
):
    results = [{**SYSTEM, **packages}, *beside]
    with pytest.raises(InvalidReport, match=r"packages of .*, found none"):
        parse(a_trivy_report(Metadata=metadata, Results=results))


@pytest.mark.parametrize(
    "seen",
    [
        {"Packages": [{"Name": "musl"}]},
        {"Vulnerabilities": [{"VulnerabilityID": "CVE-1", "PkgName": "musl"}]},
        {"ModifiedFindings": [{"Type": "vulnerability", "Finding": {"VulnerabilityID": "CVE-1", "PkgName": "m"}}]},
    ],
)  # fmt: skip
def test_one_package_or_finding_of_it_shows_that_it_was_examined(seen):
    assert parse(a_trivy_report(Results=[{**SYSTEM, **seen}])).operating_system == "alpine 3.19.1"


@pytest.mark.parametrize("kind", ["conda-pkg", "conda-environment"])
def test_packages_that_trivy_lists_and_never_judges_are_not_examined(kind):
    listed = {**BINARY, "Type": kind, "Packages": [{"Name": "openssl"}]}
    with pytest.raises(InvalidReport, match="examined nothing"):
        parse(a_trivy_report(Metadata={}, Results=[listed]))
    assert parse(a_trivy_report(Metadata={}, Results=[listed, BINARY])).covers


@pytest.mark.parametrize(
    ("status", "fixed"), [("fixed", "a later version"), ("affected", ""), (None, "")]
)
def test_what_is_said_to_be_fixed_is_fixable_though_no_version_is_named(status, fixed):
    vulnerability = {"VulnerabilityID": "CVE-1", "PkgName": "musl", "Status": status}
    (found,) = parse(a_report(**BINARY, Vulnerabilities=[vulnerability])).findings
    assert found.fixed == fixed
