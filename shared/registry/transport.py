"""HTTP for one visit: one session for the hosts the catalog names, one for where those send us."""

import asyncio
import socket
import ssl
import weakref
from collections.abc import Mapping
from dataclasses import dataclass

import aiohttp
from multidict import CIMultiDictProxy
from yarl import URL

from shared.errors import Permanent, Transient
from shared.oci import media_types
from shared.registry.addresses import GuardedResolver, RefusedAddress
from shared.registry.patience import Patience

_CONNECT_SECONDS = 5.0  # for TCP and for TLS
_PIECE = 64 * 1024  # bytes
_LOOKS, _LOOK = 50, 0.002  # times and seconds: at most 0.1 s for connections to end
_HEADERS = {
    "User-Agent": "breakwater",
    "Accept": media_types.ACCEPT,
    "Accept-Encoding": "identity",  # a digest is that of the bytes as they are stored
}


class Unanswered(Transient):
    """Nobody answered: no connection, a broken one, or no end in time; `broken`: trying again may help."""

    def __init__(self, message: str, *, broken: bool = False) -> None:
        """Keep the sentence."""
        super().__init__(message)
        self.broken = broken


@dataclass(slots=True)
class Answer:
    """What a host answered, read whole; `url` is where."""

    status: int
    headers: CIMultiDictProxy[str]
    content: bytes
    url: URL


class Transport:
    """Sends single requests: no redirects, no cookies, no proxies, bounded in time and bytes."""

    def __init__(self, seconds: float, trust: ssl.SSLContext) -> None:
        """Give every request so many seconds, from connecting to the last byte."""
        self._timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=min(seconds, _CONNECT_SECONDS)
        )
        self._patience = Patience(seconds)
        self._trust = trust
        self._sockets = weakref.WeakSet[socket.socket]()
        self._connectors: list[aiohttp.TCPConnector] = []
        self._resolvers: list[GuardedResolver] = []
        self._named = self._session(named=True)
        self._others: aiohttp.ClientSession | None = None

    async def request(
        self,
        method: str,
        url: URL,
        headers: Mapping[str, str] | None,
        limit: int,
        named: bool,
        form: Mapping[str, str] | None = None,
    ) -> Answer:
        """Return the answer, whatever its status; `named`: the catalog names this host.

        Raises Unanswered, or Permanent when the answer is longer than `limit` bytes or encoded.
        """
        session = self._named if named else self._stranger()
        try:
            with self._patience.wait():
                response = await session.request(
                    method, url, headers=headers, data=form, allow_redirects=False
                )
                try:
                    content = b"" if method == "HEAD" else await _read(response, limit)
                finally:
                    _leave(response)
                return Answer(response.status, response.headers, content, url)
        except TimeoutError as error:
            message = f"{url.host_port_subcomponent}: no answer in time"
            raise Unanswered(message) from error
        except (aiohttp.ClientError, OSError, ValueError, OverflowError) as error:
            # Besides its own errors aiohttp lets through what a bad host or port raises below it.
            raise _explained(url, error) from None  # its own text may hold a query

    async def close(self) -> None:
        """Close every connection."""
        self._patience.close()
        for session in (self._named, self._others):
            if session is not None:
                await session.close()
        for connector in self._connectors:
            await connector.close(abort_ssl=True)
        for resolver in self._resolvers:
            await resolver.close()
        await self._gone()

    async def _gone(self) -> None:
        """Wait a little for connections that say goodbye (TLS): the event loop may end next."""
        for _ in range(_LOOKS):
            if all(each.fileno() < 0 for each in self._sockets):
                return
            await asyncio.sleep(_LOOK)

    def _socket(self, address: aiohttp.AddrInfoType) -> socket.socket:
        family, kind, protocol = address[:3]
        made = socket.socket(family, kind, protocol)
        self._sockets.add(made)
        return made

    def _stranger(self) -> aiohttp.ClientSession:
        if self._others is None:
            self._others = self._session(named=False)
        return self._others

    def _session(self, *, named: bool) -> aiohttp.ClientSession:
        resolver = GuardedResolver(named=named)
        connector = aiohttp.TCPConnector(
            limit=0,
            ssl=self._trust,
            resolver=resolver,
            keepalive_timeout=60,
            socket_factory=self._socket,
        )
        self._resolvers.append(resolver)
        self._connectors.append(connector)
        return aiohttp.ClientSession(
            connector=connector,
            connector_owner=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=self._timeout,
            headers=_HEADERS,
            auto_decompress=False,
            trust_env=False,
        )


def _leave(response: aiohttp.ClientResponse) -> None:
    """Give the connection back, or cut it: closing TLS politely would read what nobody wants to its end."""
    if response.content.at_eof():
        response.release()
        return
    if response.connection is not None and response.connection.transport is not None:
        response.connection.transport.abort()
    response.close()


async def _read(response: aiohttp.ClientResponse, limit: int) -> bytes:
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        message = f"{response.url.host_port_subcomponent}: expected its bytes as they are, found them encoded"
        raise Permanent(message)
    content = bytearray()
    too_long = (response.content_length or 0) > limit
    if not too_long:
        async for piece in response.content.iter_chunked(_PIECE):
            content += piece
            if too_long := len(content) > limit:
                break
    if too_long:
        message = (
            f"{response.url.host_port_subcomponent}: expected at most {limit} bytes, found more"
        )
        raise Permanent(message)
    return bytes(content)


def _explained(url: URL, error: Exception) -> Unanswered | Permanent:
    cause = getattr(error, "os_error", error)
    if isinstance(cause, RefusedAddress):
        return Permanent(f"{url.host_port_subcomponent}: {cause}")
    broken = isinstance(
        error, aiohttp.ServerDisconnectedError | aiohttp.ClientPayloadError
    ) or not isinstance(error, aiohttp.ClientConnectorError | ValueError)
    return Unanswered(
        f"{url.host_port_subcomponent}: no answer ({type(error).__name__})", broken=broken
    )
