"""What an operator is told of a ruling: what is so of this digest now, and nothing else."""

import json
from typing import Any

import pytest

from handlers.records import watched_row
from shared.errors import Misconfigured, Permanent
from shared.oci.digest import Digest
from shared.oci.reference import Repository
from shared.operators import Operator, Role, Stranger
from shared.policy.facts import Span, Watched
from shared.values import ManifestEntry
from tests.builders import a_digest
from tests.machine import BASE, CATALOG, STAGING, TAG
from tests.operating import Desk, error, told

AT = "2026-11-23 12:00 UTC"
LOOKED = "it is looked at again now"
NOBODY_ASKED = "the gate of node asks for no approval, so nothing waited for this"
PROMOTED = f"it is promoted already: {BASE.tagged(TAG)} is this digest"
STAYS = f"{BASE.tagged(TAG)} is this digest and stays it until another digest is promoted"
OVERRIDES = "the override stands in for what is missing; it forgives nothing that was found"


def in_base(desk: Desk, *tags: str) -> None:
    registries = desk.machine.world.registries
    registries.copy(registries, STAGING, desk.digest, BASE, tags)


def current(desk: Desk, digest: Digest) -> None:
    record = Watched(TAG, (Span(digest, desk.machine.world.clock.now()),))
    desk.machine.world.ledger.upsert(watched_row("node", record))


@pytest.mark.parametrize(
    ("what", "base", "override", "lines"),
    [
        ("approve", (), False, [NOBODY_ASKED]),
        ("approve", (), True, [OVERRIDES]),
        ("approve", (TAG,), False, [PROMOTED]),
        ("approve", (TAG,), True, [PROMOTED]),
        ("approve", ("other",), False, [NOBODY_ASKED]),
        ("deny", (), False, []),
        ("deny", (TAG,), False, [STAYS]),
        ("deny", ("other",), False, []),
        ("release", (), False, []),
        ("release", (TAG,), False, [PROMOTED]),
    ],
)
def test_each_ruling_is_told_with_what_it_means_for_base(
    what: str, base: tuple[str, ...], override: bool, lines: list[str]
):
    desk = Desk()
    in_base(desk, *base)

    changes: dict[str, Any] = {"override": True} if override else {}
    said = told(desk.says(what, comment="seen", **changes)).split("\n")

    overriding = ", overriding what is missing" if override else ""
    assert said[0].endswith(f" by Operator on {AT}{overriding}: seen")
    assert said[1:] == [*lines, LOOKED]


def test_a_ruling_without_a_word_of_why_ends_with_when_and_is_journalled_without_one():
    desk = Desk()

    said = told(desk.says("approve", comment="")).split("\n")

    assert said == [f"node@{desk.digest} was approved by Operator on {AT}", NOBODY_ASKED, LOOKED]
    [entry] = desk.machine.world.journal.entries
    assert entry.reasons == (f"by Operator on {AT}",)


def test_nothing_is_lost_where_nothing_more_was_said():
    desk = Desk()
    desk.says("approve", comment="first")

    assert told(desk.says("approve", comment="")).split("\n")[1:] == [NOBODY_ASKED, LOOKED]


@pytest.mark.parametrize(("what", "is_told"), [("release", True), ("deny", False)])
def test_only_a_release_of_what_is_upstreams_now_is_told_to_be_early(what: str, is_told: bool):
    desk, other = Desk(), Desk()
    current(desk, desk.digest)
    current(other, a_digest(5))

    assert ("it is not withdrawn" in told(desk.says(what))) == is_told
    assert "it is not withdrawn" not in told(other.says(what))


def test_the_answer_is_the_ruling_itself_with_its_attachment_and_trace():
    desk = Desk()

    body = json.loads(desk.says("approve", comment="seen").text)

    [referrer] = desk.machine.world.registries.referrers(STAGING, desk.digest)
    assert body.pop("trace")
    assert body.pop("told")
    assert body == {
        "image": "node",
        "digest": str(desk.digest),
        "ruling": "approve",
        "by": "Operator",
        "by_id": "id-of-Operator",
        "at": desk.machine.world.clock.now().isoformat(),
        "comment": "seen",
        "override": False,
        "referrer": str(referrer.digest),
    }


@pytest.mark.parametrize("problem", [Permanent("no manifest"), Misconfigured("no role AcrPull")])
def test_what_was_kept_is_told_although_what_it_means_cannot_be(
    problem: Exception, monkeypatch: pytest.MonkeyPatch
):
    desk = Desk()
    ask = desk.machine.world.registries.manifest_entry

    def fails(repository: Repository, digest: Digest) -> ManifestEntry | None:
        if repository == BASE:
            raise problem
        return ask(repository, digest)

    monkeypatch.setattr(desk.machine.world.registries, "manifest_entry", fails)
    said = told(desk.says("approve")).split("\n")

    assert said[1:] == [f"what that means for base cannot be told for now: {problem}", LOOKED]


@pytest.mark.parametrize("what", ["approve", "release"])
def test_what_base_alone_holds_can_be_denied_and_nothing_else_be_said_of_it(what: str):
    desk = Desk()
    digest = desk.machine.world.registries.push_index(BASE, TAG, content="by others")

    assert desk.says(what, digest=str(digest)).status == 404
    assert desk.rulings == []


def test_what_was_upstreams_under_one_of_two_tags_can_be_denied():
    desk = Desk()
    desk.machine.world.catalog.text = CATALOG.replace("[9-alpine]", "[9-alpine, 9-slim]")
    current(desk, a_digest(404))

    assert desk.says("deny", digest=str(a_digest(404))).status == 200


@pytest.mark.parametrize(("images", "more"), [(10, ""), (13, " and 3 more")])
def test_of_many_images_the_first_ten_are_named_and_the_rest_counted(images: int, more: str):
    desk = Desk()
    named = [f"docker.io/library/image{number:02}" for number in range(images)]
    listed = "".join(f"  - source: {each}\n    tags: [latest]\n" for each in named)
    head = CATALOG.partition("images:")[0]
    desk.machine.world.catalog.text = f"{head}images:\n{listed}"

    answer = desk.says("deny")

    first = ", ".join(f"image{number:02}" for number in range(10))
    assert error(answer) == f"the catalog lists no image node; it has {first}{more}"


class Nameless:
    """Operators whose directory gives them no name."""

    def identify(self, authorization: str) -> Operator | Stranger:
        return Operator("", authorization, frozenset(Role))


def test_an_operator_without_a_name_is_named_by_the_id():
    desk = Desk()
    nameless: Any = Nameless()
    desk.machine.world.operators = nameless

    assert desk.says("deny", "id-of-somebody").status == 200
    assert desk.rulings == [("deny", "id-of-somebody")]


def test_the_same_override_said_later_is_no_other_ruling():
    desk = Desk()
    desk.says("approve", override=True)
    desk.machine.world.clock.advance(hours=1)

    assert "was approved already by" in told(desk.says("approve", override=True))
    assert len(desk.rulings) == 1
