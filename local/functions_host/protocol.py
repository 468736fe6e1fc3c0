"""What the host and its worker say to each other: JSON lines, and a protobuf-free `protos` module.

A value ("data") is a dict of one key, as in the host's gRPC contract: `string`, `json`, `bytes` (real bytes
in memory, base64 on the wire), `http`, `int`, `double`; the empty dict is "no value".
"""

import base64
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

LINE_LIMIT = 256 * 1024 * 1024  # characters; a 100 MB HTTP body grows by a third as base64

type Data = Mapping[str, Any]

_MESSAGES = """
    WorkerInitResponse WorkerMetadata RpcException FunctionMetadataResponse RpcFunctionMetadata
    RpcRetryOptions FunctionLoadResponse FunctionEnvironmentReloadResponse InvocationResponse TypedData
    RpcHttp ParameterBinding NullableString NullableBool NullableDouble NullableTimestamp Timestamp
"""


def encode_line(message: Mapping[str, Any]) -> bytes:
    """Return the message as one JSON line."""
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


def decode_line(line: bytes) -> dict[str, Any]:
    """Return the message of one JSON line."""
    message: dict[str, Any] = json.loads(line)
    return message


def pack(data: Data) -> dict[str, Any]:
    """Make data fit for JSON."""
    return _map_bytes(data, lambda content: base64.b64encode(content).decode())


def unpack(data: Data) -> dict[str, Any]:
    """Undo `pack`."""
    return _map_bytes(data, base64.b64decode)


def _map_bytes(data: Data, change: Callable[[Any], Any]) -> dict[str, Any]:
    if "bytes" in data:
        return {"bytes": change(data["bytes"])}
    if "http" in data:
        http = dict(data["http"])
        return {"http": http | {"body": _map_bytes(http.get("body") or {}, change)}}
    return dict(data)


def protos() -> SimpleNamespace:
    """Return what the worker library needs of its `protos` module (reference: azure_functions_runtime 1.3.0)."""
    module = SimpleNamespace(
        **{name: type(name, (SimpleNamespace,), {"__doc__": name}) for name in _MESSAGES.split()}
    )
    module.StatusResult = type("StatusResult", (SimpleNamespace,), {"Failure": 0, "Success": 1})
    module.BindingInfo = type(
        "BindingInfo", (SimpleNamespace,), {"inout": 2, "out": 1, "undefined": 0}
    )
    same_site = SimpleNamespace(**{"None": 0, "Lax": 1, "Strict": 2, "ExplicitNone": 3})
    module.RpcHttpCookie = type("RpcHttpCookie", (SimpleNamespace,), {"SameSite": same_site})
    return module


def typed(data: Data) -> SimpleNamespace:
    """Return data as the TypedData object that the worker library reads."""
    kind = next(iter(data), None)
    value = data[kind] if kind else None
    if kind == "http":
        value = SimpleNamespace(**{**data["http"], "body": typed(data["http"].get("body") or {})})
    fields = {kind: value} if kind else {}
    return SimpleNamespace(WhichOneof=lambda _field: kind, **fields)


def untyped(message: SimpleNamespace | None) -> dict[str, Any]:
    """Return the data of a TypedData object that the worker library built."""
    fields = vars(message) if message is not None else {}
    if "http" not in fields:
        return dict(fields)
    http = fields["http"]
    return {
        "http": {
            "status": int(http.status_code),
            "headers": dict(http.headers),
            "cookies": [_cookie(cookie) for cookie in http.cookies or []],
            "body": untyped(http.body),
        }
    }


def _cookie(cookie: SimpleNamespace) -> dict[str, Any]:
    def value(field: str) -> Any:  # noqa: ANN401 - whatever the library wrapped
        nullable = getattr(cookie, field, None)
        return getattr(nullable, "value", None)

    expires = value("expires")
    return {
        "name": cookie.name,
        "value": cookie.value,
        "domain": value("domain") or None,
        "path": value("path") or None,
        "expires": _http_date(expires.seconds) if expires is not None else None,
        "secure": bool(value("secure")),
        "httponly": bool(value("http_only")),
        "max_age": value("max_age"),
        "samesite": {1: "Lax", 2: "Strict", 3: "None"}.get(cookie.same_site),
    }


def _http_date(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")
