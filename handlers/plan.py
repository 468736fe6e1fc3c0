"""What a watch would do to the registries now, told and not done: `python -m handlers.plan`."""

import argparse
import json
import logging
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from handlers import catalogs, planning
from handlers.plan_texts import as_json_text, as_table
from shared.catalog import CatalogInvalid
from shared.errors import BreakwaterError, Misconfigured
from shared.services import Services, services

OK, UNANSWERED, INVALID = 0, 1, 2  # exit codes
_WITHIN = 600  # seconds: a plan is no function, and may take longer than one watch
_QUIET = 2.0  # seconds before progress is told, and between two tellings
_EPILOG = """\
The table shows what a watch would import or retag and why, and what it would not: tags that are
settling, gone, refused or unreachable. Then come the requests each registry was sent and the pulls
it says are left, and about how long the imports will take. Looking costs no pulls where a registry
answers HEAD requests, as Docker Hub does.

exit codes: 0 every registry answered; 1 a registry or the storage account could not be asked, or not
all of it in time; 2 the catalog, a setting or a role is wrong, or the arguments are
"""


def main(arguments: Sequence[str] | None = None, connect: Callable[[], Services] = services) -> int:
    """Print the plan, or what stands in its way, and return the exit code."""
    given = _arguments(arguments)
    # What the SDKs would log beside it is said again, and shorter, by the error that is printed.
    logging.basicConfig(level=logging.CRITICAL)
    try:
        world = connect()
        _check(world, given.image)
        with _progress(given.within):
            plan = planning.gather(world, given.image, seconds=given.within)
    except BreakwaterError as error:
        return _refuse(error, as_json=given.json)
    if given.json:
        print(as_json_text(plan))
    else:
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0
        print(as_table(plan, every=given.all, width=width))
    if plan.misconfigured:
        return INVALID
    return OK if plan.answered else UNANSWERED


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m handlers.plan",
        description="Prints what a watch would do to the registries, and does nothing.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("image", nargs="*", help="only these images of the catalog (default: all)")
    parser.add_argument("--all", action="store_true", help="show unchanged tags too, and every tag")
    parser.add_argument("--json", action="store_true", help="print everything as JSON instead")
    parser.add_argument(
        "--within",
        type=_seconds,
        default=_WITHIN,
        metavar="SECONDS",
        help=f"look for at most this long (default: {_WITHIN})",
    )
    return parser.parse_args(arguments)


def _seconds(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text[:6]) > 0 and len(text) < len("100000")):
        message = f"expected whole seconds from 1 to 99999, found {text[:50]!r}"
        raise argparse.ArgumentTypeError(message)
    return int(text)


def _check(world: Services, names: Sequence[str]) -> None:
    """Raise Misconfigured naming what the catalog does not list."""
    known = {each.name for each in catalogs.current(world).images}
    unknown = [name for name in names if name not in known]
    if unknown:
        message = f"expected names of the catalog's images, found {', '.join(unknown)[:200]!r}"
        raise Misconfigured(message)


@contextmanager
def _progress(within: int) -> Iterator[None]:
    """Tell on a terminal that it is still looking, where that takes long."""
    if not sys.stderr.isatty():
        yield
        return
    start, done = time.monotonic(), threading.Event()

    def tell() -> None:
        while not done.wait(_QUIET):
            passed = round(time.monotonic() - start)
            print(
                f"\rlooking, {passed} s of at most {within} ", end="", file=sys.stderr, flush=True
            )

    teller = threading.Thread(target=tell, daemon=True)
    teller.start()
    try:
        yield
    finally:
        done.set()
        teller.join()
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def _refuse(error: BreakwaterError, *, as_json: bool) -> int:
    """Print everything that stands in the way, and return the exit code."""
    faults = str(error).splitlines()
    if isinstance(error, CatalogInvalid):
        faults = [str(fault) for fault in error.faults]  # its text alone stops at a hundred
    if as_json:
        print(json.dumps({"faults": faults}, indent=2))
    else:
        shown = ("".join(c if c.isprintable() else " " for c in fault) for fault in faults)
        print(*shown, sep="\n", file=sys.stderr)
    return INVALID if isinstance(error, Misconfigured) else UNANSWERED


if __name__ == "__main__":
    sys.exit(main())
