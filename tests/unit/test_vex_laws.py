"""Laws of reading VEX: nothing but InvalidVex, no excuse by accident, and standing is what its rule says."""

import json
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.vex.reading import InvalidVex, read
from shared.vex.standing import standing
from shared.vex.statements import Package, Product, Statement
from tests.vexes import (
    AMD64,
    ARM64,
    CANDIDATE,
    NODE,
    OPENSSL,
    analysed,
    cyclonedx,
    openvex,
    purl,
    statement,
)

INSIDE = {"@id": purl(AMD64), "subcomponents": [{"@id": OPENSSL}]}
DOCUMENTS = [
    openvex(statement(INSIDE), statement(INSIDE, id="CVE-2", status="fixed")),
    cyclonedx(analysed("openssl-1", {"ref": "openssl-1", "versions": [{"version": "1"}]})),
]
AGAINST = [
    openvex(statement(status="affected"), statement(status="under_investigation")),
    cyclonedx(analysed(state="exploitable"), analysed(state="in_triage", id="CVE-2")),
]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)


def packages(raw: bytes) -> set[str]:
    """The packages in which a document excuses; none where it is refused."""
    try:
        return {each.package for each in standing(read("vex/a.json", raw), CANDIDATE)}
    except InvalidVex:
        return set()


@pytest.mark.parametrize("raw", [*DOCUMENTS, *AGAINST])
def test_no_part_of_a_document_is_a_document(raw: bytes):
    for end in range(len(raw)):
        with pytest.raises(InvalidVex):
            read("vex/a.json", raw[:end])


@pytest.mark.parametrize("raw", DOCUMENTS)
def test_no_byte_changed_or_left_out_widens_an_excuse_to_the_whole_image(raw: bytes):
    assert packages(raw) == {"openssl"}
    for at, other in product(range(len(raw)), (b"", b"x", b"0", b'"', b"\xff", b"_")):
        assert "" not in packages(raw[:at] + other + raw[at + 1 :])


@given(st.sampled_from(AGAINST), st.integers(0, 2000), st.integers(0, 40), st.binary(max_size=8))
def test_a_document_that_excuses_nothing_never_does_by_accident(
    raw: bytes, at: int, length: int, other: bytes
):
    assert packages(raw[:at] + other + raw[at + length :]) == set()


@given(st.binary() | VALUES.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_a_document_or_invalid(raw: bytes):
    assert packages(raw) == set()


@given(st.sampled_from([*DOCUMENTS, *AGAINST]), st.data())
def test_any_value_anywhere_is_read_or_invalid(raw: bytes, data: st.DataObject):
    body: Any = json.loads(raw)
    holder = body
    for _ in range(data.draw(st.integers(1, 7))):
        keys = list(holder) if isinstance(holder, dict) else range(len(holder))
        if not keys:
            break
        key = data.draw(st.sampled_from(keys))
        if not isinstance(holder[key], (dict, list)) or not data.draw(st.integers(0, 3)):
            holder[key] = data.draw(VALUES)
            break
        holder = holder[key]

    assert packages(json.dumps(body).encode()) <= {"", "openssl"}


START = datetime(2026, 11, 1, tzinfo=UTC)
SCOPES = [("", ""), ("openssl", ""), ("openssl", "1"), ("OpenSSL", "2"), ("zlib", "1")]
MOMENTS = st.none() | st.sampled_from([START, START + timedelta(days=1)])


def _statement(
    ids: list[str], excuses: bool, scope: tuple[str, str], part: Any, at: datetime | None
) -> Statement:
    inside = (Package(*scope),) if scope[0] else ()
    where = Product("node", digest=part, packages=inside)
    return Statement(tuple(ids), excuses, "why", "who", "where", (where,), at)


STATEMENTS = st.builds(
    _statement,
    st.lists(st.sampled_from(["CVE-1", "cve-1", "CVE-2", "GHSA-3"]), min_size=1, max_size=2),
    st.booleans(),
    st.sampled_from(SCOPES),
    st.sampled_from([None, AMD64, ARM64]),
    MOMENTS,
)


def _overlap(one: Statement, other: Statement) -> bool:
    """The rule in its longest form: an id is shared, and nothing keeps the two apart."""
    (mine,), (theirs,) = one.products, other.products
    apart = mine.digest and theirs.digest and mine.digest != theirs.digest
    for package, against in product(mine.packages, theirs.packages):
        same_name = package.name.casefold() == against.name.casefold()
        versions = {package.version, against.version} - {""}
        apart = apart or not same_name or len(versions) > 1
    same = {each.casefold() for each in one.ids} & {each.casefold() for each in other.ids}
    return bool(same) and not apart


def _stands(statements: list[Statement], number: int) -> bool:
    one = statements[number]
    for place, other in enumerate(statements):
        if other.excuses or not _overlap(one, other):
            continue
        if one.at is None or other.at is None:
            if (one.at is None) != (other.at is None) or place > number:
                return False
        elif (other.at, place) > (one.at, number):
            return False
    return one.excuses


def _excused(statements: list[Statement]) -> set[tuple[Any, ...]]:
    return {
        (each.id.casefold(), each.package.casefold(), each.version, each.part)
        for each in standing(statements, CANDIDATE)
    }


@given(st.lists(STATEMENTS, max_size=8))
def test_what_stands_is_what_no_later_statement_takes_back(statements: list[Statement]):
    stands = {id(each) for n, each in enumerate(statements) if _stands(statements, n)}
    found = _excused(statements)

    expected = {
        (one.casefold(), inside.name.casefold(), inside.version, where.digest)
        for each in statements
        if id(each) in stands
        for one in each.ids
        for where in each.products
        for inside in where.packages or (Package(""),)
    }
    assert found == expected


@given(st.lists(STATEMENTS, max_size=6), STATEMENTS)
def test_a_statement_that_does_not_excuse_never_adds_an_excuse(
    statements: list[Statement], added: Statement
):
    if added.excuses:
        return

    # Who says so may change: where a statement is taken back, an earlier one may have said the same.
    assert _excused([*statements, added]) <= _excused(statements)


def test_many_statements_about_one_vulnerability_take_linear_time():
    inside = [{"@id": f"pkg:deb/debian/p{number}"} for number in range(5000)]
    yes = statement({"@id": NODE, "subcomponents": inside}, timestamp="2026-10-01T00:00:00Z")
    no = statement({"@id": NODE, "subcomponents": inside[1:]}, status="affected")

    assert packages(openvex(yes, no)) == {"p0"}
