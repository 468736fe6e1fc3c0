"""Memory and process limits set by hand, for where no OCI runtime sets them."""

import os
import resource
from pathlib import Path

_CGROUPS = Path("/sys/fs/cgroup")


def confine(group: str, *, memory: int, pids: int) -> None:
    """Put this process, and all it starts, under limits (bytes and processes; 0 = none).

    A cgroup where the kernel lets us make one (v2, or v1's memory and pids), which limits them together; resource
    limits besides, which hold for each process alone and, for processes, not for uid 0.
    """
    name = group.lstrip("/")
    if memory:
        resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
        if not _join("memory", name, {"memory.limit_in_bytes": memory}):
            _join("", name, {"memory.max": memory, "memory.swap.max": 0})
    if pids:
        resource.setrlimit(resource.RLIMIT_NPROC, (pids, pids))
        if not _join("pids", name, {"pids.max": pids}):
            _join("", name, {"pids.max": pids})


def _join(controller: str, name: str, limits: dict[str, int]) -> bool:
    """Enter the group of one controller (v1) or of the unified tree (v2, no name); False if there is none."""
    group = _CGROUPS / controller / name
    try:
        group.mkdir(parents=True, exist_ok=True)
        for file, value in limits.items():
            (group / file).write_text(str(value), "ascii")
        (group / "cgroup.procs").write_text(str(os.getpid()), "ascii")
    except OSError:
        return False
    return True
