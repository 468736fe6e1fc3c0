"""What importing a module costs in a fresh interpreter, and which modules that time goes into."""

import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.bounds import Bound

CHECKOUT = Path(__file__).resolve().parents[1]
APP, ALONE = "function_app", "azure.functions"
_TIMES = 1.5  # the cost of azure.functions alone: what a cold start may pay for our own code
_SHOWN = 8  # modules
_TIMED = """
import sys, time
wall, cpu = time.perf_counter(), time.process_time()
__import__(sys.argv[1])
print(time.perf_counter() - wall, time.process_time() - cpu)
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one import took: seconds on the clock, seconds of CPU."""

    wall: float
    cpu: float


@dataclass(frozen=True, slots=True)
class Weight:
    """A module's own share of an import, in seconds, without what it imports."""

    module: str
    seconds: float


def imports(rounds: int) -> list[Bound]:
    """Print what importing the app costs beside azure.functions alone; return what it was to show."""
    version = f"Python {platform.python_version()}, {os.cpu_count()} CPUs"
    print(f"Importing {APP} and {ALONE}, {rounds} times each in turn ({version})\n")
    costs = alternating((ALONE, APP), rounds)
    print(f"{'':<18}{'median':>10}{'lowest':>10}{'highest':>10}{'CPU':>10}")
    for module in (ALONE, APP):
        walls = [each.wall for each in costs[module]]
        shown = (median(costs[module]).wall, min(walls), max(walls), median(costs[module]).cpu)
        print(f"{module:<18}" + "".join(f"{1000 * each:>7.1f} ms" for each in shown))
    print()
    _heaviest()
    ratio = median(costs[APP]).wall / median(costs[ALONE]).wall
    return [Bound(f"times the import of {ALONE} (medians)", ratio, at_most=_TIMES)]


def _heaviest() -> None:
    app, alone = weights(APP), {each.module for each in weights(ALONE)}
    ours = [each for each in app if each.module not in alone]
    _table(f"Modules that weigh most in {APP}, without what they import", app)
    _table(f"Of these, not loaded by {ALONE}", ours)


def _table(title: str, found: list[Weight]) -> None:
    whole = sum(each.seconds for each in found)
    print(f"{title} ({len(found)} modules, {1000 * whole:.1f} ms while traced):")
    for each in found[:_SHOWN]:
        print(f"{1000 * each.seconds:>8.2f} ms  {each.module}")
    print()


def cost(module: str) -> Cost:
    """Import the module in a fresh interpreter that has imported nothing but `sys` and `time`."""
    wall, cpu = _python("-c", _TIMED, module).stdout.split()
    return Cost(float(wall), float(cpu))


def alternating(modules: Sequence[str], rounds: int) -> dict[str, list[Cost]]:
    """Measure each module once a round, in turn, so that a busy moment of the machine hits all."""
    costs: dict[str, list[Cost]] = {module: [] for module in modules}
    for module in modules:
        cost(module)  # compiles what is not compiled yet, and fills the disk's cache
    for number in range(rounds):
        for module in modules if number % 2 == 0 else reversed(modules):
            costs[module].append(cost(module))
    return costs


def median(costs: Sequence[Cost]) -> Cost:
    """Return the median of each measure."""
    return Cost(
        statistics.median(each.wall for each in costs),
        statistics.median(each.cpu for each in costs),
    )


def weights(module: str) -> list[Weight]:
    """Return every module an import loads, heaviest first; what starting Python loads is left out."""
    started = {each.module for each in _traced("sys")}
    found = [each for each in _traced(module) if each.module not in started]
    return sorted(found, key=lambda each: each.seconds, reverse=True)


def _traced(module: str) -> list[Weight]:
    found = []
    for line in _python("-X", "importtime", "-c", f"import {module}").stderr.splitlines():
        own, _, name = line.removeprefix("import time:").split("|")
        if own.strip().isdigit():  # not the heading
            found.append(Weight(name.strip(), int(own) / 1e6))
    return found


def _python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], cwd=CHECKOUT, capture_output=True, text=True, check=True
    )
