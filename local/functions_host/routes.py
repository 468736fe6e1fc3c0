"""HTTP routes as ASP.NET templates write them: parsing, matching, and which of several wins."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import unquote

_PART = re.compile(r"\{(\*{0,2})([A-Za-z_]\w*)((?::\w+(?:\([^()]*\))?)*)(\??)\}")
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_INT32 = range(-(2**31), 2**31)
_INT64 = range(-(2**63), 2**63)


def _integer(text: str, allowed: range) -> bool:
    return re.fullmatch(r"[+-]?[0-9]{1,19}", text) is not None and int(text) in allowed


_CONSTRAINTS: dict[str, Callable[[str, list[int]], bool]] = {
    "int": lambda text, _: _integer(text, _INT32),
    "long": lambda text, _: _integer(text, _INT64),
    "bool": lambda text, _: text.lower() in {"true", "false"},
    "guid": lambda text, _: _GUID.fullmatch(text) is not None,
    "alpha": lambda text, _: re.fullmatch("[A-Za-z]*", text) is not None,
    "length": lambda text, n: n[0] <= len(text) <= n[-1],
    "minlength": lambda text, n: len(text) >= n[0],
    "maxlength": lambda text, n: len(text) <= n[0],
    "min": lambda text, n: _integer(text, _INT64) and int(text) >= n[0],
    "max": lambda text, n: _integer(text, _INT64) and int(text) <= n[0],
    "range": lambda text, n: _integer(text, _INT64) and n[0] <= int(text) <= n[1],
}


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment of a template: a literal, or a parameter with its constraints."""

    literal: str = ""
    name: str = ""
    constraints: tuple[tuple[str, tuple[int, ...]], ...] = ()
    optional: bool = False
    catch_all: bool = False

    @property
    def precedence(self) -> int:
        """Rank the segment: the lower, the earlier it is tried (reference: ASP.NET Core routing)."""
        if self.literal:
            return 1
        return (4 if self.catch_all else 2) + (not self.constraints)

    def accepts(self, text: str) -> bool:
        """Say whether the segment matches this decoded text."""
        if self.literal:
            return text.lower() == self.literal.lower()
        return all(_CONSTRAINTS[name](text, list(args)) for name, args in self.constraints)


@dataclass(frozen=True, slots=True)
class Route:
    """A parsed template with the methods it answers (empty: all)."""

    template: str
    segments: tuple[Segment, ...]
    methods: frozenset[str] = frozenset()

    @property
    def precedence(self) -> tuple[int, ...]:
        """Rank the route among others that match the same path."""
        return tuple(segment.precedence for segment in self.segments)

    def match(self, path: str) -> dict[str, str] | None:
        """Return the route's values for a raw path, or None if it does not match."""
        parts = [part for part in path.strip("/").split("/") if part]
        values: dict[str, str] = {}
        for i, segment in enumerate(self.segments):
            if segment.catch_all:
                rest = unquote("/".join(parts[i:]))
                return values | ({segment.name: rest} if rest else {})
            if i >= len(parts):
                if not segment.optional:
                    return None
                continue
            text = unquote(parts[i])
            if not segment.accepts(text):
                return None
            if segment.name:
                values[segment.name] = text
        return values if len(parts) <= len(self.segments) else None


def parse_route(template: str, methods: frozenset[str] = frozenset()) -> Route:
    """Read a template. Raises ValueError naming the segment, what was expected and found."""
    parts = [part for part in template.strip("/").split("/") if part]
    segments = tuple(_segment(part) for part in parts)
    for i, segment in enumerate(segments[:-1]):
        if segment.catch_all or (segment.optional and not segments[i + 1].optional):
            message = f"expected {parts[i]!r} at the end of the route, found it within {template!r}"
            raise ValueError(message)
    return Route(template, segments, frozenset(method.upper() for method in methods))


def _segment(part: str) -> Segment:
    if "{" not in part and "}" not in part:
        return Segment(literal=part)
    match = _PART.fullmatch(part)
    if match is None:
        message = (
            f"expected a literal or one {{name}}, {{name:constraint?}}, {{*name}}, found {part!r}"
        )
        raise ValueError(message)
    stars, name, written, mark = match.groups()
    constraints = []
    for kind, arguments in re.findall(r":(\w+)(?:\(([^()]*)\))?", written):
        if kind not in _CONSTRAINTS:
            message = f"expected a constraint of {', '.join(_CONSTRAINTS)}, found {kind!r}"
            raise ValueError(message)
        constraints.append((kind, tuple(int(n) for n in arguments.split(",") if n.strip())))
    return Segment(
        name=name, constraints=tuple(constraints), optional=bool(mark), catch_all=bool(stars)
    )
