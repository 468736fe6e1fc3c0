"""What the functions host hands to the worker, and what it makes of outputs."""

import base64
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.functions_host.calls import Binding, Function, Outcome, Retry
from local.functions_host.encodings import (
    QueueMessage,
    decode_body,
    encode_body,
    queue_metadata,
    queue_output,
    timer_data,
)
from local.functions_host.http import response
from local.functions_host.protocol import decode_line, encode_line, pack, unpack
from local.functions_host.queues import Backoff, programmatic_call

AT = datetime(2026, 1, 1, tzinfo=UTC)


def outputs(data: dict[str, object]) -> list[str]:
    return queue_output(data, base64_encoded=False)


@given(st.binary())
def test_a_body_reads_back_what_was_written(payload):
    assert decode_body(encode_body(payload, base64_encoded=True), base64_encoded=True) == payload


@pytest.mark.parametrize("raw", ["plain text", '{"a": 1}', "YQ", "YQ=", "Y!Q==", "ü"])
def test_a_body_that_is_not_base64_is_refused(raw):
    with pytest.raises(ValueError, match="expected base64"):
        decode_body(raw, base64_encoded=True)


def test_white_space_in_base64_does_not_matter():
    assert decode_body(" aGVs\r\nbG8= ", base64_encoded=True) == b"hello"


def test_the_metadata_of_a_message():
    message = QueueMessage("text", "id", "receipt", 2, AT, AT, AT)
    assert queue_metadata(message) == {
        "QueueTrigger": {"string": "text"},
        "DequeueCount": {"json": "2"},
        "Id": {"string": "id"},
        "PopReceipt": {"string": "receipt"},
        "ExpirationTime": {"json": '"2026-01-01T00:00:00+00:00"'},
        "InsertionTime": {"json": '"2026-01-01T00:00:00+00:00"'},
        "NextVisibleTime": {"json": '"2026-01-01T00:00:00+00:00"'},
    }


def test_a_json_objects_properties_override_the_metadata_whatever_their_case():
    text = json.dumps(
        {"id": "mine", "DEQUEUECOUNT": 9, "popReceipt": None, "x": {"y": 1}, "list": [1], "b": True}
    )
    metadata = queue_metadata(QueueMessage(text, "id", "receipt", 1))
    assert metadata["Id"] == {"string": "mine"}
    assert metadata["DequeueCount"] == {"string": "9"}
    assert metadata["PopReceipt"] == {"string": "receipt"}
    assert metadata["x"] == {"json": '{"y":1}'}
    assert metadata["b"] == {"string": "True"}
    assert "list" not in metadata


@pytest.mark.parametrize("text", ['["id"]', '"id"', "not json", "{broken"])
def test_what_is_no_json_object_overrides_nothing(text):
    assert queue_metadata(QueueMessage(text, "id"))["Id"] == {"string": "id"}


@pytest.mark.parametrize(
    ("data", "written"),
    [
        ({}, []),
        ({"bytes": b'{"a": 1}'}, ['{"a": 1}']),
        ({"string": "hello"}, ["hello"]),
        ({"json": '["a", "{\\"b\\":1}"]'}, ["a", '{"b":1}']),
        ({"json": "[]"}, []),
        ({"string": '["a", "b"]'}, ["a", "b"]),  # split: python-worker issue 1492
        ({"string": '{"a":1}'}, ['{\n  "a": 1\n}']),
        ({"json": '{"id":"1","body":"b"}'}, ['{\n  "id": "1",\n  "body": "b"\n}']),
    ],
)
def test_a_queue_output_writes_what_azure_writes(data, written):
    assert outputs(data) == written


def test_a_queue_output_that_only_looks_like_json_fails():
    with pytest.raises(ValueError, match="Expecting"):
        outputs({"string": "{nonsense"})


def test_a_queue_output_is_base64_unless_host_json_says_none():
    assert queue_output({"string": "a"}, base64_encoded=True) == ["YQ=="]


def test_a_timer_gets_its_status():
    assert json.loads(timer_data({"Last": "x"}, past_due=True)["json"]) == {
        "Schedule": {"AdjustForDST": True},
        "ScheduleStatus": {"Last": "x"},
        "IsPastDue": True,
    }


@given(st.binary(), st.text())
def test_bytes_and_lines_survive_the_channel(content, text):
    for data in ({"bytes": content}, {"http": {"body": {"bytes": content}}}, {"string": text}):
        line = encode_line({"data": pack(data)})
        assert line.count(b"\n") == 1
        assert unpack(decode_line(line)["data"]) == data


def test_binary_functions_get_bytes():
    function = Function("f", "1", Binding("queueTrigger", "m", {"dataType": "BINARY"}))
    assert programmatic_call(function, "a").data == {"bytes": b"a"}


def test_an_http_answer_keeps_its_status_and_bytes():
    http = {"status": 418, "headers": {"X-A": "b", "content-length": "9"}, "body": {"bytes": b"\0"}}
    answer = response(Outcome(returned={"http": http}))
    assert (answer.status, answer.headers["X-A"], answer.body) == (418, "b", b"\0")
    assert response(Outcome(error="x")).status == 500
    assert response(Outcome(error="x", ran=False)).status == 503


def test_polls_grow_apart_up_to_the_longest_interval_and_start_anew_after_a_find():
    backoff = Backoff(2.0)
    waits = [backoff.next(found=False, jitter=lambda low, high: 1.0) for _ in range(8)]
    assert waits == pytest.approx([0.1, 0.2, 0.3, 0.5, 0.9, 1.7, 2.0, 2.0])
    assert backoff.next(found=True) == 0.1
    assert backoff.next(found=False) == 0.1


def test_retries_wait_as_their_policy_says():
    assert Retry(3, exponential=False, minimum=5, maximum=99).delay(3) == 5
    growing = Retry(9, exponential=True, minimum=1, maximum=10)
    assert [growing.delay(n) for n in (1, 2, 3, 4, 5)] == [1, 2, 4, 8, 10]


def test_an_encoded_body_is_what_the_sdk_writes():
    assert encode_body(b"hello", base64_encoded=True) == base64.b64encode(b"hello").decode()
