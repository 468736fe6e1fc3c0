"""Puts what the schema refuses into words: expected this, found that."""

import difflib
from collections.abc import Iterator, Mapping

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from shared.catalog_faults import Path, quoted
from shared.catalog_keys import GateDocument, TagsDocument, TestDocument, WatchDocument
from shared.catalog_parts import Problem
from shared.catalog_schema import (
    CatalogDocument,
    DefaultsDocument,
    ImageDocument,
    RebuildDocument,
    UpstreamDocument,
    WaiverDocument,
)
from shared.catalog_yaml import Node, at

_EXPECTED: Mapping[str, str] = {
    "string_type": "text",
    "bool_type": "true or false",
    "int_type": "a whole number",
    "float_type": "a number",
    "list_type": "a list",
    "model_type": "keys and values",
    "model_attributes_type": "keys and values",
    "missing": "this key",
    "too_short": "at least one entry",
}
_MODELS: Mapping[str, type[BaseModel]] = {
    "": CatalogDocument,
    "defaults": DefaultsDocument,
    "images": ImageDocument,
    "waivers": WaiverDocument,
    "rebuild": RebuildDocument,
    "gate": GateDocument,
    "test": TestDocument,
    "tags": TagsDocument,
    "watch": WatchDocument,
    "upstreams": UpstreamDocument,
}
_EITHER = (
    "tags",
    "allow",
    "deny",
)  # keys with two shapes; the schema's path names the one it tried
_NUMBERS = {
    "greater_than": "a number above {gt:g}",
    "greater_than_equal": "a number of at least {ge:g}",
    "less_than_equal": "a number of at most {le:g}",
    "too_long": "at most {max_length} entries",
}


def explain(error: ValidationError, root: Node) -> Iterator[Problem]:
    """Put each of the schema's errors into words."""
    for each in error.errors(include_url=False, include_input=False):
        path = _written(each["loc"])
        expected = _expected(each, path)
        yield path, expected, _found(at(root, path), each["type"], path)


def _written(loc: Path) -> Path:
    return tuple(
        step
        for at, step in enumerate(loc)
        if not at or loc[at - 1] not in _EITHER or isinstance(step, int)
    )


def _expected(error: ErrorDetails, path: Path) -> str:
    kind = error["type"]
    if kind == "extra_forbidden":
        return _known_keys(path)
    if kind in ("expected", "literal_error"):
        return str(error.get("ctx", {}).get("expected"))
    if kind in _NUMBERS:
        return _NUMBERS[kind].format(**error.get("ctx", {}))
    return _EXPECTED.get(kind, error["msg"])


def _known_keys(path: Path) -> str:
    parents = [step for step in path[:-1] if isinstance(step, str)]
    fields = _MODELS[parents[-1] if parents else ""].model_fields
    known = [field.alias or name for name, field in fields.items()]
    near = difflib.get_close_matches(str(path[-1]), known, n=1)
    if near:
        return f"a known key (did you mean {near[0]!r}?)"
    return f"a known key ({', '.join(known)})"


def _found(node: Node | None, kind: str, path: Path) -> str:
    if kind == "extra_forbidden":
        return quoted(path[-1])
    if node is None:
        return "nothing"
    value = node.value
    if isinstance(value, list):
        return "a list" if value else "an empty list"
    if isinstance(value, dict):
        return "keys and values"
    if value is None:
        return "nothing"
    if isinstance(value, str):
        return quoted(value)
    if kind in _NUMBERS:
        return node.text
    quotes = f'; text needs quotes: "{node.text}"' if kind == "string_type" else ""
    return f"{node.text} ({'no text' if isinstance(value, bool) else 'a number'}{quotes})"
