"""The narrator: prints each line of the journal as it appears, and keeps the score."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.table import Table
from rich.text import Text

from local.demo.stage import Stage
from shared.ports import Entry

_STYLES = {
    "promoted": "bold green",
    "rebuilt": "bold green",
    "rejected": "bold red",
    "failed": "bold red",
    "given up": "bold red",
    "rebuild failed": "bold red",
    "held": "yellow",
    "tag moved": "green",
}


@dataclass
class Narrator:
    """Tells the story on a console; colours and cursor only where there is a terminal."""

    console: Console
    started: float = field(default_factory=time.monotonic)
    names: dict[str, str] = field(default_factory=dict)  # a digest's short form, to what to call it
    score: list[tuple[str, str, str, str]] = field(default_factory=list)
    _told: set[str] = field(default_factory=set)

    def chapter(self, number: int, title: str) -> None:
        """Begin a chapter."""
        self.console.print()
        self.console.print(Text(f"{number}. {title}", style="bold"))

    def say(self, what: str, text: str, style: str = "cyan") -> None:
        """Print one line: when, what, and the rest."""
        seconds = time.monotonic() - self.started
        line = Text.assemble((f"{seconds:6.1f}s  ", "dim"), (f"{what:<18}", style), " ", text)
        self.console.print(line, soft_wrap=True, highlight=False)

    def keep(self, chapter: str, digest: str, verdict: str, why: str) -> None:
        """Remember a line of the closing table."""
        self.score.append((chapter, digest, verdict, why))

    @asynccontextmanager
    async def following(self, stage: Stage) -> AsyncIterator[None]:
        """Follow the journal while the block runs."""
        task = asyncio.create_task(self._follow(stage))
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def catch_up(self, stage: Stage) -> None:
        """Tell everything that is in the journal by now."""
        for entry in await stage.journal():
            if entry.id not in self._told:
                self._told.add(entry.id)
                self._tell(stage, entry)

    def close(self, line: str) -> None:
        """Print the table and the closing line."""
        table = Table(title="What happened", title_justify="left", header_style="bold")
        for heading in ("upstream shipped", "digest", "verdict", "why"):
            table.add_column(heading, overflow="fold")
        for chapter, digest, verdict, why in self.score:
            style = "green" if verdict == "promoted" else "red"
            table.add_row(chapter, digest, Text(verdict, style=style), why)
        self.console.print()
        self.console.print(table)
        self.console.print()
        self.console.print(Text(line, style="bold"), soft_wrap=True)

    async def _follow(self, stage: Stage) -> None:
        while True:
            await self.catch_up(stage)
            await asyncio.sleep(0.3)

    def _tell(self, stage: Stage, entry: Entry) -> None:
        style = _STYLES.get(entry.event, "cyan")
        text = self._plain(stage, "; ".join(entry.reasons))
        self.say(entry.event, text, style)

    def _plain(self, stage: Stage, text: str) -> str:
        """Replace ports by the registries' names: nobody knows who localhost:49153 is."""
        for name, login_server in stage.azure.login_servers.items():
            text = text.replace(login_server, name)
        return text
