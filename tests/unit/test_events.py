"""Event Grid's registry events, read as hints."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import Permanent
from shared.events import Pushed, pushed
from shared.oci import media_types
from tests.builders import a_digest

DIGEST = str(a_digest(1))


def an_event(**target: Any) -> dict[str, Any]:
    """An ImagePushed event's data, as ACR shapes it."""
    return {
        "id": "43eb3ad8-ed8b-4bfc-9a23-5d7f3f7c0d2a",
        "timestamp": "2026-11-23T12:00:00.0000000Z",
        "action": "push",
        "target": {
            "mediaType": media_types.OCI_INDEX,
            "size": 500,
            "digest": DIGEST,
            "length": 500,
            "repository": "node",
            "tag": "9-alpine",
            **target,
        },
        "request": {"id": "0", "host": "contosostaging.azurecr.io", "method": "PUT"},
        "connectedRegistry": {"name": "x"},
        "tomorrow": ["a field nobody knows yet"],
    }


def test_a_push_names_repository_digest_and_tag():
    expected = Pushed("node", a_digest(1), "9-alpine", media_types.OCI_INDEX)

    assert pushed(an_event()) == expected


@pytest.mark.parametrize("tag", [None, ""])
def test_a_push_by_digest_has_no_tag(tag: str | None):
    found = pushed(an_event(tag=tag))

    assert found is not None
    assert found.tag == ""


def test_what_is_optional_may_be_absent():
    data = {"action": "push", "target": {"repository": "node", "digest": DIGEST}}

    assert pushed(data) == Pushed("node", a_digest(1), "", "")


@pytest.mark.parametrize(
    "data",
    [None, 5, "push", [], {}, {"action": "delete"}, {"action": "quarantine"}, {"action": None}, {"action": []}],
)  # fmt: skip
def test_what_is_no_push_is_nothing(data: object):
    assert pushed(data) is None


@pytest.mark.parametrize(
    ("target", "field"),
    [
        ({"repository": None}, "repository"),
        ({"repository": ""}, "repository"),
        ({"repository": 5}, "repository"),
        ({"repository": "../x"}, "repository"),
        ({"repository": "Node"}, "repository"),
        ({"repository": "a\nb"}, "repository"),
        ({"tag": 5}, "tag"),
        ({"tag": "a b"}, "tag"),
        ({"tag": "-x"}, "tag"),
        ({"tag": "x" * 129}, "tag"),
        ({"digest": None}, "digest"),
        ({"digest": "sha256:short"}, "digest"),
        ({"digest": DIGEST.upper()}, "digest"),
        ({"digest": f"{DIGEST}\n"}, "digest"),
        ({"digest": []}, "digest"),
    ],
)
def test_a_push_that_names_nothing_usable_is_refused_by_field(target: dict[str, Any], field: str):
    with pytest.raises(Permanent, match=rf"^event, data\.target\.{field}: ") as refusal:
        pushed(an_event(**target))

    assert str(refusal.value).isprintable()


@pytest.mark.parametrize("target", [None, {}, [], "", "x", [1], 7])
def test_a_push_of_nothing_is_refused(target: object):
    with pytest.raises(Permanent, match=r"data\.target\.repository"):
        pushed({"action": "push", "target": target})


_values = st.none() | st.integers() | st.text(max_size=20) | st.just(DIGEST) | st.just("node")


@given(st.dictionaries(st.sampled_from(["repository", "digest", "tag", "mediaType"]), _values))
def test_no_target_raises_anything_but_permanent(target: dict[str, Any]):
    try:
        found = pushed({"action": "push", "target": target})
    except Permanent:
        return
    assert found is not None
    assert found.repository == target["repository"]
