"""Typed reads from a report's JSON: the right type at a named path, or InvalidReport."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from math import isfinite
from typing import Any

from shared.reports.findings import InvalidReport

LONGEST = 2000  # characters of an identifier, package, version or target


def document(raw: bytes, limit: int, what: str = "a report") -> dict[str, Any]:
    """Read one JSON object of at most `limit` bytes, no key twice. Raises InvalidReport."""
    if len(raw) > limit:
        message = f"expected {what} of at most {limit} bytes, found {len(raw)}"
        raise InvalidReport(message)
    try:
        body = json.loads(
            raw.decode("utf-8-sig"),  # .NET's tools begin with a byte order mark
            object_pairs_hook=_once,
            parse_constant=_refuse,
            parse_float=_finite,
        )
    except (ValueError, RecursionError) as error:
        message = f"expected {what} in JSON, found {raw[:40]!r} ({error})"
        raise InvalidReport(message) from error
    if not isinstance(body, dict):
        message = f"expected {what} as a JSON object, found {_kind(body)}"
        raise InvalidReport(message)
    return body


def text(body: Mapping[str, Any], key: str, place: str, *, required: bool = False) -> str:
    """Return a bounded, printable text; absent and null are "" unless `required`."""
    found = _typed(body, key, place, str, "text") or ""
    if required and not found.strip():
        message = f"{place}{key}: expected text, found nothing"
        raise InvalidReport(message)
    if len(found) > LONGEST or not found.isprintable():
        message = (
            f"{place}{key}: expected at most {LONGEST} printable characters, found {found[:60]!r}"
        )
        raise InvalidReport(message)
    return found


def prose(body: Mapping[str, Any], key: str, place: str, longest: int = 200) -> str:
    """Return a text for people to read: on one line, cut where it gets long."""
    return one_line(_typed(body, key, place, str, "text") or "", longest)


def one_line(words: str, longest: int = 200) -> str:
    """Return a text on one line, without what cannot be printed, cut where it gets long."""
    found = " ".join(words.split())
    return "".join(each for each in found[:longest] if each.isprintable())


def whole(body: Mapping[str, Any], key: str, place: str) -> int | None:
    """Return a whole number, or None where there is none."""
    found = _typed(body, key, place, int, "a whole number")
    if isinstance(found, bool):
        message = f"{place}{key}: expected a whole number, found {found}"
        raise InvalidReport(message)
    return found


def number(body: Mapping[str, Any], key: str, place: str) -> float | None:
    """Return a number, also one written as text; absent, null and empty text are None."""
    found = body.get(key)
    if found is None or (isinstance(found, str) and not found.strip()):
        return None
    if isinstance(found, (int, float, str)) and not isinstance(found, bool):
        try:
            return _finite(found)
        except (ValueError, OverflowError):
            pass
    message = f"{place}{key}: expected a number, found {_kind(found)} {str(found)[:60]!r}"
    raise InvalidReport(message)


def flag(body: Mapping[str, Any], key: str, place: str) -> bool:
    """Return true or false; absent is false."""
    return bool(_typed(body, key, place, bool, "true or false"))


def mapping(body: Mapping[str, Any], key: str, place: str) -> dict[str, Any]:
    """Return an object; absent and null are an empty one."""
    return _typed(body, key, place, dict, "an object") or {}


def texts(body: Mapping[str, Any], key: str, place: str) -> tuple[str, ...]:
    """Return a list of texts; absent and null are an empty one."""
    found = _typed(body, key, place, list, "a list") or []
    for number, each in enumerate(found):
        if not isinstance(each, str):
            message = f"{place}{key}[{number}]: expected text, found {_kind(each)}"
            raise InvalidReport(message)
    return tuple(found)


def entries(body: Mapping[str, Any], key: str, place: str) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield a list's objects, each with the path to read on from; absent and null are an empty list."""
    for number, each in enumerate(_typed(body, key, place, list, "a list") or []):
        if not isinstance(each, dict):
            message = f"{place}{key}[{number}]: expected an object, found {_kind(each)}"
            raise InvalidReport(message)
        yield each, f"{place}{key}[{number}]."


def moment(body: Mapping[str, Any], key: str, place: str) -> datetime | None:
    """Return a time in UTC; None where there is none, Go's zero time included."""
    found = text(body, key, place)
    if not found or found.startswith("0001-01-01T"):
        return None
    try:
        time = datetime.fromisoformat(found)
        if time.tzinfo is not None:
            return time.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    message = f"{place}{key}: expected a time with its zone, found {found[:60]!r}"
    raise InvalidReport(message)


def present(body: Mapping[str, Any], key: str, place: str) -> Mapping[str, Any]:
    """Return the same object if it has the key, also as an empty list; null is as good as absent."""
    if body.get(key) is None:
        message = f"{place}{key}: expected it, found nothing"
        raise InvalidReport(message)
    return body


def _typed[T](body: Mapping[str, Any], key: str, place: str, kind: type[T], what: str) -> T | None:
    found = body.get(key)
    if found is None or isinstance(found, kind):
        return found
    message = f"{place}{key}: expected {what}, found {_kind(found)}"
    raise InvalidReport(message)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    body = dict(pairs)
    if len(body) != len(pairs):
        message = "a key twice in one object"
        raise ValueError(message)
    return body


def _refuse(constant: str) -> None:
    message = f"{constant} is no JSON"
    raise ValueError(message)


def _finite(literal: float | str) -> float:
    value = float(literal)
    if not isfinite(value):
        message = f"{str(literal)[:60]} is no finite number"
        raise ValueError(message)
    return value


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "text", bool: "true or false"}
    return names.get(type(value), "nothing" if value is None else "a number")
