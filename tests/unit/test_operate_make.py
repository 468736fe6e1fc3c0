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


def make(folder: Path, *arguments: str, script: str = PYTHON, **environment: str) -> list[str]:
    """Run make with a stand-in for Python; return what reached it, line by line."""
    python = folder / "venv" / "bin" / "python"
    python.parent.mkdir(parents=True, exist_ok=True)
    python.write_text(script)
    python.chmod(0o755)
    (folder / "venv" / ".installed").touch()  # newer than the requirements: nothing is installed
    done = subprocess.run(
        ["make", f"VENV={folder / 'venv'}", *arguments],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
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
    assert not trap.exists()


def test_who_asks_is_not_make_s_assembler(tmp_path: Path):
    assert make(tmp_path, "approve")[3] == ""
    assert make(tmp_path, "approve", "AS=bob")[3] == "bob"


@pytest.mark.parametrize("command", COMMANDS)
def test_only_what_is_typed_counts_and_nothing_that_lies_about_in_the_environment(
    tmp_path: Path, command: str
):
    stray = {"IMAGE": "other", "COMMENT": "old", "AS": "bob", "ARGS": "--override=1"}
    said = make(tmp_path, command, **stray)
    assert said == [f"-m local.operate {command} --from-environment", "", "", ""]


def test_a_stray_override_in_the_environment_overrides_nothing(tmp_path: Path):
    script = PYTHON.replace('"$IMAGE" "$COMMENT" "$AS"', '"$OVERRIDE" "$DIGEST" "$LIMIT"')
    stray = {"OVERRIDE": "1", "DIGEST": "d", "LIMIT": "7"}
    assert make(tmp_path, "approve", script=script, **stray)[1:] == ["", "", ""]
    assert make(tmp_path, "approve", "OVERRIDE=1", script=script)[1:] == ["1", "", ""]
