"""What a registry's 401 asks for: WWW-Authenticate, read as RFC 9110 §11.6.1 writes it."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_SCHEME = re.compile(rf"({_WORD})(?=[ \t,]|$)")
_PARAMETER = re.compile(rf'({_WORD})[ \t]*=[ \t]*(?:({_WORD})|"((?:[^"\\]|\\.)*)")[ \t]*(?=,|$)')
_TOKEN68 = re.compile(r"[A-Za-z0-9._~+/-]+=*[ \t]*(?=,|$)")
_SPACE = re.compile(r"[ \t]*")
_SEPARATORS = re.compile(r"[ \t,]*")


class InvalidChallenge(ValueError):
    """The header is no list of challenges."""


@dataclass(frozen=True, slots=True)
class Challenge:
    """One way to authenticate: a scheme and its parameters, names in lower case."""

    scheme: str
    parameters: Mapping[str, str] = field(default_factory=dict)


def parse(headers: Iterable[str]) -> tuple[Challenge, ...]:
    """Read every challenge of every WWW-Authenticate header, in order. Raises InvalidChallenge."""
    return tuple(challenge for header in headers for challenge in _challenges(header))


def _challenges(header: str) -> Iterable[Challenge]:
    at = _skip(_SEPARATORS, header, 0)
    while at < len(header):
        match = _SCHEME.match(header, at)
        if not match:
            raise _invalid("a scheme like Bearer", header, at)
        parameters, at = _parameters(header, _skip(_SPACE, header, match.end()))
        yield Challenge(match[1].lower(), parameters)
        at = _skip(_SEPARATORS, header, at)


def _parameters(header: str, at: int) -> tuple[dict[str, str], int]:
    """Read parameters up to the next scheme; a comma parts both, so look at what follows it."""
    found: dict[str, str] = {}
    while at < len(header) and (match := _PARAMETER.match(header, at)):
        name, token, quoted = match.groups()
        value = token if token is not None else re.sub(r"\\(.)", r"\1", quoted)
        if name.lower() in found:
            raise _invalid(f"{name} once", header, at)  # RFC 9110 §11.2: once per challenge
        found[name.lower()] = value
        at = _skip(_SEPARATORS, header, match.end())
    if found or at >= len(header) or header[at] == ",":
        return found, at
    if match := _TOKEN68.match(header, at):
        return found, match.end()
    raise _invalid("a parameter like realm=…", header, at)


def _skip(pattern: re.Pattern[str], header: str, at: int) -> int:
    match = pattern.match(header, at)
    return match.end() if match else at


def _invalid(expected: str, header: str, at: int) -> InvalidChallenge:
    return InvalidChallenge(
        f"WWW-Authenticate: expected {expected} at character {at}, found {header[at : at + 60]!r}"
    )
