"""Chance: waits that differ a little, so that what was throttled together does not come back together."""

import random
from collections.abc import Iterable


def spread(seconds: float, low: float, high: float) -> float:
    """Return the seconds times something between `low` and `high`."""
    return seconds * random.uniform(low, high)  # noqa: S311  # spreads load, guards no secret


def shuffled[T](found: Iterable[T]) -> list[T]:
    """Return them in any order: whoever is ended half-way has not always come to the same ones."""
    each = list(found)
    random.shuffle(each)
    return each
