"""A TLS server that says whatever bytes a test wants, HTTP or not."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from tests.contract.internet import Internet
from tests.contract.serving import context
from tests.contract.waiting import PATIENCE

type Talk = Callable[["Talker"], Awaitable[None]]


@dataclass
class Talker:
    """One connection: the request's first lines, and a way to answer it that counts the bytes."""

    request: str
    writer: asyncio.StreamWriter
    count: list[int] = field(default_factory=lambda: [0])

    async def say(self, content: bytes | str) -> None:
        raw = content.encode("latin-1") if isinstance(content, str) else content
        self.count[0] += len(raw)
        self.writer.write(raw)
        await asyncio.sleep(0)  # drain() alone gives the loop no time to notice that nobody listens
        await self.writer.drain()

    async def head(self, *headers: str, status: str = "200 OK") -> None:
        lines = [f"HTTP/1.1 {status}", *headers, "", ""]
        await self.say("\r\n".join(lines))


@contextmanager
def raw(net: Internet, host: str, talk: Talk) -> Iterator[list[int]]:
    """Let the host answer every request by `talk`; yields how many bytes it has said."""
    said = [0]

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                request = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                await talk(Talker(request, writer, said))
        writer.transport.abort()

    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name=f"raw-{host}")
    thread.start()

    async def start() -> asyncio.Server:
        return await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context(host))

    async def stop() -> None:
        server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        for transport in list(loop._transports.values()):  # type: ignore[attr-defined] # asyncio has no public list
            transport.abort()
        await asyncio.sleep(0.01)

    server = asyncio.run_coroutine_threadsafe(start(), loop).result(timeout=PATIENCE)
    try:
        net.place(host, server.sockets[0].getsockname()[1])
        yield said
    finally:
        asyncio.run_coroutine_threadsafe(stop(), loop).result(timeout=PATIENCE)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(timeout=PATIENCE)
        loop.close()
