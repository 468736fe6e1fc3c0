"""What the ledger keeps of an upstream: a tag's history, and thousands of chosen tags in rows of bounded size."""

from collections.abc import Iterable
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from handlers import records
from shared.policy.facts import Span, Watched
from shared.policy.selection import Chosen
from shared.values import Row
from tests.builders import a_digest
from tests.fake_clock import START
from tests.fake_storage import FakeLedger

MANY = Chosen(tuple(f"{n // 100}.{n % 100}.0-bookworm" for n in range(9_000)), 12_345, "ab" * 8)
LONGEST = 32_000  # characters of a table's text


def kept(ledger: FakeLedger, rows: Iterable[Row]) -> Chosen | None:
    for row in rows:
        ledger.upsert(row)
    return records.chosen(ledger.rows(records.subject("node")))


def test_nine_thousand_chosen_tags_come_back_as_they_were():
    rows = records.chosen_rows("node", MANY)

    assert kept(FakeLedger(), rows) == MANY
    assert len(rows) > 1
    assert all(len(str(value)) < LONGEST for row in rows for value in row.values.values())
    assert len({row.key for row in rows}) == len(rows)


def test_with_any_part_missing_nothing_was_chosen():
    rows = records.chosen_rows("node", MANY)

    for missing in range(len(rows)):
        assert records.chosen((*rows[:missing], *rows[missing + 1 :])) is None


def test_a_worker_that_died_between_the_parts_left_the_old_choice_or_none():
    old = records.chosen_rows("node", MANY)
    new = records.chosen_rows("node", Chosen(MANY.tags[1:], 12_345, MANY.rule))

    for written in range(1, len(new)):
        assert kept(FakeLedger(), (*old, *new[:written])) is None
    assert kept(FakeLedger(), (*old, *new)) == Chosen(MANY.tags[1:], 12_345, MANY.rule)


def test_parts_of_a_longer_choice_before_do_no_harm():
    old, few = records.chosen_rows("node", MANY), Chosen(("1", "2"), 2, "cd" * 8)

    assert kept(FakeLedger(), (*old, *records.chosen_rows("node", few))) == few


def test_to_have_chosen_nothing_is_another_thing_than_never_to_have_chosen():
    nothing = Chosen((), 5, "ab" * 8)

    assert kept(FakeLedger(), records.chosen_rows("node", nothing)) == nothing
    assert records.chosen(()) is None
    assert records.chosen((records.watched_row("node", Watched("1")),)) is None


_TAGS = st.from_regex(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}", fullmatch=True)


@given(st.lists(_TAGS, max_size=30), st.integers(1, 40), st.integers(0, 10**6))
def test_any_tags_come_back_in_their_order(tags: list[str], times: int, count: int):
    found = Chosen(tuple(tags * times), count, "ab" * 8)

    assert kept(FakeLedger(), records.chosen_rows("node", found)) == found


def test_the_mark_changes_with_every_choice_kept_and_with_no_tag_s_record():
    ledger = FakeLedger()
    subject = records.subject("node")
    assert records.mark(ledger.rows(subject)) == ""
    kept(ledger, records.chosen_rows("node", MANY))
    first = records.mark(ledger.rows(subject))
    ledger.upsert(records.watched_row("node", Watched("1")))
    assert records.mark(ledger.rows(subject)) == first != ""
    kept(ledger, records.chosen_rows("node", MANY))
    assert records.mark(ledger.rows(subject)) != first


def test_a_tag_s_record_comes_back_as_it_was():
    later = START + timedelta(hours=1)
    record = Watched(
        "20",
        (Span(a_digest(1), START, later), Span(a_digest(2), later)),
        (a_digest(3), a_digest(4)),
        "linux/amd64 linux/arm64",
    )

    assert records.watched("20", records.watched_row("node", record)) == record
    assert records.watched("20", None) == Watched("20")


def test_the_longest_record_fits_a_table_s_text():
    spans = tuple(Span(a_digest(n), START, START) for n in range(20))
    row = records.watched_row("node", Watched("20", spans, tuple(map(a_digest, range(20))), ""))

    assert all(len(str(value)) < LONGEST / 4 for value in row.values.values())


def test_a_record_of_an_older_release_is_read():
    row = Row("watch:node", "20", {"spans": f'[["{a_digest(1)}", "{START.isoformat()}", ""]]'})

    assert records.watched("20", row) == Watched("20", (Span(a_digest(1), START),))
