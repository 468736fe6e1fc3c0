"""A message was given up: write down which, and why it matters."""

import hashlib
import json
import logging

from handlers.plain import plain, sentences
from shared.errors import Permanent
from shared.messages import ImportMessage, LookMessage, RebuildMessage, WatchMessage, decode
from shared.services import Services
from shared.values import Entry

_log = logging.getLogger("breakwater.poison")

_MATTERS = {
    "imports": "a digest may be missing from staging; the next watch after an hour asks for it again",
    "candidates": "a candidate was not decided; the next sweep looks at it again",
    "rebuilds": "an app may still be built on an old base image; the next sweep asks again",
    "watch": "some images were not watched; the timer watches them again",
}
type _Kind = type[ImportMessage] | type[LookMessage] | type[RebuildMessage] | type[WatchMessage]
_KINDS: dict[str, _Kind] = {
    "watch": WatchMessage,
    "imports": ImportMessage,
    "candidates": LookMessage,
    "rebuilds": RebuildMessage,
}


def handle(services: Services, queue: str, text: str) -> None:
    """Journal a poison message. Never raises: nobody would ever see the message again."""
    _log.error("given up on a message of %s: %s; %s", queue, plain(text), _MATTERS[queue])
    try:
        services.journal.add(_entry(services, queue, text))
    except Exception:  # noqa: BLE001  # whatever it is, raising would lose the message
        # Up to Storage extension 5.3.7 a poison message that fails cycles unseen for ever.
        _log.exception("could not journal the poison message above")


def _entry(services: Services, queue: str, text: str) -> Entry:
    image, digest, trace = _about(queue, text)
    return Entry(
        at=services.clock.now(),
        image=image,
        digest=digest,
        event="given up",
        reasons=sentences((f"{queue}: {_MATTERS[queue]}", text)),
        trace=trace,
        id=hashlib.sha256(f"poison|{queue}|{text}".encode(errors="backslashreplace")).hexdigest()[
            :32
        ],
    )


def _about(queue: str, text: str) -> tuple[str, str, str]:
    try:
        body = json.loads(text)["breakwater"]
        message: ImportMessage | LookMessage | RebuildMessage
        match _KINDS[queue].__name__:
            case "RebuildMessage":
                message = decode(text, RebuildMessage)
                return message.base.partition("/")[2], message.digest, message.trace
            case "WatchMessage":
                watch = decode(text, WatchMessage)
                return watch.images.partition(" ")[0], "", watch.trace
            case "ImportMessage":
                message = decode(text, ImportMessage)
            case _:
                message = decode(text, LookMessage)
    except (ValueError, KeyError, TypeError, RecursionError, Permanent):
        return "", "", ""
    return str(body["image"]), message.digest, message.trace
