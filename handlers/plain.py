"""Text from outside, made fit for one line of a log, a terminal, a page or a table."""

import json

_LONGEST = 1000  # characters of one sentence
_ROOM = 12_000  # characters of all of them as JSON; a table's text holds 32,000, escaped once more


def plain(text: str, longest: int = _LONGEST) -> str:
    """Return the text on one line: no control, no bidirectional and no lone surrogate characters."""
    shown = "".join(each if each.isprintable() else " " for each in text[: 4 * longest])
    shown = " ".join(shown.split())
    cut = len(shown) > longest or len(text) > 4 * longest
    return f"{shown[: longest - 1]}…" if cut else shown


def sentences(reasons: tuple[str, ...], room: int = _ROOM) -> tuple[str, ...]:
    """Return the reasons as plain sentences, as many as there is room for, and how many more."""
    kept: list[str] = []
    for number, reason in enumerate(reasons):
        said = plain(reason)
        room -= len(json.dumps(said)) + len(", ")
        if room < 0:
            return (*kept, f"and {len(reasons) - number} more")
        kept.append(said)
    return tuple(kept)
