"""`make approve` and its like hand over what was typed, and run none of it."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = ("approve", "deny", "release", "explain", "candidates")
PYTHON = """#!/bin/sh
printf '%s\\n' "$*" "$IMAGE" "$COMMENT" "$AS"
"""


def make(folder: Path, *arguments: str, **environment: str) -> list[str]:
    """Run make with a stand-in for Python; return what reached it, line by line."""
    python = folder / "venv" / "bin" / "python"
    python.parent.mkdir(parents=True, exist_ok=True)
    python.write_text(PYTHON)
    python.chmod(0o755)
    (folder / "venv" / ".installed").touch()  # newer than the requirements: nothing is installed
    done = subprocess.run(
        ["make", f"VENV={folder / 'venv'}", *arguments],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "HOME": str(folder)} | environment,
    )
    return done.stdout.splitlines()


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_reads_the_environment(tmp_path: Path, command: str):
    said = make(tmp_path, command, "IMAGE=node", "ARGS=--json")
    assert said == [f"-m local.operate {command} --from-environment --json", "node", "", ""]


def test_a_comment_is_no_program(tmp_path: Path):
    trap = tmp_path / "sprung"
    comment = (
        f"5 $ for `touch {trap}` $(touch {trap}) $(shell touch {trap}) ${{shell touch {trap}}} "
        f"; touch {trap} | \"it's\" 'said' a,b # and \\ $$ $(COMMENT) $@ é"
    )
    assert make(tmp_path, "approve", f"COMMENT={comment}")[2] == comment
    assert make(tmp_path, "deny", COMMENT=comment)[2] == comment
    assert not trap.exists()


def test_who_asks_is_not_make_s_assembler(tmp_path: Path):
    assert make(tmp_path, "approve")[3] == ""
    assert make(tmp_path, "approve", "AS=bob")[3] == "bob"
