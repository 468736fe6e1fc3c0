"""What an operator's options ask for: checked as far as can be told without the app."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_YES, _NO = frozenset({"1", "true", "yes"}), frozenset({"", "0", "false", "no"})
# What each command takes, besides who asks; the first ones it must have.
_NEEDS: Mapping[str, tuple[str, ...]] = {
    "approve": ("image", "digest"),
    "deny": ("image", "digest", "comment"),
    "release": ("image", "digest"),
    "explain": ("image",),
    "candidates": (),
}
_TAKES: Mapping[str, tuple[str, ...]] = {
    "approve": ("comment", "override"),
    "deny": (),
    "release": ("comment",),
    "explain": ("digest", "tag"),
    "candidates": ("image", "state", "observed", "limit"),
}
_TAG = (
    "TAG: may name something else by now, so {command} takes a DIGEST; "
    "make explain IMAGE={image} TAG={tag} tells which"
)


class NotAsked(ValueError):
    """The options make no request; the text says which one and what is expected."""


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request to the app, without who sends it."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None


def request(given: Mapping[str, str], command: str) -> Request:
    """Return the request that a command's options make. Raises NotAsked."""
    values = {name: value for name, value in given.items() if name != "as"}
    _check(values, command)
    if command == "explain":
        return Request("GET", "/api/explain", values)
    if command == "candidates":
        observed = _is_yes("OBSERVED", values.pop("observed", ""))
        return Request("GET", "/api/candidates", values | ({"observed": "1"} if observed else {}))
    body: dict[str, Any] = {"comment": "", **values}
    body["override"] = _is_yes("OVERRIDE", values.get("override", ""))
    if body["override"] and not body["comment"]:
        message = "COMMENT: expected why the approval overrides what is missing, found nothing"
        raise NotAsked(message)
    return Request("POST", f"/api/{command}", body=body)


def _check(values: Mapping[str, str], command: str) -> None:
    name, mark, more = values.get("image", "").partition("@")
    if mark:  # as `candidates` prints it
        message = (
            f"IMAGE: expected a name alone, found a digest too; write IMAGE={name} DIGEST={more}"
        )
        raise NotAsked(message)
    for name in _NEEDS[command]:
        if name == "digest" and values.get("tag") and not values.get("digest"):
            message = _TAG.format(command=command, image=values["image"], tag=values["tag"])
            raise NotAsked(message)
        if not values.get(name):
            message = f"{name.upper()}: expected a value for {command}, found nothing"
            raise NotAsked(message)
    for name, value in values.items():
        if name not in _NEEDS[command] + _TAKES[command]:
            message = f"{name.upper()}: {command} does not take it"
            raise NotAsked(message)
        if not _is_text(value):
            message = f"{name.upper()}: expected UTF-8 text, found other bytes"
            raise NotAsked(message)
    if command == "explain" and bool(values.get("digest")) == bool(values.get("tag")):
        found = "both" if values.get("tag") else "neither"
        message = f"DIGEST, TAG: explain takes one of them, found {found}"
        raise NotAsked(message)


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:  # how Python keeps bytes of a command line that are not UTF-8
        return False
    return True


def _is_yes(name: str, value: str) -> bool:
    if value.lower() not in _YES | _NO:
        message = f"{name}: expected 1 or nothing, found {value[:50]!r}"
        raise NotAsked(message)
    return value.lower() in _YES
