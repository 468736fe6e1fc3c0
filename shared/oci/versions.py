"""Versions as tags spell them, their order, and ranges of them."""

import re
from dataclasses import dataclass, field
from typing import Self

type Token = tuple[int, int, str]
type Key = tuple[tuple[int, ...], int, tuple[Token, ...]]

# Words that mark a prerelease, and where it stands among the others (the order is Maven's, ComparableVersion).
_STAGES = {
    **dict.fromkeys(("dev", "nightly", "snapshot", "canary", "edge", "next", "unstable", "ea"), 0),
    **dict.fromkeys(("alpha", "a"), 1),
    **dict.fromkeys(("beta", "b"), 2),
    **dict.fromkeys(("milestone", "m"), 3),
    **dict.fromkeys(("preview", "pre"), 4),
    **dict.fromkeys(("rc", "cr", "c"), 5),
}
_SHORT = {"a": "alpha", "b": "beta", "m": "milestone", "pre": "preview", "c": "rc", "cr": "rc"}

# One letter is a stage only before a number: 1.0.2a is a release of its own, 3.13.0a2 is not.
_WORD = (
    rf"(?:(?:{'|'.join(word for word in _STAGES if len(word) > 1)})[0-9]*"
    rf"|(?:{'|'.join(word for word in _STAGES if len(word) == 1)})[0-9]+)"
)
_NUMBERS = (
    r"[0-9]++(?:\.[0-9]++)*+"  # possessive: a number is never cut in two to make the rest fit
)
_PRE = rf"[-._]?(?P<pre>{_WORD}(?:[-._](?:[0-9]+|{_WORD}))*)"
_VERSION = re.compile(rf"v?(?P<numbers>{_NUMBERS})(?:{_PRE})?", re.IGNORECASE | re.ASCII)
_END = re.compile(r"(?![a-z0-9])", re.IGNORECASE | re.ASCII)
_LEADING = re.compile(_VERSION.pattern + _END.pattern, re.IGNORECASE | re.ASCII)
_TOKEN = re.compile(r"[0-9]+|[a-z]+")

_WRITTEN = re.compile(
    rf"(?P<operator>>=|<=|==|~>|[<>=^~])?v?(?:"
    rf"(?P<numbers>{_NUMBERS})(?:(?P<wild>(?:\.[x*])+)|{_PRE})?|(?P<all>[x*](?:\.[x*])*))",
    re.IGNORECASE | re.ASCII,
)
_SPACED_OPERATOR = re.compile(r"(?<=[<>=^~])\s+")
_SEPARATOR = re.compile(r"\s*,\s*|\s+")

_LONGEST = 128  # a tag's limit; a longer text is no version
_LONGEST_RANGE = 512
_SERIAL = 1_000_000  # from here on a first number is a date, a build or a commit's digits: 20240102

_BEFORE, _PRERELEASE, _RELEASE = -1, 0, 1  # stages of one version, in order
_LOWEST: Key = ((), _BEFORE, ())
_AFTER: Token = (
    -1,
    0,
    "",
)  # below every real token: `tokens + (_AFTER,)` directly follows `tokens`


@dataclass(frozen=True, slots=True)
class Version:
    """A version as a tag spells it: its numbers as written, and what makes it a prerelease.

    Numbers may be one or many, and may begin with zeros (`3`, `24.04`, `2024.01.02`, `1.2.3.4`); a `v` before them
    counts for nothing. A prerelease is a known word and numbers: `-rc.1`, `rc2`, `-beta1`, `.M1`,
    `-SNAPSHOT`. Any other ending, like `-slim`, `-alpine3.18` or `-r1`, is a variant, and the text no version.
    """

    numbers: tuple[int, ...]
    pre: tuple[str | int, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Read a text that is a version and nothing else; None if it is not."""
        return cls._of(_VERSION.fullmatch(text)) if len(text) <= _LONGEST else None

    @classmethod
    def leading(cls, text: str) -> Self | None:
        """Read the version a text begins with, up to its end, a dash, a dot or an underscore."""
        return cls._of(_LEADING.match(text)) if len(text) <= _LONGEST else None

    @classmethod
    def _of(cls, match: re.Match[str] | None) -> Self | None:
        return cls(_numbers(match), _pre(match)) if match else None

    @property
    def key(self) -> Key:
        """Return what versions are ordered by: 3.12 equals 3.12.0, a prerelease is below its version."""
        return _key(self.numbers, self.pre)

    @property
    def serial(self) -> bool:
        """Tell whether the first number is a date, a build or a commit's digits, not a major."""
        return self.numbers[0] >= _SERIAL

    def __str__(self) -> str:
        numbers = ".".join(map(str, self.numbers))
        return f"{numbers}-{'.'.join(map(str, self.pre))}" if self.pre else numbers


@dataclass(frozen=True, slots=True)
class Alternative:
    """One interval of versions: from `low` up to but without `high`, with so many numbers or more."""

    low: Key = _LOWEST
    high: Key | None = None
    precision: int = 1
    serial: bool = False

    def admits(self, version: Version) -> bool:
        """Tell whether the version lies in the interval, is as precise, and of the same kind."""
        return (
            len(version.numbers) >= self.precision
            and (self.serial or not version.serial)
            and self.low <= (key := version.key)
            and (self.high is None or key < self.high)
        )


@dataclass(frozen=True, slots=True)
class Range:
    """Versions an operator asks for: comparisons joined by spaces or commas, alternatives by `||`.

    `>=3.12 <3.15`, `>1, <=2.5`, `^1.2`, `~1.2.3`, `1.x`, `=1.2.3`, `1.2 - 1.4`, `20 || 22` (npm's node-semver is the
    model). A written version stands for all that begin with it: `=1.2` is any 1.2, `>1` begins with 2, `<=2.5` ends
    with 2.5's last. Prereleases stand below their version, and `<3.15` keeps 3.15's out too (PEP 440).
    An alternative admits versions with at least as many numbers as its longest has (`x` counts): a tag `3`
    is not in `>=3.12`. A date or commit like 20240102 is admitted only by one that names such a number, or none.
    """

    text: str
    alternatives: tuple[Alternative, ...] = field(compare=False)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a range. Raises ValueError that says what was expected and found."""
        if len(text) > _LONGEST_RANGE:
            message = f"expected a range of at most {_LONGEST_RANGE} characters, found {len(text)}"
            raise ValueError(message)
        return cls(text, tuple(_alternative(each.strip()) for each in text.split("||")))

    def admits(self, version: Version) -> bool:
        """Tell whether some alternative admits the version."""
        return any(each.admits(version) for each in self.alternatives)

    @property
    def names_prerelease(self) -> bool:
        """Tell whether some comparison names a prerelease, like `>=1.2-rc1`."""
        ends = (end for each in self.alternatives for end in (each.low, each.high) if end)
        return any(stage == _PRERELEASE for _, stage, _ in ends)

    def __str__(self) -> str:
        return self.text


def _numbers(match: re.Match[str]) -> tuple[int, ...]:
    return tuple(map(int, match["numbers"].split(".")))


def _pre(match: re.Match[str]) -> tuple[str | int, ...]:
    if not match["pre"]:
        return ()
    tokens = _TOKEN.findall(match["pre"].lower())
    return tuple(int(each) if each.isdigit() else _SHORT.get(each, each) for each in tokens)


def _key(numbers: tuple[int, ...], pre: tuple[str | int, ...] = ()) -> Key:
    while numbers and not numbers[-1]:
        numbers = numbers[:-1]
    if not pre:
        return numbers, _RELEASE, ()
    return numbers, _PRERELEASE, tuple(map(_token, pre))


def _token(part: str | int) -> Token:
    return (0, part, "") if isinstance(part, int) else (1, _STAGES[part], part)


def _alternative(text: str) -> Alternative:
    """Read comparisons that must all hold."""
    parts = _SEPARATOR.split(_SPACED_OPERATOR.sub("", text))
    if len(parts) == len(("low", "-", "high")) and parts[1] == "-":
        parts = [f">={parts[0]}", f"<={parts[2]}"]
    read = [_comparison(each) for each in parts]
    highs = [each.high for each in read if each.high is not None]
    low, high = max(each.low for each in read), min(highs, default=None)
    if high is not None and low >= high:
        message = f"expected a range that some version is in, found {text[:100]!r}"
        raise ValueError(message)
    return Alternative(
        low, high, max(each.precision for each in read), any(each.serial for each in read)
    )


def _comparison(text: str) -> Alternative:
    match = _WRITTEN.fullmatch(text)
    operator = (match["operator"] or "=") if match else ""
    if match is None or (match["all"] and operator != "="):
        message = (
            "expected a version like 1.2, 1.x or 1.2.3-rc.1, alone or after >=, >, <=, <, =, ^ or ~ (what "
            f"follows a tag's version is its suffix, not part of the range), found {text[:100]!r}"
        )
        raise ValueError(message)
    if match["all"]:
        return Alternative(precision=match["all"].count(".") + 1, serial=True)
    numbers, pre = _numbers(match), _pre(match)
    low, high = _interval(operator, numbers, pre)
    precision = len(numbers) + (match["wild"] or "").count(".")
    return Alternative(low, high, precision, numbers[0] >= _SERIAL)


def _interval(
    operator: str, numbers: tuple[int, ...], pre: tuple[str | int, ...]
) -> tuple[Key, Key | None]:
    """Return the first key a comparison admits, and the first one above that it does not."""
    start = _key(numbers, pre)
    match operator:
        case ">=":
            return start, None
        case "<":
            return _LOWEST, start if pre else (start[0], _BEFORE, ())
        case ">":
            return _beyond(numbers, pre), None
        case "<=":
            return _LOWEST, _beyond(numbers, pre)
        case "^":
            return start, _beyond(numbers[: _compatible(numbers)])
        case "~" | "~>":
            return start, _beyond(numbers[:2])
        case _:
            return start, _beyond(numbers, pre)


def _beyond(numbers: tuple[int, ...], pre: tuple[str | int, ...] = ()) -> Key:
    """Return the first key above all versions that begin with these numbers, or above a prerelease."""
    if pre:
        key = _key(numbers, pre)
        return key[0], _PRERELEASE, (*key[2], _AFTER)
    return _key((*numbers[:-1], numbers[-1] + 1))[0], _BEFORE, ()


def _compatible(numbers: tuple[int, ...]) -> int:
    """Return how many numbers `^` holds fast: through the first that is not zero, else all."""
    return next((at for at, number in enumerate(numbers, 1) if number), len(numbers))
