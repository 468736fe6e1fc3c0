"""Requests a minute and identity, as a token bucket; full at first, like ACR's own."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Buckets:
    """One bucket for each (kind of request, identity)."""

    monotonic: Callable[[], float] = time.monotonic
    levels: dict[tuple[str, str], tuple[float, float]] = field(default_factory=dict)

    def take(self, kind: str, identity: str, per_minute: int) -> int:
        """Take one request; return 0, or the seconds to wait. A limit of 0 is none."""
        if per_minute <= 0:
            return 0
        now = self.monotonic()
        level, then = self.levels.get((kind, identity), (float(per_minute), now))
        level = min(float(per_minute), level + (now - then) * per_minute / 60)
        if level < 1:
            self.levels[kind, identity] = (level, now)
            return max(1, math.ceil((1 - level) * 60 / per_minute))
        self.levels[kind, identity] = (level - 1, now)
        return 0
