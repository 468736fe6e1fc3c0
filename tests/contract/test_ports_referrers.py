"""Upstream's referrers: registries have no such API, each in its own way, and none may hold us up."""

import asyncio
import threading
import time
from collections.abc import Callable

import pytest
from aiohttp import web

from shared.errors import Transient
from shared.oci.digest import Digest
from shared.oci.reference import Repository
from shared.ports import Upstreams
from shared.registry import artifacts
from shared.registry.watcher import UpstreamWatcher
from shared.values import Layer
from tests.contract.odd_registry import Odd, head
from tests.contract.serving import ca_path, serve
from tests.contract.waiting import PATIENCE
from tests.fakes import image


@pytest.fixture(autouse=True)
def trust(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(ca_path()))


async def _referrers(upstreams: Upstreams, repository: Repository, digest: Digest):
    async with upstreams.visit({}, seconds=PATIENCE) as visit:
        return await visit.referrers(repository, digest)


def _listing(handle: Callable[[web.Request], web.StreamResponse]):
    odd = Odd.of(handle)
    with serve(odd.app) as url:
        node = Repository(url.removeprefix("https://"), "library/node")
        found = asyncio.run(
            _referrers(UpstreamWatcher(seconds=PATIENCE), node, image("white").digest)
        )
    return found, [path.rpartition("/")[2] for _, path, _ in odd.seen]


def _elsewhere(status: int) -> Callable[[web.Request], web.Response]:
    def handle(request: web.Request) -> web.Response:
        if "/referrers/" in request.path:
            return web.Response(status=303, headers={"Location": "/page"})
        return web.Response(status=status if request.path == "/page" else 404)

    return handle


@pytest.mark.parametrize(
    "handle",
    [
        *(lambda request, status=status: web.Response(status=status) for status in (400, 406)),
        lambda request: web.Response(text="<html>", content_type="text/html"),
        lambda request: web.Response(body=image("white").raw),
        _elsewhere(429),
    ],
    ids=["400", "406", "a page", "a manifest that is no index", "303 to a 429"],
)
def test_whatever_is_no_index_is_no_referrers_once_the_fallback_tag_was_asked(handle):
    found, asked = _listing(handle)
    assert found == ()
    assert asked[-1] == artifacts.fallback_tag(image("white").digest)


def test_the_fallback_tag_counts_where_the_api_is_a_page_or_refused():
    white = image("white")
    signature = artifacts.artifact(
        white.descriptor,
        artifact_type="application/vnd.signature",
        layers=(Layer("application/json", artifacts.EMPTY),),
        annotations={},
    )
    fallback = artifacts.referrers_index((), signature)

    def handle(request: web.Request) -> web.Response:
        if "/referrers/" in request.path:
            return web.Response(status=302, headers={"Location": "http://localhost:1/page"})
        return head(fallback)

    (found,), _ = _listing(handle)
    assert found.digest == signature.digest


def test_a_registry_nobody_answers_at_says_so_when_asked_for_referrers():
    node = Repository("localhost:1", "library/node")
    with pytest.raises(Transient, match="localhost:1: no answer"):
        asyncio.run(_referrers(UpstreamWatcher(seconds=PATIENCE), node, image("white").digest))


def test_all_parts_share_one_token_and_one_end():
    white = image("white")

    def handle(request: web.Request) -> web.Response:
        if request.path == "/token":
            return web.json_response({"token": "secret", "expires_in": 300})
        if request.headers.get("Authorization") == "Bearer secret":
            return web.Response(status=404)
        realm = f'Bearer realm="https://{request.host}/token"'
        return web.Response(status=401, headers={"WWW-Authenticate": realm})

    async def together(upstreams: Upstreams, node: Repository, seconds: float = PATIENCE):
        async with upstreams.visit({}, seconds=seconds) as visit:
            parts = (visit.referrers(node, white.digest) for _ in range(12))
            return await asyncio.gather(*parts, return_exceptions=True)

    odd, watcher = Odd.of(handle), UpstreamWatcher(seconds=PATIENCE)
    with serve(odd.app) as url:
        node = Repository(url.removeprefix("https://"), "library/node")
        for _ in range(2):  # connections last for one visit, tokens for their lives
            assert asyncio.run(together(watcher, node)) == [()] * 12
    assert [path for _, path, _ in odd.seen].count("/token") == 1
    assert [authorization for _, _, authorization in odd.seen].count("") == 2  # 401, and the token

    over = threading.Event()

    async def late(request: web.Request) -> web.Response:
        while not over.is_set():  # noqa: ASYNC110 - it is set in another thread
            await asyncio.sleep(0.02)
        return web.Response(status=404)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", late)
    with serve(app) as url:
        node = Repository(url.removeprefix("https://"), "library/node")
        begun = time.monotonic()
        found = asyncio.run(together(UpstreamWatcher(), node, 4))
        assert time.monotonic() - begun < 10  # four at a time, each with an end of its own: 12 s
        over.set()
    assert [str(each) for each in found] == [f"{node}: no referrers within 4 s"] * 12
