"""Which of several VEX statements stands: the later one, as far as both may mean the same."""

from dataclasses import replace
from typing import Any

import pytest

from shared.vex.reading import read
from shared.vex.standing import standing
from tests.builders import a_digest
from tests.vexes import (
    AMD64,
    ARM64,
    CANDIDATE,
    DIGEST,
    NODE,
    OPENSSL,
    analysed,
    cyclonedx,
    openvex,
    purl,
    statement,
)

OLD, NEW = "2026-10-01T00:00:00Z", "2026-10-02T00:00:00Z"
ZLIB = "pkg:deb/debian/zlib1g"


def inside(package: str) -> dict[str, Any]:
    """Node's image, narrowed to a package."""
    return {"@id": NODE, "subcomponents": [{"@id": package}]}


def excused(*documents: bytes) -> list[tuple[str, str]]:
    """The ids and packages that are excused in the candidate by these documents."""
    read_all = [each for raw in documents for each in read("vex/a.json", raw)]
    return [(each.id, each.package) for each in standing(read_all, CANDIDATE)]


def test_a_newer_affected_takes_an_older_not_affected_back_whatever_the_order_in_the_file():
    old = statement(timestamp=OLD)
    new = statement(status="affected", timestamp=NEW)

    assert excused(openvex(old, new)) == excused(openvex(new, old)) == []


def test_a_newer_not_affected_stands_whatever_the_order_in_the_file():
    old = statement(status="affected", timestamp=OLD)
    new = statement(timestamp=NEW)

    assert excused(openvex(old, new)) == excused(openvex(new, old)) == [("CVE-2026-0001", "")]


def test_of_two_made_at_the_same_time_the_later_in_order_counts_across_files_too():
    yes, no = statement(), statement(status="under_investigation")

    assert excused(openvex(yes, no)) == []
    assert excused(openvex(no, yes)) == [("CVE-2026-0001", "")]
    assert excused(openvex(yes), openvex(no)) == []
    assert excused(openvex(no), openvex(yes)) == [("CVE-2026-0001", "")]


def test_times_are_compared_in_utc_and_a_statement_without_one_has_its_documents():
    yes = openvex(statement(timestamp="2026-11-01T09:00:00+02:00"))  # 07:00 UTC
    no = openvex(statement(status="affected"), timestamp="2026-11-01T08:00:00Z")

    assert excused(no, yes) == []
    assert excused(openvex(statement(status="affected", timestamp=OLD)), openvex(statement())) == [
        ("CVE-2026-0001", "")
    ]


def test_the_newest_of_several_that_do_not_excuse_counts_wherever_it_stands():
    newest = statement(status="affected", timestamp="2026-10-03T00:00:00Z")
    oldest = statement(status="affected", timestamp=OLD)

    assert excused(openvex(newest, oldest, statement(timestamp=NEW))) == []


@pytest.mark.parametrize(
    ("product", "is_it"),
    [
        ("pkg:oci/tools/node", True),
        ("pkg:oci/node", False),  # the last part alone may be that of another image
        (f"pkg:oci/node@{DIGEST}", True),
        (f"pkg:oci/trivy@{DIGEST}", False),
    ],
)
def test_a_name_of_several_parts_is_named_whole_or_with_a_digest(product: str, is_it: bool):
    candidate = replace(CANDIDATE, name="tools/node")

    found = standing(read("vex/a.json", openvex(statement(product))), candidate)

    assert bool(found) == is_it


@pytest.mark.parametrize(
    ("yes", "no", "stands"),
    [
        (NODE, NODE, False),
        (NODE, "pkg:oci/node", False),
        (NODE, "pkg:oci/node?repository_url=contosobase.azurecr.io/base/node", False),
        (NODE, inside(OPENSSL), False),  # an excuse for all but one package cannot be kept
        (inside(OPENSSL), NODE, False),
        (inside(OPENSSL), inside(OPENSSL), False),
        (inside("pkg:deb/debian/openssl"), inside(OPENSSL), False),
        (inside(OPENSSL), inside("pkg:deb/debian/openssl"), False),
        (inside("pkg:pypi/py_yaml"), inside("pkg:pypi/Py-YAML"), False),
        (inside(OPENSSL), inside("pkg:deb/debian/openssl@1.1"), True),
        (inside(OPENSSL), inside(ZLIB), True),
        (inside(OPENSSL), inside("openssl"), False),  # one that cannot be told may be any
        (inside(OPENSSL), {"@id": NODE, "subcomponents": [{"@id": "x"}, {"@id": ZLIB}]}, False),
        (inside(OPENSSL), "pkg:oci/node@20-alpine", False),  # nor can a tag
        (NODE, {"@id": NODE, "hashes": {"sha-512": "ab" * 64}}, False),  # nor what a hash is of
        (NODE, NODE + "&tag=20-alpine&arch=unheard%20of", False),
        (purl(AMD64), purl(AMD64), False),
        (purl(AMD64), purl(ARM64), True),
        (NODE, purl(ARM64), False),
        (purl(AMD64), NODE, False),
        (NODE, purl(a_digest(9)), True),  # another digest
        (NODE, "pkg:oci/python", True),  # another image
    ],
)
def test_a_statement_takes_back_what_it_may_mean_and_no_more(yes: Any, no: Any, stands: bool):
    old = statement(yes, timestamp=OLD)
    new = statement(no, status="affected", timestamp=NEW)

    assert bool(excused(openvex(old, new))) == stands


def test_an_alias_takes_back_too_in_any_case():
    names = {"name": "CVE-2026-0001", "aliases": ["GHSA-1"]}
    old = statement(vulnerability=names, timestamp=OLD)
    new = statement(id="ghsa-1", status="affected", timestamp=NEW)
    other = statement(id="GHSA-2", status="affected", timestamp=NEW)

    assert excused(openvex(old, new)) == []
    assert excused(openvex(old, other)) == [("CVE-2026-0001", ""), ("GHSA-1", "")]


def test_of_two_that_excuse_the_same_the_later_one_is_given():
    old = statement(timestamp=OLD, impact_statement="first")
    new = statement(timestamp=NEW, impact_statement="second")

    (found,) = standing(read("vex/a.json", openvex(new, old)), CANDIDATE)

    assert found.statement.reason.endswith("second")


def test_between_one_with_a_time_and_one_without_the_one_that_does_not_excuse_counts():
    undated: dict[str, Any] = {"metadata": {}}
    yes = cyclonedx(analysed(NODE), **undated)
    no = cyclonedx(analysed(NODE, state="exploitable"), **undated)

    assert excused(no, openvex(statement(timestamp=NEW))) == []
    assert excused(openvex(statement(status="affected", timestamp=OLD)), yes) == []
    assert excused(no, yes) == [("CVE-2026-0001", "")]
    assert excused(yes, no) == []


def test_excuses_with_a_time_and_without_one_stand_beside_each_other():
    undated = cyclonedx(analysed(NODE), analysed(NODE, id="CVE-2026-0002"), metadata={})
    dated = openvex(statement(inside(OPENSSL), timestamp=OLD))

    assert excused(dated, undated) == excused(undated, dated)
    assert excused(dated, undated) == [
        ("CVE-2026-0001", ""),
        ("CVE-2026-0002", ""),
        ("CVE-2026-0001", "openssl"),
    ]


def test_an_excuse_takes_no_other_excuse_back():
    wide = statement(timestamp=OLD)
    narrow = statement(inside(OPENSSL), timestamp=NEW)

    assert excused(openvex(wide, narrow)) == [("CVE-2026-0001", ""), ("CVE-2026-0001", "openssl")]


def test_a_cyclonedx_analysis_is_as_old_as_it_says_else_as_its_document():
    later = {"state": "exploitable", "firstIssued": OLD, "lastUpdated": "2027-01-01T00:00:00Z"}
    first = {"state": "exploitable", "firstIssued": OLD}
    yes = openvex(statement(timestamp=NEW))

    assert excused(cyclonedx(analysed(analysis=later)), yes) == []
    assert excused(cyclonedx(analysed(analysis=first)), yes) == [("CVE-2026-0001", "")]
    assert excused(cyclonedx(analysed(state="exploitable")), yes) == []  # 1 November
    old = openvex(statement(status="affected", timestamp=OLD))
    assert excused(old, cyclonedx(analysed())) == [("CVE-2026-0001", "")]


@pytest.mark.parametrize(
    ("versions", "stands"),
    [
        ([{"version": "3.0.11-1", "status": "affected"}], False),
        ([{"range": "vers:deb/<=3", "status": "affected"}], False),
        ([{"version": "1.0", "status": "affected"}], True),
        ([{"version": "3.0.11-1", "status": "unaffected"}], True),
        ([{"version": "1.0", "status": "unaffected"}, {"version": "3.0.11-1"}], False),
    ],
)
def test_a_range_takes_back_whatever_it_may_mean(versions: list[dict[str, str]], stands: bool):
    no = analysed({"ref": "openssl-1", "versions": versions}, state="exploitable")

    found = excused(openvex(statement(inside(OPENSSL), timestamp=OLD)), cyclonedx(no))

    assert bool(found) == stands
