"""Child processes that end for sure: asked first, then killed with everything they started."""

import asyncio
import contextlib
import os
import shutil
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Self


@dataclass
class Child:
    """A running child process in its own session, its output in a file."""

    name: str
    process: asyncio.subprocess.Process
    log: Path
    output: IO[bytes]

    @classmethod
    async def start(
        cls,
        name: str,
        command: Sequence[str],
        *,
        log: Path,
        environment: Mapping[str, str],
        directory: Path | None = None,
    ) -> Self:
        """Start the command; `environment` is added to ours. The output is appended to `log`.

        If we are killed, the kernel kills the child (Linux, where setpriv is installed).
        """
        log.parent.mkdir(parents=True, exist_ok=True)
        output = log.open("ab")
        try:
            process = await asyncio.create_subprocess_exec(
                *die_with_parent(),
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=asyncio.subprocess.STDOUT,
                cwd=directory,
                env=os.environ | dict(environment),
                start_new_session=True,  # Ctrl-C reaches only us, and we stop it in order
            )
        except BaseException:
            output.close()
            raise
        return cls(name, process, log, output)

    @property
    def alive(self) -> bool:
        """Say whether it still runs."""
        return self.process.returncode is None

    def text(self) -> str:
        """Return everything it has printed."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def tail(self, lines: int = 20) -> str:
        """Return the last lines it printed."""
        return "\n".join(self.text().splitlines()[-lines:])

    async def wait(self) -> int:
        """Wait for its end and return the exit status."""
        return await self.process.wait()

    async def stop(self, grace: float = 10.0) -> int:
        """Ask it to end, and kill it and all of its session's group after `grace` seconds."""
        if self.alive:
            self._signal(signal.SIGTERM, group=False)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.process.wait(), grace)
        return await self.kill()

    async def kill(self) -> int:
        """Kill it and what it started, at once."""
        self._signal(signal.SIGKILL, group=True)
        status = await self.process.wait()
        self.output.close()
        return status

    def _signal(self, which: signal.Signals, *, group: bool) -> None:
        # The group may outlive its leader, so it is signalled even when the leader is gone.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if group:
                os.killpg(self.process.pid, which)
            else:
                self.process.send_signal(which)


def die_with_parent() -> tuple[str, ...]:
    """Return the command prefix that ties a child's life to ours; empty where there is none."""
    setpriv = shutil.which("setpriv")
    return (setpriv, "--pdeathsig", "KILL") if setpriv else ()
