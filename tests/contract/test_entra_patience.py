"""A directory that is slow, endless or odd: how long the app waits, and what it says then."""

import asyncio
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterator

import jwt
import pytest
from aiohttp import web

from shared.entra import directory, metadata
from shared.entra.directory import EntraOperators
from shared.entra.metadata import fetch
from shared.errors import Misconfigured, Transient
from tests.contract.entra_world import ATTACKER
from tests.contract.serving import ca_path, context, serve
from tests.contract.waiting import PATIENCE
from tests.fake_clock import FakeClock

TENANT = "00000000-0000-0000-0000-0000000000aa"
PATH = f"/{TENANT}/v2.0/.well-known/openid-configuration"

type Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@pytest.fixture(autouse=True)
def _trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(ca_path()))


def ask(answer: Answer) -> Iterator[str]:
    app = web.Application()
    app.router.add_get(PATH, answer)
    with serve(app) as url:
        yield url


async def by_the_byte(request: web.Request) -> web.StreamResponse:
    """Promise some bytes and send one now and then: each of them in time."""
    response = web.StreamResponse(headers={"Content-Length": "10000"})
    await response.prepare(request)
    await _drip(response)
    return response


async def in_chunks(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    response.enable_chunked_encoding()
    await response.prepare(request)
    await _drip(response)
    return response


async def _drip(response: web.StreamResponse) -> None:
    for _ in range(600):
        await response.write(b" ")
        await asyncio.sleep(0.1)


@pytest.mark.parametrize("answer", [by_the_byte, in_chunks])
def test_bytes_that_come_one_by_one_are_not_waited_for(
    answer: Answer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(metadata, "_PATIENCE", 0.5)
    for url in ask(answer):
        started = time.monotonic()
        with pytest.raises(Transient, match=r"no whole answer within"):
            fetch(url, TENANT)
        assert time.monotonic() - started < 30  # half of what the whole answer takes


@pytest.mark.parametrize("said", ["https://[", "https://[::1]x/v2.0", "https://\udcff/v2.0"])
def test_an_issuer_that_is_no_url_is_another_s(said: str):
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.json_response({"issuer": said, "jwks_uri": "https://localhost/keys"})

    for url in ask(answer):
        with pytest.raises(Misconfigured, match="expected an issuer that names the tenant"):
            fetch(url, TENANT)


@pytest.mark.parametrize(
    "said", ["https://[", "https://", "https://a b/", "https://%/", "https://.", "https://x:y/"]
)
def test_an_address_of_keys_that_is_none_is_the_directory_s_fault(said: str):
    async def answer(request: web.Request) -> web.StreamResponse:
        issuer = f"https://login.microsoftonline.com/{TENANT}/v2.0"
        return web.json_response({"issuer": issuer, "jwks_uri": said})

    for url in ask(answer):
        with pytest.raises(Transient):
            fetch(url, TENANT)


async def cut_off(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": "10000"})
    await response.prepare(request)
    await response.write(b"{}")
    assert request.transport is not None
    request.transport.close()
    return response


async def badly_packed(request: web.Request) -> web.StreamResponse:
    return web.Response(body=b"{}", headers={"Content-Encoding": "gzip"})


@pytest.mark.parametrize("answer", [cut_off, badly_packed])
def test_an_answer_that_ends_early_or_is_packed_badly_is_none(answer: Answer):
    for url in ask(answer):
        with pytest.raises(Transient, match="no answer"):
            fetch(url, TENANT)


def test_a_directory_that_never_ends_its_headers_keeps_nobody(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(directory, "_LONGEST", 0.5)
    over = threading.Event()

    def drip(listening: socket.socket) -> None:
        raw, _ = listening.accept()
        with context().wrap_socket(raw, server_side=True) as taken:
            taken.recv(4096)
            taken.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
            while not over.wait(0.1):
                taken.sendall(b"a")

    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = threading.Thread(target=drip, args=(listening,))
        server.start()
        url = f"https://127.0.0.1:{listening.getsockname()[1]}"
        asked = EntraOperators(tenant=TENANT, audience=TENANT, authority=url, clock=FakeClock())
        token = jwt.encode({"oid": "x"}, ATTACKER, algorithm="RS256", headers={"kid": "1"})
        started = time.monotonic()
        try:
            for _ in range(3):
                with pytest.raises(Transient, match="no answer within"):
                    asked.identify(f"Bearer {token}")
            assert time.monotonic() - started < 30
        finally:
            over.set()
            server.join(PATIENCE)
