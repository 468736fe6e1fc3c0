"""Queues, ledger, journal and slots: one suite over the fakes and over Azure's SDKs on Azurite."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from azure.storage.queue import TextBase64DecodePolicy

from shared.azure.journal import TableJournal
from shared.azure.ledger import TableLedger
from shared.azure.queues import StorageQueues
from shared.azure.slots import TableSlots
from shared.errors import Misconfigured, Permanent
from shared.ports import Journal, Ledger, Queues, Slots
from shared.values import Entry, Row
from tests.contract.storage_account import Account, running
from tests.fakes import FakeClock, FakeJournal, FakeLedger, FakeQueues, FakeSlots

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
BOTH = pytest.mark.parametrize("kind", ["fake", "azure"])


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    with running(tmp_path_factory.mktemp("azurite")) as made:
        yield made


@pytest.fixture
def ledger(kind: str, request) -> Ledger:
    if kind == "fake":
        return FakeLedger()
    return TableLedger(request.getfixturevalue("account").new_table())


@pytest.fixture
def journal(kind: str, request) -> Journal:
    if kind == "fake":
        return FakeJournal()
    return TableJournal(request.getfixturevalue("account").new_table())


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(NOON)


@pytest.fixture
def slots(kind: str, request, clock) -> Slots:
    if kind == "fake":
        return FakeSlots(clock)
    return TableSlots(request.getfixturevalue("account").new_table(), clock.now)


@pytest.fixture
def queues(kind: str, request) -> Iterator[Queues]:
    if kind == "fake":
        yield FakeQueues()
        return
    account = request.getfixturevalue("account")
    account.queues().create_queue("imports")
    yield StorageQueues(account.queue_endpoint, account.credential)
    account.queues().delete_queue("imports")


# Ledger


@BOTH
def test_only_the_first_insert_of_a_key_wins(ledger: Ledger):
    assert ledger.insert(Row("node", "promote", {"by": "first"}))
    assert not ledger.insert(Row("node", "promote", {"by": "second"}))
    assert [row.values for row in ledger.rows("node")] == [{"by": "first"}]


@BOTH
def test_a_row_comes_back_as_it_was_written(ledger: Ledger):
    values: dict[str, str | int | float | bool] = {
        "text": "ü/'\"\n",
        "number": 2**40,
        "ratio": 0.5,
        "yes": True,
        "zero": 0,
    }
    due = NOON + timedelta(microseconds=1)
    ledger.insert(Row("a/b\\c#d?e%f!2f\x01 ü'", "scan:linux/amd64", values, due))
    (row,) = ledger.rows("a/b\\c#d?e%f!2f\x01 ü'")
    assert row.version
    assert replace(row, version="") == Row(
        "a/b\\c#d?e%f!2f\x01 ü'", "scan:linux/amd64", values, due
    )


@BOTH
def test_a_replace_needs_the_current_version(ledger: Ledger):
    ledger.insert(Row("node", "scan", {"attempt": 1}))
    (read,) = ledger.rows("node")
    assert ledger.replace(replace(read, values={"attempt": 2}))
    assert not ledger.replace(replace(read, values={"attempt": 3}))
    assert [row.values for row in ledger.rows("node")] == [{"attempt": 2}]


@BOTH
def test_a_deleted_row_is_not_replaced(ledger: Ledger):
    ledger.insert(Row("node", "scan"))
    (read,) = ledger.rows("node")
    ledger.delete("node", "scan")
    assert not ledger.replace(read)
    assert ledger.rows("node") == ()


@BOTH
def test_a_row_nobody_read_is_not_replaced(ledger: Ledger):
    with pytest.raises(Permanent, match="version"):
        ledger.replace(Row("node", "scan"))


@BOTH
def test_an_upsert_overwrites_and_forgets_an_old_due_time(ledger: Ledger):
    ledger.upsert(Row("node", "scan", {"attempt": 1}, NOON))
    ledger.upsert(Row("node", "scan", {"other": 2}))
    (row,) = ledger.rows("node")
    assert row.values == {"other": 2}
    assert row.due is None


@BOTH
def test_deleting_what_is_gone_is_fine(ledger: Ledger):
    ledger.delete("node", "scan")
    assert ledger.rows("node") == ()


@BOTH
def test_rows_are_due_from_their_time_on(ledger: Ledger):
    ledger.insert(Row("early", "look", due=NOON - timedelta(seconds=1)))
    ledger.insert(Row("now", "look", due=NOON))
    ledger.insert(Row("late", "look", due=NOON + timedelta(seconds=1)))
    ledger.insert(Row("never", "look"))
    assert {row.subject for row in ledger.due(NOON)} == {"early", "now"}


@BOTH
def test_a_row_whose_due_time_was_changed_or_taken_away_is_due_once_or_never(ledger: Ledger):
    for subject in ("moved", "taken", "deleted"):
        ledger.upsert(Row(subject, "look", due=NOON))
    (row,) = ledger.rows("taken")
    ledger.upsert(Row("moved", "look", due=NOON + timedelta(hours=1)))
    ledger.replace(replace(row, due=None))
    ledger.delete("deleted", "look")
    assert list(ledger.due(NOON)) == []
    later = list(ledger.due(NOON + timedelta(hours=2)))
    assert [(row.subject, row.due) for row in later] == [("moved", NOON + timedelta(hours=1))]
    assert later == list(ledger.rows("moved"))


@BOTH
def test_a_key_is_found_in_every_subject(ledger: Ledger):
    for subject in ("node", "python"):
        ledger.insert(Row(subject, "scan"))
        ledger.insert(Row(subject, "test"))
    assert {(row.subject, row.key) for row in ledger.all("scan")} == {
        ("node", "scan"),
        ("python", "scan"),
    }


def test_a_table_that_was_never_deployed_is_a_misconfiguration(account: Account):
    ledger = TableLedger(account.tables().get_table_client("nowhere"))
    told = r"table nowhere does not exist in .*deploy creates it"
    for act in (
        lambda: ledger.insert(Row("a", "b")),
        lambda: ledger.replace(Row("a", "b", version='W/"x"')),
        lambda: ledger.rows("a"),
    ):
        with pytest.raises(Misconfigured, match=told):
            act()


# Journal


def _entry(minutes: int, image: str = "node", **changes) -> Entry:
    at = NOON + timedelta(minutes=minutes)
    return replace(Entry(at, image, "sha256:1", "promoted", ("why", "so")), **changes)


@BOTH
def test_the_newest_entry_is_read_first(journal: Journal):
    for minutes in (1, 3, 2):
        journal.add(_entry(minutes))
    assert [each.at.minute for each in journal.read("node")] == [3, 2, 1]


@BOTH
def test_an_image_has_its_own_entries_and_all_have_all(journal: Journal):
    journal.add(_entry(1, "library/node"))
    journal.add(_entry(2, "python"))
    assert [each.image for each in journal.read("library/node")] == ["library/node"]
    assert [each.image for each in journal.read()] == ["python", "library/node"]


@BOTH
def test_an_entry_comes_back_as_it_was_added(journal: Journal):
    entry = _entry(1, id="scan/1", trace="t", at=NOON + timedelta(microseconds=7))
    journal.add(entry)
    assert list(journal.read()) == [entry]


@BOTH
def test_an_id_counts_once_even_when_it_is_added_later_again(journal: Journal):
    journal.add(_entry(1, id="promote-1"))
    journal.add(_entry(5, id="promote-1"))
    journal.add(_entry(2, id="promote-2"))
    assert [each.id for each in journal.read("node")] == ["promote-2", "promote-1"]


@BOTH
def test_entries_without_an_id_are_all_kept(journal: Journal):
    journal.add(_entry(1))
    journal.add(_entry(1))
    assert len(list(journal.read())) == 2


def test_an_entry_cut_short_by_a_crash_is_completed_by_the_next_attempt(account: Account):
    table = account.new_table()
    journal = TableJournal(table)
    journal.add(_entry(1, id="x"))
    for row in list(table.query_entities("PartitionKey eq 'all'")):
        table.delete_entity(row["PartitionKey"], row["RowKey"])
    journal.add(_entry(9, id="x"))
    assert [each.at.minute for each in journal.read()] == [1]


# Slots

HOUR = NOON + timedelta(hours=1)


@BOTH
def test_no_more_slots_are_taken_than_there_are(slots: Slots):
    assert slots.take("imports", "a", limit=2, until=HOUR)
    assert slots.take("imports", "b", limit=2, until=HOUR)
    assert not slots.take("imports", "c", limit=2, until=HOUR)
    assert slots.take("runs", "c", limit=2, until=HOUR)


@BOTH
def test_an_owner_needs_only_one_slot(slots: Slots):
    assert slots.take("imports", "a", limit=1, until=HOUR)
    assert slots.take("imports", "a", limit=1, until=HOUR)
    slots.free("imports", "a")
    assert slots.take("imports", "b", limit=1, until=HOUR)


@BOTH
def test_of_no_slots_none_is_taken_and_one_that_is_held_is_kept(slots: Slots):
    assert not slots.take("imports", "a", limit=0, until=HOUR)
    assert slots.take("imports", "a", limit=1, until=HOUR)
    assert slots.take("imports", "a", limit=0, until=HOUR)
    assert not slots.take("imports", "b", limit=0, until=HOUR)


@BOTH
def test_a_freed_slot_is_free_and_freeing_again_is_fine(slots: Slots):
    slots.take("imports", "a", limit=1, until=HOUR)
    slots.free("imports", "a")
    slots.free("imports", "a")
    assert slots.take("imports", "b", limit=1, until=HOUR)
    slots.free("imports", "a")
    assert not slots.take("imports", "c", limit=1, until=HOUR)


@BOTH
def test_an_expired_slot_is_taken_over(slots: Slots, clock: FakeClock):
    slots.take("imports", "a", limit=1, until=NOON + timedelta(minutes=1))
    assert not slots.take("imports", "b", limit=1, until=HOUR)
    clock.advance(minutes=1)
    assert slots.take("imports", "b", limit=1, until=HOUR)
    assert not slots.take("imports", "c", limit=1, until=HOUR)


@BOTH
def test_taking_again_prolongs(slots: Slots, clock: FakeClock):
    slots.take("imports", "a", limit=1, until=NOON + timedelta(minutes=1))
    slots.take("imports", "a", limit=1, until=HOUR)
    clock.advance(minutes=2)
    assert not slots.take("imports", "b", limit=1, until=HOUR)


def test_many_at_once_never_hold_more_slots_than_there_are(account: Account):
    table = account.new_table()

    def take(owner: int) -> bool:
        return TableSlots(table, lambda: NOON).take("runs", f"o{owner}", limit=3, until=HOUR)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(take, range(8))).count(True) == 3


# Queues


@BOTH
def test_a_message_too_large_for_a_queue_is_refused(queues: Queues):
    queues.send("imports", "x" * 48 * 1024)
    with pytest.raises(Permanent, match="imports"):
        queues.send("imports", "ü" * 24 * 1024 + "x")


@BOTH
def test_no_message_waits_longer_than_fifteen_minutes(queues: Queues):
    queues.send("imports", "{}", delay=timedelta(minutes=15))
    with pytest.raises(Permanent, match="imports"):
        queues.send("imports", "{}", delay=timedelta(minutes=15, seconds=1))


def test_a_message_is_base64_never_expires_and_waits_its_delay(account: Account):
    client = account.queues().create_queue("candidates")
    queues = StorageQueues(account.queue_endpoint, account.credential)
    queues.send("candidates", '{"körper": 1}')
    queues.send("candidates", "{}", delay=timedelta(seconds=60))
    reader = account.queues().get_queue_client(
        "candidates", message_decode_policy=TextBase64DecodePolicy()
    )
    (message,) = list(reader.receive_messages())
    assert message.content == '{"körper": 1}'
    assert message.expires_on
    assert message.expires_on.year == 9999
    assert client.get_queue_properties().approximate_message_count == 2


def test_a_queue_that_was_never_deployed_is_a_misconfiguration(account: Account):
    queues = StorageQueues(account.queue_endpoint, account.credential)
    with pytest.raises(Misconfigured, match=r"queue nowhere does not exist in .*deploy creates it"):
        queues.send("nowhere", "{}")
