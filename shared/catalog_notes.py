"""What a catalog says that is no fault, and that its author should know all the same."""

import difflib
from collections.abc import Iterable, Iterator
from datetime import date, timedelta

from shared.catalog_model import Image, Mode, Rebuild, Waiver

_LONG = timedelta(days=3653)  # ten years
_COMPARED = 5_000  # names, for hints: it is so slow that large catalogs would be read for minutes


def notes(
    images: tuple[Image, ...], waivers: Iterable[Waiver], rebuild: tuple[Rebuild, ...]
) -> Iterator[str]:
    """Return sentences about what waits, or is not applied; they depend on nothing but the catalog."""
    yield from _idle(images, waivers)
    yield from _unmet(images)
    if rebuild:
        names = sorted({each.github for each in rebuild})
        yield f"GitHub workflows are not started yet, only ACR tasks are: {', '.join(names)}."


def _idle(images: tuple[Image, ...], waivers: Iterable[Waiver]) -> Iterator[str]:
    names = dict.fromkeys(image.name for image in images)
    hints = _COMPARED // max(len(names), 1) or 1
    for waiver in waivers:
        is_glob = "*" in waiver.image or "?" in waiver.image
        if waiver.image in names or (is_glob and any(map(waiver.covers, names))):
            continue
        near = difflib.get_close_matches(waiver.image, names, n=1) if hints > 0 else []
        hints -= 1
        hint = f" (did you mean {near[0]}?)" if near else ""
        yield (
            f"The waiver of {waiver.id} waives nothing: no image's name matches "
            f"{waiver.image}{hint}."
        )


def dated(waivers: Iterable[Waiver], today: date) -> Iterator[str]:
    """Return sentences about waivers that have expired, or will not for years; `today` is UTC's day.

    They are no part of a catalog's own notes: its text must mean the same today and tomorrow.
    """
    for waiver in waivers:
        named = f"The waiver of {waiver.id} for {waiver.image}"
        if waiver.expires < today:
            yield f"{named} expired on {waiver.expires}, and waives nothing any more."
        elif waiver.expires - today > _LONG:
            yield f"{named} holds until {waiver.expires}; a nearer day would have it looked at again."


def _unmet(images: Iterable[Image]) -> Iterator[str]:
    held = [each for each in images if each.gate.require and each.gate.mode is Mode.ENFORCE]
    if held:
        asked = sorted({str(demand) for each in held for demand in each.gate.require})
        yield (
            f"`require: [{', '.join(asked)}]` cannot be met yet: no run makes or checks these, so each digest is "
            f"held until an operator approves it with `override`: {', '.join(each.name for each in held)}."
        )
