"""Waits that differ a little, so that what was throttled together does not come back together."""

import random


def spread(seconds: float, low: float, high: float) -> float:
    """Return the seconds times something between `low` and `high`."""
    return seconds * random.uniform(low, high)  # noqa: S311  # spreads load, guards no secret
