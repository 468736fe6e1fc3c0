"""Acts that are played all at once on one stage: each waits for time to pass, and none minds the others."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field

from local.demo.stage import Stage
from tests.e2e.theatre import Theatre

type Play = Callable[[Stage], Coroutine[None, None, None]]
type Ends = dict[str, BaseException | None]


@dataclass
class Acts:
    """The acts of one test file, by their names."""

    plays: dict[str, Play] = field(default_factory=dict)

    def act(self, play: Play) -> None:
        """Have it played with all the others."""
        self.plays[play.__name__] = play

    def ends(self, there: Theatre, seconds: float) -> Ends:
        """Play them all, each for so many seconds at most; return how each ended, None being well."""

        async def play(stage: Stage) -> list[BaseException | None]:
            plays = (asyncio.wait_for(each(stage), seconds) for each in self.plays.values())
            return await asyncio.gather(*plays, return_exceptions=True)

        return dict(zip(self.plays, there.run(play(there.stage)), strict=True))
