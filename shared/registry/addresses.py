"""Which addresses may be called: never this machine's own secrets, nor a network nobody named."""

import asyncio
import ipaddress
import socket
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from aiohttp.abc import AbstractResolver, ResolveResult

type _Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_LOOKUPS = 16  # at a time; one dead name server must not hold up everybody's names
_METADATA = frozenset(
    ipaddress.ip_address(each)
    for each in (
        "168.63.129.16",  # Azure's wire server
        "100.100.100.200",  # Alibaba's metadata service
        "192.0.0.192",  # Oracle's
        "fd00:ec2::254",  # Amazon's, over IPv6 (over IPv4 it is link-local, as Azure's is)
    )
)
_NAT64 = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052: the last 32 bits are an IPv4 address


class RefusedAddress(OSError):
    """A name led to an address that may not be called."""


def host_of(authority: str) -> str:
    """Return the host of `host`, `host:port` or `[address]:port`, in lower case."""
    if authority.startswith("["):
        return authority[1:].partition("]")[0].lower()
    return authority.partition(":")[0].lower()


def is_literal(host: str) -> bool:
    """Tell whether a host would be called as an address, without asking for its name."""
    return ":" in host or host.replace(".", "").isdigit()


def refusal(address: str, *, named: bool) -> str:
    """Return why this address is not called, or "" if it may be.

    Link-local addresses and the clouds' metadata services never are. Private ones and this machine's own
    only for a host that the catalog has `named`.
    """
    try:
        found = _innermost(ipaddress.ip_address(address))
    except ValueError:
        return "it is no address"
    if found.is_link_local or found in _METADATA:
        return "it is link-local or a metadata service"
    if found.is_multicast or found.is_unspecified:
        return "it is no single host"
    if not named and not found.is_global:
        return "it is private, and the catalog does not name that host"
    return ""


def _innermost(address: _Address) -> _Address:
    """Unwrap the ways in which IPv6 carries an IPv4 address (RFC 4291 §2.5.5.2, RFC 3056, RFC 6052)."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


class GuardedResolver(AbstractResolver):
    """Looks names up and refuses what may not be called; what it returns is what is connected to."""

    def __init__(self, *, named: bool) -> None:
        """`named`: for hosts that the catalog names."""
        self._named = named
        # Not the loop's own threads: a loop waits for those when it ends, and a look-up may hang.
        self._threads = ThreadPoolExecutor(_LOOKUPS, thread_name_prefix="names")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the host's addresses. Raises RefusedAddress if even one of them may not be called."""
        look_up = partial(
            socket.getaddrinfo,
            host,
            port,
            family=family,
            type=socket.SOCK_STREAM,
            flags=socket.AI_ADDRCONFIG,
        )
        found = await asyncio.get_running_loop().run_in_executor(self._threads, look_up)
        return [self._checked(host, each[0], each[2], each[4]) for each in found]

    def _checked(
        self, host: str, family: int, proto: int, address: tuple[object, ...]
    ) -> ResolveResult:
        where, port = str(address[0]), address[1]
        if reason := refusal(where, named=self._named):
            message = f"refused to call {where}: {reason}"
            raise RefusedAddress(message)
        assert isinstance(port, int)  # noqa: S101 getaddrinfo answers (address, port, …)
        return ResolveResult(
            hostname=host,
            host=where,
            port=port,
            family=family,
            proto=proto,
            flags=socket.AI_NUMERICHOST,
        )

    async def close(self) -> None:
        """Wait for nothing."""
        self._threads.shutdown(wait=False, cancel_futures=True)
