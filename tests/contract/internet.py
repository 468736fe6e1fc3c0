"""Public host names that end on localhost: made-up public addresses, one TLS server, and what it saw."""

import asyncio
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

import pytest
from aiohttp import web

from tests.contract.serving import ca_path, free_port, serve

# AS112's sink (RFC 7535): public to whoever asks ipaddress, and nobody's host.
_PUBLIC = "192.31.196."
NO_TYPE = "-"  # as a Content-Type: send none, where aiohttp would choose one
_LOCAL = ("127.0.0.1", "::1", "localhost")


class Host(Protocol):
    """Something that answers under one name."""

    host: str

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer a request."""
        ...


@dataclass(frozen=True, slots=True)
class Seen:
    """A request that arrived, and when on the monotonic clock; `authority` is the host with its port."""

    host: str
    authority: str
    method: str
    path: str
    query: str
    authorization: str
    accept: str
    body: str
    at: float

    @property
    def everything(self) -> str:
        return "\n".join((self.path, self.query, self.authorization, self.body))


@dataclass
class Internet:
    """Which name is at which address, which of those is whose port, and every request."""

    hosts: dict[str, Host] = field(default_factory=dict)
    addresses: dict[str, str] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)
    seen: list[Seen] = field(default_factory=list)
    tried: list[str] = field(default_factory=list)

    def place(self, name: str, port: int) -> None:
        """Give the name a public address of its own, behind which is this port."""
        address = f"{_PUBLIC}{len(self.addresses) + 1}"
        self.addresses[name], self.ports[address] = address, port

    def to(self, host: str, path: str = "") -> list[Seen]:
        """Return the requests to a host, those whose path holds `path`."""
        return [each for each in self.seen if each.host == host and path in each.path]

    async def answer(self, request: web.Request) -> web.StreamResponse:
        name = request.host.partition(":")[0]
        headers = request.headers
        body = await request.text() if request.method == "POST" else ""
        self.seen.append(
            Seen(
                name,
                request.host,
                request.method,
                request.path,
                request.query_string,
                headers.get("Authorization", ""),
                headers.get("Accept", ""),
                body,
                time.monotonic(),
            )
        )
        return await self.hosts[name].answer(request)

    def getaddrinfo(self, real: Any) -> Any:
        """Resolve names as this internet does, and no others."""

        def getaddrinfo(host: Any, port: Any, *rest: Any, **options: Any) -> Any:
            name = host.decode() if isinstance(host, bytes) else host
            if name in _LOCAL:
                return real(host, port, *rest, **options)
            if name not in self.addresses:
                raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
            where = (self.addresses[name], port)
            return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", where)]

        return getaddrinfo

    def sock_connect(self, real: Any) -> Any:
        """Connect to this internet's ports, and to localhost; nobody is anywhere else."""

        async def sock_connect(loop: Any, sock: socket.socket, address: Any) -> None:
            self.tried.append(address[0])
            if address[0] in self.ports:
                await real(loop, sock, ("127.0.0.1", self.ports[address[0]]))
            elif address[0] in _LOCAL:
                await real(loop, sock, address)
            else:
                raise ConnectionRefusedError(address[0])

        return sock_connect


@contextmanager
def internet(*hosts: Host) -> Iterator[Internet]:
    """Let the names of these hosts lead to them, for as long as the block runs."""
    here = Internet({each.host: each for each in hosts})
    app = web.Application(client_max_size=1 << 24)
    app.router.add_route("*", "/{path:.*}", here.answer)
    app.on_response_prepare.append(_untyped)
    loop_class = asyncio.SelectorEventLoop
    port = free_port()
    for name in here.hosts:
        here.place(name, port)
    with pytest.MonkeyPatch.context() as patch, serve(app, port=port, names=here.hosts):
        patch.setenv("SSL_CERT_FILE", str(ca_path()))
        patch.setenv("REQUESTS_CA_BUNDLE", str(ca_path()))
        patch.setattr(socket, "getaddrinfo", here.getaddrinfo(socket.getaddrinfo))
        patch.setattr(loop_class, "sock_connect", here.sock_connect(loop_class.sock_connect))
        yield here


async def _untyped(request: web.Request, response: web.StreamResponse) -> None:
    if response.headers.get("Content-Type") == NO_TYPE:
        del response.headers["Content-Type"]
