"""The whole story on a local Azure, from an empty registry to a rebuilt app."""

import argparse
import asyncio
import logging
import signal
import tempfile
import time
from pathlib import Path

from rich.console import Console

from local.demo import story
from local.demo.narrator import Narrator
from local.demo.stage import NotAsExpected, stage
from shared.errors import BreakwaterError

_STOPPED = 130
_WIDTH = 120  # columns of the closing table where there is no terminal to ask


def main() -> int:
    """Tell the story; 0 when everything went as told, 1 when something did not, 130 when stopped."""
    parser = argparse.ArgumentParser(prog="python -m local.demo", description=__doc__)
    parser.add_argument("--work", type=Path, help="keep logs and files in this folder")
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)  # the emulators' own; the app's log is a file in the folder
    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDTH)
    if arguments.work is not None:
        return _run(console, arguments.work)
    with tempfile.TemporaryDirectory(prefix="breakwater-demo-") as folder:
        return _run(console, Path(folder))


def _run(console: Console, work: Path) -> int:
    try:
        asyncio.run(_stoppable(console, work))
    except asyncio.CancelledError:
        console.print("stopped; nothing is left running")
        return _STOPPED
    except (NotAsExpected, BreakwaterError) as error:
        console.print(f"\n[bold red]The story went another way:[/] {error}", highlight=False)
        log = work / "functions.log"
        if log.exists():
            console.print("The functions host's last lines:", highlight=False)
            console.print(
                "\n".join(log.read_text().splitlines()[-15:]), markup=False, soft_wrap=True
            )
        return 1
    return 0


async def _stoppable(console: Console, work: Path) -> None:
    """Tell the story until it ends or somebody stops it; stopping is done once, and in order."""
    telling = asyncio.create_task(_story(console, work))
    loop = asyncio.get_running_loop()

    def stop() -> None:
        if telling.cancelling() == 0:
            console.print("\nstopping ...")
            telling.cancel()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop)
    await telling


async def _story(console: Console, work: Path) -> None:
    began = time.monotonic()
    console.print("Breakwater: starting the local Azure ...")
    narrator = Narrator(console)
    async with stage(work) as there:
        narrator.say("the local Azure", f"is up: {', '.join(there.azure.login_servers)}")
        await story.tell(there.azure, there, narrator)
    took = time.monotonic() - began
    promoted = sum(verdict == "promoted" for _, _, verdict, _ in narrator.score)
    narrator.close(
        f"{len(narrator.score)} images came, {promoted} were promoted and "
        f"{len(narrator.score) - promoted} stopped, the app followed; {took:.0f} s, nothing left running."
    )
