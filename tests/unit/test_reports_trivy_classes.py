"""What Trivy writes beside packages: licences of loose files, and what its modules found."""

import pytest

from shared.reports.findings import InvalidReport
from shared.reports.trivy import parse
from tests.builders import a_trivy_report


def a_report(**beside: object) -> bytes:
    """A report with one more result than that of a Go binary."""
    binary = {"Target": "usr/bin/app", "Class": "lang-pkgs", "Type": "gobinary"}
    return a_trivy_report(Metadata={}, Results=[binary, beside])


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
