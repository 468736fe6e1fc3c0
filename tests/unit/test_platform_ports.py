"""Which ports the local Azure listens on."""

import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

from local.platform.ports import Ports, free, free_row

ROOT = Path(__file__).resolve().parents[2]


def test_the_fixed_ports_are_the_documented_ones():
    assert asdict(Ports()) == {
        "upstream": 5000,
        "staging": 5001,
        "base": 5002,
        "apps": 5003,
        "arm": 5010,
        "identity": 5011,
        "topic": 5012,
        "blobs": 10000,
        "queues": 10001,
        "tables": 10002,
        "functions": 7071,
        "login": 5013,
    }


def test_moved_ports_are_all_different():
    moved = asdict(Ports.starting_at(20000))
    assert moved["upstream"] == 20000
    assert moved["arm"] == 20010
    assert moved["functions"] == 20023
    assert moved["login"] == 20013
    assert len(set(moved.values())) == len(moved)


def test_two_processes_are_given_different_ports_before_either_listens():
    mine = set(free(400))
    script = "from local.platform.ports import free; print(*free(400))"
    other = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    )

    assert mine.isdisjoint(map(int, other.stdout.split()))


def test_the_ports_of_a_row_are_given_to_no_other_process():
    firsts = [free_row(24) for _ in range(8)]  # so many that another would be given some of them
    mine = {first + number for first in firsts for number in range(24)}
    script = "from local.platform.ports import free; print(*free(400))"
    other = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    )

    assert len(mine) == 8 * 24
    assert mine.isdisjoint(map(int, other.stdout.split()))


def test_a_process_is_given_no_port_twice_in_a_row():
    assert set(free(300)).isdisjoint(free(300))
