"""What an operator sends: read strictly, refused by naming the field, what was expected and what was found."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.asked import LARGEST, Asked, asked, query
from handlers.signed_in import Refused
from shared.oci.digest import Digest
from shared.operators import Role
from tests.builders import a_digest
from tests.operating import ENDPOINTS, JSON, Desk, error

DIGEST = str(a_digest(1))
GOOD = {"image": "node", "digest": DIGEST}


def refusal(body: Any, content_type: str = JSON) -> tuple[int, str]:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    with pytest.raises(Refused) as refused:
        asked(raw, content_type)
    return refused.value.status, str(refused.value)


def test_a_request_is_read_as_it_was_written():
    body = {**GOOD, "comment": "  fine\nby me ", "override": True}

    assert asked(json.dumps(body).encode(), JSON) == Asked(
        "node", Digest(DIGEST), "fine by me", override=True
    )
    assert asked(json.dumps(GOOD).encode(), "Application/JSON; charset=utf-8") == Asked(
        "node", Digest(DIGEST)
    )


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"image": None}, "image: expected an image's name in the catalog, found nothing"),
        ({"image": "../node"}, "image: expected an image's name in the catalog, found '../node'"),
        ({"image": ["node"]}, "image: expected an image's name in the catalog, found an array"),
        ({"digest": None}, "digest: expected sha256:<64 hex digits>, found nothing"),
        ({"digest": "20-alpine"}, "digest: expected sha256:<64 hex digits>, found '20-alpine'"),
        ({"digest": DIGEST[:-1]}, "digest: expected sha256"),
        ({"digest": DIGEST.upper()}, "digest: expected sha256"),
        ({"digest": 5}, "digest: expected sha256:<64 hex digits>, found 5"),
        ({"comment": 5}, "comment: expected text, found 5"),
        ({"comment": None}, "comment: expected text, found nothing"),
        ({"comment": "x" * 1001}, "comment: expected at most 1000 characters, found 1001"),
        ({"override": "true"}, "override: expected true or false, found 'true'"),
        ({"override": 1}, "override: expected true or false, found 1"),
        ({"overide": True}, "overide: expected one of image, digest, comment, override"),
        ({"tag": "20-alpine"}, "tag: expected one of image, digest, comment, override"),
    ],
)
def test_a_wrong_field_is_named(changes: dict[str, Any], told: str):
    status, said = refusal({**GOOD, **changes})

    assert status == 400
    assert told in said


def test_all_wrong_fields_are_named_at_once():
    _, said = refusal({"image": 1, "digest": 2, "comment": 3, "override": 4, "why": 5})

    assert [each.partition(":")[0] for each in said.split("; ")] == [
        *("why", "image", "digest", "comment", "override")
    ]


def test_of_many_unknown_fields_the_first_are_named():
    _, said = refusal({**GOOD, **{f"key{number}": 1 for number in range(900)}})

    assert said.count("found a name nobody knows") == 5


def test_what_is_deep_is_only_named():
    deep = b'{"image": ' + b'{"a":' * 2000 + b"1" + b"}" * 2000 + b"}"

    assert "found an object; digest" in refusal(deep)[1]


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "body: expected JSON"),
        (b"image=node&digest=x", "body: expected JSON"),
        (b"\xff\xfe{\x00}\x00", "body: expected JSON"),
        (b"[" * 9000, "body: expected JSON"),
        (b"[]", "body: expected a JSON object, found an array"),
        (b"[" * 7000 + b"]" * 7000, "body: expected a JSON object, found an array"),
        (b"null", "body: expected a JSON object, found nothing"),
        (b'{"override": false, "override": true}', "the key 'override' twice"),
    ],
)
def test_a_body_that_is_no_object_is_refused(body: bytes, told: str):
    status, said = refusal(body)

    assert status == 400
    assert told in said


@pytest.mark.parametrize(
    "kind",
    ["", "text/plain", "text/plain; application/json", "application/x-www-form-urlencoded",
     "multipart/form-data", "application/jsonp"],
)  # fmt: skip
def test_what_a_page_of_another_site_could_send_is_refused(kind: str):
    status, said = refusal(GOOD, kind)

    assert status == 415
    assert "header Content-Type: expected application/json, found " in said


def test_a_body_too_large_is_not_read():
    body = json.dumps(GOOD).encode()

    assert asked(body.ljust(LARGEST), JSON).image == "node"
    status, said = refusal(body.ljust(LARGEST + 1))
    assert status == 413
    assert f"at most {LARGEST} bytes, found {LARGEST + 1}" in said


@given(st.binary(max_size=300) | st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["image", "digest", "comment", "override"]) | st.text(), inner, max_size=5),
).map(lambda value: json.dumps(value).encode()))  # fmt: skip
def test_nothing_sent_is_read_as_a_ruling_unless_it_is_one(body: bytes):
    outcome = outcome_of(body)
    if isinstance(outcome, Asked):
        assert str(outcome.digest) == json.loads(body)["digest"]
    else:
        assert outcome.status == 400
        assert str(outcome).isprintable()


def outcome_of(body: bytes) -> Asked | Refused:
    try:
        return asked(body, JSON)
    except Refused as refused:
        return refused


def test_a_comment_is_kept_as_one_printable_line():
    text = "a\x1b[2J\r\nforged: \u202eline\ud800\u0000"

    read = asked(json.dumps({**GOOD, "comment": text}).encode(), JSON)

    assert read.comment == "a [2J forged: line"


@pytest.mark.parametrize(
    ("what", "changes", "field"),
    [
        ("deny", {"comment": ""}, "comment: expected why it is denied, found nothing"),
        ("deny", {"comment": " \n\u202e "}, "comment: expected why it is denied, found nothing"),
        ("approve", {"comment": "", "override": True}, "comment: expected why what is missing"),
        ("deny", {"override": True}, "override: expected false"),
        ("release", {"override": True}, "override: expected false"),
    ],
)
def test_a_denial_and_an_override_say_why_and_only_approvals_override(
    what: str, changes: dict[str, Any], field: str
):
    desk = Desk()

    answer = desk.says(what, **changes)

    assert answer.status == 400
    assert error(answer).startswith(field)
    assert (desk.rulings, desk.looks, desk.attached) == ([], 0, [])


def test_an_approver_approves_and_does_not_override():
    desk = Desk()
    token = desk.token(Role.APPROVER, "ann")

    refused = desk.says("approve", token, override=True)

    assert refused.status == 403
    assert error(refused) == "overriding needs the role Operator; ann has Approver"
    assert desk.rulings == []
    assert desk.says("approve", token).status == 200


@pytest.mark.parametrize("what", sorted(ENDPOINTS))
def test_every_endpoint_demands_json_and_refuses_what_it_does_not_know(what: str):
    desk = Desk()

    assert desk.posts(what, b"{}", content_type="text/plain").status == 415
    assert desk.posts(what, b" " * (LARGEST + 1)).status == 413
    assert desk.posts(what, b"{}").status == 400
    assert desk.says(what, tag="20-alpine").status == 400
    assert desk.rulings == []


def test_a_parameter_nobody_knows_is_refused_and_one_that_is_empty_says_nothing():
    assert query({"image": "node", "state": ""}, ("image", "state")) == {"image": "node"}
    with pytest.raises(Refused, match="stat: expected one of image, state, found"):
        query({"stat": "held"}, ("image", "state"))
