"""What a directory may answer over TLS, and what is made of it."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from local.directory import TENANT, Directory
from shared.entra import metadata
from shared.errors import Misconfigured, Transient
from tests.contract.entra_world import world
from tests.contract.serving import ca_path, free_port, serve

type Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]
DIRECTORY = Directory()


@pytest.fixture(autouse=True)
def _trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(ca_path()))


def directory(url: str, keys: Answer | None = None, **changed: object) -> web.Application:
    """Return a directory at the URL whose metadata and answer for keys are changed."""
    issuer = f"{url}/{TENANT}/v2.0"
    said = {"issuer": issuer, "jwks_uri": f"{url}/keys"} | changed

    async def metadata(_: web.Request) -> web.StreamResponse:
        return web.json_response({name: each for name, each in said.items() if each is not None})

    async def own(_: web.Request) -> web.StreamResponse:
        return web.json_response({"keys": [DIRECTORY.published_key(issuer)]})

    app = web.Application()
    app.router.add_get(f"/{TENANT}/v2.0/.well-known/openid-configuration", metadata)
    app.router.add_get("/keys", keys or own)
    return app


def fetch(keys: Answer | None = None, **changed: object) -> metadata.Published:
    port = free_port()
    with serve(directory(f"https://localhost:{port}", keys, **changed), port=port) as url:
        return metadata.fetch(url, TENANT)


def json_answer(
    body: object, status: int = 200, headers: Mapping[str, str] | None = None
) -> Answer:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(
            text=body if isinstance(body, str) else json.dumps(body),
            status=status,
            headers=headers,
            content_type="application/json",
        )

    return answer


def test_a_directory_s_issuer_and_keys_are_read():
    found = fetch()
    assert found.issuer.endswith(f"/{TENANT}/v2.0")
    assert found.keys.keys() == {DIRECTORY.kid}


def test_a_tenant_nobody_knows_is_a_wrong_setting(monkeypatch: pytest.MonkeyPatch):
    unknown = TENANT.replace("aa", "ab")
    with world(monkeypatch) as here, pytest.raises(Misconfigured, match=r"ENTRA_TENANT_ID.*400"):
        metadata.fetch(here.login.authority, unknown)


@pytest.mark.parametrize(
    "issuer",
    [
        None,
        5,
        "https://login.microsoftonline.com/{tenantid}/v2.0",
        "https://login.microsoftonline.com/00000000-0000-0000-0000-0000000000ab/v2.0",
        f"https://login.microsoftonline.com/{TENANT}/v2.0/more",
        f"http://login.microsoftonline.com/{TENANT}/v2.0",
        f"https://evil.example/?{TENANT}/v2.0",
    ],
)
def test_metadata_of_another_tenant_is_a_wrong_setting(issuer: object):
    with pytest.raises(Misconfigured, match="ENTRA_TENANT_ID"):
        fetch(issuer=issuer)


@pytest.mark.parametrize("keys", [None, 5, "http://localhost:1/keys", "file:///etc/passwd", ""])
def test_keys_come_over_tls_or_not_at_all(keys: object):
    with pytest.raises(Transient, match="expected jwks_uri to be a URL like https"):
        fetch(jwks_uri=keys)


@pytest.mark.parametrize(
    ("answer", "error", "told"),
    [
        (json_answer({"keys": []}), Transient, "expected RSA keys"),
        (json_answer([]), Transient, "expected a JSON object, found list"),
        (json_answer("<html>"), Transient, "expected JSON"),
        (json_answer("[" * 100_000), Transient, "expected JSON"),
        (json_answer({"more": "x" * 300_000}), Transient, "at most 262144 bytes"),
        (json_answer({}, 503), Transient, "HTTP 503"),
        (json_answer({}, 429), Transient, "HTTP 429"),
        (json_answer({}, 404), Misconfigured, "ENTRA_AUTHORITY: .* HTTP 404"),
        (json_answer({}, 302, {"Location": "/elsewhere"}), Misconfigured, "HTTP 302"),
    ],
)
def test_an_odd_answer_is_an_error_that_says_what_was_expected(
    answer: Answer, error: type[Exception], told: str
):
    with pytest.raises(error, match=told):
        fetch(answer)


def test_a_directory_that_dribbles_is_left(monkeypatch: pytest.MonkeyPatch):
    async def dribble(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(1200):
            await response.write(b" ")
            await asyncio.sleep(0.05)
        return response

    monkeypatch.setattr(metadata, "_PATIENCE", 0.3)
    began = time.monotonic()
    with pytest.raises(Transient, match="no whole answer"):
        fetch(dribble)
    assert time.monotonic() - began < 30  # half of what the whole answer takes


def test_a_directory_nobody_reaches_or_vouches_for_is_no_answer(monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(Transient, match="no answer"):
        metadata.fetch(f"https://localhost:{free_port()}", TENANT)
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    with pytest.raises(Transient, match="no answer \\(SSLError\\)"):
        fetch()


def test_no_password_of_a_netrc_is_sent_along(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    seen: list[Any] = []

    async def keys(request: web.Request) -> web.StreamResponse:
        seen.append(request.headers.get("Authorization"))
        return web.json_response({})

    (tmp_path / "netrc").write_text("machine localhost login me password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with pytest.raises(Transient):
        fetch(keys)
    assert seen == [None]
