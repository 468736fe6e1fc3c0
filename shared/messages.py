"""The messages on Breakwater's queues, as JSON under one key that no host metadata can collide with."""

import hashlib
import json
import re
from dataclasses import asdict, dataclass
from typing import Any, NoReturn

from shared.errors import Permanent
from shared.oci.digest import Digest, InvalidDigest
from shared.oci.reference import Repository, is_host, is_path, is_tag

IMPORTS = "imports"
CANDIDATES = "candidates"
REBUILDS = "rebuilds"

VERSION = 1
LARGEST = 48 * 1024  # bytes of JSON; base64 makes it the 64 KiB a queue takes

# The host copies every top-level key of a JSON message over its own metadata (functions host,
# binding data: "id", "dequeueCount", ...), so there is exactly one, and it is ours.
_ENVELOPE = "breakwater"
_TRACE = re.compile(r"[0-9a-f]{8,32}")
_TASK = re.compile(r"[A-Za-z0-9_-]{1,50}")


@dataclass(frozen=True, slots=True)
class ImportMessage:
    """Import this digest into staging; `subject` is set when it is a referrer of that digest."""

    image: str
    tag: str
    digest: str
    trace: str
    subject: str = ""


@dataclass(frozen=True, slots=True)
class LookMessage:
    """Look at this candidate again; `turn` tells the chain of looks it belongs to, if any."""

    image: str
    digest: str
    trace: str
    why: str = ""
    turn: str = ""


@dataclass(frozen=True, slots=True)
class RebuildMessage:
    """See that this app is built on this digest of its base image."""

    registry: str
    task: str
    base: str
    tag: str
    digest: str
    trace: str


type Message = ImportMessage | LookMessage | RebuildMessage


def candidate_id(image: str, digest: Digest | str) -> str:
    """Return the 32 hex digits that name one digest of one image."""
    return hashlib.sha256(f"{image}@{digest}".encode()).hexdigest()[:32]


def encode(message: Message) -> str:
    """Return the message's JSON text. Raises Permanent when it would not fit a queue."""
    body = {"v": VERSION, "kind": type(message).__name__, **asdict(message)}
    text = json.dumps({_ENVELOPE: body}, separators=(",", ":"))
    if len(text.encode()) > LARGEST:
        problem = f"expected a message of at most {LARGEST} bytes, made one of {len(text.encode())}"
        raise Permanent(problem)
    return text


def decode[M: (ImportMessage, LookMessage, RebuildMessage)](text: str, kind: type[M]) -> M:
    """Read a message of this kind. Raises Permanent naming the field, what was expected and found."""
    body = _envelope(text)
    if body.get("v") != VERSION or body.get("kind") != kind.__name__:
        _refuse("kind", f"{kind.__name__} of version {VERSION}", (body.get("kind"), body.get("v")))
    fields = {name: body.get(name, "") for name in kind.__dataclass_fields__}
    for name, value in fields.items():
        if not isinstance(value, str) or not _valid(name, value):
            _refuse(name, _EXPECTED.get(name, "text"), value)
    return kind(**fields)


_EXPECTED = {
    "digest": "sha256:<64 hex digits>",
    "subject": "a digest or nothing",
    "image": "an image's name",
    "tag": "a tag",
    "trace": "8 to 32 hex digits",
    "turn": "8 to 32 hex digits or nothing",
    "registry": "a registry host",
    "base": "host/repository",
    "task": "a task's name",
}


def _valid(name: str, value: str) -> bool:
    match name:
        case "digest":
            return _is_digest(value)
        case "subject":
            return not value or _is_digest(value)
        case "image":
            return is_path(value)
        case "tag":
            return is_tag(value)
        case "trace":
            return bool(_TRACE.fullmatch(value))
        case "turn":
            return not value or bool(_TRACE.fullmatch(value))
        case "registry":
            return is_host(value)
        case "base":
            return _is_repository(value)
        case "task":
            return bool(_TASK.fullmatch(value))
        case _:
            return True


def _is_digest(text: str) -> bool:
    try:
        Digest(text)
    except InvalidDigest:
        return False
    return True


def _is_repository(text: str) -> bool:
    try:
        Repository.parse(text)
    except ValueError:
        return False
    return True


def _envelope(text: str) -> dict[str, Any]:
    try:
        outer = json.loads(text)
    except (ValueError, RecursionError):
        _refuse("message", "JSON", text[:100])
    body = outer.get(_ENVELOPE) if isinstance(outer, dict) else None
    if not isinstance(body, dict):
        _refuse("message", f'an object with the key "{_ENVELOPE}"', text[:100])
    return dict(body)


def _refuse(place: str, expected: str, found: object) -> NoReturn:
    problem = f"queue message, {place}: expected {expected}, found {str(found)[:200]!r}"
    raise Permanent(problem)
