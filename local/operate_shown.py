"""How an app's answer looks in a terminal: a line each, what belongs together indented."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

_INDENT = "  "


def lines(body: Mapping[str, Any]) -> list[str]:
    """Return the answer's lines, each fit for a terminal; its sentences as they are, where nothing is known of it."""
    found = _explained(body) or _listed(body) or _texts(body, "told")
    return [_line(each) for each in found or [json.dumps(body)]]


def printable(text: str) -> str:
    """Return the text without what could steer a terminal: somebody else may have typed it."""
    return "".join(
        each if each.isprintable() or each == "\n" else "\N{REPLACEMENT CHARACTER}" for each in text
    )


def _explained(body: Mapping[str, Any]) -> list[str]:
    told, why = _texts(body, "told"), _texts(body, "why")
    if not told or not why:
        return []
    changes = _texts(body, "would_change")
    return [
        told[0],
        why[0],
        *_indented(why[1:]),
        *(["what would change that:"] if changes else []),
        *_indented(changes),
        f"it is looked at again {body.get('looked_at_again', '')}",
    ]


def _listed(body: Mapping[str, Any]) -> list[str]:
    told, found = _texts(body, "told"), body.get("candidates")
    if not told or not isinstance(found, list):
        return []
    listed = (each for each in found if isinstance(each, dict))
    return [told[0], *(line for each in listed for line in _candidate(each))]


def _candidate(each: Mapping[str, Any]) -> Iterator[str]:
    since = str(each.get("since", ""))[:16].replace("T", " ")
    yield f"{each.get('image')}@{each.get('digest')} is {each.get('state')} since {since} UTC"
    yield from _indented(_texts(each, "reasons"))
    enforced = each.get("enforced")
    if isinstance(enforced, dict):
        yield f"{_INDENT}with mode: enforce it would be {enforced.get('state')}:"
        yield from (f"{_INDENT}{line}" for line in _indented(_texts(enforced, "reasons")))


def _texts(body: Mapping[str, Any], name: str) -> list[str]:
    found = body.get(name)
    return [str(each) for each in found] if isinstance(found, list) else []


def _indented(texts: list[str]) -> list[str]:
    return [f"{_INDENT}{each}" for each in texts]


def _line(text: str) -> str:
    return printable(text.replace("\n", " "))
