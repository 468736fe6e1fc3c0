"""Which ports the local Azure listens on."""

from dataclasses import asdict

from local.platform.ports import Ports


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
