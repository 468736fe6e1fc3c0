"""Releasing through the endpoint: it is about the withdrawal that was seen, and about no later one."""

from shared.operators import RulingKind
from tests.machine import CATALOG, Machine
from tests.operating import Desk, told

AGED = CATALOG.replace("age: 0h", "age: 1h")


def a_desk() -> Desk:
    desk = Desk(Machine())
    desk.machine.world.catalog.text = AGED
    desk.digest = desk.machine.upstream("first")
    settle(desk)
    return desk


def settle(desk: Desk) -> None:
    desk.machine.watch()
    desk.machine.settle()


def withdraw(desk: Desk, content: str) -> None:
    desk.machine.world.clock.advance(minutes=5)
    desk.machine.upstream(content)
    settle(desk)


def in_an_hour(desk: Desk) -> list[str]:
    desk.machine.world.clock.advance(hours=1)
    desk.machine.due()
    desk.machine.sweep()
    desk.machine.settle()
    entries = desk.machine.world.journal.entries
    return [each.event for each in entries if each.digest == str(desk.digest)]


def releases(desk: Desk) -> int:
    rulings = desk.machine.world.rulings.added
    return sum(each.kind is RulingKind.RELEASE for each in rulings)


def test_what_was_released_while_it_was_upstreams_stays_out_once_upstream_withdraws_it():
    desk = a_desk()
    assert "release it again if upstream withdraws it" in told(desk.says("release"))
    withdraw(desk, "second")

    assert desk.machine.state(desk.digest) == "held"
    assert "promoted" not in in_an_hour(desk)


def test_what_was_withdrawn_after_its_release_can_be_released_in_the_same_words():
    desk = a_desk()
    desk.says("release")
    withdraw(desk, "second")

    assert "was released by Operator on 2026-11-23 " in told(desk.says("release"))
    assert "was released already by " in told(desk.says("release"))

    assert releases(desk) == 2
    assert "promoted" in in_an_hour(desk)


def test_what_upstream_took_back_and_withdrew_again_has_to_be_released_again():
    desk = a_desk()
    withdraw(desk, "second")
    desk.says("release")
    withdraw(desk, "first")
    withdraw(desk, "third")

    assert desk.machine.state(desk.digest) == "held"
    desk.says("release")
    assert releases(desk) == 2
