"""Puts what the schema refuses into words: expected this, found that."""

import difflib
from collections.abc import Iterator, Mapping

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from shared.catalog_checks import Problem
from shared.catalog_faults import Path, quoted
from shared.catalog_schema import (
    CatalogDocument,
    DefaultsDocument,
    GateDocument,
    ImageDocument,
    RebuildDocument,
    TestDocument,
    WaiverDocument,
)
from shared.catalog_yaml import Node, at

_EXPECTED: Mapping[str, str] = {
    "string_type": "text",
    "bool_type": "true or false",
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
}


def explain(error: ValidationError, root: Node) -> Iterator[Problem]:
    """Put each of the schema's errors into words."""
    for each in error.errors(include_url=False, include_input=False):
        path: Path = each["loc"]
        expected = _expected(each, path)
        yield path, expected, _found(at(root, path), each["type"], path)


def _expected(error: ErrorDetails, path: Path) -> str:
    kind = error["type"]
    if kind == "extra_forbidden":
        return _known_keys(path)
    if kind in ("expected", "literal_error"):
        return str(error.get("ctx", {}).get("expected"))
    return _EXPECTED.get(kind, error["msg"])


def _known_keys(path: Path) -> str:
    parents = [step for step in path[:-1] if isinstance(step, str)]
    known = list(_MODELS[parents[-1] if parents else ""].model_fields)
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
    quotes = f'; text needs quotes: "{node.text}"' if kind == "string_type" else ""
    return f"{node.text} ({'no text' if isinstance(value, bool) else 'a number'}{quotes})"
