"""How due rows are found in Azure's tables: by pointers in one partition, whoever dies meanwhile."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from azure.data.tables import TableClient, TableEntity

from shared.azure.ledger import TableLedger
from shared.values import Row
from tests.contract.storage_account import Account, running

NOON = datetime(2026, 11, 23, 12, 0, 0, 1, tzinfo=UTC)
LATER = NOON + timedelta(hours=1)


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    with running(tmp_path_factory.mktemp("azurite")) as made:
        yield made


class Died(BaseException):
    """The process is gone."""


class Watched:
    """A table that remembers its queries; with `writes`, the worker dies after so many of them."""

    def __init__(self, table: TableClient, writes: int | None = None) -> None:
        self.table, self.writes = table, writes
        self.queries: list[str] = []

    def query_entities(self, query: str, **rest: Any) -> Iterator[TableEntity]:
        self.queries.append(query)
        return self.table.query_entities(query, **rest)

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.table, name)
        if self.writes is None or not name.startswith(("create", "update", "upsert", "delete")):
            return method
        if self.writes == 0:
            raise Died
        self.writes -= 1
        return method


def ledger_on(table: TableClient | Watched) -> TableLedger:
    return TableLedger(table)  # type: ignore[arg-type]  # a table by its methods


def entities(table: TableClient) -> int:
    return len(list(table.list_entities()))


def due(ledger: TableLedger, now: datetime) -> list[str]:
    return [row.subject for row in ledger.due(now)]


def test_what_is_due_is_found_without_reading_the_whole_table(account: Account):
    table = Watched(account.new_table())
    ledger = ledger_on(table)
    for number in range(3):
        ledger.upsert(Row(f"n{number}", "state"))
    ledger.upsert(Row("a/b", "look:#1", {"attempt": 1}, NOON))

    (row,) = ledger.due(NOON)

    assert row == ledger.rows("a/b")[0]
    assert due(ledger, NOON - timedelta(microseconds=1)) == []
    assert table.queries
    assert all(each.startswith("PartitionKey eq ") for each in table.queries)


@pytest.mark.parametrize("verb", ["insert", "upsert"])
def test_a_worker_that_dies_before_its_row_is_written_leaves_nothing_that_stays(
    verb: str, account: Account
):
    table = account.new_table()
    dying = ledger_on(Watched(table, writes=1))

    with pytest.raises(Died):
        getattr(dying, verb)(Row("node", "look", due=NOON))

    assert due(ledger_on(table), LATER) == []
    assert entities(table) == 0


def test_a_worker_that_dies_before_its_row_is_replaced_leaves_the_row_due_when_it_was(
    account: Account,
):
    table = account.new_table()
    ledger = ledger_on(table)
    ledger.insert(Row("node", "look", due=NOON))
    (row,) = ledger.rows("node")
    changed = Row("node", "look", {}, NOON + timedelta(minutes=1), row.version)

    with pytest.raises(Died):
        ledger_on(Watched(table, writes=1)).replace(changed)

    assert due(ledger, LATER) == ["node"]
    assert due(ledger, LATER) == ["node"]  # until its due time is taken away
    assert entities(table) == 2


def test_pointers_of_rows_that_are_not_due_any_more_go_away(account: Account):
    table = account.new_table()
    ledger = ledger_on(table)
    for subject in ("kept", "gone", "moved"):
        ledger.upsert(Row(subject, "look", due=NOON))
    ledger.upsert(Row("kept", "look"))
    ledger.delete("gone", "look")
    ledger.upsert(Row("moved", "look", due=LATER + timedelta(hours=1)))
    assert entities(table) == 6

    assert due(ledger, LATER) == []

    assert entities(table) == 3  # two rows, and the pointer of the one that will be due


def test_a_pointer_whose_row_is_just_being_written_is_left_for_it(account: Account):
    table = account.new_table()
    row = Row("node", "look", due=NOON)
    with pytest.raises(Died):
        ledger_on(Watched(table, writes=1)).upsert(row)
    ledger = ledger_on(table)
    assert due(ledger, NOON + timedelta(seconds=10)) == []
    pointer = list(table.list_entities())
    assert len(pointer) == 1

    table.upsert_entity(
        {"PartitionKey": "node", "RowKey": "look", "Values": "{}", "Due": NOON}
    )  # the second write of that worker, after all

    assert due(ledger, NOON + timedelta(seconds=20)) == ["node"]


def test_due_times_in_other_zones_are_the_same_times(account: Account):
    ledger = ledger_on(account.new_table())
    ledger.upsert(Row("node", "look", due=NOON.astimezone(timezone(timedelta(hours=-11)))))

    assert due(ledger, NOON.astimezone(timezone(timedelta(hours=11)))) == ["node"]
    assert due(ledger, NOON - timedelta(seconds=1)) == []
