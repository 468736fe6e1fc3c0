"""The narrator: prints each line of the journal as it appears, and keeps the score."""

import asyncio
import contextlib
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.table import Table
from rich.text import Text

from local.demo.stage import Stage
from shared.values import Entry

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

_LONG_DIGEST = re.compile(r"sha256:([0-9a-f]{16})[0-9a-f]{48}")


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
        """Print one line: when, what, and the rest; on a terminal the rest wraps under itself."""
        when = f"{time.monotonic() - self.started:6.1f}s"
        if not self.console.is_terminal:
            line = Text.assemble((f"{when}  ", "dim"), (f"{what:<18}", style), "  ", text)
            self.console.print(line, soft_wrap=True, highlight=False)
            return
        row = Table.grid(padding=(0, 2, 0, 0))
        for width in (7, 18, None):
            row.add_column(width=width, overflow="fold")
        row.add_row(Text(when, style="dim"), Text(what, style=style), text)
        self.console.print(row, highlight=False)

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
        text = "; ".join(entry.reasons)
        if entry.event == "superseded":
            text = f"{entry.digest}: {text}"  # about another image than the lines around it
        self.say(entry.event, self._plain(stage, text), style)

    def _plain(self, stage: Stage, text: str) -> str:
        """Replace ports by the registries' names, and long digests by their beginnings."""
        text = _LONG_DIGEST.sub(r"\1…", text)
        for name, login_server in stage.azure.login_servers.items():
            text = text.replace(login_server, name)
        return text
