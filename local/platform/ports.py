"""Ports: which fixed ones the local Azure listens on, free ones for tests, and who has taken one."""

import fcntl
import functools
import itertools
import os
import random
import socket
import tempfile
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from shared.errors import Misconfigured

_OURS = range(20_000, 32_768)


class PortTaken(Misconfigured):
    """A fixed port is in use by another process."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Every port of the local Azure, by what answers there."""

    upstream: int = 5000
    staging: int = 5001
    base: int = 5002
    apps: int = 5003
    arm: int = 5010
    identity: int = 5011
    topic: int = 5012
    blobs: int = 10000
    queues: int = 10001
    tables: int = 10002
    functions: int = 7071
    login: int = 5013

    @classmethod
    def starting_at(cls, first: int) -> Self:
        """Return ports in the usual order with the upstream registry at `first`; storage and functions follow."""
        return cls(
            *(first + n for n in range(4)),
            *(first + n for n in range(10, 13)),
            *(first + n for n in (20, 21, 22, 23, 13)),
        )

    @classmethod
    def free(cls) -> Self:
        """Return ports that are free now."""
        return cls(*free(len(cls.__slots__)))

    def check(self) -> None:
        """Raise PortTaken for the first port that something listens on."""
        for name, port in asdict(self).items():
            if taken(port):
                message = (
                    f"port {port} ({name}) is taken by another process; "
                    "stop it, or choose other ports: python -m local up --ports-from 20000"
                )
                raise PortTaken(message)


def free_row(length: int) -> int:
    """Return the first of so many free ports in a row, as `free` gives them. Raises OSError where there are none."""
    for first in random.sample(_OURS[:-length], len(_OURS) - length):
        row = range(first, first + length)
        claimed = list(itertools.takewhile(_claimed, row))
        if len(claimed) == length and not any(map(taken, row)):
            return first
        for port in claimed:
            _let_go(port)
    message = f"expected {length} free ports in a row in {_OURS}, found none"
    raise OSError(message)


def free(count: int) -> Sequence[int]:
    """Return that many free TCP ports of this machine, all different.

    They lie below those that Linux gives to outgoing connections (ip_local_port_range, from 32768): one of
    those may be somebody's own end of a connection before it is listened on. Raises OSError where none is free.
    """
    found = (
        port for port in random.sample(_OURS, len(_OURS)) if _claimed(port) and not taken(port)
    )
    ports = list(itertools.islice(found, count))
    if len(ports) < count:
        message = f"expected {count} free ports in {_OURS}, found {len(ports)}"
        raise OSError(message)
    return ports


_GIVEN: deque[int] = deque()
_KEPT = 1000  # ports this process keeps to itself; it has used those before


def _claimed(port: int) -> bool:
    """Tell whether this process is the only one that may give the port away: nothing may listen on it yet.

    Another process's free port would be the same one until either listens. One byte of one file stands for each
    port; the kernel lets go of it when the process ends (fcntl(2), advisory record locking).
    """
    if port in _GIVEN:
        return False
    try:
        fcntl.lockf(_claims(), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except OSError:
        return False
    _GIVEN.append(port)
    if len(_GIVEN) > _KEPT:
        _let_go(_GIVEN[0])
    return True


def _let_go(port: int) -> None:
    _GIVEN.remove(port)
    fcntl.lockf(_claims(), fcntl.LOCK_UN, 1, port)


@functools.cache
def _claims() -> int:
    path = Path(tempfile.gettempdir()) / f"breakwater-ports-{os.getuid()}.lock"
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)


def taken(port: int) -> bool:
    """Say whether something listens on the port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
        return False
