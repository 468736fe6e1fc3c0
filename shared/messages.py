"""The messages on Breakwater's queues, as JSON under one key that no host metadata can collide with."""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any, NoReturn

from shared.errors import Permanent
from shared.oci import media_types
from shared.oci.digest import Digest, InvalidDigest
from shared.oci.reference import Repository, is_host, is_path, is_tag

IMPORTS = "imports"
CANDIDATES = "candidates"
REBUILDS = "rebuilds"
WATCH = "watch"

BACKLOG = "backlog"  # the urgency of what nothing promoted waits for

VERSION = 1
LARGEST = 48 * 1024  # bytes of JSON; base64 makes it the 64 KiB a queue takes
LONGEST_DELAY = timedelta(
    minutes=15
)  # of a message; longer waits are due times in the ledger (design §2.6)

# The host copies every top-level key of a JSON message over its own metadata (functions host,
# binding data: "id", "dequeueCount", ...), so there is exactly one, and it is ours.
_ENVELOPE = "breakwater"
_TRACE = re.compile(r"[0-9a-f]{8,32}")
_TASK = re.compile(r"[A-Za-z0-9_-]{1,50}")


@dataclass(frozen=True, slots=True)
class ImportMessage:
    """Import this digest into staging; `subject` is set when it is a referrer of that digest.

    `media_type` is what upstream called it when it was resolved. `urgency` is "backlog" when nothing that is promoted
    waits for it, else "".
    """

    image: str
    tag: str
    digest: str
    trace: str
    subject: str = ""
    media_type: str = ""
    urgency: str = ""


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


@dataclass(frozen=True, slots=True)
class WatchMessage:
    """Watch these images now; `images` are their names, parted by spaces.

    `round` names the timer's round it is a share of, "" if it is none.
    """

    images: str
    trace: str
    round: str = ""


type Message = ImportMessage | LookMessage | RebuildMessage | WatchMessage


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


def decode[M: (ImportMessage, LookMessage, RebuildMessage, WatchMessage)](
    text: str, kind: type[M]
) -> M:
    """Read a message of this kind. Raises Permanent naming the field, what was expected and found."""
    body = _envelope(text)
    if body.get("v") != VERSION or body.get("kind") != kind.__name__:
        _refuse("kind", f"{kind.__name__} of version {VERSION}", (body.get("kind"), body.get("v")))
    fields = {name: body.get(name, "") for name in kind.__dataclass_fields__}
    for name, value in fields.items():
        if not isinstance(value, str) or not _VALID.get(name, _anything)(value):
            _refuse(name, _EXPECTED.get(name, "text"), value)
    return kind(**fields)


_EXPECTED = {
    "digest": "sha256:<64 hex digits>",
    "subject": "a digest or nothing",
    "image": "an image's name",
    "images": "images' names",
    "media_type": "a media type of an image, or nothing",
    "urgency": "backlog or nothing",
    "tag": "a tag",
    "trace": "8 to 32 hex digits",
    "round": "8 to 32 hex digits or nothing",
    "turn": "8 to 32 hex digits or nothing",
    "registry": "a registry host",
    "base": "host/repository",
    "task": "a task's name",
}


def _anything(_value: str) -> bool:
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


_VALID: Mapping[str, Callable[[str], object]] = {
    "digest": _is_digest,
    "subject": lambda value: not value or _is_digest(value),
    "image": is_path,
    "images": lambda value: all(map(is_path, value.split(" "))),
    "media_type": lambda value: not value or value in media_types.INDEXES | media_types.MANIFESTS,
    "urgency": lambda value: value in ("", BACKLOG),
    "tag": is_tag,
    "trace": _TRACE.fullmatch,
    "round": lambda value: not value or _TRACE.fullmatch(value),
    "turn": lambda value: not value or _TRACE.fullmatch(value),
    "registry": is_host,
    "base": _is_repository,
    "task": _TASK.fullmatch,
}


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
