"""What one key alone cannot tell about a rule that chooses tags."""

from collections.abc import Iterator, Mapping

from shared.catalog_faults import Path, quoted
from shared.catalog_parts import Keys, Problem, at, entries, source_of
from shared.catalog_yaml import Node, Plain, line
from shared.oci.reference import Repository
from shared.oci.versions import Range

# What says which tags are meant; without any of these a rule would take every tag there is.
CHOOSING = ("semver", "allow", "prefix", "suffix")
# What only narrows the choice, and so means nothing without it.
BESIDE: Mapping[str, tuple[str, ...]] = {
    "deny": CHOOSING,
    "newest": CHOOSING,
    "prereleases": CHOOSING,
    "per": ("newest",),
}


def tag_problems(document: Keys, place: Path) -> Iterator[Problem]:
    """Find everything wrong between the keys of one image's `tags`."""
    where: Path = (*place, "tags")
    rule = at(document, where)
    if not isinstance(rule, dict):
        return
    if not any(key in rule for key in ("names", *CHOOSING)):
        expected = f"a key that says which tags are meant ({', '.join(CHOOSING)} or names)"
        yield where, expected, ", ".join(rule) or "none"
        return
    for key, needed in BESIDE.items():
        if key in rule and not any(each in rule for each in needed):
            yield (*where, key), f"{_either(needed)} beside it", "none"
    yield from _prereleases(rule, where)


def one_rule_once(root: Node, document: Keys) -> Iterator[Problem]:
    """Find images that choose the same tags of one source by the same rule."""
    first: dict[tuple[Repository, str], int] = {}
    for number, image in entries(document, "images"):
        source, rule = source_of(image), image.get("tags")
        if source is None or not isinstance(rule, dict):
            continue
        chosen = {key: rule[key] for key in sorted(rule) if key != "names"}
        other = first.setdefault((source, repr(chosen)), number)
        if chosen and other != number:
            there = line(root, ("images", other))
            expected = f"a rule that no other image of {source} has (line {there} has this one)"
            yield ("images", number, "tags"), expected, ", ".join(chosen)


def _prereleases(rule: Mapping[str, Plain], where: Path) -> Iterator[Problem]:
    text = rule.get("semver")
    try:
        named = isinstance(text, str) and Range.parse(text).names_prerelease
    except ValueError:
        return  # the schema says so
    if named and rule.get("prereleases", False) is False:
        expected = "`prereleases: true` beside a range that names a prerelease"
        yield (*where, "semver"), expected, quoted(text)


def _either(keys: tuple[str, ...]) -> str:
    *others, last = (f"`{key}`" for key in keys)
    return f"{', '.join(others)} or {last}" if others else last
