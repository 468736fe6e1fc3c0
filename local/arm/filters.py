"""The OData filter of `runs.list`: the fields, comparisons and `contains` that ACR documents, nothing else."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from operator import eq, ge, gt, le, lt, ne

Value = str | bool | datetime | None
Predicate = Callable[[Mapping[str, Value]], bool]

# swagger of Runs_List: the properties a filter may name, and the type of each.
FIELDS: dict[str, type] = {
    "RunId": str,
    "RunType": str,
    "Status": str,
    "CreateTime": datetime,
    "FinishTime": datetime,
    "OutputImageManifests": str,
    "IsArchiveEnabled": bool,
    "TaskName": str,
    "AgentPoolName": str,
}
_FIELDS = {name.lower(): name for name in FIELDS}
_COMPARISONS = {"eq": eq, "ne": ne, "gt": gt, "ge": ge, "lt": lt, "le": le}
_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<sign>[(),])|(?P<word>[^\s'(),]+))", re.ASCII
)
_LONGEST = 4096
_DEEPEST = 32


class InvalidFilter(ValueError):
    """The filter is not one `runs.list` understands; the text says where."""


def parse(text: str) -> Predicate:
    """Parse a filter into a predicate over a run's fields. Raises InvalidFilter."""
    if len(text) > _LONGEST:
        message = f"$filter: expected at most {_LONGEST} characters, found {len(text)}"
        raise InvalidFilter(message)
    tokens = _tokens(text)
    reader = _Reader(tokens)
    predicate = reader.either(0)
    if reader.at < len(tokens):
        message = f"$filter: expected its end, found {tokens[reader.at]!r}"
        raise InvalidFilter(message)
    return predicate


def _tokens(text: str) -> list[str]:
    tokens: list[str] = []
    at = 0
    stripped = text.rstrip()
    while at < len(stripped):
        found = _TOKEN.match(stripped, at)
        if found is None:
            message = (
                f"$filter: expected a name, a value or a bracket, found {stripped[at:][:40]!r}"
            )
            raise InvalidFilter(message)
        tokens.append(found.group("text") or found.group("sign") or found.group("word"))
        at = found.end()
    return tokens


class _Reader:
    """Reads tokens from left to right: `or` binds less than `and`, as in OData."""

    def __init__(self, tokens: list[str]) -> None:
        self.tokens = tokens
        self.at = 0

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self, wanted: str = "") -> str:
        token = self.peek()
        if not token or (wanted and token != wanted):
            message = f"$filter: expected {wanted or 'more'}, found {token or 'its end'}"
            raise InvalidFilter(message)
        self.at += 1
        return token

    def either(self, depth: int) -> Predicate:
        parts = [self.both(depth)]
        while self.peek().lower() == "or":
            self.take()
            parts.append(self.both(depth))
        return lambda run: any(part(run) for part in parts)

    def both(self, depth: int) -> Predicate:
        parts = [self.one(depth)]
        while self.peek().lower() == "and":
            self.take()
            parts.append(self.one(depth))
        return lambda run: all(part(run) for part in parts)

    def one(self, depth: int) -> Predicate:
        if depth > _DEEPEST:
            message = f"$filter: expected at most {_DEEPEST} brackets inside each other"
            raise InvalidFilter(message)
        if self.peek() == "(":
            self.take()
            inner = self.either(depth + 1)
            self.take(")")
            return inner
        if self.peek().lower() == "contains":
            return self.contains()
        return self.comparison()

    def contains(self) -> Predicate:
        self.take()
        self.take("(")
        name = _field(self.take())
        self.take(",")
        part = _text(self.take())
        self.take(")")
        return lambda run: part.lower() in str(run.get(name) or "").lower()

    def comparison(self) -> Predicate:
        name = _field(self.take())
        word = self.take()
        compare = _COMPARISONS.get(word.lower())
        if compare is None:
            message = f"$filter: expected one of {', '.join(_COMPARISONS)}, found {word[:40]!r}"
            raise InvalidFilter(message)
        value = _value(name, self.take())

        def holds(run: Mapping[str, Value]) -> bool:
            have = _folded(run.get(name))
            if have is None or value is None:
                return bool(compare(have, value)) if compare in (eq, ne) else False
            return bool(compare(have, value))

        return holds


def _field(token: str) -> str:
    name = _FIELDS.get(token.lower())
    if name is None:
        message = f"$filter: expected one of {', '.join(FIELDS)}, found {token[:40]!r}"
        raise InvalidFilter(message)
    return name


def _text(token: str) -> str:
    if not token.startswith("'"):
        message = f"$filter: expected text in single quotes, found {token[:40]!r}"
        raise InvalidFilter(message)
    return token[1:-1].replace("''", "'")


def _folded(value: Value) -> Value:
    return value.lower() if isinstance(value, str) else value


def _value(name: str, token: str) -> Value:
    if token == "null":  # noqa: S105 OData's null
        return None
    kind = FIELDS[name]
    if kind is str:
        return _text(token).lower()
    if kind is bool:
        if token.lower() not in ("true", "false"):
            message = f"$filter: {name}: expected true or false, found {token[:40]!r}"
            raise InvalidFilter(message)
        return token.lower() == "true"
    try:
        moment = datetime.fromisoformat(_text(token) if token.startswith("'") else token)
    except ValueError as error:
        message = (
            f"$filter: {name}: expected a time like 2026-11-23T06:00:00Z, found {token[:40]!r}"
        )
        raise InvalidFilter(message) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
