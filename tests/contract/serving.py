"""Serves an aiohttp application from a thread of its own, over TLS with a throw-away CA if wanted."""

import asyncio
import atexit
import functools
import shutil
import ssl
import tempfile
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import trustme
from aiohttp import web

from local.platform.ports import free
from tests.contract.waiting import PATIENCE


@functools.cache
def _authority() -> tuple[trustme.CA, Path]:
    authority = trustme.CA()
    folder = Path(tempfile.mkdtemp(prefix="breakwater-ca-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    authority.cert_pem.write_to_path(folder / "ca.crt")
    return authority, folder


def ca_path() -> Path:
    """Return the CA's certificate: `verify=` of requests."""
    return ca_folder() / "ca.crt"


def ca_folder() -> Path:
    """Return the folder that holds the CA's certificate alone: skopeo's and buildah's `--cert-dir`."""
    return _authority()[1]


def free_port() -> int:
    """Return a port on localhost that nobody listens on now."""
    return free(1)[0]


def context(*names: str) -> ssl.SSLContext:
    """Return a server's TLS context for localhost and these names."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _authority()[0].issue_cert("localhost", "127.0.0.1", *names).configure_cert(made)
    return made


@contextmanager
def serve(
    app: web.Application, *, tls: bool = True, port: int | None = None, names: Iterable[str] = ()
) -> Iterator[str]:
    """Serve the application on localhost and yield its base URL, without a slash at the end.

    The certificate is good for these host names too.
    """
    number = port or free_port()
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name=f"serving-{number}")
    thread.start()
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    try:
        started = asyncio.run_coroutine_threadsafe(
            _start(runner, number, context(*names) if tls else None), loop
        )
        started.result(timeout=PATIENCE)
        yield f"{'https' if tls else 'http'}://localhost:{number}"
    finally:
        asyncio.run_coroutine_threadsafe(_stop(runner, loop), loop).result(timeout=PATIENCE)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(timeout=PATIENCE)
        loop.close()


async def _start(runner: web.AppRunner, port: int, tls: ssl.SSLContext | None) -> None:
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, ssl_context=tls).start()


async def _stop(runner: web.AppRunner, loop: asyncio.AbstractEventLoop) -> None:
    await runner.cleanup()
    # A TLS connection whose client left without a word outlives the cleanup; asyncio has no
    # public list of them.
    for transport in list(loop._transports.values()):  # type: ignore[attr-defined] # see above
        transport.abort()
    await asyncio.sleep(0)
