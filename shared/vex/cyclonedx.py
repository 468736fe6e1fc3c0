"""Reads a CycloneDX VEX document (1.4 to 1.7): the analyses of its vulnerabilities."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from shared.reports.fields import entries, mapping, moment, present, prose, text
from shared.reports.findings import InvalidReport
from shared.vex import products, refs
from shared.vex.keys import only
from shared.vex.purls import IMAGES, Purl, packages
from shared.vex.statements import Package, Product, Statement

# Shapes: CycloneDX/specification, schema/bom-1.6.schema.json; uses: CycloneDX/bom-examples, VEX.
_VERSIONS = frozenset({"1.4", "1.5", "1.6", "1.7"})
_STATES = {
    "not_affected": True,
    "false_positive": True,
    "resolved": True,
    "resolved_with_pedigree": True,
    "exploitable": False,
    "in_triage": False,
}
_AFFECTED = frozenset({"ref", "versions"})
_VERSION = frozenset({"version", "range", "status"})


@dataclass(frozen=True, slots=True)
class _Document:
    """What all statements of a document share."""

    source: str
    author: str
    issued: datetime | None
    subject: Purl | None
    known: Mapping[str, Purl]


def statements(body: Mapping[str, Any], source: str) -> Iterator[Statement]:
    """Yield the statements of a document. Raises InvalidReport, naming the place.

    A vulnerability without an analysis says nothing. What it affects is the image itself, or a package in the
    image that is the document's subject. A statement is as old as its analysis, else as the document.
    """
    for key, expected in (("bomFormat", {"CycloneDX"}), ("specVersion", _VERSIONS)):
        if (found := text(body, key, "")) not in expected:
            message = f"{key}: expected {' or '.join(sorted(expected))}, found {found[:60]!r}"
            raise InvalidReport(message)
    metadata = mapping(body, "metadata", "")
    shared = _Document(
        source,
        _author(metadata),
        moment(metadata, "timestamp", "metadata."),
        refs.subject(body),
        refs.components(body),
    )
    for each, place in entries(present(body, "vulnerabilities", ""), "vulnerabilities", ""):
        analysis, where = mapping(each, "analysis", place), f"{place}analysis."
        if state := text(analysis, "state", where):
            yield _statement(each, place, state, shared)


def _statement(body: Mapping[str, Any], place: str, state: str, shared: _Document) -> Statement:
    analysis, where = mapping(body, "analysis", place), f"{place}analysis."
    if state not in _STATES:
        message = f"{where}state: expected {' or '.join(_STATES)}, found {state[:60]!r}"
        raise InvalidReport(message)
    affects = tuple(entries(body, "affects", place))
    if not affects:
        message = f"{place}affects: expected what the analysis is about, found nothing"
        raise InvalidReport(message)
    excuses = _STATES[state]
    found = [_product(*each, shared, excuses=excuses) for each in affects]
    told = (state, text(analysis, "justification", where), prose(analysis, "detail", where))
    made = moment(analysis, "lastUpdated", where) or moment(analysis, "firstIssued", where)
    return Statement(
        ids=_ids(body, place),
        excuses=excuses,
        reason=": ".join(each for each in told if each),
        author=shared.author,
        source=shared.source,
        products=tuple(each for one in found for each in one),
        at=made or shared.issued,
    )


def _ids(body: Mapping[str, Any], place: str) -> tuple[str, ...]:
    """Return the vulnerability's id, and those it has elsewhere."""
    same = (text(each, "id", where) for each, where in entries(body, "references", place))
    return (text(body, "id", place, required=True).strip(), *(each.strip() for each in same))


def _author(metadata: Mapping[str, Any]) -> str:
    for each, where in entries(metadata, "authors", "metadata."):
        if found := text(each, "name", where) or text(each, "email", where):
            return found
    return text(mapping(metadata, "supplier", "metadata."), "name", "metadata.supplier.")


def _product(
    body: Mapping[str, Any], place: str, shared: _Document, *, excuses: bool
) -> tuple[Product, ...]:
    """Return the images that one entry of `affects` is about, narrowed to a package or to versions."""
    only(body, _AFFECTED, place)
    ref = text(body, "ref", place, required=True)
    purl = refs.named(ref, f"{place}ref", shared.known)
    versions = _versions(body, place, excuses=excuses)
    if versions is None:
        return ()
    if purl is not None and purl.type in IMAGES:
        named = [replace(purl, version=each) for each in versions] or [purl]
        found = (products.image(each, excuses=excuses) for each in named)
        return tuple(each for each in found if each is not None)
    image = products.image(shared.subject, excuses=excuses) if shared.subject else None
    if image is None:
        return ()
    inside = packages(purl) if purl is not None else ()
    exact = tuple(Package(one.name, each) for one in inside for each in versions)
    narrowed = products.within(image, [exact or inside], excuses=excuses)
    return (narrowed,) if narrowed is not None else ()


def _versions(body: Mapping[str, Any], place: str, *, excuses: bool) -> tuple[str, ...] | None:
    """Return the versions an entry is narrowed to: none is all of them, None not one that can be told.

    A range cannot be checked here: it excuses nothing, and takes back whatever it may mean. What is called
    affected or unknown is not excused, whatever the analysis says; what is unaffected takes nothing back.
    """
    listed = tuple(entries(body, "versions", place))
    meant, whole = list[str](), not listed
    for each, where in listed:
        only(each, _VERSION, where)
        version, status = text(each, "version", where), text(each, "status", where)
        if (status in ("affected", "unknown")) if excuses else (status == "unaffected"):
            continue
        if version:
            meant.append(version)
        elif not excuses:
            whole = True
    if whole:
        return ()
    return tuple(meant) or None
