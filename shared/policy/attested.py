"""Whether a decision that is attached already says what a verdict passed now rests on."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

# What must be the same, and what may have been more: a verdict passed after the first of several tags was moved
# is compared with less, needs fewer excuses, and has fewer tags left to move.
_SAME = (
    "mode",
    "source",
    "scans",
    "tests",
    "approval",
    "unexamined",
    "hastened",
    "gate",
    "catalog",
)
_AMONG = ("tags", "deltas", "overridden", "moving")


def says(attached: bytes, verdict: bytes) -> bool:
    """Tell whether the attached statement says what the verdict's statement says.

    The first may be anything, the second is one of ours (policy/statement.py). The sentences are not compared, as
    they name what the tags held before they were moved; what they are made of is. Of a statement that had to be
    shortened only the very same will do.
    """
    if attached == verdict:
        return True
    try:
        old, new = json.loads(attached)["predicate"], json.loads(verdict)["predicate"]
        if "left_off" in old or "left_off" in new:
            return False
        return (
            all(old[name] == new[name] for name in _SAME)
            and all(_among(new[name], old[name]) for name in _AMONG)
            and _among(_by_platform(new["waivers"]), _by_platform(old["waivers"]))
            and _enforced(old["enforced"]) == _enforced(new["enforced"])
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return False  # not ours, or written when statements said less


def _among(few: Iterable[Any], many: list[Any]) -> bool:
    return all(each in many for each in few)


def _by_platform(waivers: Iterable[Mapping[str, Any]]) -> list[Any]:
    return [{**each, "platforms": platform} for each in waivers for platform in each["platforms"]]


def _enforced(said: Mapping[str, Any] | None) -> object:
    """Return what enforce would have said first; what follows may be about the comparison."""
    return None if said is None else (said["state"], said["reasons"][:1])
