"""What one key alone cannot tell about a catalog: names, overlaps, doubles, and tests that cannot run."""

from collections.abc import Iterator

from shared.catalog_faults import Path, quoted
from shared.catalog_gates import gate_problems, image_gate_problems
from shared.catalog_parts import (
    Problem,
    at,
    entries,
    namespace,
    repeated,
    source_of,
    tags_of,
)
from shared.catalog_tags import one_rule_once, tag_problems
from shared.catalog_upstreams import upstream_problems
from shared.catalog_waivers import waiver_problems
from shared.catalog_yaml import Node, Plain, line, plain
from shared.oci.reference import Namespace, Repository, is_path

_AGENT = "linux/amd64"  # every agent of ACR Tasks that runs our tests (ACR Tasks overview)


def problems(root: Node) -> Iterator[Problem]:
    """Find everything wrong between keys; values of the wrong shape are passed over.

    They are reported by the schema, and must not hide what is wrong elsewhere.
    """
    document = plain(root)
    if not isinstance(document, dict):
        return
    yield from _empty(document, ())
    yield from _overlap(document)
    yield from repeated(root, document, ("apps",), "a registry named once")
    yield from repeated(root, document, ("defaults", "platforms"), "a platform named once")
    yield from repeated(root, document, ("vex",), "a file named once")
    yield from gate_problems(root, document, ("defaults", "gate"))
    yield from _names(root, document)
    yield from _watched_once(root, document)
    yield from one_rule_once(root, document)
    yield from upstream_problems(root, document)
    yield from waiver_problems(root, document)
    for number, image in entries(document, "images"):
        place: Path = ("images", number)
        yield from repeated(root, document, (*place, *tags_of(image)[0]), "a tag named once")
        yield from tag_problems(document, place)
        yield from repeated(root, document, (*place, "platforms"), "a platform named once")
        yield from gate_problems(root, document, (*place, "gate"))
        yield from image_gate_problems(document, place)
        yield from _testable(document, place)


def name_of(source: Repository) -> str:
    """Return the name an image has when the catalog gives it none."""
    return source.path.removeprefix("library/")


def _empty(value: Plain, path: Path) -> Iterator[Problem]:
    # A key without a value reads like a wish ("test:") and would count as not written at all.
    if value is None:
        yield path, "a value", "nothing"
    elif isinstance(value, dict):
        for key, each in value.items():
            yield from _empty(each, (*path, key))
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from _empty(each, (*path, number))


def _overlap(document: dict[str, Plain]) -> Iterator[Problem]:
    staging, base = namespace(document, "staging"), namespace(document, "base")
    if staging and base and (_holds(staging, base) or _holds(base, staging)):
        yield ("base",), f"a place outside staging ({staging})", quoted(str(base))


def _names(root: Node, document: dict[str, Plain]) -> Iterator[Problem]:
    spaces = [space for key in ("staging", "base") if (space := namespace(document, key))]
    first: dict[str, int] = {}
    for number, image in entries(document, "images"):
        source = source_of(image)
        own = image.get("name")
        name = own if isinstance(own, str) else name_of(source) if source else None
        here: Path = ("images", number, "name" if "name" in image else "source")
        if source and any(
            _holds(space, Namespace(source.registry, source.path)) for space in spaces
        ):
            yield (
                ("images", number, "source"),
                "a source outside staging and base",
                quoted(str(source)),
            )
        if name is None:
            continue
        if name in first:
            other = line(root, ("images", first[name]))
            expected = f"a name no other image has (add `name:`; line {other} has this one)"
            yield here, expected, quoted(name)
        first.setdefault(name, number)
        if any(not _fits(space, name) for space in spaces):
            yield here, "a name that makes a repository of at most 255 characters", quoted(name)


def _watched_once(root: Node, document: dict[str, Plain]) -> Iterator[Problem]:
    first: dict[tuple[Repository, str], int] = {}
    for number, image in entries(document, "images"):
        source, (where, tags) = source_of(image), tags_of(image)
        if source is None:
            continue
        for index, tag in enumerate(tags):
            if not isinstance(tag, str):
                continue
            other = first.setdefault((source, tag), number)
            if other != number:
                there = line(root, ("images", other))
                expected = f"a tag of {source} that no other image watches (line {there} does)"
                yield ("images", number, *where, index), expected, quoted(tag)


def _testable(document: dict[str, Plain], place: Path) -> Iterator[Problem]:
    def written(key: str) -> Path | None:
        places: tuple[Path, ...] = ((*place, key), ("defaults", key))
        return next((path for path in places if at(document, path) is not None), None)

    test, named = written("test"), written("platforms")
    platforms = at(document, named) if named else None
    if not test or not named or not isinstance(platforms, list) or not platforms:
        return
    if _AGENT not in platforms:
        # Told at the image if either of the two is its own, else once for all images, at the defaults.
        where = next((path for path in (named, test) if path[0] == "images"), named)
        expected = f"{_AGENT} among the platforms: a test runs on it"
        yield where, expected, ", ".join(str(each) for each in platforms)


def _holds(outer: Namespace, inner: Namespace) -> bool:
    if outer.registry != inner.registry:
        return False
    return outer.prefix in ("", inner.prefix) or outer.name_of(inner.prefix) is not None


def _fits(space: Namespace, name: str) -> bool:
    if not is_path(name):
        return True  # the schema says so already
    return is_path(f"{space.prefix}/{name}" if space.prefix else name)
