"""The components of a CycloneDX document: what was examined, and what a vulnerability is in."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from shared.reports.fields import entries, mapping, text
from shared.reports.findings import InvalidReport
from shared.reports.purl_names import name_and_version

_DEEPEST = 50  # components within components


@dataclass(frozen=True, slots=True)
class Part:
    """One component; `kind` is its purl's type, or CycloneDX's own word where it has no purl.

    `examined` is False for the image itself: naming it shows nothing.
    """

    ref: str
    name: str
    version: str
    kind: str
    examined: bool = True

    @property
    def title(self) -> str:
        """Name and version as people write them."""
        return f"{self.name} {self.version}".strip()


def parts(body: Mapping[str, Any]) -> tuple[Part, ...]:
    """Return the image itself and all components, nested ones too. Raises InvalidReport."""
    image = mapping(mapping(body, "metadata", ""), "component", "metadata.")
    found = [_part(image, "metadata.component.", examined=False)]
    waiting = [(body, "", 0), (image, "metadata.component.", 0)]
    while waiting:
        holder, place, depth = waiting.pop()
        if depth > _DEEPEST:
            message = (
                f"{place[:100]}…: expected at most {_DEEPEST} levels of components, found more"
            )
            raise InvalidReport(message)
        for each, where in entries(holder, "components", place):
            found.append(_part(each, where, examined=True))
            waiting.append((each, where, depth + 1))
    return tuple(found)


def by_ref(listed: Iterable[Part]) -> dict[str, Part]:
    """Return components by their reference. Raises InvalidReport if one stands for two of them."""
    found: dict[str, Part] = {}
    for part in listed:
        other = found.setdefault(part.ref, part)
        if part.ref and (other.name, other.version) != (part.name, part.version):
            message = (
                f"components: expected {part.ref[:60]!r} to be one of them, found "
                f"{other.title[:60]!r} and {part.title[:60]!r}"
            )
            raise InvalidReport(message)
    return found


def elsewhere(ref: str, local: str) -> Part:
    """Return a component of another document, of which the end of a BOM-Link is all that is known."""
    name, version = name_and_version(local)
    return Part(ref, name if name != local else ref, version, "another document")


def _part(body: Mapping[str, Any], place: str, *, examined: bool) -> Part:
    name = text(body, "name", place, required=True)
    group = text(body, "group", place)
    purl = text(body, "purl", place)
    kind = purl.removeprefix("pkg:").split("/")[0] if purl.startswith("pkg:") else ""
    joint = ":" if kind == "maven" else "/"
    return Part(
        ref=text(body, "bom-ref", place) or purl,
        name=f"{group}{joint}{name}" if group else name,
        version=text(body, "version", place),
        kind=kind or text(body, "type", place, required=True),
        examined=examined,
    )
