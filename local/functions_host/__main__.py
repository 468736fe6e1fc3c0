"""The command line: `python -m local.functions_host --app DIR --port N --settings FILE.json`."""

import argparse
import asyncio
import os
import signal
import sys
from pathlib import Path

from local.functions_host.host import Host, Options
from local.functions_host.hostjson import read_host_json
from local.functions_host.indexing import IndexingError
from local.functions_host.invoker import HostStopped
from local.functions_host.logs import log_to_stdout
from local.functions_host.settings import SettingsError, read_settings

_DESCRIPTION = """\
Runs an Azure Functions app (Python v2 model) on this machine: Microsoft's own worker library in a
child process, and around it queue, timer, Event Grid and HTTP triggers as Azure's host has them.
"""
_EPILOG = """\
FILE.json has the shape of local.settings.json: {"Values": {"NAME": "text", ...},
"Host": {"Keys": {"master": "...", "function": "...", "eventgrid_extension": "..."}}}.
Without Keys no caller needs one, as with `func start`. Values become the app's environment.
"""


def main() -> int:
    """Run the host and return the process's exit code: 0 told to stop, 1 could not start or go on, 2 bad input."""
    options, settings_file = _arguments()
    try:
        settings = read_settings(settings_file)
        # As in Azure, app settings are environment: the host's own credential looks there too.
        os.environ.update(settings.values)
        config = read_host_json(options.app, settings)
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    log_to_stdout(config.log_levels)
    try:
        asyncio.run(_run(Host(options, settings, config)))
    except (IndexingError, HostStopped) as error:
        print(error, flush=True)
        return 1
    except OSError as error:
        print(f"expected to listen on {options.listen}:{options.port}: {error}", flush=True)
        return 1
    return 0


async def _run(host: Host) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    await host.run(stop)


def _arguments() -> tuple[Options, Path]:
    parser = argparse.ArgumentParser(
        prog="python -m local.functions_host",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--app", type=Path, required=True, metavar="DIR", help="folder with function_app.py")
    add("--port", type=int, required=True, help="port to listen on; 0 takes a free one")
    add("--settings", type=Path, required=True, metavar="FILE.json", help="app settings, keys")
    add("--listen", default="127.0.0.1", metavar="ADDRESS", help="default: %(default)s")
    add(
        "--lease-seconds",
        type=float,
        default=600.0,
        metavar="S",
        help="how long a received message stays hidden; renewed at half (default: 600, as Azure)",
    )
    add(
        "--worker-restarts",
        type=int,
        default=3,
        metavar="N",
        help="deaths of the worker in 30 minutes that do not stop the host (default: %(default)s)",
    )
    add(
        "--drain-seconds",
        type=float,
        default=10.0,
        metavar="S",
        help="what running functions get to finish when the host is told to stop (default: %(default)s)",
    )
    add(
        "--timer-status",
        type=Path,
        metavar="FILE",
        help="keep timers' status here, so that a restart catches up (default: in memory only)",
    )
    given = parser.parse_args()
    options = Options(
        given.app.resolve(),
        given.port,
        given.listen,
        given.lease_seconds,
        given.worker_restarts,
        given.drain_seconds,
        given.timer_status,
    )
    return options, given.settings


if __name__ == "__main__":
    sys.exit(main())
