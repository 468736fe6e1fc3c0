"""host.json: what this host honours of it, with the app settings that override it."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local.functions_host.settings import Settings, SettingsError
from local.functions_host.timespan import timespan

_OVERRIDE = "azurefunctionsjobhost__"
_MINUTE = 60.0  # seconds; Azure's default maxPollingInterval
_MAX_BATCH = 32  # Azure Storage hands out no more messages at once


@dataclass(frozen=True, slots=True)
class QueueOptions:
    """`extensions.queues`; times in seconds. Defaults are those of a development environment."""

    max_polling_interval: float = 2.0
    visibility_timeout: float = 0.0
    batch_size: int = 16
    new_batch_threshold: int = 16
    max_dequeue_count: int = 5
    base64: bool = True


@dataclass(frozen=True, slots=True)
class HostJson:
    """The host's configuration."""

    queues: QueueOptions = field(default_factory=QueueOptions)
    route_prefix: str = "api"
    function_timeout: float | None = 1800.0  # seconds; None is no limit
    log_levels: Mapping[str, str] = field(default_factory=dict)  # category -> level name
    extension_bundle: bool = False


def read_host_json(app: Path, settings: Settings) -> HostJson:
    """Read the app's host.json. Raises SettingsError naming the place, what was expected and found."""
    path = app / "host.json"
    try:
        document: Any = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        message = f"{path}: expected a JSON object, found {error}"
        raise SettingsError(message) from error
    return parse_host_json(document, settings, os.cpu_count() or 1)


def parse_host_json(document: object, settings: Settings, processors: int) -> HostJson:
    """Make sense of a host.json document; `processors` counts for newBatchThreshold's default."""
    tree = _lowered(document)
    if not isinstance(document, dict) or not isinstance(tree, dict) or tree.get("version") != "2.0":
        found = document.get("version") if isinstance(document, dict) else document
        message = f'host.json: version: expected "2.0", found {found!r}'
        raise SettingsError(message)
    for name, value in settings.values.items():
        key = name.replace(":", "__").lower()
        if key.startswith(_OVERRIDE):
            _put(tree, key.removeprefix(_OVERRIDE).split("__"), value)
    place = _Place(tree)
    timeout = place.text("functiontimeout", "00:30:00")
    return HostJson(
        queues=_queues(place, processors),
        route_prefix=place.text("extensions.http.routeprefix", "api").strip("/"),
        function_timeout=None if timeout == "-1" else place.seconds("functiontimeout", 1800.0),
        log_levels=_log_levels(document, tree),
        extension_bundle="id" in (place.at("extensionbundle") or {}),
    )


def _queues(place: "_Place", processors: int) -> QueueOptions:
    at = "extensions.queues."
    batch = place.number(f"{at}batchsize", 16, 1, _MAX_BATCH)
    encoding = place.text(f"{at}messageencoding", "base64").lower()
    if encoding not in {"base64", "none"}:
        message = f"host.json: {at}messageencoding: expected base64 or none, found {encoding!r}"
        raise SettingsError(message)
    interval = place.seconds(f"{at}maxpollinginterval", 2.0)
    # Left at Azure's default of a minute, a development environment polls every 2 s (Storage extension 5.3).
    return QueueOptions(
        max_polling_interval=2.0 if interval == _MINUTE else max(interval, 0.1),
        visibility_timeout=place.seconds(f"{at}visibilitytimeout", 0.0),
        batch_size=batch,
        new_batch_threshold=place.number(
            f"{at}newbatchthreshold", batch // 2 * processors, 0, 2**31
        ),
        max_dequeue_count=place.number(f"{at}maxdequeuecount", 5, 1, 2**31),
        base64=encoding == "base64",
    )


@dataclass(frozen=True, slots=True)
class _Place:
    """Typed look-ups in the lower-cased tree, by dotted path."""

    tree: Mapping[str, Any]

    def at(self, path: str) -> Any:  # noqa: ANN401 - any JSON value; each caller says which it expects
        value: Any = self.tree
        for name in path.split("."):
            value = value.get(name) if isinstance(value, dict) else None
        return value

    def text(self, path: str, default: str) -> str:
        value = self.at(path)
        return default if value is None else str(value)

    def number(self, path: str, default: int, low: int, high: int) -> int:
        value = self.at(path)
        try:
            number = default if value is None else int(value)
        except (TypeError, ValueError):
            number = low - 1
        if not low <= number <= high:
            message = f"host.json: {path}: expected a number from {low} to {high}, found {value!r}"
            raise SettingsError(message)
        return number

    def seconds(self, path: str, default: float) -> float:
        value = self.at(path)
        if value is None:
            return default
        try:
            return timespan(str(value)).total_seconds()
        except ValueError as error:
            message = f"host.json: {path}: {error}"
            raise SettingsError(message) from error


def _lowered(value: object) -> object:
    """Lower every key: .NET's configuration does not mind case."""
    if isinstance(value, dict):
        return {str(key).lower(): _lowered(item) for key, item in value.items()}
    return value


def _put(tree: dict[str, Any], path: list[str], value: str) -> None:
    for name in path[:-1]:
        below = tree.get(name)
        if not isinstance(below, dict):
            below = tree[name] = {}
        tree = below
    tree[path[-1]] = value


def _log_levels(document: Mapping[str, Any], tree: Mapping[str, Any]) -> dict[str, str]:
    """Return the levels under their categories' own spelling (logger names mind case)."""
    levels = _Place(tree).at("logging.loglevel") or {}
    written = (document.get("logging") or {}).get("logLevel") or {}
    spelling = {str(key).lower(): str(key) for key in written}
    return {spelling.get(key, key): str(value) for key, value in levels.items()}
