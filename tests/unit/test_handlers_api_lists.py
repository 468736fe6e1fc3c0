"""What an operator asks to see: the candidates, filtered, and why one is where it is."""

import json
from datetime import timedelta
from typing import Any

import pytest

from handlers.signed_in import Answer
from shared.messages import candidate_id
from shared.operators import Role
from shared.values import Row
from tests.builders import a_digest
from tests.machine import STAGING, TAG
from tests.operating import Desk, error, told


def a_row(desk: Desk, number: int, image: str = "node", state: str = "held", **more: Any) -> str:
    """Let the ledger know a candidate whose state changed that many minutes ago."""
    digest, now = str(a_digest(number)), desk.machine.world.clock.now()
    values = {
        "image": image,
        "digest": digest,
        "state": state,
        "reasons": json.dumps([f"reason {number}"]),
        "since": (now - timedelta(minutes=number)).isoformat(),
        "trace": "ab" * 8,
    }
    subject = candidate_id(image, digest)
    desk.machine.world.ledger.upsert(Row(subject, "state", values | more, due=now))
    return digest


def shown(answer: Answer) -> list[str]:
    assert answer.status == 200, answer.text
    return [each["digest"] for each in json.loads(answer.text)["candidates"]]


def test_every_candidate_is_listed_the_last_changed_first():
    desk = Desk()
    old, new = a_row(desk, 2), a_row(desk, 1)
    desk.machine.world.ledger.upsert(Row("watch:node", TAG, {"spans": "[]"}))

    answer = desk.gets("candidates")

    assert shown(answer) == [new, old]
    assert told(answer).splitlines() == [
        "2 candidates",
        f"node@{new} is held since 2026-11-23 11:59 UTC: reason 1",
        f"node@{old} is held since 2026-11-23 11:58 UTC: reason 2",
    ]
    assert json.loads(answer.text)["candidates"][0] == {
        "id": candidate_id("node", new),
        "image": "node",
        "digest": new,
        "state": "held",
        "reasons": ["reason 1"],
        "since": "2026-11-23T11:59:00+00:00",
        "due": "2026-11-23T12:00:00+00:00",
        "trace": "ab" * 8,
    }


def test_candidates_are_filtered_by_state_image_and_what_was_only_observed():
    desk = Desk()
    one = a_row(desk, 1)
    two = a_row(desk, 2, state="rejected")
    three = a_row(desk, 3, image="python")
    let = {"enforced": "rejected", "enforced_reasons": '["CVE-2025-1 in zlib is critical"]'}
    four = a_row(desk, 4, image="python", state="promoted", **let)
    a_row(desk, 5, state="promoted", enforced="", enforced_reasons="[]")

    assert shown(desk.gets("candidates", state="held")) == [one, three]
    assert shown(desk.gets("candidates", image="python")) == [three, four]
    assert shown(desk.gets("candidates", state="held", image="python")) == [three]
    assert shown(desk.gets("candidates", state="rejected", image="", observed="")) == [two]
    assert shown(desk.gets("candidates", state="testing")) == []
    observed = desk.gets("candidates", observed="1")
    assert shown(observed) == [four]
    [candidate] = json.loads(observed.text)["candidates"]
    assert candidate["enforced"] == {
        "state": "rejected",
        "reasons": ["CVE-2025-1 in zlib is critical"],
    }
    would = "reason 4; with mode: enforce it would be rejected: CVE-2025-1 in zlib is critical"
    assert told(observed).endswith(would)


def test_only_so_many_are_shown_and_it_is_said_how_many_are_not():
    desk = Desk()
    digests = [a_row(desk, number) for number in range(1, 131)]

    some, few = desk.gets("candidates"), desk.gets("candidates", limit="3")

    assert shown(some) == digests[:100]
    assert json.loads(some.text)["left_out"] == 30
    assert shown(few) == digests[:3]
    assert told(few).startswith("130 candidates; the 3 that changed last are shown")
    assert told(some).count("\n") == 100


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ({"state": "hold"}, "state: expected one of detected, "),
        ({"state": "HELD"}, "found 'HELD'"),
        ({"image": "Node"}, "image: expected an image's name, found 'Node'"),
        ({"observed": "yes"}, "observed: expected 1 or nothing, found 'yes'"),
        ({"limit": "0"}, "limit: expected a number from 1 to 1000, found '0'"),
        ({"limit": "1001"}, "limit: expected"),
        ({"limit": "-1"}, "limit: expected"),
        ({"limit": "1" * 5000}, "limit: expected"),
        ({"limit": "\u0663"}, "limit: expected"),
        ({"states": "held"}, "states: expected one of state, image, observed, limit"),
        ({"\u202e\n": "held"}, ": expected one of state"),
    ],
)
def test_a_filter_that_says_nothing_known_is_refused(parameters: dict[str, str], told: str):
    answer = Desk().gets("candidates", **parameters)

    assert answer.status == 400
    assert told in error(answer)
    assert error(answer).isprintable()


def test_a_digest_is_explained():
    desk = Desk()

    answer = desk.gets("explain", image="node", digest=str(desk.digest))

    said = json.loads(answer.text)
    assert answer.status == 200
    assert (said["image"], said["digest"]) == ("node", str(desk.digest))
    assert said["told"] == [
        f"node@{desk.digest}:",
        *said["why"],
        *(f"what would change that: {each}" for each in said["would_change"]),
        f"it is looked at again {said['looked_at_again']}",
    ]


def test_a_tag_is_explained_as_the_digest_staging_holds_under_it():
    desk = Desk()
    desk.machine.world.registries.push_index(STAGING, "9-alpine-old", content="old")

    answer = desk.gets("explain", image="node", tag=TAG)

    said = json.loads(answer.text)
    assert (said["tag"], said["digest"]) == (TAG, str(desk.digest))
    assert said["told"][0] == f"node@{desk.digest} (staging's {TAG}):"


@pytest.mark.parametrize(
    "asked",
    [{"tag": TAG}, {"tag": "8"}, {"digest": str(a_digest(9))}],
    ids=["tag", "none", "unknown"],
)
def test_whatever_is_explained_the_catalog_is_read_once(
    asked: dict[str, str], monkeypatch: pytest.MonkeyPatch
):
    desk = Desk()  # else a tag might be resolved by one catalog, and explained by the next
    source, reads = desk.machine.services.catalog_source, []
    read = source.catalog

    def counted() -> tuple[str, str]:
        reads.append("catalog")
        return read()

    monkeypatch.setattr(source, "catalog", counted)
    desk.gets("explain", image="node", **asked)

    assert reads == ["catalog"]


def test_explaining_changes_nothing():
    desk = Desk()
    ledger = desk.machine.world.ledger
    before = list(ledger.rows(candidate_id("node", desk.digest)))

    desk.gets("explain", image="node", tag=TAG)

    assert list(ledger.rows(candidate_id("node", desk.digest))) == before
    assert desk.machine.world.journal.entries == []
    assert desk.machine.world.queues.sent == []


@pytest.mark.parametrize(
    ("parameters", "status", "told"),
    [
        ({}, 400, "image: expected an image's name in the catalog, found nothing"),
        ({"image": "a b"}, 400, "image: expected an image's name in the catalog, found 'a b'"),
        ({"image": "node"}, 400, "digest: expected either a digest or a tag, found nothing"),
        ({"image": "node", "tag": "9", "digest": "x"}, 400, "either a digest or a tag, found 'both'"),
        ({"image": "node", "digest": "x"}, 400, "digest: expected sha256:<64 hex digits>, found 'x'"),
        ({"image": "node", "tag": "a/b"}, 400, "tag: expected a tag, found 'a/b'"),
        ({"image": "node", "tag": "8"}, 404, f"staging has no {STAGING.tagged('8')}; there is {TAG} = "),
        ({"image": "python", "tag": "3"}, 404, "the catalog lists no image python; it has node"),
        ({"image": "node", "digest": str(a_digest(9))}, 404, f"; in {STAGING} there is {TAG} = "),
        ({"image": "python", "digest": str(a_digest(9))}, 404, "the catalog lists no image python"),
        ({"image": "node", "tags": "8"}, 400, "tags: expected one of image, digest, tag"),
    ],
)  # fmt: skip
def test_what_cannot_be_explained_is_said(parameters: dict[str, str], status: int, told: str):
    answer = Desk().gets("explain", **parameters)

    assert answer.status == status
    assert told in error(answer)


def test_a_reader_reads():
    desk = Desk()

    assert desk.gets("candidates", desk.token(Role.READER)).status == 200
