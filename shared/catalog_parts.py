"""The parts of a catalog nobody has checked yet; what has the wrong shape counts as absent.

The schema reports it, and it must not hide what is wrong elsewhere.
"""

from collections.abc import Iterator

from shared.catalog_faults import Path, quoted
from shared.catalog_yaml import Node, Plain, line
from shared.oci.reference import InvalidReference, Namespace, Repository

type Problem = tuple[Path, str, str]  # where, what was expected, what was found
type Keys = dict[str, Plain]


def at(document: Plain, path: Path) -> Plain:
    """Return what stands at this path, or None."""
    for step in path:
        if isinstance(document, dict) and isinstance(step, str):
            document = document.get(step)
        elif isinstance(document, list) and isinstance(step, int) and step < len(document):
            document = document[step]
        else:
            return None
    return document


def entries(document: Keys, key: str) -> Iterator[tuple[int, Keys]]:
    """Return the entries of a list of mappings, like `images`, with their places in it."""
    found = document.get(key)
    for number, each in enumerate(found if isinstance(found, list) else ()):
        if isinstance(each, dict):
            yield number, each


def source_of(image: Keys) -> Repository | None:
    """Return where an image comes from."""
    text = image.get("source")
    try:
        return Repository.parse(text) if isinstance(text, str) else None
    except InvalidReference:
        return None


def tags_of(image: Keys) -> tuple[Path, list[Plain]]:
    """Return the tags an image names, and where under it they stand."""
    path: Path = ("tags", "names") if isinstance(image.get("tags"), dict) else ("tags",)
    found = at(image, path)
    return path, found if isinstance(found, list) else []


def namespace(document: Keys, key: str) -> Namespace | None:
    """Return what `staging` or `base` names."""
    text = document.get(key)
    try:
        return Namespace.parse(text) if isinstance(text, str) else None
    except InvalidReference:
        return None


def repeated(root: Node, document: Plain, path: Path, expected: str) -> Iterator[Problem]:
    """Find the texts a list holds more than once."""
    found = at(document, path)
    first: dict[str, int] = {}
    for number, each in enumerate(found if isinstance(found, list) else ()):
        if not isinstance(each, str):
            continue
        if first.setdefault(each, number) != number:
            where = line(root, (*path, first[each]))
            yield (*path, number), f"{expected} (first on line {where})", quoted(each)
