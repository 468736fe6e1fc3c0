"""What a run request or a task asks for, in one shape: YAML, values, context, time and credentials."""

import base64
import binascii
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import yaml

from local.arm.errors import invalid, not_here

_TIMEOUT = 3600  # seconds; the service's default
_LONGEST_TIMEOUT = 28_800
_UPLOADED = re.compile(r"tasks-source/[0-9]{8}/[0-9a-f-]{36}\.tar\.gz")


@dataclass(frozen=True, slots=True)
class Plan:
    """One run to be. `file` and `values_file` name files of the context when the YAML is not inline."""

    yaml: str = ""
    file: str = ""
    values_file: str = ""
    values: Mapping[str, str] = field(default_factory=dict)
    context: str = ""
    timeout: int = _TIMEOUT
    platform: str = "linux/amd64"
    credentials: Mapping[str, Any] = field(default_factory=dict)
    builds: bool = False


def of_request(body: Mapping[str, Any]) -> Plan:
    """Return what a quick run or quick build asks for. Raises ArmError."""
    kind = body.get("type")
    if kind not in ("EncodedTaskRunRequest", "FileTaskRunRequest", "DockerBuildRequest"):
        raise invalid(f"type: expected a run request's type, found {str(kind)[:100]!r}")
    _only_here(body)
    step = {
        **body,
        "type": {"DockerBuildRequest": "Docker"}.get(kind, kind.removesuffix("RunRequest")),
    }
    plan = of_step(step, str(body.get("sourceLocation") or ""))
    return _common(plan, body)


def of_task(properties: Mapping[str, Any], override: Mapping[str, Any]) -> Plan:
    """Return what a run of this task asks for, with a TaskRunRequest's overrides. Raises ArmError."""
    _only_here(properties)
    step = dict(properties["step"])
    for ours, theirs in (
        ("file", _file_key(step)),
        ("target", "target"),
        ("contextPath", "contextPath"),
    ):
        if override.get(ours):
            step[theirs] = override[ours]
    for key in ("values", "arguments"):
        step[key] = _merged(step.get(key), override.get(key), key)
    plan = of_step(step, str(step.get("contextPath") or ""))
    return _common(plan, properties)


def of_step(step: Mapping[str, Any], context: str) -> Plan:
    """Return what one step asks for; the context is an uploaded one or none. Raises ArmError."""
    source = _context(context)
    match step.get("type"):
        case "EncodedTask":
            text = _decoded(step, "encodedTaskContent")
            values = _from_yaml(_decoded(step, "encodedValuesContent", optional=True))
            values |= _values(step.get("values"), "values")
            return Plan(yaml=text, values=values, context=source)
        case "FileTask":
            file = str(step.get("taskFilePath") or "")
            if not file or not source:
                raise invalid("taskFilePath: expected a file of an uploaded context")
            return Plan(
                file=file,
                values_file=str(step.get("valuesFilePath") or ""),
                values=_values(step.get("values"), "values"),
                context=source,
            )
        case "Docker":
            return Plan(yaml=build_yaml(step), context=source, builds=True)
    raise invalid(
        f"step.type: expected Docker, FileTask or EncodedTask, found {step.get('type')!r}"
    )


def build_yaml(step: Mapping[str, Any]) -> str:
    """Return the task YAML that a Docker step or a quick build amounts to: one build, then a push."""
    names = [_image(str(name)) for name in step.get("imageNames") or []]
    file = step.get("dockerFilePath")
    if not file:
        raise invalid("dockerFilePath: expected the Dockerfile's path, found none")
    words = [word for name in names for word in ("-t", name)]
    words += ["-f", shlex.quote(str(file))]
    if step.get("target"):
        words += ["--target", shlex.quote(str(step["target"]))]
    if step.get("noCache"):
        words.append("--no-cache")
    for name, value in _values(step.get("arguments"), "arguments").items():
        words += ["--build-arg", shlex.quote(f"{name}={value}")]
    steps: list[dict[str, Any]] = [{"id": "build", "build": " ".join([*words, "."])}]
    if names and step.get("isPushEnabled", True):
        steps.append({"id": "push", "push": names})
    # The build may take as long as the run: a step's own default of ten minutes is not a quick build's.
    task = {"version": "v1.1.0", "stepTimeout": _LONGEST_TIMEOUT, "steps": steps}
    return yaml.safe_dump(task, sort_keys=False)


def read_values(text: str) -> dict[str, str]:
    """Return the values of a values file (YAML, names to scalars). Raises ArmError."""
    return _from_yaml(text)


def _image(name: str) -> str:
    if re.search(r"[^\w./:@${}-]", name):
        raise invalid(
            f"imageNames: expected an image name like app:{{{{.Run.ID}}}}, found {name[:200]!r}"
        )
    home = name.startswith(("{{.Run.Registry}}/", "$Registry/"))
    host = name.partition("/")[0]
    foreign = "/" in name and ("." in host or ":" in host) and not host.startswith("{{")
    return name if home or foreign else "{{.Run.Registry}}/" + name


def _file_key(step: Mapping[str, Any]) -> str:
    return "dockerFilePath" if step.get("type") == "Docker" else "taskFilePath"


def _only_here(body: Mapping[str, Any]) -> None:
    for key in ("agentPoolName", "logTemplate"):
        if body.get(key):
            raise not_here(f"{key} of a run")
    system = str((body.get("platform") or {}).get("os") or "Linux")
    if system.lower() != "linux":
        raise not_here(f"runs on {system}")


def _common(plan: Plan, body: Mapping[str, Any]) -> Plan:
    seconds = body.get("timeout") or _TIMEOUT
    if not isinstance(seconds, int) or not 1 <= seconds <= _LONGEST_TIMEOUT:
        raise invalid(f"timeout: expected 1 to {_LONGEST_TIMEOUT} seconds, found {seconds!r}")
    platform = body.get("platform") or {}
    parts = [
        platform.get("os") or "linux",
        platform.get("architecture") or "amd64",
        platform.get("variant"),
    ]
    text = "/".join(str(part).lower() for part in parts if part)
    return replace(plan, timeout=seconds, platform=text, credentials=body.get("credentials") or {})


def _context(path: str) -> str:
    if path in ("", "/dev/null"):
        return ""
    if not _UPLOADED.fullmatch(path):
        raise not_here(
            f"a context other than one uploaded through listBuildSourceUploadUrl: {path[:200]!r}"
        )
    return path


def _decoded(step: Mapping[str, Any], key: str, *, optional: bool = False) -> str:
    text = step.get(key)
    if not text and optional:
        return ""
    try:
        return base64.b64decode(str(text or ""), validate=True).decode() or _nothing(key)
    except (binascii.Error, UnicodeDecodeError) as error:
        raise invalid(f"{key}: expected base64 of UTF-8 text ({error})") from error


def _nothing(key: str) -> str:
    raise invalid(f"{key}: expected a task's YAML in base64, found nothing")


def _from_yaml(text: str) -> dict[str, str]:
    try:
        body = yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        raise invalid(f"values: expected YAML ({error})") from error
    if not isinstance(body, dict):
        raise invalid(f"values: expected names to values, found {type(body).__name__}")
    return {str(name): _scalar(value) for name, value in body.items()}


def _scalar(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def _values(found: Sequence[Any] | None, place: str) -> dict[str, str]:
    return {each["name"]: _scalar(each.get("value")) for each in _pairs(found, place)}


def _pairs(found: Sequence[Any] | None, place: str) -> list[Mapping[str, Any]]:
    pairs = list(found or [])
    if not all(isinstance(each, dict) and isinstance(each.get("name"), str) for each in pairs):
        raise invalid(f"{place}: expected a list of objects with name and value")
    return pairs


def _merged(
    old: Sequence[Any] | None, new: Sequence[Any] | None, place: str
) -> list[Mapping[str, Any]]:
    merged = {each["name"]: each for each in _pairs(old, place)}
    merged |= {each["name"]: each for each in _pairs(new, place)}
    return list(merged.values())
