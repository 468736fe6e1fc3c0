"""Puts what the schema refuses into words: expected this, found that."""

import difflib
from collections.abc import Iterator, Mapping

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from shared.catalog_faults import Path, quoted
from shared.catalog_keys import GateDocument, TagsDocument, TestDocument, WatchDocument
from shared.catalog_parts import Problem
from shared.catalog_parts import at as part
from shared.catalog_schema import (
    CatalogDocument,
    DefaultsDocument,
    ImageDocument,
    RebuildDocument,
    UpstreamDocument,
    WaiverDocument,
)
from shared.catalog_yaml import Node, at, plain

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
_HINTED = 200  # keys that nobody knows: to look for one like it is slow, and no more are told
_NUMBERS = {
    "greater_than": "a number above {gt:g}",
    "greater_than_equal": "a number of at least {ge:g}",
    "less_than_equal": "a number of at most {le:g}",
    "too_long": "at most {max_length} entries",
}


def explain(error: ValidationError, root: Node) -> Iterator[Problem]:
    """Put each of the schema's errors into words."""
    errors = _by_path(error)
    quoted_too = _wrong_in_quotes(errors, root)
    strange = 0
    for path, told in errors.items():
        # `age: 24` lacks a unit: quotes around it would not help.
        each, kind = (quoted_too[path], "") if path in quoted_too else (told, told["type"])
        strange += kind == "extra_forbidden"
        expected = _expected(each, path, hint=strange <= _HINTED)
        yield path, expected, _found(at(root, path), kind, path)


def _by_path(error: ValidationError) -> dict[Path, ErrorDetails]:
    """Return the first error about each value."""
    errors = reversed(error.errors(include_url=False, include_input=False))
    found = {_written(each["loc"]): each for each in errors}
    return dict(reversed(found.items()))


def _wrong_in_quotes(errors: Mapping[Path, ErrorDetails], root: Node) -> dict[Path, ErrorDetails]:
    """Return what would be wrong still if the numbers that stand for texts stood in quotes."""
    document, tried = plain(root), set[Path]()
    for path, each in errors.items():
        node, parent = at(root, path), part(document, path[:-1])
        if each["type"] != "string_type" or node is None or not node.text:
            continue
        if isinstance(parent, dict):
            parent[str(path[-1])] = node.text
        elif isinstance(parent, list) and isinstance(path[-1], int):
            parent[path[-1]] = node.text
        tried.add(path)
    try:
        if tried:
            CatalogDocument.model_validate(document)
    except ValidationError as error:
        return {path: each for path, each in _by_path(error).items() if path in tried}
    return {}


def _written(loc: Path) -> Path:
    return tuple(
        step
        for at, step in enumerate(loc)
        if not at or loc[at - 1] not in _EITHER or isinstance(step, int)
    )


def _expected(error: ErrorDetails, path: Path, *, hint: bool = True) -> str:
    kind = error["type"]
    if kind == "extra_forbidden":
        return _known_keys(path, hint=hint)
    if kind in ("expected", "literal_error"):
        return str(error.get("ctx", {}).get("expected"))
    if kind in _NUMBERS:
        return _NUMBERS[kind].format(**error.get("ctx", {}))
    return _EXPECTED.get(kind, error["msg"])


def _known_keys(path: Path, *, hint: bool) -> str:
    parents = [step for step in path[:-1] if isinstance(step, str)]
    fields = _MODELS[parents[-1] if parents else ""].model_fields
    known = [field.alias or name for name, field in fields.items()]
    near = difflib.get_close_matches(str(path[-1]), known, n=1) if hint else []
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
    other = "no number" if kind in ("int_type", "float_type") else "no text"
    return f"{node.text} ({other if isinstance(value, bool) else 'a number'}{quotes})"
