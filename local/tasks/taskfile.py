"""A task file: strict parsing of the YAML ACR Tasks runs, into frozen dataclasses."""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import yaml

from local.tasks.aliases import AliasError, resolve_command, substitute
from local.tasks.templates import TemplateError, drop_comments, render

VERSIONS = ("1.0-preview-1", "v1.0.0", "v1.1.0")
DEFAULT_STEP_TIMEOUT = 600  # seconds; acr-builder graph/task.go
DEFAULT_RETRY_DELAY = 5  # seconds in the code, whatever the documentation says
IMMEDIATELY = "-"

# Keys acr-builder knows and this runner does not play; anything else is a typing error.
_UNPLAYED_TASK = frozenset({"secrets", "networks", "volumes"})
_UNPLAYED_STEP = frozenset(
    {
        "isolation", "cpus", "volumeMounts", "expose", "ports", "exitedWith", "exitedWithout",
        "retryOnErrors", "repeat", "cmdDownloadRetries", "cmdDownloadRetryDelay", "keep", "detach", "privileged",
    }
)  # fmt: skip


class TaskError(ValueError):
    """The task file is not one that can run; the text names the place, what was expected and found."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step: exactly one of `build`, `cmd` and `push` is set."""

    id: str
    build: str = ""
    cmd: str = ""
    push: tuple[str, ...] = ()
    when: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    timeout: int = 0  # seconds
    retries: int = 0
    retry_delay: int = 0  # seconds
    start_delay: int = 0  # seconds
    ignore_errors: bool = False
    entry_point: str = ""
    working_directory: str = ""
    keep_image_directory: bool = False  # disableWorkingDirectoryOverride
    user: str = ""
    network: str = ""


@dataclass(frozen=True, slots=True)
class Task:
    """A task, rendered, its aliases replaced and its defaults filled in."""

    steps: tuple[Step, ...]
    version: str = "v1.0.0"


def load(text: str, run: Mapping[str, str], values: Mapping[str, str]) -> Task:
    """Turn a task file's text into a task the way acr-builder does.

    Lines starting with `#` vanish, templates are rendered, aliases (v1.1.0) replaced, and only then is it YAML.

    Raises:
        TaskError: the text names the step and key at fault.

    """
    try:
        rendered = render(drop_comments(text), run, values)
        version = _version(rendered)
        aliases: Mapping[str, str] = {}
        if version == "v1.1.0":
            aliased = substitute(rendered, run)
            rendered, aliases = aliased.text, aliased.aliases
    except (TemplateError, AliasError) as error:
        message = f"task file: {error}"
        raise TaskError(message) from error
    return _task(_mapping(rendered), version, aliases)


class _Strict(yaml.SafeLoader):
    """YAML in which a key given twice is an error, as in the engine's strict reader."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:  # noqa: ANN401 - PyYAML's own signature
        keys = [key.value for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                message = f"line {node.start_mark.line + 1}: key {key!r} is given twice"
                raise yaml.YAMLError(message)
        return super().construct_mapping(node, deep)


def _mapping(text: str) -> dict[str, Any]:
    try:
        document = yaml.load(text, _Strict)  # noqa: S506 - _Strict is a SafeLoader
    except yaml.YAMLError as error:
        message = f"task file: expected YAML, found {error}"
        raise TaskError(message) from error
    if not isinstance(document, dict):
        message = f"task file: expected a mapping with steps, found {type(document).__name__}"
        raise TaskError(message)
    return document


def _version(text: str) -> str:
    """Read the version before aliases are replaced: it decides whether they are."""
    version = ""
    for line in text.splitlines():
        if line.startswith("version:"):
            version = line.removeprefix("version:").strip().strip("'\"").lower()
    version = version or "v1.0.0"
    if version not in VERSIONS:
        message = f"version: expected one of {', '.join(VERSIONS)}, found {version!r}"
        raise TaskError(message)
    return version


def _task(document: dict[str, Any], version: str, aliases: Mapping[str, str]) -> Task:
    known = ("version", "steps", "stepTimeout", "workingDirectory", "env", "alias")
    _known(document, "task file", known, _UNPLAYED_TASK)
    if "alias" in document:
        message = f"alias: expected version: v1.1.0 above it, found {version}"
        raise TaskError(message)
    steps = document.get("steps")
    if not isinstance(steps, list) or not steps:
        message = "steps: expected a list of steps, found none"
        raise TaskError(message)
    timeout = _read(document, "stepTimeout", "task file", _number) or DEFAULT_STEP_TIMEOUT
    directory = _read(document, "workingDirectory", "task file", _text) or ""
    env = _read(document, "env", "task file", _texts) or ()
    read = [_step(number, raw, aliases) for number, raw in enumerate(steps)]
    filled = tuple(_defaults(step, timeout, directory, env) for step in read)
    ids = [step.id for step in filled]
    for step in filled:
        if ids.count(step.id) > 1:
            message = (
                f"step {step.id}: expected an id of its own, found it {ids.count(step.id)} times"
            )
            raise TaskError(message)
    return Task(filled, version)


def _step(number: int, raw: object, aliases: Mapping[str, str]) -> Step:
    if not isinstance(raw, dict):
        message = f"step {number}: expected a mapping, found {type(raw).__name__}"
        raise TaskError(message)
    place = f"step {raw.get('id') or number}"
    _known(raw, place, (*_STEP_KEYS, "pull", "cache"), _UNPLAYED_STEP)
    if raw.get("cache") not in (None, "disabled"):
        message = f"{place}: cache: expected disabled, which is all the local runner can do, found {raw['cache']!r}"
        raise TaskError(message)
    fields = {
        name: value
        for key, (name, reader) in _STEP_KEYS.items()
        if (value := _read(raw, key, place, reader)) is not None
    }
    step = Step(**({"id": f"acb_step_{number}"} | fields))
    kinds = [kind for kind in ("build", "cmd", "push") if getattr(step, kind)]
    if len(kinds) != 1:
        message = f"{place}: expected exactly one of build, cmd and push, found {' and '.join(kinds) or 'none'}"
        raise TaskError(message)
    if any(character.isspace() for character in step.id):
        message = f"{place}: id: expected no spaces, found {step.id!r}"
        raise TaskError(message)
    return replace(step, cmd=resolve_command(step.cmd, aliases))


def _defaults(step: Step, timeout: int, directory: str, env: tuple[str, ...]) -> Step:
    for item in (*step.env, *env):
        if "=" not in item:
            message = f"step {step.id}: env: expected NAME=value, found {item!r}"
            raise TaskError(message)
    own = {item.partition("=")[0] for item in step.env}
    inherited = tuple(item for item in env if item.partition("=")[0] not in own)
    return replace(
        step,
        timeout=step.timeout or timeout,
        retry_delay=step.retry_delay or DEFAULT_RETRY_DELAY,
        working_directory=step.working_directory or directory,
        env=step.env + inherited,
    )


def _known(
    raw: dict[str, Any], place: str, known: tuple[str, ...], unplayed: frozenset[str]
) -> None:
    for key in raw:
        if key in unplayed:
            message = f"{place}: key {key!r} is ACR's, but the local runner does not play it"
            raise TaskError(message)
        if key not in known:
            message = f"{place}: expected one of {', '.join(known)}, found unknown key {key!r}"
            raise TaskError(message)


def _read[T](raw: dict[str, Any], key: str, place: str, reader: Callable[[object], T]) -> T | None:
    value = raw.get(key)
    if value is None:
        return None
    try:
        return reader(value)
    except ValueError as error:
        message = f"{place}: {key}: {error}, found {value!r}"
        raise TaskError(message) from error


def _text(value: object) -> str:
    if isinstance(value, (dict, list)):
        message = "expected text"
        raise ValueError(message)
    return str(value)


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        message = "expected a list"
        raise ValueError(message)
    return tuple(_text(item) for item in value)


def _number(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        message = "expected a whole number from 0"
        raise ValueError(message)
    return value


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        message = "expected true or false"
        raise ValueError(message)
    return value


_STEP_KEYS: dict[str, tuple[str, Callable[[object], Any]]] = {
    "id": ("id", _text),
    "build": ("build", _text),
    "cmd": ("cmd", _text),
    "push": ("push", _texts),
    "when": ("when", _texts),
    "env": ("env", _texts),
    "timeout": ("timeout", _number),
    "retries": ("retries", _number),
    "retryDelay": ("retry_delay", _number),
    "startDelay": ("start_delay", _number),
    "ignoreErrors": ("ignore_errors", _flag),
    "entryPoint": ("entry_point", _text),
    "workingDirectory": ("working_directory", _text),
    "disableWorkingDirectoryOverride": ("keep_image_directory", _flag),
    "user": ("user", _text),
    "network": ("network", _text),
}
