"""What else the machine did meanwhile: on a busy one a ratio of speeds says little."""

import os
import resource
import time
from pathlib import Path

_IDLE = {3, 4}  # fields of /proc/stat (proc(5)): idle, and waiting for a disk
_FIELDS = 8  # user to steal; what guests use is in user already
_TICKS = os.sysconf("SC_CLK_TCK")


class Others:
    """How many CPUs were busy with something else, or taken by the host, since this was made."""

    def __init__(self) -> None:
        self._busy, self._own, self._began = _busy(), own_cpu(), time.monotonic()

    def cpus(self) -> float:
        """Return their number; processes of ours count as ours once they have been waited for."""
        used = (_busy() - self._busy) - (own_cpu() - self._own)
        return max(0.0, used / (time.monotonic() - self._began))


def _busy() -> float:
    """Seconds in which a CPU was not idle, of all of them together."""
    line = Path("/proc/stat").read_text(encoding="ascii").partition("\n")[0]
    ticks = [int(each) for each in line.split()[1 : _FIELDS + 1]]
    return sum(each for at, each in enumerate(ticks) if at not in _IDLE) / _TICKS


def own_cpu() -> float:
    """Seconds of CPU of this process and of those it waited for."""
    used = (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in used)
