"""A run's log: lines into an append blob while the run goes on, and the last lines when it ends."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from local.arm.blobs import AppendBlob

_PAUSE = 0.2  # seconds between two appends; one costs Azurite about 6 ms
_LARGEST = 32 * 1024 * 1024  # bytes; what follows is dropped, and the log says so
_BLOCK = 1024 * 1024

# az's log streamer reads these words in the metadata `Complete` (reference: azure-cli, _stream_utils).
COMPLETE = {
    "Succeeded": "succeeded",
    "Failed": "failed",
    "Canceled": "canceled",
    "Timeout": "timedout",
    "Error": "internalerror",
}


class RunLog:
    """One run's log. Written lines appear within about a fifth of a second."""

    def __init__(self, blob: Callable[[], Awaitable[AppendBlob]]) -> None:
        """Keep how to get the blob; it is asked for when the first line is there."""
        self._blob = blob
        self._waiting = bytearray()
        self._written = 0
        self._fresh = asyncio.Event()
        self._pump: asyncio.Task[None] | None = None
        self._appending = asyncio.Lock()

    async def write(self, text: str) -> None:
        """Add whole lines; each ends with CRLF in the blob, as in Azure."""
        if self._pump is None:
            self._pump = asyncio.create_task(self._forever(), name="run log")
        for line in text.replace("\r\n", "\n").removesuffix("\n").split("\n"):
            self._add(line)
        self._fresh.set()

    async def finish(self, status: str) -> None:
        """Write what is left and mark the blob complete."""
        if self._pump is not None:
            async with self._appending:  # never between an append and the note that it was made
                self._pump.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._pump
        await self._flush()
        await (await self._blob()).complete(COMPLETE[status])

    def _add(self, line: str) -> None:
        content = f"{line}\r\n".encode(errors="replace")
        if self._written <= _LARGEST < self._written + len(content):
            content = f"… the log ends here, at {_LARGEST} bytes\r\n".encode()
            self._waiting += content
        elif self._written <= _LARGEST:
            self._waiting += content
        self._written += len(content)

    async def _forever(self) -> None:
        while True:
            await self._fresh.wait()
            self._fresh.clear()
            await self._flush()
            await asyncio.sleep(_PAUSE)

    async def _flush(self) -> None:
        async with self._appending:
            while self._waiting:
                block = bytes(self._waiting[:_BLOCK])
                await (await self._blob()).append(block)
                del self._waiting[: len(block)]


def last_line(run_id: str, status: str, seconds: float, error: str) -> str:
    """Return the line every finished run's log ends with."""
    duration = f"{max(0, round(seconds))}s"
    match status:
        case "Succeeded":
            end = f"was successful after {duration}"
        case "Canceled":
            end = f"was canceled after {duration}"
        case "Timeout":
            end = f"timed out after {duration}"
        case _:
            end = f"failed after {duration}" + (f", error: {error}" if error else "")
    return f"Run ID: {run_id} {' '.join(end.split())}"
