"""Which steps may start when, and the one shell line each becomes on the agent."""

import posixpath
import shlex
from collections.abc import Collection, Sequence

from local.tasks.layout import HOME, HOME_VOLUME, SOCKET, WORKSPACE
from local.tasks.taskfile import IMMEDIATELY, Step, TaskError


def predecessors(steps: Sequence[Step]) -> dict[str, frozenset[str]]:
    """Return, per step id, the ids that must have ended before it starts.

    Unset `when` = after the step before it; `["-"]` = at once; else after the steps it names (graph/dag.go).

    Raises TaskError for a name that is no step, a step that waits for itself, and a cycle.
    """
    ids = {step.id for step in steps}
    waits: dict[str, frozenset[str]] = {}
    previous: str | None = None
    for step in steps:
        if step.when == (IMMEDIATELY,):
            waits[step.id] = frozenset()
        elif step.when:
            _check_when(step, ids)
            waits[step.id] = frozenset(step.when)
        else:
            waits[step.id] = frozenset({previous} if previous else ())
        previous = step.id
    ended: set[str] = set()
    while ready := {name for name in ids - ended if waits[name] <= ended}:
        ended |= ready
    if ended != ids:
        message = f"when: expected an order, found a cycle through {', '.join(sorted(ids - ended))}"
        raise TaskError(message)
    return waits


def _check_when(step: Step, ids: Collection[str]) -> None:
    for name in step.when:
        if name == IMMEDIATELY:
            message = f"step {step.id}: when: expected '-' alone, found {list(step.when)}"
            raise TaskError(message)
        if name == step.id or name not in ids:
            message = f"step {step.id}: when: expected the id of another step, found {name!r}"
            raise TaskError(message)


def command_line(step: Step, shared_volume: str) -> str:
    """Return the shell line of a `cmd` step: `docker run …` and, unquoted, the step's own text.

    acr-builder hands exactly such a line to `/bin/sh -c` on the agent (builder/context.go): what follows a newline,
    a `;` or a `>` in `cmd` is the agent's shell's business, not the container's.
    """
    words = ["docker", "run", "--rm", "--name", step.id]
    words += ["--volume", f"{shared_volume}:{WORKSPACE}"]
    if not step.keep_image_directory:
        words += ["--workdir", working_directory(step)]
    words += ["--volume", f"{SOCKET}:{SOCKET}"]
    words += ["--volume", f"{HOME_VOLUME}:{HOME}", "--env", f"HOME={HOME}"]
    if step.network:
        words += ["--network", step.network]
    if step.user:
        words += ["--user", step.user]
    if step.entry_point:
        words += ["--entrypoint", step.entry_point]
    for item in step.env:
        words += ["--env", item]
    return " ".join((*words, step.cmd))


def build_command_line(step: Step) -> str:
    """Return the shell line of a `build` step."""
    return f"cd {shlex.quote(working_directory(step))} && docker build {step.build}"


def working_directory(step: Step) -> str:
    """Return the step's directory: below the workspace unless absolute."""
    return posixpath.normpath(posixpath.join(WORKSPACE, step.working_directory))
