"""`python -m local up`: it starts, says how to use it, and leaves nothing behind however it ends."""

import contextlib
import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from local.platform.ports import free_row
from tests.contract.waiting import PATIENCE, eventually

CHECKOUT = Path(__file__).parents[2]
ROW = 24  # ports from the first on, of which a local Azure takes half


def local(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "local", *arguments],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
        timeout=4 * PATIENCE,
    )


def descendants(pid: int) -> set[int]:
    """Every process below this one, by the kernel's own table."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            parents[int(stat.parent.name)] = int(fields[1])
    found, grew = {pid}, True
    while grew:
        more = {each for each, parent in parents.items() if parent in found} - found
        found, grew = found | more, bool(more)
    return found - {pid}


def alive(pids: set[int]) -> set[int]:
    found = set()
    for pid in pids:
        with contextlib.suppress(OSError):
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
            if state != "Z":  # a zombie runs no more; who reaps it is the machine's business
                found.add(pid)
    return found


def gone(pids: set[int]) -> None:
    eventually(lambda: not alive(pids), what=lambda: f"the end of {alive(pids)}")


@contextlib.contextmanager
def up(work: Path) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """Start it and read what it prints until it is up."""
    command = [sys.executable, "-m", "local", "up", "--work", str(work)]
    command += ["--ports-from", str(free_row(ROW))]
    with subprocess.Popen(
        command, cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            assert process.stdout is not None
            lines: list[str] = []
            while not lines or "Stop: Ctrl-C" not in lines[-1]:
                line = process.stdout.readline()
                assert line, f"it ended with {process.wait()}:\n{''.join(lines)}"
                lines.append(line)
            yield process, lines
        finally:
            process.kill()


def test_it_starts_says_how_to_use_it_and_ctrl_c_leaves_no_process(tmp_path):
    with up(tmp_path) as (process, lines):
        said = "".join(lines)
        started = descendants(process.pid)
        state = json.loads(local("status", "--work", str(tmp_path)).stdout)
        second = local("up", "--work", str(tmp_path))
        process.send_signal(signal.SIGINT)
        rest = process.communicate(timeout=2 * PATIENCE)[0]
    for needle in ("skopeo login", "docker login", "engine", "local.settings.json"):
        assert needle in said
    assert all(url in said for url in state["urls"].values())
    assert state["host"]["starts"] == 1
    assert second.returncode == 3
    assert "already running" in second.stderr
    assert process.returncode == 0
    assert "stopped" in rest
    assert "Traceback" not in said + rest
    assert len(started) >= 2  # Azurite and the functions host at least
    gone(started)
    settings = json.loads((tmp_path / "local.settings.json").read_text())
    assert settings["Values"]["ARM_ENDPOINT"] == state["urls"]["arm"]
    assert (tmp_path / "local.settings.json").stat().st_mode & 0o077 == 0


def test_down_stops_it_from_elsewhere_and_says_when_there_is_nothing_to_stop(tmp_path):
    with up(tmp_path) as (process, _):
        started = descendants(process.pid)
        stopped = local("down", "--work", str(tmp_path))
        process.communicate(timeout=2 * PATIENCE)
    again = local("down", "--work", str(tmp_path))
    assert (stopped.returncode, stopped.stdout) == (0, "stopped\n")
    gone(started)
    assert again.returncode == 3
    assert "none is running" in again.stderr
    assert local("status", "--work", str(tmp_path)).returncode == 3


def test_nothing_outlives_it_even_when_it_is_killed(tmp_path):
    with up(tmp_path) as (process, _):
        started = descendants(process.pid)
        process.kill()
        process.communicate(timeout=2 * PATIENCE)
    gone(started)


def test_a_port_that_is_taken_is_named_with_the_way_out(tmp_path):
    first = free_row(ROW)
    with socket.socket() as other:
        other.bind(("127.0.0.1", first + 1))
        other.listen()
        found = local("up", "--work", str(tmp_path), "--ports-from", str(first))
    assert found.returncode == 1
    assert f"port {first + 1} (staging) is taken" in found.stderr
    assert "--ports-from" in found.stderr
    assert "Traceback" not in found.stderr


def test_wrong_arguments_are_explained():
    assert local("up", "--ports-from", "x").returncode == 2
    assert local().returncode == 2
    assert local("--help").returncode == 0
