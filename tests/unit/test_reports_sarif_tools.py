"""SARIF as single tools write it: Snyk, Docker Scout, OSV-Scanner and Grype, each with its oddities."""

from typing import Any

import pytest

from shared.reports import sarif as format_
from shared.reports.findings import Finding, InvalidReport, Report, Severity
from shared.reports.subjects import AboutAnother
from tests.builders import a_digest
from tests.report_bodies import SUBJECT, raw

RUN_OF_SNYK = {"properties": {"artifactsScanned": 97}}


def parsed(tool: str, rules: list[Any], results: list[Any], **driver: Any) -> Report:
    body = {"tool": {"driver": {"name": tool, "rules": rules, **driver}}, "results": results}
    log = {"version": "2.1.0", "runs": [body]}
    return format_.parse(raw(log), subject=SUBJECT, limit=1 << 20)


def found(tool: str, rule: dict[str, Any], result: dict[str, Any]) -> Finding:
    (finding,) = parsed(tool, [rule], [{"ruleId": rule["id"], **result}]).findings
    return finding


def snyk(severity: str = "high", fix: str = "", **properties: Any) -> tuple[dict[str, Any], ...]:
    """A rule and a result of `snyk container test --sarif`."""
    title = f"{severity.capitalize()} severity - Buffer Overflow vulnerability in zlib"
    rule = {
        "id": "SNYK-DEBIAN12-ZLIB-0000001",
        "shortDescription": {"text": title},
        "fullDescription": {"text": "(CVE-2026-0001) zlib/zlib1g@1:1.2.13.dfsg-1"},
        "help": {
            "text": "",
            "markdown": f"## NVD Description\nbad.\n## Remediation\n{fix}\n## More\n",
        },
        "defaultConfiguration": {"level": "warning"},
        "properties": {"tags": ["security", "CWE-120", "deb"], **properties},
    }
    where = {
        "physicalLocation": {"artifactLocation": {"uri": "node_20"}},
        "logicalLocations": [{"fullyQualifiedName": "zlib/zlib1g@1:1.2.13.dfsg-1"}],
    }
    shown = (
        f"This file introduces a vulnerable zlib package with a {severity} severity vulnerability."
    )
    result = {"level": "error", "message": {"text": shown}, "locations": [where]}
    return rule, result


@pytest.mark.parametrize("score", ["undefined", "null", "NaN", " ", None])
def test_a_score_that_snyk_does_not_have_leaves_what_it_says_in_words(score: str | None):
    properties: dict[str, Any] = {"security-severity": score, "cvssv3_baseScore": None}
    assert found("Snyk Container", *snyk("critical", **properties)).severity is Severity.CRITICAL
    rule, result = snyk(**properties)
    bare = {"id": rule["id"], "properties": {"security-severity": score}}
    silent = found("Snyk Container", bare, {**result, "level": None, "message": {"text": "bad"}})
    assert silent.severity is Severity.UNKNOWN


@pytest.mark.parametrize(
    ("score", "severity"), [("9.8", Severity.CRITICAL), ("awful", Severity.UNKNOWN)]
)
def test_a_score_in_words_nobody_knows_is_the_worst(score: str, severity: Severity):
    assert found("x", *snyk("low", **{"security-severity": score})).severity is severity


@pytest.mark.parametrize(
    ("fix", "fixed"),
    [
        ("There is no fixed version for `Debian:12` `zlib`.", ""),
        ("Upgrade `Debian:12` `zlib` to version 1:1.3 or higher.",
         "Upgrade `Debian:12` `zlib` to version 1:1.3 or higher."),
        ("See the advisory.", "not stated"),
    ],
)  # fmt: skip
def test_snyk_tells_the_fix_below_its_heading(fix: str, fixed: str):
    finding = found("Snyk Container", *snyk(fix=fix))
    assert finding.fixed == fixed
    assert (finding.package, finding.installed) == ("zlib/zlib1g", "1:1.2.13.dfsg-1")


def test_a_fix_that_the_result_itself_has_counts_before_the_lack_of_one():
    rule, result = snyk(fix="There is no fixed version for `npm` `zlib`.")
    fixes = [{"description": {"text": "Upgrade to zlib@1.3"}}]
    assert found("Snyk Container", rule, {**result, "fixes": fixes}).fixed == "Upgrade to zlib@1.3"
    silent = found("Snyk Container", rule, {**result, "fixes": [{"artifactChanges": []}]})
    assert silent.fixed == "not stated"


def test_a_second_run_of_snyk_without_findings_is_covered_too():
    rule, result = snyk()
    one = {"tool": {"driver": {"name": "Snyk Container", "rules": [rule], **RUN_OF_SNYK}},
           "results": [{"ruleId": rule["id"], **result}]}  # fmt: skip
    other = {
        "tool": {"driver": {"name": "Snyk Container", "rules": [], **RUN_OF_SNYK}},
        "results": [],
    }
    log = raw({"version": "2.1.0", "runs": [one, other]})
    report = format_.parse(log, subject=SUBJECT, limit=1 << 20)
    assert len(report.findings) == 1
    assert report.covers == ("Snyk Container", "Snyk Container")


def scout(*purls: str, severity: str = "CRITICAL", fixed: str = "not fixed") -> dict[str, Any]:
    """A rule of `docker scout cves --format sarif`, which says most of it in the rule's properties."""
    properties = {"affected_version": "<2.0", "cvssV3_severity": severity, "fixed_version": fixed}
    return {
        "id": "CVE-2026-0002",
        "name": "OsPackageVulnerability",
        "shortDescription": {"text": "CVE-2026-0002"},
        "properties": {**properties, "purls": list(purls), "tags": [severity]},
    }


TAR = "pkg:deb/debian/tar@1.35%2Bdfsg-3.1?os_distro=trixie&os_name=debian&os_version=13"
QUIET = {"level": "error", "message": {"text": "\n  Vulnerability   : CVE-2026-0002\n"}}


def test_scouts_rule_tells_package_severity_and_fix():
    finding = found("docker scout", scout(TAR), QUIET)
    assert (finding.id, finding.package) == ("CVE-2026-0002", "tar")
    assert (finding.installed, finding.fixed) == ("1.35+dfsg-3.1", "")
    assert finding.severity is Severity.CRITICAL
    assert found("docker scout", scout(TAR, fixed="2.0"), QUIET).fixed == "2.0"
    older = scout()
    older["properties"] = {"purl": "pkg:maven/com.x/y@1.4", "cvssV3_severity": "UNSPECIFIED"}
    finding = found("docker scout", older, QUIET)
    assert (finding.package, finding.installed, finding.fixed) == ("com.x:y", "1.4", "not stated")
    assert finding.severity is Severity.UNKNOWN


def test_several_packages_in_one_rule_are_named_together_so_that_no_waiver_of_one_takes_all():
    finding = found("docker scout", scout("pkg:npm/%40a/b@1", "pkg:npm/c@2"), QUIET)
    assert (finding.package, finding.installed) == ("@a/b, c", "1, 2")
    assert finding.fixed == "not stated"


def test_what_a_result_says_of_its_fix_counts_before_what_the_rule_says_of_another_package():
    shown = {"text": "Package: pkg:npm/c@2\nFixed version: not fixed"}
    rule = scout("pkg:npm/%40a/b@1", "pkg:npm/c@2", fixed="1.1")
    finding = found("docker scout", rule, {"message": shown})
    assert (finding.package, finding.installed, finding.fixed) == ("c", "2", "")


def test_scouts_message_tells_it_too():
    shown = (
        "Vulnerability    :CVE-2026-0002\nSeverity         :HIGH\n"
        "Package          :pkg:golang/golang.org/x/crypto@v0.55.0\n"
        "Affected range   :<0.56.0\nFixed version    :0.56.0\n"
    )
    finding = found("Docker Scout", {"id": "CVE-2026-0002"}, {"message": {"text": shown}})
    assert (finding.package, finding.installed) == ("golang.org/x/crypto", "v0.55.0")
    assert (finding.fixed, finding.severity) == ("0.56.0", Severity.HIGH)
    unfixed = {"text": shown.replace(":0.56.0", ":not fixed")}
    assert found("Docker Scout", {"id": "CVE-2026-0002"}, {"message": unfixed}).fixed == ""


def test_osv_scanner_calls_everything_a_warning_so_its_level_says_nothing():
    rule = {
        "id": "CVE-2026-0003",
        "shortDescription": {"text": "CVE-2026-0003: bad"},
        "help": {"text": "## Details\nUpstream thinks it is a low severity issue.\n"},
        "deprecatedIds": ["CVE-2026-0003", "GHSA-aaaa-bbbb-cccc"],
    }
    shown = "Package 'deb/zlib1g@1:1.2' is vulnerable to 'CVE-2026-0003' (also known as 'DSA-1')."
    finding = found("osv-scanner", rule, {"level": "warning", "message": {"text": shown}})
    assert finding.severity is Severity.UNKNOWN
    assert (finding.package, finding.installed, finding.fixed) == (
        "deb/zlib1g",
        "1:1.2",
        "not stated",
    )


def test_prose_in_the_help_of_others_makes_a_finding_worse_than_its_level():
    rule = {"id": "CVE-2026-0005", "help": {"text": "A critical severity issue."}}
    finding = found("x", rule, {"level": "warning", "message": {"text": "bad"}})
    assert finding.severity is Severity.CRITICAL


def test_grypes_older_message_and_location_do_not_pass_for_a_package():
    rule = {
        "id": "ELSA-2026-0004-openssl-libs",
        "shortDescription": {"text": "ELSA-2026-0004 low vulnerability for openssl-libs package"},
        "help": {"text": "Vulnerability ELSA-2026-0004\nSeverity: low\nPackage: openssl-libs\n"
                         "Version: 1:3.0.7\nFix Version: \nType: rpm\nLocation: /var/lib/rpm\n"},
        "properties": {"security-severity": "3.1"},
    }  # fmt: skip
    shown = (
        "The path /var/lib/rpm reports openssl-libs at version 1:3.0.7  "
        "which is a vulnerable (rpm) package installed in the container"
    )
    where = {
        "physicalLocation": {"artifactLocation": {"uri": "node//var/lib/rpm"}},
        "logicalLocations": [{"fullyQualifiedName": f"node:20@sha256:{'a' * 64}:/var/lib/rpm"}],
    }
    finding = found("Grype", rule, {"message": {"text": shown}, "locations": [where]})
    assert (finding.id, finding.package) == ("ELSA-2026-0004", "openssl-libs")
    assert (finding.installed, finding.fixed) == ("1:3.0.7", "")
    assert finding.severity is Severity.LOW


def test_sysdigs_run_names_the_image_and_its_digest():
    def run(**properties: str) -> Report:
        driver = {"driver": {"name": "sysdig-cli-scanner", "rules": []}}
        log = {"runs": [{"tool": driver, "results": [], "properties": properties}]}
        return format_.parse(raw({"version": "2.1.0", **log}), subject=SUBJECT, limit=1 << 20)

    report = run(pullString="contoso.azurecr.io/node:20", digest=str(SUBJECT))
    assert (report.subject, report.covers) == (SUBJECT, ("sysdig-cli-scanner",))
    with pytest.raises(AboutAnother):
        run(pullString="contoso.azurecr.io/node:20", digest=str(a_digest(8)))


@pytest.mark.parametrize("tool", ["Grype", "docker scout", "osv-scanner"])
def test_a_clean_log_that_shows_nothing_is_refused_with_a_way_out(tool: str):
    with pytest.raises(InvalidReport, match=r"runs: expected .* CycloneDX"):
        parsed(tool, [], [])
