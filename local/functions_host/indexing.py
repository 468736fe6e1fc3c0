"""From what the worker indexed to functions this host can run, or every reason why it cannot."""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from local.functions_host.calls import Binding, Function, Retry
from local.functions_host.hostjson import HostJson
from local.functions_host.ncrontab import parse_schedule
from local.functions_host.routes import parse_route
from local.functions_host.settings import Settings, SettingsError

TRIGGERS = ("queueTrigger", "timerTrigger", "httpTrigger", "eventGridTrigger")
OUTPUTS = ("http", "queue")
NO_FUNCTIONS = (
    "0 functions found. No job functions found. Try making your job classes and methods public. "
    "If you're using binding extensions make sure they are registered."
)
_LONGEST_QUEUE_NAME = 63  # characters, says Azure Storage
_QUEUE_NAME = re.compile(r"(?=.{3,63}$)[a-z0-9]+(-[a-z0-9]+)*")
_BUILT_IN = (
    "httpTrigger",
    "http",
    "timerTrigger",
)  # everything else comes from the extension bundle


class IndexingError(Exception):
    """The app cannot be run; the text has one line for each reason."""


def read_functions(
    metadata: Iterable[Mapping[str, Any]], settings: Settings, host: HostJson
) -> list[Function]:
    """Make functions of the worker's metadata. Raises IndexingError with everything that is wrong."""
    functions, errors = [], []
    for described in metadata:
        try:
            function = _function(described, settings)
            if not function.disabled:
                _check(function, settings, host)
            functions.append(function)
        except (ValueError, SettingsError) as error:
            name = described["name"]
            errors.append(
                f"The '{name}' function is in error: Error indexing method 'Functions.{name}': {error}"
            )
    if errors:
        raise IndexingError("\n".join(errors))
    return functions


def function_table(functions: Iterable[Function], host: HostJson, origin: str) -> list[str]:
    """Return the lines that show the functions as `func start` does."""
    lines = ["", "Functions:", ""]
    for function in sorted(functions, key=lambda function: function.name.lower()):
        text = f"{function.trigger.type}"
        if function.trigger.type == "httpTrigger":
            methods = ",".join(sorted(http_methods(function))) or "*"
            text = f"[{methods}] {origin}{route_path(function, host)}"
        if function.disabled:
            text += " (disabled)"
        lines += [f"\t{function.name}: {text}", ""]
    return lines


def route_path(function: Function, host: HostJson) -> str:
    """Return an HTTP function's route with the host's prefix."""
    route = function.trigger.text("route", function.name).strip("/")
    return "/" + "/".join(part for part in (host.route_prefix, route) if part)


def http_methods(function: Function) -> frozenset[str]:
    """Return the methods an HTTP function answers; none means all."""
    return frozenset(str(method).upper() for method in function.trigger.properties["methods"])


def poison_name(queue: str) -> str:
    """Return the poison queue's name, empty if such a queue has none (reference: Storage extension 5.3)."""
    name = f"{queue}-poison"
    fits = len(name) <= _LONGEST_QUEUE_NAME
    return name if fits and not queue.endswith("-poison") else ""


def _function(described: Mapping[str, Any], settings: Settings) -> Function:
    name = described["name"]
    disabled = settings.disabled(name)
    # A disabled function may lack its settings: Azure leaves it alone.
    lenient = Settings(_Anything(settings.values)) if disabled else settings
    bindings = [_binding(json.loads(text), lenient) for text in described["bindings"]]
    triggers = [binding for binding in bindings if binding.type.lower().endswith("trigger")]
    if len(triggers) != 1:
        message = f"expected one trigger, found {len(triggers)}"
        raise ValueError(message)
    outputs = tuple(binding for binding in bindings if binding is not triggers[0])
    return Function(
        name, described["id"], triggers[0], outputs, _retry(described["retry"]), disabled
    )


class _Anything(dict[str, str]):
    """Settings in which everything is there."""

    def __contains__(self, name: object) -> bool:
        return True

    def __missing__(self, name: str) -> str:
        return f"%{name}%"


def _binding(raw: dict[str, Any], settings: Settings) -> Binding:
    resolved = {
        key: settings.resolve(value) if isinstance(value, str) else value
        for key, value in raw.items()
    }
    resolved.setdefault("methods", [])
    return Binding(str(raw["type"]), str(raw["name"]), resolved)


def _retry(described: Mapping[str, Any] | None) -> Retry | None:
    if described is None:
        return None
    exponential = described["strategy"] != "fixed_delay"
    shortest = described.get("minimum_interval" if exponential else "delay_interval", 0.0)
    return Retry(
        described["count"], exponential, shortest, described.get("maximum_interval", 2.0**31)
    )


def _check(function: Function, settings: Settings, host: HostJson) -> None:
    trigger = function.trigger
    if trigger.type not in TRIGGERS:
        message = (
            f"the binding type {trigger.type!r} is not supported by the local host; "
            f"expected {', '.join(TRIGGERS)}"
        )
        raise ValueError(message)
    for binding in (trigger, *function.outputs):
        if binding is not trigger and binding.type not in OUTPUTS:
            direction = binding.text("direction").lower()
            message = f"the {direction} binding {binding.type!r} ({binding.name}) is not supported by the local host"
            raise ValueError(message)
        if binding.type not in _BUILT_IN and not host.extension_bundle:
            message = (
                f"The binding type(s) '{binding.type}' are not registered. Please ensure the type is correct "
                "and the binding extension is installed (host.json has no extensionBundle)."
            )
            raise ValueError(message)
        if binding.type in {"queueTrigger", "queue"}:
            _check_queue(binding, settings)
    if trigger.type == "timerTrigger":
        parse_schedule(trigger.text("schedule"))
    if trigger.type == "httpTrigger":
        parse_route(route_path(function, host))


def _check_queue(binding: Binding, settings: Settings) -> None:
    name = binding.text("queueName").lower()
    if not _QUEUE_NAME.fullmatch(name):
        message = f"queueName: expected 3 to 63 of a-z, 0-9 and single dashes, found {name!r}"
        raise ValueError(message)
    settings.connection(binding.text("connection"))
