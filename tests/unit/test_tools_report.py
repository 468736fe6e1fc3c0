"""The report the stand-in writes, from an SBOM and advisories."""

import json
from datetime import UTC, datetime

import pytest

from local.tools import database, sbom
from local.tools.errors import ToolError
from local.tools.osv import Advisory, Affected, Event
from local.tools.report import Subject, matches, report
from local.tools.sbom import Package, Sbom
from shared.oci.digest import Digest
from shared.reports import trivy
from shared.reports.findings import InvalidReport, Severity

DIGEST = Digest.of(b"manifest")
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
SUBJECT = Subject(
    f"localhost:5000/library/node@{DIGEST}",
    f"localhost:5000/library/node@{DIGEST}",
    str(Digest.of(b"config")),
    {"os": "linux", "architecture": "amd64", "rootfs": {"diff_ids": ["sha256:1"]}},
)
LIBSSL = Package(
    "libssl3", "3.1.4-r5", "pkg:apk/alpine/libssl3@3.1.4-r5", "openssl", "3.1.4-r5", "sha256:1"
)


def alpine(*packages: Package, release: str = "3.19.1") -> Sbom:
    return Sbom(str(DIGEST), "alpine", release, packages)


def advisory(
    name: str = "CVE-2024-5535",
    severity: str = "CRITICAL",
    fixed: str = "3.1.6-r0",
    ecosystem: str = "Alpine:v3.19",
) -> Advisory:
    events = [Event("introduced", "0")] + ([Event("fixed", fixed)] if fixed else [])
    return Advisory(
        id=f"ALPINE-{name}",
        cve=name,
        severity=severity,
        summary="reads too far",
        details="It reads too far.",
        modified="2026-11-01T00:00:00Z",
        published="2024-06-27T00:00:00Z",
        vector="CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:H",
        references=("https://example.com/1",),
        affected=(Affected(ecosystem, "openssl", (tuple(events),)),),
    )


def test_a_report_has_trivy_s_shape():
    body = report(SUBJECT, alpine(LIBSSL), [advisory()], NOW)
    assert json.loads(json.dumps(body)) == body
    assert body["SchemaVersion"] == 2
    assert body["CreatedAt"] == "2026-11-23T12:00:00Z"
    assert body["ArtifactName"] == SUBJECT.reference
    assert body["ArtifactType"] == "container_image"
    assert body["Metadata"]["OS"] == {"Family": "alpine", "Name": "3.19.1", "EOSL": True}
    assert body["Metadata"]["ImageID"] == SUBJECT.image_id
    assert body["Metadata"]["RepoDigests"] == [SUBJECT.repo_digest]
    assert body["Metadata"]["ImageConfig"]["architecture"] == "amd64"
    (result,) = body["Results"]
    assert result["Target"] == f"{SUBJECT.reference} (alpine 3.19.1)"
    assert (result["Class"], result["Type"]) == ("os-pkgs", "alpine")
    (finding,) = result["Vulnerabilities"]
    assert finding["VulnerabilityID"] == "CVE-2024-5535"
    assert finding["PkgID"] == "libssl3@3.1.4-r5"
    assert finding["PkgName"] == "libssl3"
    assert finding["PkgIdentifier"] == {"PURL": "pkg:apk/alpine/libssl3@3.1.4-r5"}
    assert finding["InstalledVersion"] == "3.1.4-r5"
    assert finding["FixedVersion"] == "3.1.6-r0"
    assert finding["Status"] == "fixed"
    assert finding["Severity"] == "CRITICAL"
    assert finding["Title"] == "reads too far"


def test_a_report_says_that_it_is_a_stand_in_s_and_like_trivy_0_69_not_how_old_its_database_is():
    told = report(SUBJECT, alpine(LIBSSL), [advisory()], NOW)["Trivy"]
    assert list(told) == ["Version"]
    assert "stand-in" in told["Version"]


def test_the_app_reads_the_report_as_it_reads_trivy_s(tmp_path):
    body = report(SUBJECT, alpine(LIBSSL), [advisory()], NOW)
    body["Trivy"]["VulnerabilityDB"] = database.metadata(tmp_path, NOW)  # as the scan task does
    raw = json.dumps(body).encode()
    read = trivy.parse(raw, subject=DIGEST)
    (finding,) = read.findings
    assert (finding.id, finding.severity, finding.fixed) == (
        "CVE-2024-5535",
        Severity.CRITICAL,
        "3.1.6-r0",
    )
    assert read.database_date == NOW
    assert "stand-in" in read.scanner_version
    assert read.end_of_life


def test_a_clean_image_has_a_result_without_vulnerabilities():
    fixed = Package("libssl3", "3.1.8-r0", "", "openssl", "3.1.8-r0")
    (result,) = report(SUBJECT, alpine(fixed), [advisory()], NOW)["Results"]
    assert "Vulnerabilities" not in result


def test_an_image_without_a_distribution_has_no_results_as_with_trivy():
    body = report(SUBJECT, Sbom(str(DIGEST), "", "", ()), [advisory()], NOW)
    assert "Results" not in body
    assert "OS" not in body["Metadata"]


def test_all_packages_are_listed_with_what_they_were_built_from():
    (result,) = report(SUBJECT, alpine(LIBSSL), [advisory()], NOW)["Results"]
    (package,) = result["Packages"]
    assert (package["Name"], package["Version"]) == ("libssl3", "3.1.4-r5")
    assert (package["SrcName"], package["SrcVersion"]) == ("openssl", "3.1.4-r5")
    assert package["Identifier"] == {"PURL": "pkg:apk/alpine/libssl3@3.1.4-r5"}


def test_an_image_without_its_package_database_is_a_report_that_the_app_refuses():
    body = report(SUBJECT, alpine(), [advisory()], NOW)
    assert "Packages" not in body["Results"][0]  # as with Trivy, which only warns of it
    with pytest.raises(InvalidReport, match=r"packages of alpine 3\.19\.1, found none"):
        trivy.parse(json.dumps(body).encode(), subject=DIGEST)


def test_findings_come_worst_first():
    listed = [
        advisory("CVE-2024-0001", "LOW"),
        advisory("CVE-2024-0003", "UNKNOWN"),
        advisory("CVE-2024-0002", "HIGH", fixed=""),
    ]
    found = matches(alpine(LIBSSL), listed)
    assert [each.advisory.severity for each in found] == ["HIGH", "LOW", "UNKNOWN"]


def test_a_finding_without_a_fix_is_affected():
    (result,) = report(SUBJECT, alpine(LIBSSL), [advisory(fixed="")], NOW)["Results"]
    assert result["Vulnerabilities"][0]["Status"] == "affected"
    assert "FixedVersion" not in result["Vulnerabilities"][0]


def test_advisories_are_by_source_package_and_its_version():
    installed = Package("libssl3", "3.1.9-r0", "", "openssl", "3.1.4-r5")
    assert len(matches(alpine(installed), [advisory()])) == 1
    unrelated = Package("openssl-client", "3.1.4-r5", "", "another", "3.1.4-r5")
    assert matches(alpine(unrelated), [advisory()]) == ()


def test_another_release_s_advisories_do_not_count():
    with pytest.raises(ToolError, match=r"advisories for Alpine:v3\.20, found none"):
        matches(alpine(LIBSSL, release="3.20.0"), [advisory()])


@pytest.mark.parametrize(
    "unknown",
    [
        Sbom(str(DIGEST), "ubuntu", "24.04", (LIBSSL,)),
        Sbom(str(DIGEST), "", "", (LIBSSL,)),
        Sbom(str(DIGEST), "alpine", "edge", (LIBSSL,)),
        Sbom(str(DIGEST), "debian", "", ()),
    ],
)
def test_a_distribution_the_stand_in_does_not_know_is_refused(unknown):
    with pytest.raises(ToolError, match="knows Alpine and Debian releases, found"):
        matches(unknown, [advisory()])


def syft_json(digest: Digest = DIGEST, **changes: str) -> bytes:
    artifact = {
        "name": "login",
        "version": "1:4.13+dfsg1-1+b1",
        "type": "deb",
        "purl": "pkg:deb/debian/login@1%3A4.13%2Bdfsg1-1%2Bb1?arch=amd64&upstream=shadow%401%3A4.13%2Bdfsg1-1",
        "locations": [{"layerID": "sha256:1"}],
    }
    body = {
        "artifacts": [
            artifact | changes,
            {"name": "busybox", "version": "1.35.0", "type": "binary"},
        ],
        "distro": {"id": "debian", "versionID": "12"},
        "source": {"metadata": {"manifestDigest": str(digest)}},
    }
    return json.dumps(body).encode()


def test_an_sbom_names_source_packages_and_leaves_out_other_kinds():
    found = sbom.parse(syft_json(), DIGEST)
    (package,) = found.packages
    assert (package.source, package.source_version) == ("shadow", "1:4.13+dfsg1-1")
    assert package.layer == "sha256:1"
    assert (found.distribution, found.release) == ("debian", "12")


def test_a_package_without_an_upstream_is_its_own_source():
    (package,) = sbom.parse(syft_json(purl="pkg:deb/debian/login@1?arch=amd64"), DIGEST).packages
    assert (package.source, package.source_version) == ("login", "1:4.13+dfsg1-1+b1")


def test_an_sbom_of_another_manifest_is_refused():
    with pytest.raises(ToolError, match="expected an SBOM of"):
        sbom.parse(syft_json(Digest.of(b"another")), DIGEST)


@pytest.mark.parametrize("raw", [b"", b"[]", b"{}", b'{"source": {"metadata": {}}}'])
def test_what_is_no_sbom_is_refused(raw):
    with pytest.raises(ToolError, match="expected an SBOM in syft's JSON"):
        sbom.parse(raw, DIGEST)
