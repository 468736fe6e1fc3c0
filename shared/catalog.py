"""The catalog: what is watched, and what each image must pass on its way into base."""

import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path as File
from typing import Any

from shared.catalog_faults import CatalogInvalid, Fault, Path, written
from shared.catalog_model import (
    Approval,
    Catalog,
    Compare,
    Counted,
    EndOfLife,
    Gate,
    Image,
    Mode,
    Rebuild,
    Requirement,
    ScanMode,
    Series,
    TagRule,
    Test,
    Upstream,
    Waiver,
    Watch,
)
from shared.severity import Severity

__all__ = [
    "Approval",
    "Catalog",
    "CatalogInvalid",
    "Compare",
    "Counted",
    "EndOfLife",
    "Fault",
    "Gate",
    "Image",
    "Mode",
    "Rebuild",
    "Requirement",
    "ScanMode",
    "Series",
    "Severity",
    "TagRule",
    "Test",
    "Upstream",
    "Waiver",
    "Watch",
    "documentation",
    "json_schema",
    "load",
]

# pydantic and PyYAML are imported by the functions that read a catalog: who only speaks of one
# (the policy, the handlers) pays nothing for them at a cold start.


def load(place: str, text: str | bytes) -> Catalog:
    """Read a catalog from its YAML; `place` names it in faults.

    Raises CatalogInvalid with every fault there is.
    """
    from pydantic import ValidationError  # noqa: PLC0415  # cold start, see above

    from shared import catalog_build, catalog_checks, catalog_explain  # noqa: PLC0415  # likewise
    from shared import catalog_yaml as reader  # noqa: PLC0415  # likewise
    from shared.catalog_parts import Problem  # noqa: PLC0415  # likewise
    from shared.catalog_schema import CatalogDocument  # noqa: PLC0415  # likewise

    text = _decoded(place, text)
    try:
        root, doubled = reader.read(text)
    except reader.Unreadable as error:
        raise CatalogInvalid([Fault(place, error.line, "", error.expected, error.found)]) from None
    faults = [
        Fault(
            place,
            each.line,
            written(each.path),
            f"a key once (line {each.first} has it)",
            "it again",
        )
        for each in doubled
    ]
    found: list[Problem] = []
    document: CatalogDocument | None = None
    try:
        document = CatalogDocument.model_validate(reader.plain(root))
    except ValidationError as error:
        found += catalog_explain.explain(error, root)
    found += catalog_checks.problems(root)
    faults += (
        Fault(place, reader.line(root, path), written(path), expected, what)
        for path, expected, what in _one_a_path(found)
    )
    if faults or document is None:
        raise CatalogInvalid(faults)
    return catalog_build.catalog(place, text, document)


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema by which editors complete and check a catalog."""
    from shared import catalog_schema  # noqa: PLC0415  # cold start, see above

    return catalog_schema.json_schema()


def documentation() -> str:
    """Return what every key of a catalog means, as a page in Markdown."""
    from shared import catalog_docs  # noqa: PLC0415  # cold start, see above

    return catalog_docs.markdown()


_USAGE = "usage: python -m shared.catalog FILE | --schema | --docs\n"
_PRINTED: Mapping[str, Callable[[], str]] = {
    "--schema": lambda: f"{json.dumps(json_schema(), indent=2)}\n",
    "--docs": documentation,
    "--help": lambda: _USAGE,
}


def main(arguments: Sequence[str], today: date | None = None) -> int:
    """Check a catalog (`FILE`) with the files it names, or print its schema or documentation; 2 means faults.

    `today` (UTC) is for what it says of dates that have passed; the machine's own if left out.
    """
    asked = arguments[0] if len(arguments) == 1 else "-"
    if asked in _PRINTED:
        print(_PRINTED[asked](), end="")
        return 0
    if asked.startswith("-"):
        print(_USAGE, end="", file=sys.stderr)
        return 2
    place = asked
    try:
        catalog = load(place, File(place).read_bytes())
    except OSError as error:
        print(f"{place}: expected a catalog, found {error.strerror}", file=sys.stderr)
        return 2
    except CatalogInvalid as error:
        print(error, file=sys.stderr)
        return 2
    folder = File(place).parent
    if faulty := [*_absent(catalog, folder), *_unreadable(catalog, folder)]:
        print(*(f"{place}: {each}" for each in faulty), sep="\n", file=sys.stderr)
        return 2
    print(f"{place}: ok, {_counted(catalog)}")
    for image in catalog.images:
        if image.rule:
            also = f", and {', '.join(image.tags)}" if image.tags else ""
            print(f"{place}: {image.name}: {image.rule}{also}")
    said = (*catalog.notes, *_dated(catalog, today or datetime.now(UTC).date()))
    for note in (*said, *_about_nothing(catalog, folder)):
        print(f"{place}: note: {note}")
    return 0


def _absent(catalog: Catalog, folder: File) -> list[str]:
    named = {each.test.script: f"{each.name}'s test" for each in catalog.images if each.test}
    named |= dict.fromkeys(catalog.vex, "vex")
    return [
        f"{what}: expected a file {path} beside the catalog, found none"
        for path, what in named.items()
        if not (folder / path).is_file()
    ]


def _unreadable(catalog: Catalog, folder: File) -> Iterable[str]:
    """Say which VEX documents cannot be read: with one of those nothing is judged."""
    from shared.vex import reading  # noqa: PLC0415  # cold start, see above

    for name in catalog.vex:
        try:
            if (folder / name).is_file():
                reading.read(name, (folder / name).read_bytes())
        except (OSError, reading.InvalidVex) as error:
            yield f"vex: {error}"


def _about_nothing(catalog: Catalog, folder: File) -> Iterable[str]:
    """Name what VEX documents say of images that the catalog does not list: it excuses nothing here."""
    from shared.vex import reading, standing  # noqa: PLC0415  # cold start, see above

    spaces = (catalog.staging, catalog.base)
    images = [
        (
            each.name,
            standing.repositories(
                str(place) for place in (each.source, *(at.repository(each.name) for at in spaces))
            ),
        )
        for each in catalog.images
    ]
    for document in catalog.vex:
        products = (
            product
            for statement in reading.read(document, (folder / document).read_bytes())
            for product in statement.products
        )
        strange = {
            each.repository or each.name
            for each in products
            if not any(standing.names(each, *image) for image in images)
        }
        for name in sorted(strange):
            yield f"{document} speaks of {name}, which is no image of this catalog."


def _dated(catalog: Catalog, today: date) -> Iterable[str]:
    from shared import catalog_notes  # noqa: PLC0415  # cold start, see above

    return catalog_notes.dated(catalog.waivers, today)


def _counted(catalog: Catalog) -> str:
    tags = sum(len(each.tags) for each in catalog.images)
    rules = sum(each.rule is not None for each in catalog.images)
    chosen = f"{rules} {'rule that chooses' if rules == 1 else 'rules that choose'} tags"
    told = _number(len(catalog.images), "image")
    if tags or not rules:
        told += f", {_number(tags, 'watched tag')}"
    return f"{told}, {chosen}" if rules else told


def _number(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _decoded(place: str, text: str | bytes) -> str:
    raw = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        found = f"the byte 0x{raw[error.start]:02x}"
        raise CatalogInvalid([Fault(place, line, "", "text in UTF-8", found)]) from None


def _one_a_path(problems: Iterable[tuple[Path, str, str]]) -> Iterable[tuple[Path, str, str]]:
    # The schema and the checks may both mind one value; the first sentence about it is enough.
    return {
        path: (path, expected, found) for path, expected, found in reversed([*problems])
    }.values()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
