"""`python -m bench`: what importing the app costs beside importing azure.functions alone."""

import argparse
import os
import platform
import sys

from bench.imports import Weight, alternating, median, weights

APP, ALONE = "function_app", "azure.functions"
BOUND = 1.5  # times the cost of azure.functions alone: what a cold start may pay for our own code
_SHOWN = 8  # modules


def main() -> int:
    """Print the numbers of one run; 1 when the app costs more than the bound allows."""
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description=__doc__,
        epilog="exit codes: 0 within the bound, 1 above it. bench/README.md tells the method.",
    )
    parser.add_argument(
        "--rounds", type=int, default=15, metavar="N", help="imports of each (default: %(default)s)"
    )
    rounds = max(1, parser.parse_args().rounds)
    version = f"Python {platform.python_version()}, {os.cpu_count()} CPUs"
    print(f"Importing {APP} and {ALONE}, {rounds} times each in turn ({version})\n")
    costs = alternating((ALONE, APP), rounds)
    print(f"{'':<18}{'median':>10}{'lowest':>10}{'highest':>10}{'CPU':>10}")
    for module in (ALONE, APP):
        walls = [each.wall for each in costs[module]]
        shown = (median(costs[module]).wall, min(walls), max(walls), median(costs[module]).cpu)
        print(f"{module:<18}" + "".join(f"{1000 * each:>7.1f} ms" for each in shown))
    ratio = median(costs[APP]).wall / median(costs[ALONE]).wall
    print(f"\nratio of the medians: {ratio:.2f} (bound {BOUND})\n")
    _heaviest()
    if ratio > BOUND:
        print(f"\n{APP} costs {ratio:.2f} times {ALONE}, more than {BOUND}", file=sys.stderr)
    return int(ratio > BOUND)


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


if __name__ == "__main__":
    sys.exit(main())
