"""Whether an OSV advisory affects an installed version."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from local.tools.errors import ToolError
from local.tools.osv import Affected, Event, check, load, parse
from local.tools.versions import Compare, compare_apk, compare_dpkg

ADVISORIES = Path(__file__).parents[2] / "local/advisories"


def events(*pairs: tuple[str, str]) -> tuple[Event, ...]:
    return tuple(Event(kind, version) for kind, version in pairs)


def affected(*ranges: tuple[Event, ...], versions: Sequence[str] = ()) -> Affected:
    return Affected("Alpine:v3.19", "openssl", ranges, frozenset(versions))


FIXED = events(("introduced", "0"), ("fixed", "3.1.6-r0"))
LATER = events(("introduced", "3.0.0"), ("fixed", "3.1.7-r0"))
UNFIXED = events(("introduced", "0"))
LAST = events(("introduced", "1.0-r0"), ("last_affected", "1.5-r2"))
TWICE = events(
    ("introduced", "0"), ("fixed", "1.2-r0"), ("introduced", "2.0-r0"), ("fixed", "2.3-r0")
)


@pytest.mark.parametrize(
    ("ranges", "version", "fixed"),
    [
        ((FIXED,), "3.1.4-r5", "3.1.6-r0"),
        ((FIXED,), "3.1.6-r0", None),
        ((FIXED,), "3.1.8-r0", None),
        ((LATER,), "1.1.1w-r1", None),
        ((LATER,), "3.0.0", "3.1.7-r0"),
        ((UNFIXED,), "99", ""),
        ((LAST,), "1.5-r2", ""),
        ((LAST,), "1.5-r3", None),
        ((LAST,), "0.9", None),
        ((TWICE,), "1.1-r0", "1.2-r0"),
        ((TWICE,), "1.2-r0", None),
        ((TWICE,), "2.1-r0", "2.3-r0"),
        ((TWICE,), "2.3-r0", None),
        ((tuple(reversed(TWICE)),), "2.1-r0", "2.3-r0"),
        ((tuple(reversed(TWICE)),), "1.2-r0", None),
        ((FIXED, LATER), "3.1.4-r5", "3.1.6-r0, 3.1.7-r0"),
        ((FIXED, LATER), "3.1.6-r0", "3.1.7-r0"),
    ],
)
def test_a_version_is_affected_inside_a_range_and_told_what_fixes_it(ranges, version, fixed):
    assert check(affected(*ranges), version, compare_apk) == fixed


def test_a_listed_version_is_affected_outside_every_range():
    entry = affected(FIXED, versions=["3.1.9-r0"])
    assert check(entry, "3.1.9-r0", compare_apk) == ""
    assert check(entry, "3.1.9-r1", compare_apk) is None


@pytest.mark.parametrize("version", ["", "3.1.4bc", "unknown"])
def test_a_version_that_cannot_be_compared_counts_as_affected(version):
    assert check(affected(FIXED), version, compare_apk) == "3.1.6-r0"
    assert check(affected(UNFIXED), version, compare_apk) == ""


def test_an_advisory_whose_own_versions_cannot_be_compared_affects_everything():
    entry = affected(events(("introduced", "0"), ("fixed", "soon")))
    assert check(entry, "3.1.4-r5", compare_apk) == "soon"


def test_an_entry_without_versions_affects_every_version():
    assert check(affected(), "3.1.4-r5", compare_apk) == ""


def test_debian_revisions_decide():
    entry = affected(events(("introduced", "0"), ("fixed", "3.0.14-1~deb12u2")))
    assert check(entry, "3.0.14-1~deb12u1", compare_dpkg) == "3.0.14-1~deb12u2"
    assert check(entry, "3.0.14-1~deb12u2", compare_dpkg) is None


def record(**changes: Any) -> dict[str, Any]:
    body = {
        "id": "ALPINE-CVE-2024-5535",
        "modified": "2026-11-01T00:00:00Z",
        "affected": [
            {
                "package": {"ecosystem": "Alpine:v3.19", "name": "openssl"},
                "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "3"}]}],
            }
        ],
    }
    return body | changes


@pytest.mark.parametrize(
    ("changes", "severity"),
    [
        ({"database_specific": {"severity": "critical"}}, "CRITICAL"),
        ({"database_specific": {"severity": "MODERATE"}}, "MEDIUM"),
        ({"database_specific": {"severity": "negligible"}}, "LOW"),
        ({"database_specific": {"severity": "not yet assigned"}}, "UNKNOWN"),
        ({"severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H"}]}, "HIGH"),
        ({"severity": [{"type": "CVSS_V4", "score": "CVSS:4.0/AV:N"}]}, "UNKNOWN"),
        ({}, "UNKNOWN"),
    ],
)  # fmt: skip
def test_severity_is_the_stated_one_else_the_vector_s(changes, severity):
    assert parse(record(**changes)).severity == severity


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({}, "CVE-2024-5535"),
        ({"id": "X-1", "upstream": ["CVE-2020-0001"]}, "CVE-2020-0001"),
        ({"id": "X-1", "aliases": ["GHSA-aaaa-bbbb-cccc", "CVE-2020-00012"]}, "CVE-2020-00012"),
        ({"id": "X-1"}, "X-1"),
    ],
)
def test_a_finding_is_named_by_its_cve(changes, name):
    assert parse(record(**changes)).cve == name


def test_a_git_range_is_left_to_the_others():
    ranges = [
        *record()["affected"][0]["ranges"],
        {"type": "GIT", "repo": "x", "events": [{"introduced": "0"}]},
    ]
    body = record()
    body["affected"][0]["ranges"] = ranges
    assert len(parse(body).affected[0].ranges) == 1


def test_a_withdrawn_advisory_is_left_out(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps(record()))
    (tmp_path / "b.json").write_text(
        json.dumps(record(id="gone", withdrawn="2025-01-01T00:00:00Z"))
    )
    assert [each.id for each in load(tmp_path)] == ["ALPINE-CVE-2024-5535"]


PACKAGE = {"ecosystem": "Alpine:v3.19", "name": "openssl"}
SEMVER = {"type": "SEMVER", "events": []}
LIMITED = {"type": "ECOSYSTEM", "events": [{"limit": "1"}]}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        json.dumps(record(affected=[{"package": {"ecosystem": "Alpine:v3.19"}}])),
        json.dumps(record(affected=[{"package": PACKAGE, "ranges": [SEMVER]}])),
        json.dumps(record(affected=[{"package": PACKAGE, "ranges": [LIMITED]}])),
    ],
)
def test_an_unreadable_advisory_stops_the_scan_by_name(tmp_path, text):
    (tmp_path / "broken.json").write_text(text)
    with pytest.raises(ToolError, match=r"broken\.json: expected an advisory"):
        load(tmp_path)


def test_no_advisories_stop_the_scan(tmp_path):
    with pytest.raises(ToolError, match="found none"):
        load(tmp_path)
    with pytest.raises(ToolError, match="found none"):
        load(tmp_path / "absent")


def test_the_shipped_advisories_rate_themselves_as_their_vectors_do():
    shipped = load(ADVISORIES)
    assert len(shipped) == len(list(ADVISORIES.glob("*.json")))
    for file in sorted(ADVISORIES.glob("*.json")):
        body = json.loads(file.read_text())
        stated = body.pop("database_specific")["severity"]
        assert parse(body).severity == stated, file.name
        assert file.stem == body["id"]
        assert body["id"] in (ADVISORIES / "README.md").read_text() or "42365" in body["id"]


def verdict(
    ecosystem: str, package: str, version: str, compare: Compare
) -> list[tuple[str, str, str]]:
    found = [
        (advisory.cve, advisory.severity, fix)
        for advisory in load(ADVISORIES)
        for entry in advisory.affected
        if (entry.ecosystem, entry.package) == (ecosystem, package)
        and (fix := check(entry, version, compare)) is not None
    ]
    return sorted(found)


def test_the_demo_s_vulnerable_openssl_is_critical_and_fixable_and_the_fixed_one_clean():
    found = verdict("Alpine:v3.19", "openssl", "3.1.4-r5", compare_apk)
    assert ("CVE-2024-5535", "CRITICAL", "3.1.6-r0") in found
    assert len(found) == 4
    assert verdict("Alpine:v3.19", "openssl", "3.1.8-r0", compare_apk) == []
    assert verdict("Alpine:v3.19", "busybox", "1.36.1-r19", compare_apk) == []


def test_debian_s_zlib_has_a_critical_finding_that_nothing_fixes():
    assert verdict("Debian:12", "zlib", "1:1.2.13.dfsg-1", compare_dpkg) == [
        ("CVE-2023-45853", "CRITICAL", "")
    ]
