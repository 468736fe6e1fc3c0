"""`python -m bench`: what is claimed about speed, measured on this machine."""

import argparse
import sys
from collections.abc import Sequence

from bench.bounds import missed
from bench.imports import imports
from bench.running import Wrong
from bench.watch import QUICK, Size, watch

_IMPORTS, _WATCH = 15, Size().rounds  # rounds


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the numbers of one run; 1 when a bound does not hold, 2 when a peer found the wrong digests."""
    asked = _parser().parse_args(arguments)
    bounds = []
    try:
        if asked.bench in ("imports", "all"):
            bounds += imports(asked.rounds or (1 if asked.quick else _IMPORTS))
        if asked.bench in ("watch", "all"):
            size = QUICK if asked.quick else Size(rounds=asked.rounds or _WATCH)
            bounds += watch(size)
    except Wrong as error:
        print(error, file=sys.stderr)
        return 2
    if asked.quick:
        print("--quick shows that it runs; its numbers mean nothing, and no bound is judged.")
        return 0
    count = missed(bounds)
    if count:
        print(f"\n{count} of {len(bounds)} bounds do not hold", file=sys.stderr)
    return int(count > 0)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description=__doc__,
        epilog="exit codes: 0 every bound holds, 1 one does not, 2 a peer found wrong digests."
        " docs/performance.md tells the method.",
    )
    parser.add_argument(
        "bench",
        nargs="?",
        default="all",
        choices=("all", "imports", "watch"),
        help="imports: a cold start; watch: asking upstreams (default: %(default)s)",
    )
    rounds = f"how often each is measured (default: imports {_IMPORTS}, watch {_WATCH})"
    parser.add_argument("--rounds", type=int, metavar="N", help=rounds)
    parser.add_argument("--quick", action="store_true", help="a smoke test: little of everything")
    return parser


if __name__ == "__main__":
    sys.exit(main())
