"""Operators' commands on a local Azure: found by its note, signed in by its directory, checked by the app."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from local import operate
from local.platform.claim import Claim
from shared.operators import Stranger
from tests.contract.entra_world import World, world
from tests.contract.serving import ca_path, serve


@dataclass
class App:
    """Stands for the function app: says who asked what."""

    here: World
    asked: list[dict[str, Any]] = field(default_factory=list)

    def application(self) -> web.Application:
        app = web.Application()
        app.router.add_route("*", "/api/{name}", self._answer)
        return app

    async def _answer(self, request: web.Request) -> web.Response:
        if request.match_info["name"] == "explain":
            raise web.HTTPFound("/api/approve")
        found = self.here.operators.identify(request.headers.get("Authorization", ""))
        if isinstance(found, Stranger):
            return web.json_response({"error": found.reason}, status=401)
        body = json.loads(await request.text() or "{}")
        self.asked.append({"path": request.path, **request.query, **body})
        return web.json_response({"told": [f"{found.name} asked"]})


@contextmanager
def running(here: World, work: Path) -> Iterator[App]:
    """Let a local Azure run in the folder as far as its commands see it."""
    (work / "tls").mkdir()
    shutil.copy(ca_path(), work / "tls" / "ca.crt")
    app, claim = App(here), Claim(work)
    with serve(app.application(), tls=False) as functions:
        urls = {"functions": functions, "login": here.login.authority}

        async def state(_: web.Request) -> web.Response:
            return web.json_response({"urls": urls})

        control = web.Application()
        control.router.add_get("/_local/state", state)
        with serve(control, tls=False) as address, claim.held():
            claim.tell({"pid": 1, "control": f"{address}/_local/state"})
            yield app


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with world(monkeypatch) as made:
        yield made


def test_alice_asks_unless_another_is_named(
    here: World, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    here.operators.identify(
        f"Bearer {here.token()}"
    )  # the app has its keys, before any proxy is named
    for name in ("HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://localhost:1")  # nothing of ours goes there
    with running(here, tmp_path) as app:
        assert operate.main(["candidates", "--state=held"], {}, tmp_path) == 0
        given = ["approve", "--image=node", "--digest=sha256:x", "--comment=so", "--as=bob"]
        assert operate.main(given, {}, tmp_path) == 0
    assert capsys.readouterr().out == "alice@contoso.com asked\nbob@contoso.com asked\n"
    assert app.asked == [
        {"path": "/api/candidates", "state": "held"},
        {
            "path": "/api/approve",
            "image": "node",
            "digest": "sha256:x",
            "comment": "so",
            "override": False,
        },
    ]


def test_whom_the_directory_does_not_know_is_told_who_there_is(
    here: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    with running(here, tmp_path) as app:
        assert operate.main(["candidates", "--as=mallory"], {}, tmp_path) == operate.REFUSED
    assert "AS: expected one of alice@contoso.com" in capsys.readouterr().err
    assert app.asked == []


def test_a_refused_token_is_told(here: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    with running(here, tmp_path):
        here.clock.advance(hours=2)
        assert operate.main(["candidates"], {}, tmp_path) == operate.REFUSED
    assert "error: HTTP 401: the token has expired" in capsys.readouterr().err


def test_a_token_does_not_follow_redirects(
    here: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    with running(here, tmp_path) as app:
        assert operate.main(["explain", "--image=n", "--tag=1"], {}, tmp_path) == operate.REFUSED
    assert "expected Breakwater's JSON, found HTTP 302" in capsys.readouterr().err
    assert app.asked == []


def test_an_app_that_does_not_answer_is_told(
    here: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    with running(here, tmp_path):
        claim = Claim(tmp_path)
        claim.tell({"control": "http://127.0.0.1:1/_local/state"})
        assert operate.main(["candidates"], {}, tmp_path) == operate.UNANSWERED
    assert "error: http://127.0.0.1:1/_local/state: no answer" in capsys.readouterr().err
