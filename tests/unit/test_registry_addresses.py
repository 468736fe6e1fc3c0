"""Which addresses a registry may send us to."""

import asyncio
import socket
from typing import Any

import pytest

from shared.registry.addresses import GuardedResolver, RefusedAddress, host_of, is_literal, refusal

PUBLIC = ["93.184.216.34", "2606:2800:220:1::1", "64:ff9b::5db8:d822"]
PRIVATE = [
    "127.0.0.1",
    "127.8.8.8",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "::1",
    "fd00::1",
    "::ffff:10.0.0.1",
    "64:ff9b::a00:1",
    "2002:a00:1::1",
]
NEVER = [
    "169.254.169.254",
    "169.254.1.1",
    "168.63.129.16",
    "100.100.100.200",
    "fe80::1",
    "fe80::1%eth0",
    "fd00:ec2::254",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "2002:a9fe:a9fe::1",
    "0.0.0.0",
    "::",
    "224.0.0.1",
    "ff02::1",
    "not an address",
]


@pytest.mark.parametrize("address", PUBLIC)
@pytest.mark.parametrize("named", [True, False])
def test_the_public_network_is_open(address: str, named: bool):
    assert refusal(address, named=named) == ""


@pytest.mark.parametrize("address", PRIVATE)
def test_a_private_network_only_for_hosts_the_catalog_names(address: str):
    assert refusal(address, named=True) == ""
    assert "private" in refusal(address, named=False)


@pytest.mark.parametrize("address", NEVER)
@pytest.mark.parametrize("named", [True, False])
def test_metadata_services_and_what_is_no_host_never(address: str, named: bool):
    assert refusal(address, named=named)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "2130706433", "127.1", "fe80::1%eth0"])
def test_what_is_called_without_a_name_is_a_literal(host: str):
    assert is_literal(host)
    assert not is_literal("registry.example")


@pytest.mark.parametrize(
    ("authority", "host"),
    [("Ghcr.io", "ghcr.io"), ("localhost:5000", "localhost"), ("[::1]:5000", "::1")],
)
def test_an_authority_has_a_host(authority: str, host: str):
    assert host_of(authority) == host


def _resolve(monkeypatch: pytest.MonkeyPatch, addresses: list[str], *, named: bool) -> Any:
    def getaddrinfo(host: str, port: int, **options: Any) -> Any:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)

    async def resolve() -> Any:
        resolver = GuardedResolver(named=named)
        try:
            return await resolver.resolve("registry.example", 443)
        finally:
            await resolver.close()

    return asyncio.run(resolve())


def test_what_is_looked_up_is_what_is_connected_to(monkeypatch: pytest.MonkeyPatch):
    (found,) = _resolve(monkeypatch, ["93.184.216.34"], named=False)
    assert (found["host"], found["port"], found["flags"]) == (
        "93.184.216.34",
        443,
        socket.AI_NUMERICHOST,
    )


def test_one_bad_address_among_good_ones_is_enough(monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(RefusedAddress, match=r"169\.254\.169\.254"):
        _resolve(monkeypatch, ["93.184.216.34", "169.254.169.254"], named=True)
    with pytest.raises(RefusedAddress, match=r"10\.0\.0\.1"):
        _resolve(monkeypatch, ["10.0.0.1"], named=False)
