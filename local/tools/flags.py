"""Command lines as Cobra tools (trivy, oras) read them; what is unknown is named, never ignored."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from local.tools.errors import ToolError


@dataclass(frozen=True, slots=True)
class Flags:
    """A command line taken apart: values by flag name, in the order given, and the rest."""

    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    positional: tuple[str, ...] = ()

    def one(self, name: str, default: str = "") -> str:
        """Return the flag's last value, as Cobra does when a flag is repeated."""
        return self.values[name][-1] if name in self.values else default

    def all(self, name: str) -> tuple[str, ...]:
        """Return every value the flag was given."""
        return self.values.get(name, ())

    def on(self, name: str) -> bool:
        """Tell whether a switch is on."""
        return self.one(name) == "true"


def parse(
    arguments: Iterable[str],
    *,
    valued: frozenset[str],
    switches: frozenset[str],
    short: Mapping[str, str] | None = None,
) -> Flags:
    """Take a command line apart. Raises ToolError for an unknown flag or a missing value."""
    rest = list(arguments)
    values: dict[str, tuple[str, ...]] = {}
    positional: list[str] = []
    while rest:
        word = rest.pop(0)
        if word == "--":
            positional += rest
            break
        if not word.startswith("-") or word == "-":
            positional.append(word)
            continue
        name, equals, value = _name(word, short or {})
        if name in switches:
            value = _truth(word, value) if equals else "true"
        elif name not in valued:
            message = f"unknown flag: {word.partition('=')[0]}"
            raise ToolError(message)
        elif not equals:
            if not rest:
                message = f"flag needs an argument: {word}"
                raise ToolError(message)
            value = rest.pop(0)
        values[name] = (*values.get(name, ()), value)
    return Flags(values, tuple(positional))


def _name(word: str, short: Mapping[str, str]) -> tuple[str, str, str]:
    name, equals, value = word.partition("=")
    if name.startswith("--"):
        return name[2:], equals, value
    return short.get(name[1:], name), equals, value


def _truth(word: str, value: str) -> str:
    if value not in ("true", "false"):
        message = f"expected true or false, found {word!r}"
        raise ToolError(message)
    return value
