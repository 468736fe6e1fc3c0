"""What a trigger hands to the worker and what an output binding makes of a value: pure functions."""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from local.functions_host.protocol import Data


@dataclass(frozen=True, slots=True)
class QueueMessage:
    """What the queue says about a message; times may be unknown when it never was in a queue."""

    text: str
    id: str = ""
    pop_receipt: str = ""
    dequeue_count: int = 0
    inserted_on: datetime | None = None
    expires_on: datetime | None = None
    next_visible_on: datetime | None = None


def decode_body(raw: str, *, base64_encoded: bool) -> bytes:
    """Return the payload of a message as it lies in the queue. Raises ValueError if it is not base64."""
    if not base64_encoded:
        return raw.encode()
    try:
        # .NET ignores white space in base64, and nothing else.
        return base64.b64decode("".join(raw.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        message = f"expected base64, found {raw[:40]!r}: {error}"
        raise ValueError(message) from error


def encode_body(payload: bytes, *, base64_encoded: bool) -> str:
    """Return what lies in the queue for this payload."""
    return base64.b64encode(payload).decode() if base64_encoded else payload.decode()


def queue_metadata(message: QueueMessage) -> dict[str, Data]:
    """Return the trigger metadata of a message.

    The trap is Azure's own: if the text is a JSON object, its top-level properties override the queue's, without
    regard to case (reference: azure-functions-host, Utility.ApplyBindingData; python-worker issue 1373).
    """
    times = {
        "ExpirationTime": message.expires_on,
        "InsertionTime": message.inserted_on,
        "NextVisibleTime": message.next_visible_on,
    }
    metadata: dict[str, Data] = {
        "QueueTrigger": {"string": message.text},
        "DequeueCount": {"json": str(message.dequeue_count)},
    }
    metadata |= {k: {"json": json.dumps(v.isoformat())} for k, v in times.items() if v is not None}
    texts = {"Id": message.id, "PopReceipt": message.pop_receipt}
    metadata |= {key: {"string": text} for key, text in texts.items() if text}
    own = {key.lower(): key for key in metadata}
    for name, value in _json_object(message.text).items():
        if value is None or isinstance(value, list):
            continue
        key = own.get(name.lower(), name)
        metadata[key] = {"json": _compact(value)} if isinstance(value, dict) else _scalar(value)
    return metadata


def timer_data(status: Mapping[str, str] | None, *, past_due: bool) -> Data:
    """Return the data of one run of a timer; `status` is its ScheduleStatus, if it keeps one."""
    return {
        "json": _compact(
            {"Schedule": {"AdjustForDST": True}, "ScheduleStatus": status, "IsPastDue": past_due}
        )
    }


def queue_output(data: Data, *, base64_encoded: bool) -> list[str]:
    """Return the raw messages that a queue output writes for a value (reference: FunctionBinding, ReadAsEnumerable).

    Raises ValueError if Azure's host would fail on the value.
    """
    if not data:
        return []
    kind, value = next(iter(data.items()))
    if kind == "bytes":
        return [encode_body(value, base64_encoded=base64_encoded)]
    text = str(value)
    texts = [text]
    # Text that looks like JSON is parsed: an array is split, an object is written anew with indents.
    if kind == "json" or text.strip()[:1] in {"{", "["}:
        parsed = json.loads(text)
        items = parsed if isinstance(parsed, list) else [parsed]
        texts = [item if isinstance(item, str) else json.dumps(item, indent=2) for item in items]
    return [encode_body(item.encode(), base64_encoded=base64_encoded) for item in texts]


def _json_object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _scalar(value: object) -> Data:
    return {"string": value if isinstance(value, str) else str(value)}


def _compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
