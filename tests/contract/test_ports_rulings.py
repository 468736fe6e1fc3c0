"""Operators' rulings: one suite over the fake and over Azure's tables on Azurite."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from shared.azure.rulings import TableRulings
from shared.errors import Misconfigured, Permanent
from shared.messages import candidate_id
from shared.operators import Ruling, RulingKind, Rulings
from tests.builders import a_digest
from tests.contract.storage_account import Account, running
from tests.fake_operators import FakeRulings

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
DIGEST = a_digest(1)
APPROVAL = Ruling("node", DIGEST, RulingKind.APPROVE, "alice", NOON, by_id="id-of-alice")
BOTH = pytest.mark.parametrize("kind", ["fake", "azure"])


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    with running(tmp_path_factory.mktemp("azurite")) as made:
        yield made


@pytest.fixture
def rulings(kind: str, request) -> Rulings:
    if kind == "fake":
        return FakeRulings()
    return TableRulings(request.getfixturevalue("account").new_table())


@BOTH
@pytest.mark.parametrize(
    "ruling",
    [
        APPROVAL,
        replace(APPROVAL, override=True, comment="the scanner is down", referrer=a_digest(9)),
        replace(
            APPROVAL, kind=RulingKind.DENY, comment="ü/'\"\\#?% 𝄞 → <script>", by="O'Neill / ü"
        ),
        replace(APPROVAL, kind=RulingKind.RELEASE, at=NOON + timedelta(microseconds=7)),
        replace(APPROVAL, image="tools/trivy-db", by_id=""),
    ],
    ids=lambda ruling: ruling.kind.value,
)
def test_a_ruling_comes_back_as_it_was_added(rulings: Rulings, ruling: Ruling):
    assert rulings.add(ruling) == ruling
    assert rulings.of(ruling.image, DIGEST) == (ruling,)


@BOTH
def test_nothing_was_said_of_most_digests(rulings: Rulings):
    rulings.add(APPROVAL)

    assert rulings.of("node", a_digest(2)) == ()
    assert rulings.of("python", DIGEST) == ()


@BOTH
def test_rulings_are_read_oldest_first(rulings: Rulings):
    later = [
        replace(APPROVAL, kind=kind, at=NOON + timedelta(minutes=minutes))
        for minutes, kind in ((3, RulingKind.DENY), (1, RulingKind.RELEASE))
    ]
    for each in (later[0], APPROVAL, later[1]):
        rulings.add(each)

    assert rulings.of("node", DIGEST) == (APPROVAL, later[1], later[0])


@BOTH
def test_who_says_the_same_again_is_answered_with_the_first(rulings: Rulings):
    first = replace(APPROVAL, referrer=a_digest(8))
    rulings.add(first)

    again = replace(APPROVAL, at=NOON + timedelta(hours=1), referrer=a_digest(9))

    assert rulings.add(again) == first
    assert rulings.of("node", DIGEST) == (first,)


@BOTH
@pytest.mark.parametrize(
    "changes",
    [
        {"by": "bob"},
        {"by_id": "another-alice"},
        {"comment": "looks good"},
        {"override": True},
        {"kind": RulingKind.DENY},
    ],
    ids=str,
)
def test_what_differs_in_anything_said_is_another_ruling(rulings: Rulings, changes):
    rulings.add(APPROVAL)
    other = replace(APPROVAL, at=NOON + timedelta(seconds=1), **changes)

    assert rulings.add(other) == other
    assert rulings.of("node", DIGEST) == (APPROVAL, other)


@BOTH
def test_what_one_text_ends_with_is_not_what_the_next_begins_with(rulings: Rulings):
    rulings.add(replace(APPROVAL, by="alice", comment="bob"))
    rulings.add(replace(APPROVAL, by="alic", comment="ebob"))

    assert len(rulings.of("node", DIGEST)) == 2


def test_the_same_said_by_many_at_once_is_one_ruling_and_all_are_told_which(account: Account):
    table = account.new_table()

    def add(second: int) -> Ruling:
        return TableRulings(table).add(replace(APPROVAL, at=NOON + timedelta(seconds=second)))

    with ThreadPoolExecutor(8) as pool:
        told = set(pool.map(add, range(8)))

    assert told == set(TableRulings(table).of("node", DIGEST))
    assert len(told) == 1


def test_different_things_said_at_once_are_all_kept(account: Account):
    table = account.new_table()

    def add(number: int) -> Ruling:
        return TableRulings(table).add(replace(APPROVAL, comment=str(number)))

    with ThreadPoolExecutor(8) as pool:
        told = set(pool.map(add, range(8)))

    assert told == set(TableRulings(table).of("node", DIGEST))
    assert len(told) == 8


def test_a_text_that_no_column_holds_is_cut_and_the_same_again_is_still_the_same(account: Account):
    rulings = TableRulings(account.new_table())
    long = replace(APPROVAL, comment="𝄞" * 40_000, by="x" * 40_000)

    first = rulings.add(long)

    assert rulings.add(replace(long, at=NOON + timedelta(hours=1))) == first
    assert rulings.of("node", DIGEST) == (first,)
    assert long.comment.startswith(first.comment)
    assert len(first.comment) >= 1000


@pytest.mark.parametrize(
    "damage",
    [{"Kind": "maybe"}, {"At": "noon"}, {"Digest": "20-alpine"}, {"Referrer": "x"}],
    ids=str,
)
def test_a_row_that_is_no_ruling_is_named_instead_of_passed_over(account: Account, damage):
    table = account.new_table()
    TableRulings(table).add(APPROVAL)
    (row,) = list(table.list_entities())
    table.upsert_entity({**row, **damage})

    with pytest.raises(Permanent, match=rf"table rulings, {candidate_id('node', DIGEST)} "):
        TableRulings(table).of("node", DIGEST)


def test_a_table_that_was_never_deployed_is_a_misconfiguration(account: Account):
    rulings = TableRulings(account.tables().get_table_client("nowhere"))

    for act in (lambda: rulings.add(APPROVAL), lambda: rulings.of("node", DIGEST)):
        with pytest.raises(
            Misconfigured, match=r"table nowhere does not exist .*deploy creates it"
        ):
            act()


@BOTH
def test_a_release_at_another_time_is_another_release(rulings: Rulings):
    first = replace(APPROVAL, kind=RulingKind.RELEASE)
    later = replace(first, at=NOON + timedelta(hours=1))

    assert [rulings.add(each) for each in (first, first, later)] == [first, first, later]
    assert rulings.of("node", DIGEST) == (first, later)
