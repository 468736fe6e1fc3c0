"""Which events a subscription gets: event types, subjects, advanced filters, as Event Grid reads them.

Rules: learn, Event Grid "Understand event filtering"; limits: "Quotas and limits".
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MOST_VALUES = 25  # over all advanced filters of one subscription

Json = Any  # an event is whatever JSON the publisher sent
Test = Callable[[Json, Sequence[Json]], bool]


class BadFilter(ValueError):
    """A filter Event Grid would refuse."""


def _text(test: Callable[[str, str], bool]) -> Test:
    """Lift a test on two strings; strings compare without case, and one matching value is enough."""
    return lambda found, values: (
        isinstance(found, str) and any(test(found.lower(), str(each).lower()) for each in values)
    )


def _number(test: Callable[[float, Json], bool]) -> Test:
    return lambda found, values: (
        isinstance(found, int | float)
        and not isinstance(found, bool)
        and any(test(found, each) for each in values)
    )


_POSITIVE: Mapping[str, Test] = {
    "StringIn": _text(lambda found, value: found == value),
    "StringBeginsWith": _text(lambda found, value: found.startswith(value)),
    "StringEndsWith": _text(lambda found, value: found.endswith(value)),
    "StringContains": _text(lambda found, value: value in found),
    "NumberIn": _number(lambda found, value: found == value),
    "NumberInRange": _number(lambda found, value: bool(value[0] <= found <= value[1])),
    "NumberLessThan": _number(lambda found, value: bool(found < value)),
    "NumberLessThanOrEquals": _number(lambda found, value: bool(found <= value)),
    "NumberGreaterThan": _number(lambda found, value: bool(found > value)),
    "NumberGreaterThanOrEquals": _number(lambda found, value: bool(found >= value)),
    "BoolEquals": lambda found, values: isinstance(found, bool) and found in values,
    "IsNotNull": lambda found, _: found is not None,
}
# A negative is true wherever its positive is not, also for a key that is not there.
_NEGATIVE: Mapping[str, str] = {
    "StringNotIn": "StringIn",
    "StringNotBeginsWith": "StringBeginsWith",
    "StringNotEndsWith": "StringEndsWith",
    "StringNotContains": "StringContains",
    "NumberNotIn": "NumberIn",
    "NumberNotInRange": "NumberInRange",
    "IsNullOrUndefined": "IsNotNull",
}
_WITHOUT_VALUES = frozenset({"IsNotNull", "IsNullOrUndefined"})


@dataclass(frozen=True, slots=True)
class Advanced:
    """One condition on one key of the event, such as `data.target.tag`."""

    operator: str
    key: str
    values: tuple[Json, ...] = ()

    def __post_init__(self) -> None:
        if self.operator not in _POSITIVE and self.operator not in _NEGATIVE:
            known = ", ".join([*_POSITIVE, *_NEGATIVE])
            message = f"operatorType: expected one of {known}; found '{self.operator}'"
            raise BadFilter(message)
        if not self.values and self.operator not in _WITHOUT_VALUES:
            message = f"{self.operator} on {self.key}: expected values, found none"
            raise BadFilter(message)

    def matches(self, event: Mapping[str, Json]) -> bool:
        """Say whether the condition holds for the event."""
        found = value_at(event, self.key)
        if isinstance(found, list | dict) and self.operator not in _WITHOUT_VALUES:
            return False  # enableAdvancedFilteringOnArrays is not set
        positive = _NEGATIVE.get(self.operator)
        if positive:
            return not _POSITIVE[positive](found, self.values)
        return _POSITIVE[self.operator](found, self.values)


@dataclass(frozen=True, slots=True)
class Filter:
    """A subscription's filter; the default lets every event through."""

    event_types: tuple[str, ...] = ()  # empty: all
    begins_with: str = ""
    ends_with: str = ""
    case_sensitive: bool = False
    advanced: tuple[Advanced, ...] = ()

    def __post_init__(self) -> None:
        values = sum(max(1, len(each.values)) for each in self.advanced)
        if values > MOST_VALUES:
            message = f"advancedFilters: expected at most {MOST_VALUES} values, found {values}"
            raise BadFilter(message)

    @classmethod
    def parse(cls, resource: Mapping[str, Json]) -> "Filter":
        """Read the `filter` of an eventSubscription as ARM writes it. Raises BadFilter."""
        return cls(
            event_types=tuple(resource.get("includedEventTypes") or ()),
            begins_with=resource.get("subjectBeginsWith") or "",
            ends_with=resource.get("subjectEndsWith") or "",
            case_sensitive=bool(resource.get("isSubjectCaseSensitive", False)),
            advanced=tuple(_advanced(each) for each in resource.get("advancedFilters") or ()),
        )

    def matches(self, event: Mapping[str, Json]) -> bool:
        """Say whether the subscription gets the event: every part of the filter must agree."""
        types = {each.lower() for each in self.event_types}
        if types and str(event.get("eventType", "")).lower() not in types:
            return False
        subject, begins, ends = str(event.get("subject", "")), self.begins_with, self.ends_with
        if not self.case_sensitive:
            subject, begins, ends = subject.lower(), begins.lower(), ends.lower()
        return (
            subject.startswith(begins)
            and subject.endswith(ends)
            and all(each.matches(event) for each in self.advanced)
        )


def value_at(event: Mapping[str, Json], key: str) -> Json:
    """Return what stands at a dotted key, read without case; None where there is nothing."""
    found: Json = event
    for part in key.split("."):
        if not isinstance(found, Mapping):
            return None
        found = next((value for name, value in found.items() if name.lower() == part.lower()), None)
    return found


def _advanced(resource: Mapping[str, Json]) -> Advanced:
    values = (
        resource["values"]
        if "values" in resource
        else [resource["value"]]
        if "value" in resource
        else []
    )
    return Advanced(str(resource.get("operatorType")), str(resource.get("key")), tuple(values))
