"""Timer schedules: NCRONTAB with five or six fields, and TimeSpan intervals."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from local.functions_host.timespan import timespan

_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec"
_DAYS = "sun mon tue wed thu fri sat"
_YEARS = 30  # a schedule without an occurrence in so many years never fires (29 February needs 8)


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    low: int
    high: int
    words: tuple[str, ...] = ()


_FIELDS = (
    _Field("second", 0, 59),
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day", 1, 31),
    _Field("month", 1, 12, tuple(_MONTHS.split())),
    _Field("day of week", 0, 6, tuple(_DAYS.split())),
)


@dataclass(frozen=True, slots=True)
class Schedule:
    """The moments a timer fires at: a cron expression, or an interval when `every` is set."""

    seconds: tuple[int, ...] = ()
    minutes: tuple[int, ...] = ()
    hours: tuple[int, ...] = ()
    days: frozenset[int] = frozenset()
    months: frozenset[int] = frozenset()
    weekdays: frozenset[int] = frozenset()  # 0 is Sunday
    every: timedelta | None = None

    def next(self, after: datetime) -> datetime:
        """Return the first moment later than `after`. Raises ValueError if there is none."""
        if self.every is not None:
            return after + self.every
        start = after.replace(microsecond=0) + timedelta(seconds=1)
        day = start.replace(hour=0, minute=0, second=0)
        for _ in range(366 * _YEARS):
            if self._fires_on(day):
                found = self._first_of_day(day, start)
                if found is not None:
                    return found
            day += timedelta(days=1)
        message = f"expected a schedule that fires, found none within {_YEARS} years"
        raise ValueError(message)

    def more_often_than_every_minute(self, now: datetime) -> bool:
        """Say whether two runs may be less than a minute apart (Azure then keeps no status)."""
        first = self.next(now)
        return self.next(first) - first < timedelta(minutes=1)

    def _fires_on(self, day: datetime) -> bool:
        # NCRONTAB demands both the day of the month and the day of the week; cron takes either.
        weekday = (day.weekday() + 1) % 7
        return day.month in self.months and day.day in self.days and weekday in self.weekdays

    def _first_of_day(self, day: datetime, start: datetime) -> datetime | None:
        for hour in self.hours:
            if day.replace(hour=hour, minute=59, second=59) < start:
                continue
            for minute in self.minutes:
                for second in self.seconds:
                    moment = day.replace(hour=hour, minute=minute, second=second)
                    if moment >= start:
                        return moment
        return None


def parse_schedule(text: str) -> Schedule:
    """Read a schedule. Raises ValueError naming the field, what was expected and what was found."""
    fields = text.split()
    if len(fields) == 1:
        every = timespan(text)
        if every <= timedelta(0):
            message = f"expected an interval above zero, found {text!r}"
            raise ValueError(message)
        return Schedule(every=every)
    if len(fields) == len(_FIELDS) - 1:
        fields.insert(0, "0")
    if len(fields) != len(_FIELDS):
        message = f"expected 5 or 6 fields or a TimeSpan, found {len(fields)} in {text!r}"
        raise ValueError(message)
    sets = [_values(field, written) for field, written in zip(_FIELDS, fields, strict=True)]
    second, minute, hour = (tuple(sorted(values)) for values in sets[:3])
    day, month, weekday = (frozenset(values) for values in sets[3:])
    schedule = Schedule(second, minute, hour, day, month, weekday)
    schedule.next(datetime(2024, 1, 1))  # noqa: DTZ001 - only asks whether it ever fires
    return schedule


def _values(field: _Field, written: str) -> set[int]:
    values: set[int] = set()
    for part in written.split(","):
        match = re.fullmatch(r"(\*|\w+)(?:-(\w+))?(?:/(\d+))?", part)
        if match is None or (match[1] == "*" and match[2]) or match[3] == "0":
            message = f"{field.name}: expected *, a, a-b or one of them with /n, found {part!r}"
            raise ValueError(message)
        first, last = field.low, field.high
        if match[1] != "*":
            first = _number(field, match[1])
            # `5/10` runs from 5 to the field's end; a plain `5` is just that.
            last = _number(field, match[2]) if match[2] else field.high if match[3] else first
        if first > last:
            message = f"{field.name}: expected a range that rises, found {part!r}"
            raise ValueError(message)
        values.update(range(first, last + 1, int(match[3] or 1)))
    return values


def _number(field: _Field, written: str) -> int:
    if written.isascii() and written.isdigit() and field.low <= int(written) <= field.high:
        return int(written)
    named = [i for i, word in enumerate(field.words) if written.lower()[:3] == word]
    if named and written.isalpha():
        return named[0] + field.low
    message = f"{field.name}: expected {field.low} to {field.high}, found {written!r}"
    raise ValueError(message)
