"""What a registry says about its limits, and how long to leave it alone: arithmetic only."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime

_LONGEST_PAUSE = 6 * 3600.0  # seconds; Docker Hub's window, and no registry's word counts for more
_SHORTEST_PAUSE = 1.0  # seconds; "Retry-After: 0" must not mean at once, again and again
_EPOCH = (
    1_000_000_000  # a reset greater than this is a time (GitHub, GitLab), else seconds from now
)
_FORBIDDEN, _TOO_MANY, _UNAVAILABLE = 403, 429, 503
_NUMBER = re.compile(r"\s*([0-9]{1,12})\s*(?:[;,].*)?")


@dataclass(frozen=True, slots=True)
class Quota:
    """How many requests are left, of how many, and when (seconds since 1970) there are new ones."""

    remaining: int
    limit: int | None = None
    reset: float | None = None


def quota(headers: Mapping[str, str], now: float) -> Quota | None:
    """Read `ratelimit-remaining: 76;w=21600` (Docker Hub), `RateLimit-*` (IETF) or `X-RateLimit-*`."""
    for prefix, text in (
        ("ratelimit", headers.get("ratelimit-remaining")),
        ("x-ratelimit", headers.get("x-ratelimit-remaining")),
    ):
        remaining = None if text is None else _number(text)
        if remaining is None:
            continue
        reset = _number(headers.get(f"{prefix}-reset"))
        at = None if reset is None else float(reset) if reset > _EPOCH else now + reset
        return Quota(remaining, _number(headers.get(f"{prefix}-limit")), at)
    return None


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Return the seconds that Retry-After asks for, as a number or a date (RFC 9110 §10.2.3)."""
    text = headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:12])
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, IndexError, OverflowError):
        return None
    return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - now


def pause(status: int, headers: Mapping[str, str], own: float, now: float) -> float | None:
    """Return the seconds for which this answer wants no more requests, or None if it does not.

    429 always does: for as long as it says, else until its quota's reset, else for `own` seconds. 503 and
    403 do when they say how long (GitHub answers 403 when a quota is spent). From 1 s to 6 h.
    """
    if status not in (_TOO_MANY, _UNAVAILABLE, _FORBIDDEN):
        return None
    wanted = retry_after(headers, now)
    left = quota(headers, now)
    if wanted is None and left and not left.remaining and left.reset and status != _UNAVAILABLE:
        wanted = left.reset - now
    if wanted is None and status == _TOO_MANY:
        wanted = own
    return None if wanted is None else min(max(wanted, _SHORTEST_PAUSE), _LONGEST_PAUSE)


def turn(free_at: float, now: float, rate: float) -> tuple[float, float]:
    """Return when the next request may go, and when the one after it: evenly spaced, `rate` a second."""
    at = max(free_at, now)
    return at, at + 1.0 / rate


def _number(text: str | None) -> int | None:
    match = _NUMBER.fullmatch(text or "")
    return int(match[1]) if match else None
