"""Which VEX statements stand for one image: what later ones have not taken back."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import product as combinations

from shared.oci.digest import Digest
from shared.oci.platform import Platform
from shared.vex.purls import canonical
from shared.vex.statements import Package, Product, Statement

_ANY = "*"
_UNDATED = datetime.min.replace(tzinfo=UTC)
type _Scope = tuple[str, str, str]  # package, version, part; each "" for any
type _Made = tuple[datetime, int]  # when, and in which place among all statements


@dataclass(frozen=True, slots=True)
class Candidate:
    """The image that statements may be about: its `name` in the catalog, and where else it is.

    `platforms` are the manifests of its index.
    """

    name: str
    repositories: frozenset[str]
    digest: Digest
    platforms: Mapping[Platform, Digest]


@dataclass(frozen=True, slots=True)
class Claim:
    """One vulnerability that a statement excuses; `part` is the one manifest it does so for."""

    id: str
    package: str
    version: str
    part: Digest | None
    statement: Statement


def standing(statements: Iterable[Statement], candidate: Candidate) -> tuple[Claim, ...]:
    """Return what the statements excuse in the image, in the order they were made.

    A statement that does not excuse takes back every earlier one that shares an id with it, as far as the two may
    mean the same package and platform; so a narrow one takes a wide one back whole. Of two without a time the
    later in order counts; between one with a time and one without, the one that does not excuse.
    """
    taken: dict[tuple[bool, str, _Scope], _Made] = {}
    given: list[tuple[_Made, tuple[str, ...], Claim]] = []
    for number, each in enumerate(statements):
        made = (each.at or _UNDATED, number)
        ids = tuple(dict.fromkeys(one.casefold() for one in each.ids))
        for claim in _claims(each, candidate):
            if each.excuses:
                given.append((made, ids, claim))
                continue
            for one, scope in combinations(ids, _touched(_scope(claim))):
                key = (each.at is None, one, scope)
                taken[key] = max(made, taken.get(key, made))
    given.sort(key=lambda each: each[0])
    left = {
        (claim.id.casefold(), *_scope(claim)): claim
        for made, ids, claim in given
        if not _is_taken(taken, made, ids, claim)
    }
    return tuple(left.values())


def plain(name: str) -> str:
    """Return a package's name as it is compared: purls have PyPI's in lower case and without `_`."""
    return name.casefold().replace("_", "-")


def names(product: Product, name: str, places: frozenset[str]) -> bool:
    """Tell whether the product is an image found in these `repositories`, else by its name in the catalog.

    A purl has only the last part of the name: where a digest is given too, that is enough.
    """
    if product.repository:
        return product.repository in places
    last = name.rpartition("/")[2]
    return product.name == name or (product.digest is not None and product.name == last)


def repositories(places: Iterable[str]) -> frozenset[str]:
    """Return repositories as products are compared with them."""
    return frozenset(canonical(each) for each in places)


def _claims(statement: Statement, candidate: Candidate) -> Iterator[Claim]:
    for product in statement.products:
        is_meant = names(product, candidate.name, candidate.repositories)
        parts = _parts(product, candidate) if is_meant else ()
        inside = product.packages or (Package(""),)
        for one, package, part in combinations(statement.ids, inside, parts):
            yield Claim(one, package.name, package.version, part, statement)


def _parts(product: Product, candidate: Candidate) -> tuple[Digest | None, ...]:
    """Return the manifests a product means: None for the image as a whole."""
    whole = product.digest is None or product.digest == candidate.digest
    if product.platform is not None:
        wanted = (product.platform.architecture, product.platform.variant)
        return tuple(
            digest
            for platform, digest in candidate.platforms.items()
            if (platform.architecture, platform.variant) == wanted
            and (whole or digest == product.digest)
        )
    if whole:
        return (None,)
    return (product.digest,) if product.digest in candidate.platforms.values() else ()


def _scope(claim: Claim) -> _Scope:
    return plain(claim.package), claim.version, str(claim.part or "")


def _touched(scope: _Scope) -> Iterator[_Scope]:
    """Yield the keys under which a statement that takes back is found by all that it overlaps."""
    yield from combinations(*((each, _ANY) for each in scope))


def _asked(scope: _Scope) -> Iterator[_Scope]:
    """Yield the keys under which whatever overlaps is found: what is any here overlaps with all."""
    yield from combinations(*((each, "") if each else (_ANY,) for each in scope))


def _is_taken(
    taken: Mapping[tuple[bool, str, _Scope], _Made], made: _Made, ids: tuple[str, ...], claim: Claim
) -> bool:
    undated = claim.statement.at is None
    for one, scope in combinations(ids, _asked(_scope(claim))):
        if (not undated, one, scope) in taken:
            return True
        later = taken.get((undated, one, scope))
        if later is not None and later > made:
            return True
    return False
