"""The words of a `build:` line, as far as `docker build` is played here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


class BuildLineError(ValueError):
    """The build line asks for something the local engine does not do."""


@dataclass(frozen=True, slots=True)
class BuildLine:
    """What a `build:` line asks for, as far as dependencies need it."""

    tags: tuple[str, ...]
    file: str
    arguments: Mapping[str, str]
    target: str
    context: str
    network: str = "none"
    platform: str = ""  # empty: the agent's own
    labels: tuple[str, ...] = ()


def parse_build_line(words: Sequence[str]) -> BuildLine:
    """Read the words after `docker build`.

    Raises:
        BuildLineError: for an option the local engine does not know, or for anything but one context.

    """
    given: dict[str, list[str]] = {name: [] for name in _VALUED}
    contexts: list[str] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        name, equals, value = word.partition("=") if word.startswith("--") else (word, "", "")
        name = {"-t": "--tag", "-f": "--file"}.get(name, name)
        if name in _IGNORED:
            continue
        if not name.startswith("-") or name == "-":
            contexts.append(name)
            continue
        if name not in _VALUED:
            message = f"build: expected an option of {', '.join(sorted(_VALUED))}, found {word!r}"
            raise BuildLineError(message)
        if not equals and not rest:
            message = f"build: expected a value after {word}, found none"
            raise BuildLineError(message)
        given[name].append(value if equals else rest.pop(0))
    if len(contexts) != 1:
        message = f"build: expected one context, found {contexts or 'none'}"
        raise BuildLineError(message)
    return BuildLine(
        tags=tuple(given["--tag"]),
        file=_last(given["--file"], "Dockerfile"),
        arguments=dict(_pair(argument) for argument in given["--build-arg"]),
        target=_last(given["--target"], ""),
        context=contexts[0],
        network=_last(given["--network"], "none"),
        platform=_last(given["--platform"], ""),
        labels=tuple(given["--label"]),
    )


def _last(values: Sequence[str], default: str) -> str:
    return values[-1] if values else default


def _pair(argument: str) -> tuple[str, str]:
    key, _, value = argument.partition("=")
    return key, value


_VALUED = frozenset(
    {"--tag", "--file", "--build-arg", "--target", "--network", "--platform", "--label"}
)
_IGNORED = frozenset({"--no-cache", "--pull", "--rm", "--force-rm", "--quiet", "-q"})
