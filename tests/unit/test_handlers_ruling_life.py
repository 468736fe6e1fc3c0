"""What rulings do to a candidate's life: it waits for one, goes on by one, ends by one."""

import pytest

from shared.oci.digest import Digest
from shared.operators import Role
from tests.machine import BASE, CATALOG, TAG, Life, Machine
from tests.operating import Desk, error, told

MANUAL = CATALOG.replace("age: 0h", "age: 0h, approval: manual")


def a_candidate(desk: Desk, content: str = "new") -> Digest:
    """Let upstream have something new, and everything be done about it that can be."""
    digest = desk.machine.upstream(content)
    desk.machine.watch()
    desk.machine.settle()
    desk.digest = digest
    return digest


def at_base(desk: Desk) -> Digest | None:
    head = desk.machine.world.registries.head(BASE, TAG)
    return head.digest if head else None


@pytest.fixture
def desk() -> Desk:
    made = Desk(Machine())
    made.machine.world.catalog.text = MANUAL
    return made


def test_what_needs_an_approval_waits_for_it_and_is_promoted_by_it(desk: Desk):
    digest = a_candidate(desk)
    assert (desk.machine.state(digest), at_base(desk)) == ("held", None)

    desk.says("approve", desk.token(Role.APPROVER, "ann"))
    desk.machine.settle()

    assert (desk.machine.state(digest), at_base(desk)) == ("promoted", digest)
    assert "approved" in desk.machine.events()
    assert "it is promoted already" in told(desk.says("approve"))


def test_what_is_denied_is_rejected_and_an_approval_after_that_is_refused(desk: Desk):
    digest = a_candidate(desk)

    desk.says("deny", desk.token(Role.APPROVER, "dan"), comment="mines coins")
    desk.machine.settle()

    assert (desk.machine.state(digest), at_base(desk)) == ("rejected", None)
    assert "mines coins" in " ".join(desk.machine.reasons(digest))
    assert "was denied by dan" in error(desk.says("approve"))


def test_what_was_denied_before_it_was_approved_by_everybody_else_stays_out(desk: Desk):
    digest = a_candidate(desk)
    for what in ("approve", "deny"):
        desk.says(what)

    desk.machine.settle()

    assert (desk.machine.state(digest), at_base(desk)) == ("rejected", None)


def test_a_denied_digest_is_followed_by_the_next_one(desk: Desk):
    a_candidate(desk)
    desk.says("deny")
    desk.machine.settle()

    fixed = a_candidate(desk, "fixed")
    desk.says("approve")
    desk.machine.settle()

    assert at_base(desk) == fixed


def test_what_upstream_withdrew_is_promoted_when_it_is_released():
    desk = Desk(Machine())
    desk.machine.world.catalog.text = CATALOG.replace("age: 0h", "age: 1h")
    withdrawn = a_candidate(desk)
    desk.machine.upstream("next")
    desk.machine.watch()
    desk.machine.settle()
    assert desk.machine.state(withdrawn) == "held"

    desk.says("release")
    desk.machine.world.clock.advance(hours=1)
    desk.machine.due()
    desk.machine.sweep()
    desk.machine.settle()

    assert "released" in desk.machine.events()
    assert "promoted" in [
        entry.event
        for entry in desk.machine.world.journal.entries
        if entry.digest == str(withdrawn)
    ]


@pytest.mark.parametrize("ends_at", range(1, 12))
def test_an_approval_that_died_half_way_is_taken_up_by_the_next(desk: Desk, ends_at: int):
    digest = a_candidate(desk)
    desk.machine.life = Life(ends_at=ends_at, after=True)

    desk.machine._alive(lambda: desk.says("approve"))
    desk.machine.life = Life()
    desk.says("approve")
    desk.machine.settle()

    assert at_base(desk) == digest
    assert desk.machine.events().count("approved") == 1
