"""The documentation of every key a catalog may have, written out of the models themselves."""

import inspect
import types
from collections.abc import Iterator, Sequence
from typing import Annotated, Literal, TypeAliasType, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, MaxLen, MinLen
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from shared.catalog_examples import EXAMPLES
from shared.catalog_schema import CatalogDocument
from shared.catalog_texts import Must

_TOP = "Top level"
_WORDS = ((bool, "true or false"), (int, "a whole number"), (float, "a number"), (str, "text"))
_INTRODUCTION = f"""\
# The catalog's keys

Every key a catalog (`catalog.yaml`) may have. This page and [the schema](catalog.schema.json), by which editors
complete and check the file, are generated from one model; `python -m shared.catalog --docs` prints this page,
`python -m shared.catalog FILE` checks a catalog, and tells every fault there is with its line.

A catalog is plain YAML 1.2, where `yes` and `on` are text and `010` is ten. A key that is not on this page is a fault,
and so are a key without a value, a key given twice, a merge key (`<<`), a tag (`!!str`), and text that YAML reads as a
number: write `tags: ["3.10"]`. A duration is a whole number of at most four digits and a unit, `m`, `h` or `d`. Files
are named relative to the catalog. Begin at the [top level](#{_TOP.lower().replace(" ", "-")}).
"""

type _Section = tuple[str, type[BaseModel], tuple[str, ...]]  # its title, what it is of, its paths


def markdown() -> str:
    """Return the page."""
    return "\n".join((_INTRODUCTION, *map(_section, sections()))) + "\n"


def sections() -> tuple[_Section, ...]:
    """Return the models below the catalog's, each once, with its title and everywhere it stands."""
    paths: dict[type[BaseModel], list[str]] = {CatalogDocument: [""]}
    for path, model in _models(CatalogDocument, ""):
        paths.setdefault(model, []).append(path)
    return tuple((_title(found[0]), model, tuple(found)) for model, found in paths.items())


def keys(model: type[BaseModel]) -> Iterator[tuple[str, FieldInfo]]:
    """Return a model's keys as they are written, and what is known of them."""
    for name, field in model.model_fields.items():
        yield field.alias or name, field


def holds(kind: object, bounds: Sequence[object] = ()) -> str:
    """Say what a key of this type may hold."""
    if isinstance(kind, TypeAliasType):
        return holds(kind.__value__, bounds)
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Annotated:
        about = [each for item in inner[1:] for each in _unfolded(item)]
        musts = [each.expected for each in about if isinstance(each, Must)]
        return "; ".join(dict.fromkeys(musts)) if musts else holds(inner[0], [*bounds, *about])
    if origin in (Union, types.UnionType):
        return "; or ".join(holds(each, bounds) for each in inner if each is not types.NoneType)
    if origin is Literal:
        *others, last = (f"`{each}`" for each in inner)
        return f"{', '.join(others)} or {last}"
    if origin is list:
        return _list(inner[0], bounds)
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return f"[these keys](#{_title(_path(kind))})"
    return next(words for each, words in _WORDS if kind is each) + _range(bounds)


def _models(model: type[BaseModel], path: str) -> Iterator[tuple[str, type[BaseModel]]]:
    for name, field in keys(model):
        here = f"{path}.{name}" if path else name
        for ending, found in _below(field.annotation):
            yield here + ending, found
            yield from _models(found, here + ending)


def _below(kind: object) -> Iterator[tuple[str, type[BaseModel]]]:
    if isinstance(kind, TypeAliasType):
        yield from _below(kind.__value__)
    elif isinstance(kind, type) and issubclass(kind, BaseModel):
        yield "", kind
    else:
        ending = "[]" if get_origin(kind) is list else ""
        for each in get_args(kind):
            yield from ((ending + further, found) for further, found in _below(each))


def _section(section: _Section) -> str:
    title, model, paths = section
    places = " and ".join(f"`{each}`" for each in paths)
    where = [f"At {places}.\n"] if paths != ("",) else []
    rows = [f"| `{name}` | {_cell(field)} |" for name, field in keys(model)]
    return "\n".join(
        (
            f"## {title}\n",
            *where,
            f"{inspect.cleandoc(model.__doc__ or '')}\n",
            f"```yaml\n{EXAMPLES[model]}```\n",
            "| key | holds | if left out | meaning |",
            "|---|---|---|---|",
            *rows,
            "",
        )
    )


def _cell(field: FieldInfo) -> str:
    told = holds(field.annotation, field.metadata), _default(field), field.description or ""
    return " | ".join(each.replace("|", "\\|") for each in told)


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "a fault"
    match field.default:
        case bool(value):
            return f"`{str(value).lower()}`"
        case list(values):
            return f"`[{', '.join(values)}]`"
        case str() | int() | float():
            return f"`{field.default}`"
        case _:
            return ""  # its description says what that means


def _list(item: object, bounds: Sequence[object]) -> str:
    least = next((each.min_length for each in bounds if isinstance(each, MinLen)), 0)
    most = next((each.max_length for each in bounds if isinstance(each, MaxLen)), None)
    size = f" of {least} to {most}" if most else f" of at least {least}" if least else ""
    return f"a list{size}, each: {holds(item)}"


def _range(bounds: Sequence[object]) -> str:
    low = next((each.ge for each in bounds if isinstance(each, Ge)), None)
    above = next((each.gt for each in bounds if isinstance(each, Gt)), None)
    high = next((each.le for each in bounds if isinstance(each, Le)), None)
    if low is not None and high is not None:
        return f" from {low} to {high}"
    words = [
        f"{word} {each}" for word, each in (("above", above), ("at most", high)) if each is not None
    ]
    return f" {', '.join(words)}" if words else ""


def _unfolded(item: object) -> Sequence[object]:
    return item.metadata if isinstance(item, FieldInfo) else (item,)


def _path(model: type[BaseModel]) -> str:
    return next(path for path, found in _models(CatalogDocument, "") if found is model)


def _title(path: str) -> str:
    return path.rpartition(".")[2].removesuffix("[]") or _TOP
