"""The agent's side of a task's step: its command rendered, through a shell, with a stub for each tool."""

import os
import re
import subprocess
from pathlib import Path

import yaml

from tests.contract.waiting import PATIENCE

TASKS = Path(__file__).parents[2] / "infra/tasks"
DIGEST = f"sha256:{'a' * 64}"
GOOD = {
    "repository": "library/node",
    "digest": DIGEST,
    "platform": "linux/amd64",
    "candidate": "0123456789abcdef" * 2,
    "seconds": "60",
}
RUN = {"Registry": "localhost:5000", "SharedVolume": "volume"}
TOOLS = "localhost:5001/base/tools/cssc@sha256:" + "c" * 64


class Agent:
    """An agent with one folder as its workspace, and stubs that note how they were called."""

    def __init__(self, folder: Path) -> None:
        self.workspace = folder / "workspace"
        self.stubs = folder / "bin"
        self.workspace.mkdir()
        self.stubs.mkdir()
        # What acr-builder's `docker run … IMAGE` becomes: the entry point, run in the workspace.
        self.stub("agent-docker-run", f'test "$1" = "{TOOLS}" || exit 99; shift; exec /bin/sh "$@"')

    def stub(self, name: str, body: str) -> None:
        file = self.stubs / name
        note = f'printf "%s\\n" "$@" > {self.stubs}/{name}.called\n'
        file.write_text(f"#!/bin/sh\n{note}{body}\n")
        file.chmod(0o755)

    def called(self, name: str) -> list[str]:
        file = self.stubs / f"{name}.called"
        return file.read_text().splitlines() if file.exists() else []

    def run(self, task: str, step: str, **values: str) -> subprocess.CompletedProcess[str]:
        line = rendered(task, step, GOOD | values)
        return subprocess.run(
            ["/bin/sh", "-c", f"agent-docker-run {line}"],
            cwd=self.workspace,
            env={"PATH": f"{self.stubs}:{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )


def rendered(task: str, step: str, values: dict[str, str]) -> str:
    """The step's command after templates and aliases, unescaped, as acr-builder leaves it."""
    found = yaml.safe_load((TASKS / task).read_text())
    command = next(str(each["cmd"]) for each in found["steps"] if each["id"] == step)
    command = re.sub(r"\{\{\.Values\.(\w+)\}\}", lambda match: values.get(match[1], ""), command)
    command = re.sub(r"\{\{\.Run\.(\w+)\}\}", lambda match: RUN[match[1]], command)
    return re.sub(r"^tools ", f"{TOOLS} ", command.strip()).replace("~tools", TOOLS)
