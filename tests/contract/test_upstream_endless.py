"""A hostile upstream that never ends: each trick is cut short, in bounded time and memory."""

import asyncio

import pytest
from aiohttp import web

from shared.values import Resolved
from tests.contract.hostile import (
    APP,
    BYTES,
    EACH,
    HOST,
    KIND,
    always,
    bounded,
    resolve,
    scripted,
    tags,
)
from tests.contract.internet import internet
from tests.contract.raw_server import Talker, raw
from tests.contract.scripted_looks import FOUND, WHITE
from tests.contract.scripted_registry import ScriptedRegistry
from tests.contract.visiting import reason, visit
from tests.contract.visiting import resolve as resolve_all


@pytest.mark.parametrize("size", [1, 1000])
def test_an_endless_list_of_tags(size: int):
    count = iter(range(1 << 60))

    def page(request: web.Request) -> web.StreamResponse:
        names = [f"v{next(count)}-{'x' * 90}" for _ in range(size)]
        link = f"</v2/team/app/tags/list?last={names[-1]}>; rel=next"
        return web.json_response({"tags": names}, headers={"Link": link})

    with internet(scripted(page)):
        bounded(tags, seconds=1)


SHORT = {"seconds": 2.0, "each": 0.5}


def _zeros(*headers: str, status: str = "200 OK", piece: bytes = b"0" * 65536):
    async def talk(here: Talker) -> None:
        await here.head(*headers, status=status)
        if here.request.startswith("HEAD"):
            return
        for _ in range((10 << 30) // len(piece)):
            await here.say(piece)

    return talk


TEN_GB = f"Content-Length: {10 << 30}"
CHUNKED = "Transfer-Encoding: chunked"
CHUNK = b"10000\r\n" + b"0" * 65536 + b"\r\n"


@EACH
@pytest.mark.parametrize("kind", ["sized", "unsized", "chunked"])
@pytest.mark.parametrize("status", ["200 OK", "404 Not Found", "500 Oops", "401 Unauthorized"])
def test_ten_gigabytes_of_zeros(ask, kind: str, status: str):
    headers = {"sized": [KIND, TEN_GB], "unsized": [KIND], "chunked": [KIND, CHUNKED]}[kind]
    talk = _zeros(*headers, status=status, piece=CHUNK if kind == "chunked" else b"0" * 65536)
    with internet() as net, raw(net, HOST, talk) as said:
        if ask is resolve and status.startswith("404"):  # what HEAD answers: there is no such tag
            assert visit(ask).found == Resolved(None)
        else:
            bounded(ask, **SHORT)
    assert said[0] < 10 * BYTES


def test_a_token_service_that_sends_ten_gigabytes():
    async def talk(here: Talker) -> None:
        if "/token" in here.request.partition("\r\n")[0]:
            await _zeros("Content-Type: application/json", TEN_GB)(here)
        else:
            challenge = f'WWW-Authenticate: Bearer realm="https://{HOST}/token"'
            await here.head(challenge, "Content-Length: 0", status="401 Unauthorized")

    with internet() as net, raw(net, HOST, talk) as said:
        bounded(resolve, **SHORT)
    assert said[0] < 10 * BYTES


@EACH
def test_headers_that_come_a_byte_at_a_time(ask):
    async def talk(here: Talker) -> None:
        await here.say("HTTP/1.1 200 OK\r\n")
        while True:
            await here.say("X: y\r\n")
            await asyncio.sleep(0.05)

    with internet() as net, raw(net, HOST, talk):
        why = bounded(ask, **SHORT)
    assert "in time" in why or "within" in why


@EACH
def test_a_body_that_comes_a_byte_at_a_time(ask):
    async def talk(here: Talker) -> None:
        await here.head("Content-Type: application/json", "Content-Length: 100000")
        while not here.request.startswith("HEAD"):
            await here.say(" ")
            await asyncio.sleep(0.05)

    with internet() as net, raw(net, HOST, talk):
        bounded(ask, **SHORT)


@EACH
def test_early_hints_without_an_end(ask):
    async def talk(here: Talker) -> None:
        while True:
            await here.head("Link: </x>", status="103 Early Hints")
            await asyncio.sleep(0)

    with internet() as net, raw(net, HOST, talk):
        bounded(ask, **SHORT)


@EACH
def test_gigantic_headers(ask):
    def one() -> web.Response:
        return web.Response(headers={"X-Long": "x" * 2_000_000})

    with internet(always(one)):
        bounded(ask)


@EACH
def test_headers_without_number(ask):
    async def talk(here: Talker) -> None:
        await here.say("HTTP/1.1 200 OK\r\n" + "".join(f"X-{n}: y\r\n" for n in range(100_000)))
        await here.say("\r\n")

    with internet() as net, raw(net, HOST, talk):
        bounded(ask)


def test_one_hostile_registry_stops_nobody():
    good = ScriptedRegistry("good.example")
    good.push("team/app", "1", WHITE)
    app = good.repository("team/app")
    with internet(good) as net, raw(net, HOST, _zeros(KIND, TEN_GB)):
        bad, fine = resolve_all((APP, "1"), (app, "1"))
    assert HOST in reason(bad)
    assert fine == FOUND
