"""Ruling on a digest: what is recorded, attached, journalled and asked for, and what is answered."""

import json
from typing import Any

import pytest

from handlers.records import watched_row
from shared.messages import LookMessage, candidate_id, decode
from shared.oci import media_types
from shared.oci.digest import Digest
from shared.oci.tags import unique_tag
from shared.operators import Role, Ruling, RulingKind
from shared.policy.facts import Span, Watched
from shared.values import Row
from tests.builders import a_digest
from tests.machine import BASE, CATALOG, STAGING, TAG, Machine
from tests.operating import Desk, error, told

DONE = {"approve": "approved", "deny": "denied", "release": "released"}


def entries(desk: Desk) -> list[tuple[str, tuple[str, ...]]]:
    return [(each.event, each.reasons) for each in desk.machine.world.journal.entries]


@pytest.mark.parametrize(("what", "done"), DONE.items())
def test_what_an_operator_says_is_kept_attached_journalled_and_looked_at(what: str, done: str):
    desk = Desk()

    answer = desk.says(what, desk.token(Role.OPERATOR, "olga"), comment="ticket 7")

    [ruling] = desk.machine.world.rulings.of("node", desk.digest)
    now = desk.machine.world.clock.now()
    [referrer] = desk.machine.world.registries.referrers(STAGING, desk.digest)
    assert ruling == Ruling(
        "node", desk.digest, RulingKind(what), "olga", now, "ticket 7",
        referrer=referrer.digest, by_id="id-of-olga",
    )  # fmt: skip
    said = f"by olga on {now:%Y-%m-%d %H:%M} UTC"
    assert entries(desk) == [(done, (said, "ticket 7"))]
    assert desk.looks == 1
    assert answer.status == 200
    assert told(answer).startswith(f"node@{desk.digest} was {done} {said}: ticket 7\n")
    assert told(answer).endswith("it is looked at again now")


def test_the_answer_the_journal_and_the_look_share_a_trace():
    desk = Desk()

    answer = desk.says("approve")

    [sent] = desk.machine.world.queues.sent
    look = decode(sent.text, LookMessage)
    [entry] = desk.machine.world.journal.entries
    assert {look.trace, entry.trace} == {json.loads(answer.text)["trace"]}
    assert (look.image, look.digest) == ("node", str(desk.digest))


def test_the_artifact_says_who_when_and_why_on_the_digest_itself():
    desk = Desk()

    desk.says("approve", desk.token(Role.OPERATOR, "olga"), comment="no scanner", override=True)

    [referrer] = desk.machine.world.registries.referrers(STAGING, desk.digest)
    assert referrer.artifact_type == media_types.RULING
    assert referrer.annotations == {"io.breakwater.candidate": candidate_id("node", desk.digest)}
    assert desk.attached == [
        {
            "image": "node",
            "digest": str(desk.digest),
            "ruling": "approve",
            "by": "olga",
            "by_id": "id-of-olga",
            "at": desk.machine.world.clock.now().isoformat(),
            "comment": "no scanner",
            "override": True,
        }
    ]


def test_what_is_attached_is_no_ruling_whoever_attached_it():
    desk, other = Desk(), Desk()
    other.says("deny")
    registries = desk.machine.world.registries
    subject = registries.head(STAGING, desk.digest)
    assert subject is not None
    registries.attach(
        STAGING, subject, artifact_type=media_types.RULING, media_type=media_types.RULING,
        content=json.dumps(other.attached[0]).encode(), annotations={},
    )  # fmt: skip

    assert desk.says("approve").status == 200
    assert desk.rulings == [("approve", "Operator")]


@pytest.mark.parametrize(("what", "done"), DONE.items())
def test_what_was_said_already_is_answered_as_it_is_and_looked_at_again(what: str, done: str):
    desk = Desk()
    desk.says(what, desk.token(Role.OPERATOR, "olga"), comment="first")
    then = desk.machine.world.clock.now()
    desk.machine.world.clock.advance(hours=1)

    answer = desk.says(what, desk.token(Role.OPERATOR, "otto"), comment="second")

    assert answer.status == 200
    assert f"was {done} already by olga on {then:%Y-%m-%d %H:%M} UTC: first" in told(answer)
    assert "this comment is not kept" in told(answer)
    assert "not kept" not in told(desk.says(what, comment="first"))
    assert desk.rulings == [(what, "olga")]
    assert [event for event, _ in entries(desk)] == [done]
    assert (len(desk.attached), desk.looks) == (1, 3)


def test_an_override_adds_to_an_approval_and_an_approval_adds_nothing_to_an_override():
    desk = Desk()

    for override in (False, True, False, True):
        assert desk.says("approve", override=override).status == 200

    assert [each.override for each in desk.machine.world.rulings.added] == [False, True]
    assert [event for event, _ in entries(desk)] == ["approved", "approved"]


@pytest.mark.parametrize("what", ["approve", "release"])
def test_a_denial_is_final(what: str):
    desk = Desk()
    desk.says("deny", desk.token(Role.APPROVER, "dan"), comment="mines coins")
    desk.machine.world.clock.advance(hours=1)

    answer = desk.says(what, override=what == "approve")

    assert answer.status == 409
    assert "was denied by dan on 2026-11-23 12:00 UTC: mines coins" in error(answer)
    assert desk.rulings == [("deny", "dan")]
    assert (desk.looks, len(desk.attached)) == (1, 1)


def test_what_was_approved_may_be_denied_later():
    desk = Desk()
    desk.says("approve")

    assert desk.says("deny").status == 200
    assert [kind for kind, _ in desk.rulings] == ["approve", "deny"]


def test_another_digest_of_the_image_is_not_ruled_on():
    desk = Desk()
    other = desk.machine.world.registries.push_index(STAGING, TAG, content="black")
    desk.says("deny")

    assert desk.says("approve", digest=str(other)).status == 200
    assert desk.machine.world.rulings.of("node", other)[0].kind is RulingKind.APPROVE


@pytest.mark.parametrize("what", sorted(DONE))
def test_an_image_the_catalog_does_not_list_is_not_found_and_those_it_lists_are_named(what: str):
    desk = Desk()

    answer = desk.says(what, image="python")

    assert answer.status == 404
    assert error(answer) == "the catalog lists no image python; it has node"
    assert desk.rulings == []


@pytest.mark.parametrize("what", sorted(DONE))
def test_a_digest_nobody_knows_is_not_found_and_what_is_there_is_named(what: str):
    desk = Desk()

    answer = desk.says(what, digest=str(a_digest(404)))

    assert answer.status == 404
    assert f"{STAGING} does not hold it; there is {TAG} = {desk.digest}" in error(answer)
    assert (desk.rulings, desk.looks) == ([], 0)


def test_where_nothing_is_staged_that_is_said():
    desk = Desk()
    desk.machine.world.registries.delete(STAGING, TAG)

    answer = desk.says("deny", digest=str(a_digest(404)))

    assert error(answer).endswith("there is nothing under the watched tags")


def a_part(desk: Desk) -> Digest:
    index = desk.machine.world.registries.manifest(STAGING, desk.digest)
    assert index is not None
    return index.manifests[0].digest


def a_referrer(desk: Desk) -> Digest:
    desk.says("release")
    return desk.machine.world.registries.referrers(STAGING, desk.digest)[0].digest


def a_list_of_referrers(desk: Desk) -> Digest:
    registries = desk.machine.world.registries
    return registries.push_index(STAGING, f"sha256-{desk.digest.hex}", content="referrers")


@pytest.mark.parametrize("of", [a_part, a_referrer, a_list_of_referrers])
def test_a_ruling_on_a_part_of_an_image_would_change_nothing_and_is_refused(of: Any):
    desk = Desk()
    part = of(desk)

    answer = desk.says("deny", digest=str(part))

    assert answer.status == 404
    assert f"only as a part of an image, or attached to one; there is {TAG} = " in error(answer)
    assert ("deny", "Operator") not in desk.rulings


def test_a_digest_under_its_unique_tag_is_a_candidate_although_the_tag_moved_on():
    desk = Desk()
    registries = desk.machine.world.registries
    manifest = registries.manifest(STAGING, desk.digest)
    assert manifest is not None
    registries.push(STAGING, manifest, unique_tag(TAG, desk.digest))
    registries.push_index(STAGING, TAG, content="black")

    assert desk.says("deny").status == 200


def test_a_digest_that_only_the_ledger_knows_is_ruled_on_and_nothing_can_be_attached():
    desk = Desk()
    known = a_digest(5)
    desk.machine.world.ledger.upsert(
        Row(candidate_id("node", known), "state", {"state": "detected"})
    )

    answer = desk.says("deny", digest=str(known))

    assert answer.status == 200
    [ruling] = desk.machine.world.rulings.of("node", known)
    assert ruling.referrer is None
    assert "referrer" not in json.loads(answer.text)
    assert f"it is not attached: {STAGING} does not hold the digest" in told(answer)


def promoted(desk: Desk) -> None:
    registries = desk.machine.world.registries
    registries.copy(registries, STAGING, desk.digest, BASE, (TAG,))


def test_approving_what_is_promoted_says_so():
    desk = Desk()
    promoted(desk)

    answer = desk.says("approve")

    assert answer.status == 200
    assert f"it is promoted already: {BASE.tagged(TAG)} is this digest" in told(answer)


def test_denying_what_is_promoted_is_recorded_and_base_keeps_it():
    desk = Desk()
    promoted(desk)

    answer = desk.says("deny")

    assert desk.rulings == [("deny", "Operator")]
    assert f"{BASE.tagged(TAG)} is this digest and stays it until another" in told(answer)
    assert desk.machine.world.registries.head(BASE, TAG) is not None


def test_an_approval_nothing_waits_for_and_a_release_of_what_is_upstream_s_say_so():
    desk = Desk()
    now = desk.machine.world.clock.now()
    record = Watched(TAG, (Span(desk.digest, now),))
    desk.machine.world.ledger.upsert(watched_row("node", record))

    assert "the gate of node asks for no approval" in told(desk.says("approve"))
    assert "it forgives nothing that was found" in told(desk.says("approve", override=True))
    assert f"upstream's {TAG} is this digest: it is not withdrawn" in told(desk.says("release"))


def test_where_the_gate_asks_for_approval_nothing_is_said_of_that():
    desk = Desk(Machine())
    desk.machine.world.catalog.text = CATALOG.replace("age: 0h", "age: 0h, approval: manual")

    assert "approval" not in told(desk.says("approve"))


def test_a_name_that_a_directory_made_up_is_kept_as_one_printable_line():
    desk = Desk()

    desk.says("deny", desk.token(Role.APPROVER, "Eve\n\x1b[2Jroot" + "x" * 500))

    [(_, by)] = desk.rulings
    assert by.isprintable()
    assert len(by) <= 200
    assert all(each.isprintable() for _, reasons in entries(desk) for each in reasons)
