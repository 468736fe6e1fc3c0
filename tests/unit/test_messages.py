"""The queues' messages: the round trip, and every field that is refused by name."""

import json
from dataclasses import asdict, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import Permanent
from shared.messages import (
    LARGEST,
    ImportMessage,
    LookMessage,
    Message,
    RebuildMessage,
    WatchMessage,
    candidate_id,
    decode,
    encode,
)
from tests.builders import a_digest

DIGEST = str(a_digest(1))
TRACE = "0123456789abcdef"
IMPORT = ImportMessage("tools/node", "20-alpine", DIGEST, TRACE)
LOOK = LookMessage("node", DIGEST, TRACE, "because", "ab" * 8)
REBUILD = RebuildMessage(
    "contosoapps.azurecr.io", "hello-world", "contosobase.azurecr.io/base/node", "20", DIGEST, TRACE
)
WATCH = WatchMessage("node tools/python", TRACE)
KINDS: list[Message] = [IMPORT, LOOK, REBUILD, WATCH]
ALL: list[Message] = [
    *KINDS,
    replace(IMPORT, subject=str(a_digest(2))),
    replace(IMPORT, media_type="application/vnd.oci.image.index.v1+json", urgency="backlog"),
]

# The functions host copies top-level keys over its own metadata, whatever their case.
RESERVED = {
    "id", "dequeuecount", "expirationtime", "insertiontime", "nextvisibletime", "popreceipt",
    "queuetrigger",
}  # fmt: skip


def read(text: str, like: Message) -> Message:
    match like:
        case ImportMessage():
            return decode(text, ImportMessage)
        case LookMessage():
            return decode(text, LookMessage)
        case RebuildMessage():
            return decode(text, RebuildMessage)
        case WatchMessage():
            return decode(text, WatchMessage)


def changed(message: Message, **changes: Any) -> str:
    body = json.loads(encode(message))
    body["breakwater"] |= changes
    return json.dumps(body)


@pytest.mark.parametrize("message", ALL)
def test_what_is_encoded_is_decoded_again(message: Message):
    assert read(encode(message), message) == message


@pytest.mark.parametrize("message", ALL)
def test_no_key_at_the_top_is_one_the_host_would_take_for_its_own(message: Message):
    body = json.loads(encode(message))

    assert not {key.lower() for key in body} & RESERVED
    assert len(body) == 1


@pytest.mark.parametrize("message", ALL)
def test_every_message_carries_a_version_a_kind_and_a_trace(message: Message):
    (body,) = json.loads(encode(message)).values()

    assert body["v"] == 1
    assert body["kind"] == type(message).__name__
    assert body["trace"] == TRACE


@pytest.mark.parametrize("message", KINDS)
def test_a_message_of_another_kind_or_version_is_refused(message: Message):
    other = LOOK if message is not LOOK else IMPORT
    for text in (encode(other), changed(message, v=2), changed(message, v=None)):
        with pytest.raises(
            Permanent, match=f"kind: expected {type(message).__name__} of version 1"
        ):
            read(text, message)


_BAD: dict[str, list[object]] = {
    "digest": ["", "sha256:short", DIGEST.upper(), f"{DIGEST}\n", 5, None, [DIGEST]],
    "subject": ["sha256:short", 5, None, {}],
    "image": ["", "Node", "../node", "node\n", "a b", "x" * 256, 5, None],
    "images": [
        "",
        "Node",
        "node  python",
        " node",
        "node ",
        "node,python",
        "node\tx",
        5,
        None,
        ["x"],
    ],
    "media_type": ["text/html", "application/vnd.oci.image.index.v1+json; q=1", "\n", 5, None, {}],
    "urgency": ["now", "Backlog", "backlog\n", 5, None],
    "tag": ["-x", "a b", "x" * 129, "tag\n", "a/b", 5, None],
    "trace": ["", "XYZ", "0" * 33, f"{TRACE}\n", 5, None],
    "turn": ["no", "0" * 33, 5, None],
    "round": ["no", "0" * 33, 5, None],
    "why": [5, None, []],
    "registry": ["", "a b", "host/path", "https://x", 5],
    "base": ["", "node", "host.io", "host.io/Node", "host.io/a b", 5],
    "task": ["", "a b", "x" * 51, "a/b", "task\n", 5],
}


@pytest.mark.parametrize(
    ("message", "field", "value"),
    [
        (message, field, value)
        for message in KINDS
        for field in asdict(message)
        for value in _BAD[field]
    ],
)
def test_a_bad_field_is_refused_by_name_with_what_was_found(
    message: Message, field: str, value: object
):
    with pytest.raises(Permanent, match=f"^queue message, {field}: expected ") as refusal:
        read(changed(message, **{field: value}), message)

    assert str(refusal.value).isprintable()
    assert len(str(refusal.value)) < 400


@pytest.mark.parametrize("message", KINDS)
def test_a_missing_field_is_refused_unless_it_may_be_empty(message: Message):
    may_be_empty = {"subject", "why", "turn", "media_type", "urgency", "round"}
    for field in asdict(message):
        body = json.loads(encode(message))
        del body["breakwater"][field]
        if field in may_be_empty:
            assert not getattr(read(json.dumps(body), message), field)
        else:
            with pytest.raises(Permanent, match=f"queue message, {field}:"):
                read(json.dumps(body), message)


@pytest.mark.parametrize(
    "text",
    ["", "x", "[]", "5", "null", "{}", '{"breakwater": []}', '{"breakwater": 1}', "[" * 100_000, '{"id": "x"}'],
)  # fmt: skip
def test_what_is_no_message_is_refused(text: str):
    with pytest.raises(Permanent, match="queue message, message: expected"):
        decode(text, LookMessage)


@given(st.text(max_size=80) | st.dictionaries(st.text(max_size=5), st.integers()).map(json.dumps))
def test_no_text_raises_anything_but_permanent(text: str):
    with pytest.raises(Permanent):
        decode(text, LookMessage)


def test_a_message_stays_under_what_a_queue_takes():
    room = LARGEST - len(encode(replace(LOOK, why="")))

    assert len(encode(replace(LOOK, why="x" * room)).encode()) == LARGEST
    with pytest.raises(Permanent, match="at most 49152 bytes, made one of 49153"):
        encode(replace(LOOK, why="x" * (room + 1)))
    with pytest.raises(Permanent, match="at most"):
        encode(replace(LOOK, why="é" * 20_000))


def test_the_longest_import_and_rebuild_fit_easily():
    image = replace(IMPORT, image="x" * 255, tag="t" * 128, subject=DIGEST)
    app = replace(REBUILD, base=f"h.io/{'x' * 255}", task="t" * 50)

    assert len(encode(image)) < 2048
    assert len(encode(app)) < 2048


def test_a_message_from_before_media_types_and_urgencies_is_read():
    body = json.loads(encode(IMPORT))
    del body["breakwater"]["media_type"], body["breakwater"]["urgency"]

    assert decode(json.dumps(body), ImportMessage) == IMPORT


def test_a_message_names_many_images_at_once():
    images = " ".join(f"team/image-{number}" for number in range(2000))

    assert decode(encode(WatchMessage(images, TRACE)), WatchMessage).images == images


def test_a_candidates_id_is_32_hex_digits_of_image_and_digest():
    one = candidate_id("node", a_digest(1))

    assert len(one) == 32
    assert int(one, 16) >= 0
    assert one == candidate_id("node", DIGEST)
    assert one != candidate_id("node", a_digest(2))
    assert one != candidate_id("nodes", a_digest(1))
