"""The tables of `python -m bench watch`."""

import os
import platform
from collections.abc import Mapping, Sequence

from bench.running import Run

_HEAD = (
    f"{'':<30}{'tags/s':>9}{'ours is':>9}{'requests':>10}{'tokens':>12}{'CPU':>10}{'CPU of':>11}"
    f"{'peak':>9}\n{'':<39}{'':>9}{'/tag':>10}{'/repository':>12}{'µs/tag':>10}{'2,000 tags':>11}{'MiB':>9}"
)

_QUIET = 0.1  # CPUs


def heading(title: str) -> None:
    """Print what is measured, and on what."""
    print(f"{title}\n(Python {platform.python_version()}, {os.cpu_count()} CPUs)\n", flush=True)


def busy(cpus: float) -> None:
    """Say how far the numbers above can be trusted."""
    print(f"Other processes kept {cpus:.2f} of {os.cpu_count()} CPUs busy meanwhile.")
    if cpus > _QUIET:
        print(
            "That is too much: speeds, and how they compare, say little. Run it on an idle machine."
        )
    print(flush=True)


def runs(
    title: str, found: Mapping[str, Run], names: Mapping[str, str], faster: Mapping[str, float]
) -> None:
    """Print peers beside each other, and how many times as fast ours is; what comes from fewer tags says so."""
    print(f"{title}\n{_HEAD}")
    most = max(run.tags for run in found.values())
    for peer, run in found.items():
        name = names[peer] if run.tags == most else f"{names[peer]} ({run.tags})"
        times = f"{faster[peer]:.2f} x" if peer in faster else ""
        cpu = 1e6 * run.spent.cpu / run.tags
        print(
            f"{name:<30}{run.rate:>9,.0f}{times:>9}{run.requests:>10.3f}{run.tokens:>12.2f}"
            f"{cpu:>10,.0f}{cpu * 2000 / 1e6:>9.2f} s{run.spent.peak:>9.0f}"
        )
    print(flush=True)


def sizes(title: str, found: Sequence[Run]) -> None:
    """Print one peer's runs of several sizes, in the order in which they were made."""
    print(
        f"{title}\n{'':<30}{'seconds':>9}{'tags/s':>9}{'µs/tag':>9}{'CPU µs/tag':>12}{'peak MiB':>10}"
    )
    for run in found:
        wall, cpu = (1e6 * each / run.tags for each in (run.spent.wall, run.spent.cpu))
        print(
            f"{f'ours, {run.tags:,} tags':<30}{run.spent.wall:>9.2f}{run.rate:>9,.0f}"
            f"{wall:>9.0f}{cpu:>12.0f}{run.spent.peak:>10.0f}"
        )
    print(flush=True)


def steps(found: Mapping[str, Run], names: Mapping[str, str]) -> None:
    """Print what each layer adds to the CPU of one tag, innermost first."""
    print("Where the CPU of one tag goes, layer by layer\n" + f"{'':<30}{'µs':>9}{'more':>9}")
    before = 0.0
    for peer, run in found.items():
        cpu = 1e6 * run.spent.cpu / run.tags
        print(f"{names[peer]:<30}{cpu:>9.0f}{cpu - before:>+9.0f}")
        before = cpu
    print(flush=True)
