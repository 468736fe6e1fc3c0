"""Ruling on a digest while processes die, tables fail, and others rule at the same time."""

import json

import pytest

from shared.errors import Misconfigured, Permanent, Transient
from shared.oci.digest import Digest
from shared.oci.reference import Repository
from shared.operators import Ruling
from shared.values import ManifestEntry
from tests.fake_operators import FakeRulings
from tests.machine import BASE, Died, Life
from tests.operating import Desk, error, told

DONE = {"approve": "approved", "deny": "denied", "release": "released"}
_MOST_CALLS = 60


def outcome(desk: Desk) -> dict[str, object]:
    world = desk.machine.world
    return {
        "rulings": [(each.kind, each.by, each.comment) for each in world.rulings.added],
        "events": [each.event for each in world.journal.entries],
        "attached": {json.dumps(each, sort_keys=True) for each in desk.attached},
        "looked at": desk.looks > 0,
    }


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("what", sorted(DONE))
def test_whoever_dies_anywhere_and_asks_again_has_said_it_once(what: str, after: bool):
    whole = Desk()
    assert whole.says(what).status == 200
    wanted = outcome(whole)

    deaths = []
    for call in range(1, _MOST_CALLS):
        desk = Desk()
        desk.machine.life = Life(ends_at=call, after=after)
        try:
            desk.says(what)
        except Died as death:
            deaths.append(str(death))
        else:
            break
        assert desk.says(what).status == 200
        assert outcome(desk) == wanted, deaths[-1]
    names = {name.partition(".")[2] for name in deaths}
    assert {"of", "attach", "add", "send", "manifest_entry"} <= names
    assert len(deaths) < _MOST_CALLS - 1


@pytest.mark.parametrize("what", sorted(DONE))
def test_a_death_and_an_hour_leave_at_worst_a_second_attachment(what: str):
    desk = Desk()
    desk.machine.life = Life(ends_at=None)
    desk.machine.world.rulings = Fails(1)
    assert desk.says(what).status == 503
    desk.machine.world.clock.advance(hours=1)

    assert desk.says(what).status == 200

    [ruling] = desk.machine.world.rulings.added
    assert len(desk.attached) == 2
    assert ruling.at == desk.machine.world.clock.now()
    [entry] = desk.machine.world.journal.entries
    assert entry.event == DONE[what]


def test_what_the_dead_said_is_journalled_by_whoever_speaks_next_even_if_refused():
    desk = Desk()
    first = Desk()
    for what in ("approve", "deny"):
        first.says(what)
    for ruling in first.machine.world.rulings.added:  # kept, and nothing after that
        desk.machine.world.rulings.add(ruling)

    assert desk.says("approve").status == 409

    events = [each.event for each in desk.machine.world.journal.entries]
    assert sorted(events) == ["approved", "denied"]


class Fails(FakeRulings):
    """Rulings whose first writes fail, without having been done."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times

    def add(self, ruling: Ruling) -> Ruling:
        if self.times:
            self.times -= 1
            busy = "table rulings: HTTP 503"
            raise Transient(busy)
        return super().add(ruling)


def test_a_table_that_is_busy_is_said_and_nothing_is_journalled():
    desk = Desk()
    desk.machine.world.rulings = Fails(1)

    answer = desk.says("deny")

    assert answer.status == 503
    assert "table rulings: HTTP 503" in error(answer)
    assert desk.machine.world.journal.entries == []
    assert desk.looks == 0


@pytest.mark.parametrize(
    "problem",
    [Permanent("locked"), Misconfigured("no role AcrPush"), Transient("HTTP 429")],
    ids=str,
)
@pytest.mark.parametrize(("what", "status"), [("deny", 200), ("approve", None)])
def test_a_denial_is_kept_although_staging_takes_no_attachment_and_an_approval_is_not(
    what: str, status: int | None, problem: Exception, monkeypatch: pytest.MonkeyPatch
):
    desk = Desk()

    def fail(*_: object, **__: object) -> None:
        raise problem

    monkeypatch.setattr(desk.machine.world.registries, "attach", fail)
    answer = desk.says(what)

    if status is None:
        assert answer.status in (500, 503)
        assert str(problem) in error(answer)
        assert desk.rulings == []
    else:
        assert answer.status == status
        assert "it is not attached" in told(answer)
        assert desk.rulings == [("deny", "Operator")]
        assert desk.looks == 1


class Meanwhile(FakeRulings):
    """Rulings to which somebody else adds theirs between a read and a write."""

    def __init__(self, other: Ruling) -> None:
        super().__init__()
        self.other = other

    def add(self, ruling: Ruling) -> Ruling:
        super().add(self.other)
        return super().add(ruling)


def test_the_same_said_twice_at_once_is_one_ruling_with_one_entry():
    first, second = Desk(), Desk()
    first.says("approve")
    second.machine.world.clock.advance(seconds=1)
    second.machine.world.rulings = Meanwhile(first.machine.world.rulings.added[0])

    for _ in range(2):
        assert "was approved" in told(second.says("approve"))

    assert second.machine.world.rulings.added == first.machine.world.rulings.added
    assert len(second.machine.world.journal.entries) == 1


def test_a_denial_that_comes_between_stays_a_denial():
    first, second = Desk(), Desk()
    first.says("deny")
    second.machine.world.rulings = Meanwhile(first.machine.world.rulings.added[0])

    answer = second.says("approve")

    assert [kind for kind, _ in second.rulings] == ["deny", "approve"]
    assert answer.status == 409  # else an operator would wait for what never comes
    assert "was denied by Operator" in error(answer)
    assert second.looks == 1
    assert second.says("approve").status == 409


@pytest.mark.parametrize("what", sorted(DONE))
def test_what_was_kept_is_not_told_as_undone_because_base_cannot_be_asked(
    what: str, monkeypatch: pytest.MonkeyPatch
):
    desk = Desk()
    registries = desk.machine.world.registries
    ask = registries.manifest_entry

    def busy(repository: Repository, digest: Digest) -> ManifestEntry | None:
        if repository == BASE:
            message = "base: HTTP 503"
            raise Transient(message)
        return ask(repository, digest)

    monkeypatch.setattr(registries, "manifest_entry", busy)
    answer = desk.says(what)

    assert answer.status == 200
    assert told(answer).startswith(f"node@{desk.digest} was {DONE[what]} by ")
    assert "cannot be told for now: base: HTTP 503" in told(answer)
