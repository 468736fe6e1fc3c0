"""The command line of the local Azure: `python -m local up | down | status`."""

import argparse
import asyncio
import json
import logging
import os
import signal
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from local.platform.claim import Claim, Running
from local.platform.ports import Ports
from shared.errors import BreakwaterError

WORK = Path(__file__).resolve().parents[1] / ".local"
STOP_WITHIN = 60.0  # seconds `down` waits
NOT_RUNNING = 3  # or running, where it should not

_DESCRIPTION = """\
A local Azure for Breakwater: registries, ARM, tasks, Event Grid, storage, identity and functions host.
Everything it holds is gone when it stops.
"""
_EPILOG = """\
exit codes: 0 done; 1 it could not start, or did not stop; 2 wrong arguments;
3 one is already running (up), or none is (down, status)
"""


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code."""
    given = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")
    command: Callable[[argparse.Namespace, Claim], int] = given.command
    try:
        return command(given, Claim(given.work.resolve()))
    except Running as error:
        print(f"error: {error}; stop it with: python -m local down", file=sys.stderr)
        return NOT_RUNNING
    except BreakwaterError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:  # before there was anything to stop
        return 0


def up(given: argparse.Namespace, claim: Claim) -> int:
    """Start the local Azure and stay until Ctrl-C, SIGTERM or `down`."""
    ports = Ports() if given.ports_from is None else Ports.starting_at(given.ports_from)
    with claim.held():
        try:
            asyncio.run(_stay(claim, ports, functions=given.functions))
        except asyncio.CancelledError:
            print("stopped", flush=True)
    return 0


def down(_: argparse.Namespace, claim: Claim) -> int:
    """Stop the one that runs, and wait until it is gone."""
    pid = claim.note().get("pid")
    if not claim.taken() or not isinstance(pid, int):
        print(f"none is running in {claim.work}", file=sys.stderr)
        return NOT_RUNNING
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_WITHIN
    while claim.taken():
        if time.monotonic() > deadline:
            print(f"error: process {pid} did not stop in {STOP_WITHIN:.0f} s", file=sys.stderr)
            return 1
        time.sleep(0.1)
    print("stopped")
    return 0


def status(_: argparse.Namespace, claim: Claim) -> int:
    """Print the state of the one that runs, as JSON."""
    url = claim.note().get("control")
    if not claim.taken() or not isinstance(url, str):
        print(f"none is running in {claim.work}", file=sys.stderr)
        return NOT_RUNNING
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - our own note, http
            print(json.dumps(json.load(answer), indent=2))
    except (urllib.error.URLError, OSError) as error:
        print(f"error: {url} does not answer: {error}", file=sys.stderr)
        return 1
    return 0


async def _stay(claim: Claim, ports: Ports, *, functions: bool) -> None:
    """Run until cancelled; whatever has been started by then is stopped in order."""
    _cancel_on_signals()
    claim.tell({"pid": os.getpid()})
    print("starting the local Azure (Ctrl-C stops it) …", flush=True)
    from local.azure import CHECKOUT, LocalAzure  # noqa: PLC0415 - heavy; `down` and `--help` need none of it
    from local.demo.upstream import Node, ship  # noqa: PLC0415 - the same
    from local.platform import samples  # noqa: PLC0415 - the same
    from local.platform.greeting import greeting  # noqa: PLC0415 - the same

    catalog = samples.catalog(CHECKOUT, claim.work, ports)
    async with LocalAzure(claim.work, ports=ports, functions=functions, catalog=catalog) as azure:
        ship(azure.registries["upstream"], Node("white"))
        claim.tell({"pid": os.getpid(), "control": azure.urls["control"]})
        print(greeting(azure, functions=functions), flush=True)
        if not functions:
            await azure.adopt_host()
        await asyncio.Event().wait()


def _cancel_on_signals() -> None:
    """Cancel this task on Ctrl-C or SIGTERM, once: a second one does not disturb the stopping."""
    task, loop = asyncio.current_task(), asyncio.get_running_loop()

    def cancel() -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, lambda: None)
        print("stopping …", flush=True)
        if task is not None:
            task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, cancel)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m local",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command, text in (
        (up, "start it and stay; prints every address and how to log in"),
        (down, "stop the one that runs"),
        (status, "print its addresses, faults and operations as JSON"),
    ):
        added = commands.add_parser(command.__name__, help=text, description=text)
        added.set_defaults(command=command)
        added.add_argument(
            "--work",
            type=Path,
            default=WORK,
            metavar="DIR",
            help="its folder (default: %(default)s)",
        )
    start = commands.choices["up"]
    start.add_argument(
        "--ports-from",
        type=_first_port,
        metavar="N",
        help="listen on N, N+1, … instead of the usual 5000, 5001, …",
    )
    start.add_argument(
        "--no-functions",
        dest="functions",
        action="store_false",
        help="leave the functions host to `func start`",
    )
    return parser


_FIRST_PORTS = range(1024, 65_001)  # the 24th from there must exist too


def _first_port(text: str) -> int:
    if not text.isdecimal() or int(text) not in _FIRST_PORTS:
        message = f"expected a port from 1024 to 65000, found '{text}'"
        raise argparse.ArgumentTypeError(message)
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
