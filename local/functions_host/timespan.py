"""Durations as .NET's TimeSpan writes them."""

import re
from datetime import timedelta

_PATTERN = re.compile(r"(?:(\d+)\.)?(\d{1,2}):(\d{1,2})(?::(\d{1,2})(\.\d{1,7})?)?")


def timespan(text: str) -> timedelta:
    """Read `[days.]hh:mm[:ss[.fraction]]`. Raises ValueError with what was expected and found."""
    match = _PATTERN.fullmatch(text.strip())
    if match is None:
        message = f"expected a TimeSpan such as 00:00:30, found {text!r}"
        raise ValueError(message)
    days, hours, minutes, seconds, fraction = match.groups()
    return timedelta(
        days=int(days or 0),
        hours=int(hours),
        minutes=int(minutes),
        seconds=int(seconds or 0) + float(fraction or 0),
    )


def written(seconds: float) -> str:
    """Return seconds as a TimeSpan, without fractions."""
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    return f"{f'{days}.' if days else ''}{hour:02}:{minute:02}:{second:02}"
