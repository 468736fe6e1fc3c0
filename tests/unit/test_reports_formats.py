"""The port to all formats: whatever the bytes are, they are read whole or are an error."""

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.policy.gate import blocking
from shared.reports import formats
from shared.reports.findings import Finding, InvalidReport, Report, Severity, merged
from tests.builders import a_digest, a_finding, a_gate, a_trivy_report
from tests.report_bodies import (
    SUBJECT,
    a_match,
    a_result,
    a_rule,
    a_vulnerability,
    cyclonedx,
    grype,
    raw,
    sarif,
)

OWN = "application/vnd.breakwater.report.{}.v1+json"
IDS = ("CVE-2025-0001", "CVE-2025-0002", "CVE-2025-0003")
BODIES: dict[str, Any] = {
    "trivy": json.loads(
        a_trivy_report([a_finding(id=name) for name in IDS], subject=SUBJECT)
    ),
    "grype": grype(*map(a_match, IDS[1:]), ignoredMatches=[a_match(IDS[0])]),
    "sarif": sarif(*map(a_result, IDS), rules=[a_rule(name) for name in IDS]),
    "cyclonedx": cyclonedx(*map(a_vulnerability, IDS)),
}  # fmt: skip
NAMES = st.sampled_from(sorted(BODIES))
# What may go without a word: it says nothing about what was found, how bad it is, or in what.
LISTS = {"Results", "Vulnerabilities", "matches", "ignoredMatches", "results", "vulnerabilities"}


def parsed(name: str, body: Any, subject: Any = SUBJECT) -> Report:
    return formats.parse(raw(body), kind=OWN.format(name), subject=subject)


def ids(report: Report) -> set[str]:
    return {each.id for each in report.findings}


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    inner: Any = ()
    if isinstance(value, dict):
        inner = value.items()
    elif isinstance(value, list):
        inner = enumerate(value)
    for key, each in inner:
        yield (*path, key)
        yield from places(each, (*path, key))


def holder(body: Any, path: tuple[Any, ...]) -> Any:
    for step in path[:-1]:
        body = body[step]
    return body


@pytest.mark.parametrize("name", sorted(BODIES))
def test_each_of_our_own_types_is_read(name):
    report = parsed(name, BODIES[name])
    assert ids(report) == set(IDS)
    assert report.subject == SUBJECT
    assert report.covers


def test_foreign_types_are_read_whatever_their_case_and_parameters():
    for kind, name in (
        ("application/sarif+json", "sarif"),
        ("Application/vnd.CycloneDX+json; version=1.6", "cyclonedx"),
    ):
        assert len(formats.parse(raw(BODIES[name]), kind=kind, subject=SUBJECT).findings) == 3


@pytest.mark.parametrize("kind", ["", "application/json", "application/spdx+json", "sarif"])
def test_a_type_nobody_knows_is_an_error(kind):
    with pytest.raises(InvalidReport, match="artifact type"):
        formats.parse(raw(BODIES["sarif"]), kind=kind, subject=SUBJECT)


@pytest.mark.parametrize("name", sorted(BODIES))
def test_a_report_about_another_manifest_or_of_another_format_is_an_error(name):
    with pytest.raises(InvalidReport, match="expected a report about"):
        parsed(name, BODIES[name], a_digest(1))
    for other in BODIES.keys() - {name}:
        with pytest.raises(InvalidReport, match="expected"):
            parsed(other, BODIES[name])


@pytest.mark.parametrize("name", sorted(BODIES))
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b" ",
        b"null",
        b"[]",
        b"{}",
        b"0",
        b'"clean"',
        b"\xff\xfe{\x00}\x00",
        b"[" * 200_000,
        b'{"a":' * 200_000,
        b'{"version": 1e999}',
        b'{"version": -Infinity}',
        b'{"version": NaN}',
        b'{"version": "2.1.0", "version": "2.1.0"}',
        b'{"version": ' + b"9" * 5000 + b"}",
    ],
)
def test_what_is_no_report_is_an_error(name, content):
    with pytest.raises(InvalidReport, match="expected"):
        formats.parse(content, kind=OWN.format(name), subject=SUBJECT)


def test_a_hundred_megabytes_are_an_error_before_they_are_read():
    for name in BODIES:
        with pytest.raises(InvalidReport, match="at most"):
            formats.parse(bytes(100 << 20), kind=OWN.format(name), subject=SUBJECT)


@pytest.mark.parametrize("name", sorted(BODIES))
def test_a_byte_order_mark_is_no_fault(name):
    content = b"\xef\xbb\xbf" + raw(BODIES[name])
    assert formats.parse(content, kind=OWN.format(name), subject=SUBJECT).findings


@given(NAMES, st.floats(0, 1, exclude_max=True))
def test_a_truncated_report_is_an_error(name, part):
    content = raw(BODIES[name])
    with pytest.raises(InvalidReport):
        formats.parse(content[: int(part * len(content))], kind=OWN.format(name), subject=SUBJECT)


@pytest.mark.parametrize("name", sorted(BODIES))
def test_whatever_one_key_is_deleted_no_finding_vanishes_or_gets_milder(name):
    whole = BODIES[name]
    before = parsed(name, whole)
    for path in places(whole):
        if isinstance(path[-1], int) or path[-1] in LISTS:
            continue
        body = copy.deepcopy(whole)
        del holder(body, path)[path[-1]]
        try:
            report = parsed(name, body)
        except InvalidReport:
            continue
        assert ids(report) == ids(before), path
        assert min(each.severity for each in report.findings) >= Severity.HIGH, path


def test_a_list_that_is_missing_altogether_is_never_clean():
    for name, key in (("grype", "matches"), ("cyclonedx", "vulnerabilities")):
        with pytest.raises(InvalidReport, match=key):
            parsed(name, {k: v for k, v in BODIES[name].items() if k != key})


JUNK = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=9)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)


@given(NAMES, st.data())
def test_anything_in_any_places_is_read_or_an_error(name, data):
    body = copy.deepcopy(BODIES[name])
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from(list(places(body))))
        holder(body, path)[path[-1]] = data.draw(JUNK)
    try:
        report = parsed(name, body)
    except InvalidReport:
        return
    assert report.covers
    assert all(each.id.strip() and each.package.strip() for each in report.findings)


@given(NAMES, st.data())
def test_junk_outside_a_finding_never_loses_it(name, data):
    body = copy.deepcopy(BODIES[name])
    outside = [path for path in places(body) if not LISTS & {*path}]
    path = data.draw(st.sampled_from(outside))
    holder(body, path)[path[-1]] = data.draw(JUNK)
    try:
        report = parsed(name, body)
    except InvalidReport:
        return
    assert ids(report) == set(IDS)


@pytest.mark.parametrize("name", sorted(BODIES))
def test_the_order_of_findings_does_not_matter(name):
    body = copy.deepcopy(BODIES[name])
    for path in places(BODIES[name]):
        if path[-1] in LISTS or path[-1] in {"rules", "components"}:
            holder(body, path)[path[-1]].reverse()
    assert parsed(name, body).findings == parsed(name, BODIES[name]).findings


FINDINGS = st.frozensets(
    st.builds(
        a_finding,
        id=st.sampled_from(IDS),
        severity=st.sampled_from(Severity),
        suppressed=st.booleans(),
    )
)


def a_report(findings: frozenset[Finding]) -> Report:
    return Report("x", SUBJECT, None, findings, ("apk",))


@given(FINDINGS, st.lists(FINDINGS, max_size=3))
def test_foreign_reports_only_add_findings(own, foreign):
    report = merged(a_report(own), map(a_report, foreign))
    assert report.findings == own.union(*foreign)
    assert (report.covers, report.subject) == (("apk",), SUBJECT)
    assert len(blocking(report.findings, a_gate())) >= len(blocking(own, a_gate()))


def test_foreign_reports_change_nothing_but_findings():
    own = parsed("trivy", BODIES["trivy"])
    foreign = [parsed(name, BODIES[name]) for name in ("grype", "sarif", "cyclonedx")]
    report = merged(own, foreign)
    assert (report.created_at, report.database_date) == (own.created_at, own.database_date)
    assert (report.scanner, report.covers) == (own.scanner, own.covers)
    assert merged(report, foreign) == report
    assert merged(own, []) == own


def test_the_gate_counts_what_a_scanner_suppressed():
    assert blocking([a_finding(suppressed=True)], a_gate())
