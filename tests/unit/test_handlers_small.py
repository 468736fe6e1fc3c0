"""The small handlers: poison messages, due times, and the status as JSON."""

import json
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers import api_status, due, poisoned
from handlers.plain import plain, sentences
from shared.errors import Transient
from shared.messages import ImportMessage, LookMessage, Message, RebuildMessage, decode, encode
from shared.values import Entry, Row
from tests.builders import a_digest
from tests.fake_storage import FakeJournal, FakeLedger, FakeQueues
from tests.machine import Machine

DIGEST = str(a_digest(1))
TRACE = "ab" * 8
MESSAGES: dict[str, Message] = {
    "imports": ImportMessage("node", "9-alpine", DIGEST, TRACE),
    "candidates": LookMessage("node", DIGEST, TRACE),
    "rebuilds": RebuildMessage(
        "contosoapps.azurecr.io", "app", "contosobase.azurecr.io/base/node", "9", DIGEST, TRACE
    ),
}


@pytest.mark.parametrize("queue", MESSAGES)
def test_a_poison_message_is_journaled_with_what_it_was_about_and_why_it_matters(queue: str):
    machine = Machine()

    poisoned.handle(machine.services, queue, encode(MESSAGES[queue]))

    (entry,) = machine.world.journal.entries
    assert entry.event == "given up"
    assert (entry.digest, entry.trace) == (DIGEST, TRACE)
    assert entry.image.endswith("node")
    assert entry.reasons[0].startswith(f"{queue}: ")
    assert "the next" in entry.reasons[0]


@pytest.mark.parametrize("queue", MESSAGES)
@pytest.mark.parametrize(
    "text",
    ["", "not JSON", "[" * 100_000, "5", "{}", '{"breakwater": 5}', "x" * 100_000, "\x1b[2J\nforged: line",
     '{"breakwater": {"image": "node"}}', '{"breakwater": {"v": 1, "kind": "LookMessage", "image": 5}}', "\ud800"],
)  # fmt: skip
def test_no_poison_message_raises_and_none_brings_control_characters(
    queue: str, text: str, caplog: pytest.LogCaptureFixture
):
    machine = Machine()

    poisoned.handle(machine.services, queue, text)

    (entry,) = machine.world.journal.entries
    assert all(each.isprintable() and len(each) <= 1000 for each in entry.reasons)
    assert all(record.getMessage().isprintable() for record in caplog.records)


@pytest.mark.parametrize("queue", MESSAGES)
def test_a_message_of_the_wrong_kind_is_journaled_all_the_same(queue: str):
    machine = Machine()

    for message in MESSAGES.values():
        poisoned.handle(machine.services, queue, encode(message))

    assert len(machine.world.journal.entries) == 3


def test_the_same_poison_message_twice_is_one_entry():
    machine = Machine()

    for _ in range(2):
        poisoned.handle(machine.services, "imports", encode(MESSAGES["imports"]))

    assert len(machine.world.journal.entries) == 1


class Full(FakeJournal):
    """A journal that takes nothing."""

    def add(self, entry: Entry) -> None:
        problem = "the table is full"
        raise Transient(problem)


def test_a_journal_that_fails_does_not_bring_a_poison_message_back(
    caplog: pytest.LogCaptureFixture,
):
    machine = Machine()
    machine.world.journal = Full()

    poisoned.handle(machine.services, "imports", encode(MESSAGES["imports"]))

    assert any("given up on a message of imports" in each.getMessage() for each in caplog.records)
    assert any("could not journal" in each.getMessage() for each in caplog.records)


def a_due_row(machine: Machine, minutes: int, subject: str = "a" * 32) -> Row:
    values = {"image": "node", "digest": DIGEST, "trace": TRACE, "state": "held", "reasons": "[]"}
    at = machine.world.clock.now() + timedelta(minutes=minutes)
    machine.world.ledger.upsert(Row(subject, "state", values, due=at))
    (row,) = machine.world.ledger.rows(subject)
    return row


def test_a_due_time_that_has_come_becomes_one_message():
    machine = Machine()
    a_due_row(machine, 0, "a" * 32)
    a_due_row(machine, -5, "b" * 32)
    a_due_row(machine, 1, "c" * 32)

    assert due.handle(machine.services) == 2
    assert due.handle(machine.services) == 0

    assert [each.queue for each in machine.world.queues.sent] == ["candidates"] * 2
    for each in machine.world.queues.sent:
        assert decode(each.text, LookMessage).digest == DIGEST
    (row,) = machine.world.ledger.rows("a" * 32)
    assert row.due is None
    assert row.values["state"] == "held"


class Meddling(FakeQueues):
    """Queues during whose `send` someone else changes the ledger."""

    ledger: FakeLedger
    row: Row

    def send(self, queue: str, message: str, *, delay: timedelta = timedelta()) -> None:
        super().send(queue, message, delay=delay)
        self.ledger.upsert(self.row)


def test_a_row_that_someone_replaced_meanwhile_stays_as_they_left_it():
    machine = Machine()
    row = a_due_row(machine, 0)
    queues = Meddling()
    later = machine.world.clock.now() + timedelta(hours=24)
    queues.ledger, queues.row = machine.world.ledger, Row(row.subject, "state", row.values, later)
    machine.world.queues = queues

    due.handle(machine.services)

    (row,) = machine.world.ledger.rows(row.subject)
    assert row.due == later


class Down(FakeQueues):
    """Queues that take nothing."""

    def send(self, queue: str, message: str, *, delay: timedelta = timedelta()) -> None:
        problem = "HTTP 503"
        raise Transient(problem)


def test_a_due_time_is_kept_until_its_message_is_sent():
    machine = Machine()
    row = a_due_row(machine, 0)
    queues, machine.world.queues = machine.world.queues, Down()

    with pytest.raises(Transient):
        due.handle(machine.services)
    assert machine.world.ledger.rows(row.subject) == (row,)

    machine.world.queues = queues
    assert due.handle(machine.services) == 1


def test_the_status_is_json_with_every_candidate_newest_first():
    machine = Machine()
    first = machine.upstream("white")
    machine.watch()
    machine.settle()
    machine.world.clock.advance(hours=13)
    second = machine.upstream("blue")
    machine.watch()
    machine.settle()

    status = json.loads(api_status.handle(machine.services))

    assert {each["digest"] for each in status["candidates"]} == {str(first), str(second)}
    since = [each["since"] for each in status["candidates"]]
    assert since == sorted(since, reverse=True)
    (blue,) = (each for each in status["candidates"] if each["digest"] == str(second))
    assert blue["image"] == "node"
    assert blue["state"] == "promoted"
    assert blue["reasons"] == ["contosobase.azurecr.io/base/node:9-alpine is this digest"]
    assert blue["due"] is None
    assert len(blue["id"]) == 32
    assert status["catalog"]["place"] == "catalog.yaml"
    assert status["now"] == machine.world.clock.now().isoformat()


def test_the_status_of_an_empty_world_is_json_too():
    status = json.loads(api_status.handle(Machine().services))

    assert status["candidates"] == []


@given(st.text(max_size=300))
def test_plain_text_is_one_printable_line_of_bounded_length(text: str):
    shown = plain(text, 50)

    assert shown.isprintable()
    assert len(shown) <= 50
    assert plain(shown, 50) == shown


@given(st.lists(st.text(max_size=3000), max_size=20))
def test_any_reasons_fit_a_table_even_when_escaped_twice(reasons: list[str]):
    kept = sentences(tuple(reasons))

    assert len(json.dumps(json.dumps(kept))) < 32_000
    assert sentences(kept) == kept


def test_reasons_that_do_not_fit_are_counted():
    kept = sentences(tuple("é" * 1000 for _ in range(9)))

    assert kept[-1] == "and 8 more" or kept[-1] == "and 7 more"
    assert kept[0] == "é" * 1000
