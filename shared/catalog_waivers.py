"""What one key alone cannot tell about a catalog's waivers."""

from collections.abc import Iterator

from shared.catalog_faults import quoted
from shared.catalog_parts import Keys, Problem, entries
from shared.catalog_yaml import Node, line


def waiver_problems(root: Node, document: Keys) -> Iterator[Problem]:
    """Find waivers of the same finding, for the same images and package: one of them is nobody's."""
    first: dict[tuple[str, str, str], int] = {}
    for number, waiver in entries(document, "waivers"):
        found, image, package = (waiver.get(key, "") for key in ("id", "image", "package"))
        if not (isinstance(found, str) and isinstance(image, str) and isinstance(package, str)):
            continue
        other = first.setdefault((found.casefold(), image, package), number)
        if other != number:
            there = line(root, ("waivers", other))
            expected = f"a finding waived once for the same images and package (line {there} does)"
            yield ("waivers", number, "id"), expected, quoted(found)
