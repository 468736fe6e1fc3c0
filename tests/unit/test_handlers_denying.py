"""Denying what has not come to staging: the brake works before there is anything to look at."""

import pytest

from handlers.records import watched_row
from shared.errors import Transient
from shared.operators import RulingKind
from shared.policy.facts import Span, Watched
from shared.values import Entry
from tests.builders import a_digest
from tests.fakes import index
from tests.machine import BASE, PLATFORMS, TAG, Machine
from tests.operating import Desk, error, told

KNOWN = a_digest(404)


def seen_upstream(desk: Desk) -> None:
    now = desk.machine.world.clock.now()
    desk.machine.world.ledger.upsert(watched_row("node", Watched(TAG, (Span(KNOWN, now),))))


def test_what_was_seen_upstream_alone_can_be_denied_and_nothing_else_be_said_of_it():
    desk = Desk()
    seen_upstream(desk)

    for what in ("approve", "release"):
        answer = desk.says(what, digest=str(KNOWN))
        assert (answer.status, "is no candidate" in error(answer)) == (404, True)
    answer = desk.says("deny", digest=str(KNOWN))

    assert answer.status == 200
    assert "it is not attached" in told(answer)
    assert [each.kind for each in desk.machine.world.rulings.added] == [RulingKind.DENY]


def test_what_base_alone_holds_under_a_watched_tag_can_be_denied():
    desk = Desk()
    digest = desk.machine.world.registries.push_index(BASE, TAG, content="by others")

    answer = desk.says("deny", digest=str(digest))

    assert answer.status == 200
    assert f"{BASE.tagged(TAG)} is this digest and stays it" in told(answer)


def test_what_base_holds_as_a_part_cannot_be_denied():
    desk = Desk()
    desk.machine.world.registries.push_index(BASE, TAG, content="by others")
    part = index("by others", PLATFORMS)[0].digest

    assert desk.says("deny", digest=str(part)).status == 404


@pytest.mark.parametrize("denied_at", ["seen", "asked"])
def test_what_was_denied_before_it_was_imported_never_reaches_base(denied_at: str):
    desk = Desk(Machine())
    digest = desk.machine.upstream("bad")
    desk.machine.watch()
    if denied_at == "asked":
        desk.machine.world.clock.advance(minutes=1)

    assert desk.says("deny", digest=str(digest)).status == 200
    desk.machine.settle()

    assert desk.machine.state(digest) == "rejected"
    assert desk.machine.world.registries.head(BASE, TAG) is None


def test_a_denial_does_not_wait_for_the_journal(monkeypatch: pytest.MonkeyPatch):
    desk = Desk()
    desk.says("approve")
    journal = desk.machine.world.journal
    add = journal.add

    def busy(_: Entry) -> None:
        message = "table journal: HTTP 503"
        raise Transient(message)

    monkeypatch.setattr(journal, "add", busy)
    assert desk.says("deny").status == 503

    assert [kind for kind, _ in desk.rulings] == ["approve", "deny"]
    monkeypatch.setattr(journal, "add", add)
    assert desk.says("approve").status == 409
    assert [each.event for each in journal.entries] == ["approved", "denied"]
