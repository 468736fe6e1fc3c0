"""The run requests of ACR Tasks: every value matched against its own pattern, or no run at all."""

import re
from typing import Any

from shared.errors import Permanent
from shared.values import ScanRequest, TestRequest

# ACR renders task values without escaping into a root shell on the agent (acr-builder,
# templating/engine.go and builder/context.go), so a value is one of these or the run is refused.
# fullmatch and re.ASCII throughout: `$` would let a last newline through, `\d` other scripts' digits.
_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
PATTERNS = {
    "repository": re.compile(rf"{_PART}(?:/{_PART})*", re.ASCII),  # distribution-spec 1.1, <name>
    "digest": re.compile(r"sha256:[0-9a-f]{64}", re.ASCII),
    # What the tasks' own first step accepts too (infra/tasks).
    "platform": re.compile(r"linux/(?:amd64|386|arm64|arm/v[5-7]|ppc64le|s390x|riscv64)", re.ASCII),
    "candidate": re.compile(r"[0-9a-f]{32}", re.ASCII),
    "seconds": re.compile(r"[0-9]{1,5}", re.ASCII),
}
_LONGEST = 256  # characters of any value
# What listBuildSourceUploadUrl names (reference: `tasks-source/…tar.gz`); a field of its own, no value.
_CONTEXT = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,200}(?:/[A-Za-z0-9_-][A-Za-z0-9._-]{0,200})*")


def run_request(task_id: str, request: ScanRequest | TestRequest) -> dict[str, Any]:
    """Return the TaskRunRequest that starts the task at this ARM id. Raises Permanent."""
    values = {
        "repository": request.repository.path,
        "digest": str(request.digest),
        "platform": str(request.platform),
        "candidate": request.candidate,
        "seconds": str(request.timeout),
    }
    override: dict[str, Any] = {
        "values": [
            {"name": name, "value": _checked(name, value), "isSecret": False}
            for name, value in values.items()
        ]
    }
    if isinstance(request, TestRequest):
        if not _CONTEXT.fullmatch(request.context):
            message = f"context: expected what an upload returned, found {request.context[:60]!r}"
            raise Permanent(message)
        override["contextPath"] = request.context
    return rebuild_request(task_id) | {"overrideTaskStepProperties": override}


def rebuild_request(task_id: str) -> dict[str, Any]:
    """Return the TaskRunRequest that starts the task as it is."""
    return {"type": "TaskRunRequest", "taskId": task_id}


def _checked(name: str, value: str) -> str:
    pattern = PATTERNS[name]
    if len(value) > _LONGEST or not pattern.fullmatch(value):
        message = f"task value {name}: expected {pattern.pattern}, found {value[:60]!r}; no run"
        raise Permanent(message)
    return value
