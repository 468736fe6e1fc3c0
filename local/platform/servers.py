"""The web servers of the local Azure's one process: started on their ports, stopped together."""

import asyncio
import ssl

from aiohttp import web


async def serve(
    app: web.Application, port: int, tls: ssl.SSLContext | None = None
) -> web.AppRunner:
    """Serve the app on 127.0.0.1, with TLS if asked; the runner's `cleanup()` stops it."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port, ssl_context=tls).start()
    except BaseException:
        await runner.cleanup()
        raise
    return runner


async def abandon_connections() -> None:
    """Close every connection that is still open on this loop, when all servers have stopped.

    A TLS connection whose client was killed outlives its server's cleanup; asyncio has no public
    list of them.
    """
    loop = asyncio.get_running_loop()
    for transport in list(getattr(loop, "_transports", {}).values()):
        transport.abort()
    await asyncio.sleep(0)
