"""Reads an OpenVEX document (0.2.0)."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from shared.oci.digest import Digest, InvalidDigest
from shared.reports.fields import entries, mapping, moment, present, prose, text, texts
from shared.reports.findings import InvalidReport
from shared.vex import products
from shared.vex.keys import only
from shared.vex.purls import InvalidPurl, Purl, is_purl, packages, parse
from shared.vex.statements import Package, Product, Statement

CONTEXTS = frozenset({"https://openvex.dev/ns/v0.2.0", "https://openvex.dev/ns"})
# OPENVEX-SPEC.md, "Status Labels" and "Status Justifications".
_STATUSES = {"not_affected": True, "fixed": True, "affected": False, "under_investigation": False}
_JUSTIFICATIONS = frozenset(
    {
        "component_not_present",
        "vulnerable_code_not_present",
        "vulnerable_code_not_in_execute_path",
        "vulnerable_code_cannot_be_controlled_by_adversary",
        "inline_mitigations_already_exist",
    }
)
# The schema's keys; another one may be a misspelt one that would have narrowed what is excused.
_STATEMENT = frozenset(
    {
        *("@id", "version", "vulnerability", "timestamp", "last_updated", "products", "status"),
        *("supplier", "status_notes", "justification", "impact_statement"),
        *("action_statement", "action_statement_timestamp"),
    }
)
_PRODUCT = frozenset({"@id", "identifiers", "hashes", "subcomponents", "supplier"})


def statements(body: Mapping[str, Any], source: str) -> Iterator[Statement]:
    """Yield the statements of a document. Raises InvalidReport, naming the place.

    A statement without a time of its own was made when the document was ("Inheritance Flow").
    """
    if (context := text(body, "@context", "")) not in CONTEXTS:
        message = f"@context: expected {' or '.join(sorted(CONTEXTS))}, found {context[:60]!r}"
        raise InvalidReport(message)
    author = text(body, "author", "", required=True)
    issued = moment(present(body, "timestamp", ""), "timestamp", "")
    for each, place in entries(present(body, "statements", ""), "statements", ""):
        yield _statement(each, place, author, issued, source)


def _statement(
    body: Mapping[str, Any], place: str, author: str, issued: datetime | None, source: str
) -> Statement:
    if isinstance(body.get("vulnerability"), str):
        message = (
            f"{place}vulnerability: expected an object as in OpenVEX 0.2.0, found text as in 0.0.x "
            "(vexctl merge FILE writes it anew)"
        )
        raise InvalidReport(message)
    only(body, _STATEMENT, place)
    status = text(body, "status", place, required=True)
    if status not in _STATUSES:
        message = f"{place}status: expected {' or '.join(_STATUSES)}, found {status[:60]!r}"
        raise InvalidReport(message)
    excuses = _STATUSES[status]
    found = [_product(*each, excuses=excuses) for each in entries(body, "products", place)]
    if not found:
        message = f"{place}products: expected at least one, found none"
        raise InvalidReport(message)
    return Statement(
        ids=_ids(body, place),
        excuses=excuses,
        reason=_reason(body, place, status),
        author=author,
        source=source,
        products=tuple(each for each in found if each is not None),
        at=moment(body, "timestamp", place) or issued,
    )


def _ids(body: Mapping[str, Any], place: str) -> tuple[str, ...]:
    vulnerability, where = mapping(body, "vulnerability", place), f"{place}vulnerability."
    name = text(vulnerability, "name", where, required=True)
    return tuple(each.strip() for each in (name, *texts(vulnerability, "aliases", where)))


def _reason(body: Mapping[str, Any], place: str, status: str) -> str:
    """Return the status and why; `not_affected` needs a justification or an impact statement."""
    justification = text(body, "justification", place)
    told = prose(body, "impact_statement", place)
    if status == "not_affected" and not justification and not told:
        message = f"{place}justification: expected it or an impact_statement, found neither"
        raise InvalidReport(message)
    if justification and justification not in _JUSTIFICATIONS:
        known = " or ".join(sorted(_JUSTIFICATIONS))
        message = f"{place}justification: expected {known}, found {justification[:60]!r}"
        raise InvalidReport(message)
    notes = prose(body, "status_notes", place)
    return ": ".join(each for each in (status, justification, told or notes) if each)


def _product(body: Mapping[str, Any], place: str, *, excuses: bool) -> Product | None:
    only(body, _PRODUCT, place)
    purl = _purl(body, place)
    if purl is None:
        return None
    digest = _hash(body, place)
    product = products.image(purl, excuses=excuses, digest=digest)
    if product is None:
        return None
    if excuses and product.digest is None and mapping(body, "hashes", place):
        return None  # narrowed by a hash that is no digest of a manifest
    inside = [_package(*each) for each in entries(body, "subcomponents", place)]
    return products.within(product, inside, excuses=excuses)


def _package(body: Mapping[str, Any], place: str) -> tuple[Package, ...]:
    purl = _purl(body, place)
    return packages(purl) if purl is not None else ()


def _purl(body: Mapping[str, Any], place: str) -> Purl | None:
    """Return a component's purl, which may stand in two places and must be the same there."""
    named, where = text(body, "@id", place), f"{place}identifiers."
    listed = text(mapping(body, "identifiers", place), "purl", where)
    try:
        first = parse(named) if is_purl(named) else None
        second = parse(listed) if listed else None
    except InvalidPurl as error:
        message = f"{place[:-1]}: {error}"
        raise InvalidReport(message) from error
    if first is not None and second is not None and first != second:
        message = (
            f"{where}purl: expected that of @id, {named[:100]!r}, or none, found {listed[:100]!r}"
        )
        raise InvalidReport(message)
    return second or first


def _hash(body: Mapping[str, Any], place: str) -> Digest | None:
    """Return the manifest's digest, if the product gives it as a hash."""
    hashes, where = mapping(body, "hashes", place), f"{place}hashes."
    found = text(hashes, "sha-256", where)
    try:
        return Digest(f"sha256:{found.lower()}") if found else None
    except InvalidDigest as error:
        message = f"{where}sha-256: expected 64 hex digits, found {found[:70]!r}"
        raise InvalidReport(message) from error
