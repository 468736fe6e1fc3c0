"""Waivers and VEX statements as excuses: whom they fit, until when, and which of several is given."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from random import Random
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.catalog import Severity, Waiver
from shared.oci.reference import Repository
from shared.policy.waiving import (
    Excuse,
    ends,
    excuse_for,
    excuses,
    expiring,
    in_force,
)
from shared.reports.findings import Finding
from shared.vex.reading import read
from tests.builders import an_image
from tests.vexes import AMD64, ARM64, CANDIDATE, DIGEST, NODE, openvex, purl, statement

IMAGE = replace(an_image(), name="node", source=Repository.parse("docker.io/library/node"))
WAIVER = Waiver("CVE-2026-0001", "node", "not reachable", "a@contoso.com", date(2026, 12, 31))
FINDING = Finding("CVE-2026-0001", "openssl", "3.0.11-1", "", Severity.HIGH)
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
END = datetime(2027, 1, 1, tzinfo=UTC)
EXCUSE = Excuse("CVE-2026-0001", "why", "who", "waiver", until=END)


def given_to(*waivers: Waiver, documents: tuple[bytes, ...] = ()) -> tuple[Excuse, ...]:
    """The excuses of node's digest."""
    said = [each for raw in documents for each in read("vex/a.json", raw)]
    return excuses(waivers, said, IMAGE, DIGEST, CANDIDATE.platforms)


def test_a_waiver_excuses_through_its_last_day_in_utc():
    (excuse,) = given_to(replace(WAIVER, package="openssl"))

    assert (excuse.until, excuse.source, excuse.package) == (END, "waiver", "openssl")
    assert (excuse.reason, excuse.owner) == ("not reachable", "a@contoso.com")
    assert excuse_for(FINDING, [excuse], END - timedelta(microseconds=1)) == excuse
    assert excuse_for(FINDING, [excuse], END) is None


@pytest.mark.parametrize(
    ("glob", "name", "fits"),
    [
        ("node", "node", True),
        ("node", "nodes", False),
        ("node", "mynode", False),
        ("*", "node", True),
        ("*", "tools/trivy-db", True),
        ("tools/*", "tools/trivy-db", True),
        ("tools/*", "tools/a/b", True),  # a slash is a character like any other
        ("tools/*", "tools", False),
        ("*/trivy-db", "tools/trivy-db", True),
        ("n?de", "node", True),
        ("n?de", "n/de", True),
        ("node?", "node", False),
        ("n*e*", "node", True),
        ("**", "node", True),
        ("", "node", False),
        ("", "", True),
        ("*", "", True),
        ("Node", "node", False),
    ],
)
def test_a_glob_stands_for_names(glob: str, name: str, fits: bool):
    assert replace(WAIVER, image=glob).covers(name) == fits
    assert (
        bool(excuses([replace(WAIVER, image=glob)], (), replace(IMAGE, name=name), DIGEST, {}))
        == fits
    )


def test_a_glob_that_fits_almost_takes_no_long_time():
    waiver, name = replace(WAIVER, image="*a" * 127 + "b"), "a" * 255

    started = process_time()  # a machine that pauses meanwhile is no fault of the code
    assert not waiver.covers(name)
    assert process_time() - started < 1


@pytest.mark.parametrize(
    ("changes", "fits"),
    [
        ({}, True),
        ({"id": "cve-2026-0001"}, True),
        ({"id": "CVE-2026-00011"}, False),
        ({"package": "openssl"}, True),
        ({"package": "OpenSSL"}, True),
        ({"package": "openssl3"}, False),
        ({"version": "3.0.11-1"}, True),
        ({"version": "3.0"}, False),
        ({"package": "openssl", "version": "3.0.11-1"}, True),
        ({"part": AMD64}, True),
        ({"part": ARM64}, False),
        ({"until": None}, True),
        ({"until": NOW}, False),
    ],
)
def test_an_excuse_fits_a_finding(changes: dict[str, object], fits: bool):
    excuse = replace(EXCUSE, **changes)  # type: ignore[arg-type]  # a table of fields

    assert (excuse_for(FINDING, [excuse], NOW, AMD64) == excuse) == fits


def test_what_is_excused_on_one_platform_is_not_where_no_platform_is_told():
    assert excuse_for(FINDING, [replace(EXCUSE, part=AMD64)], NOW) is None


def test_a_purl_has_pypis_names_in_lower_case_and_is_the_reports_package_all_the_same():
    finding = replace(FINDING, package="Py_YAML")

    assert excuse_for(finding, [replace(EXCUSE, package="py-yaml")], NOW) is not None


def test_of_several_the_one_that_lasts_longest_is_given_then_the_first_in_the_alphabet():
    later, never = replace(EXCUSE, until=END + timedelta(days=1)), replace(EXCUSE, until=None)
    first = replace(never, source="vex/a.json")
    listed = [EXCUSE, later, never, first]

    for seed in range(24):
        shuffled = Random(seed).sample(listed, len(listed))
        assert excuse_for(FINDING, shuffled, NOW) == first
    assert excuse_for(FINDING, [EXCUSE, later], NOW) == later


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"owner": "ann"}, {"owner": "bob"}),
        ({"id": "CVE-2026-0001"}, {"id": "cve-2026-0001"}),
        ({"part": None}, {"part": AMD64}),
    ],
)
def test_of_two_that_last_as_long_the_same_one_is_given_in_any_order(
    first: dict[str, object], second: dict[str, object]
):
    one, other = (replace(EXCUSE, **each) for each in (first, second))  # type: ignore[arg-type]  # fields

    assert excuse_for(FINDING, [one, other], NOW, AMD64) == one
    assert excuse_for(FINDING, [other, one], NOW, AMD64) == one


def test_vex_statements_and_waivers_are_given_together_and_the_same_only_once():
    inside = {"@id": NODE, "subcomponents": [{"@id": "pkg:deb/debian/zlib1g@1.3"}]}
    document = openvex(statement(inside), statement(purl(AMD64), id="CVE-2"))

    found = given_to(WAIVER, WAIVER, documents=(document,))

    assert [(each.id, each.package, each.version, each.part) for each in found] == [
        ("CVE-2026-0001", "", "", None),
        ("CVE-2026-0001", "zlib1g", "1.3", None),
        ("CVE-2", "", "", AMD64),
    ]
    assert found[1].owner == "Contoso Platform <platform@contoso.com>"
    assert (found[1].source, found[1].until) == ("vex/a.json", None)


def test_a_vex_statement_never_takes_a_waiver_back():
    assert given_to(WAIVER, documents=(openvex(statement(status="affected")),)) == given_to(WAIVER)


def test_vex_may_name_the_image_by_another_repository_that_holds_it():
    base = Repository.parse("contosobase.azurecr.io/base/node")
    said = read("vex/a.json", openvex(statement(f"pkg:oci/node?repository_url={base}")))

    assert excuses((), said, IMAGE, DIGEST, {}) == ()
    assert len(excuses((), said, IMAGE, DIGEST, {}, (base,))) == 1


@pytest.mark.parametrize(
    ("now", "told", "expired"),
    [
        (END - timedelta(days=7, microseconds=1), False, False),
        (END - timedelta(days=7), True, False),
        (END - timedelta(microseconds=1), True, False),
        (END, True, True),
        (END + timedelta(days=400), True, True),
    ],
)
def test_a_waiver_is_told_of_in_its_last_week_and_when_it_has_ended(
    now: datetime, told: bool, expired: bool
):
    found = expiring([WAIVER], now)

    assert [(each.waiver, each.until, each.expired) for each in found] == [
        (WAIVER, END, expired)
    ] * told


def test_a_waiver_for_ever_ends_too():
    assert ends(replace(WAIVER, expires=date.max)) == datetime.max.replace(tzinfo=UTC)
    assert expiring([replace(WAIVER, expires=date.max)], NOW) == ()


ENDS = st.none() | st.integers(-48, 48).map(lambda hours: NOW + timedelta(hours=hours))
EXCUSES = st.lists(
    st.builds(
        Excuse,
        id=st.sampled_from(["CVE-2026-0001", "cve-2026-0001", "CVE-2"]),
        reason=st.sampled_from(["a", "b"]),
        owner=st.just("who"),
        source=st.sampled_from(["waiver", "vex/a.json"]),
        package=st.sampled_from(["", "openssl", "zlib"]),
        version=st.sampled_from(["", "3.0.11-1", "1"]),
        until=ENDS,
        part=st.sampled_from([None, AMD64, ARM64]),
    ),
    max_size=6,
)
MOMENTS = st.integers(-72, 72).map(lambda hours: NOW + timedelta(hours=hours))


@given(EXCUSES, EXCUSES, MOMENTS)
def test_an_excuse_never_hurts(listed: list[Excuse], more: list[Excuse], now: datetime):
    if excuse_for(FINDING, listed, now, AMD64) is not None:
        assert excuse_for(FINDING, [*listed, *more], now, AMD64) is not None


@given(EXCUSES, MOMENTS, MOMENTS)
def test_expiry_is_a_step_what_is_not_excused_will_not_be_later(
    listed: list[Excuse], one: datetime, other: datetime
):
    first, then = sorted((one, other))
    if excuse_for(FINDING, listed, then, AMD64) is not None:
        assert excuse_for(FINDING, listed, first, AMD64) is not None
    assert set(in_force(listed, then)) <= set(in_force(listed, first))


@given(EXCUSES, MOMENTS)
def test_what_is_given_holds_fits_and_lasts_longest_in_any_order(
    listed: list[Excuse], now: datetime
):
    found = excuse_for(FINDING, listed, now, AMD64)

    assert found == excuse_for(FINDING, listed[::-1], now, AMD64)
    assert found == excuse_for(FINDING, in_force(listed, now), now, AMD64)
    assert found is None or found.until is None or found.until > now
