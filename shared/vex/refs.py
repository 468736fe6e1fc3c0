"""What a CycloneDX document's references stand for: the package URLs of its components."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from shared.reports.fields import entries, mapping, text
from shared.reports.findings import InvalidReport
from shared.vex.purls import InvalidPurl, Purl, is_purl, parse

_DEEPEST = 50  # components within components


def subject(body: Mapping[str, Any]) -> Purl | None:
    """Return the purl of what the whole document is about. Raises InvalidReport."""
    metadata = mapping(body, "metadata", "")
    return _purl(mapping(metadata, "component", "metadata."), "metadata.component.")


def components(body: Mapping[str, Any]) -> dict[str, Purl]:
    """Return the purls of all components by their reference, nested ones too. Raises InvalidReport."""
    found: dict[str, Purl] = {}
    about = mapping(mapping(body, "metadata", ""), "component", "metadata.")
    _add(found, about, "metadata.component.")
    waiting = [(body, "", 0), (about, "metadata.component.", 0)]
    while waiting:
        holder, place, depth = waiting.pop()
        if depth > _DEEPEST:
            message = (
                f"{place[:100]}…: expected at most {_DEEPEST} levels of components, found more"
            )
            raise InvalidReport(message)
        for each, where in entries(holder, "components", place):
            _add(found, each, where)
            waiting.append((each, where, depth + 1))
    return found


def named(ref: str, place: str, known: Mapping[str, Purl]) -> Purl | None:
    """Return what a reference stands for; None where it names nothing by a purl. Raises InvalidReport.

    One into another document is a BOM-Link (`urn:cdx:serial/version#ref`), whose end is a purl as a rule.
    """
    if ref in known:
        return known[ref]
    local = ref.partition("#")[2] if ref.lower().startswith("urn:cdx:") else ref
    local = local if is_purl(local) or local in known else unquote(local)
    return known.get(local) or (_parsed(local, place) if is_purl(local) else None)


def _add(found: dict[str, Purl], component: Mapping[str, Any], place: str) -> None:
    ref, purl = text(component, "bom-ref", place), _purl(component, place)
    if not ref or purl is None:
        return
    if found.setdefault(ref, purl) != purl:
        message = f"{place}bom-ref: expected one component by it, found {ref[:60]!r} again"
        raise InvalidReport(message)


def _purl(component: Mapping[str, Any], place: str) -> Purl | None:
    for key in ("purl", "bom-ref"):
        found = text(component, key, place)
        if is_purl(found):
            return _parsed(found, f"{place}{key}")
    return None


def _parsed(purl: str, place: str) -> Purl:
    try:
        return parse(purl)
    except InvalidPurl as error:
        message = f"{place}: {error}"
        raise InvalidReport(message) from error
