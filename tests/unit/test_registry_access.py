"""How a host lets us in: its challenge learnt once, tokens for many repositories, no locked accounts."""

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from shared.errors import BreakwaterError, Permanent, Transient
from shared.registry.access import Access
from shared.registry.accounts import Identity, Known, RefusedUser
from shared.registry.tokens import TokenRequest
from shared.registry.transport import Answer
from shared.values import Credential

HOST = "registry.example"
PATHS = [f"team/app{number}" for number in range(45)]


class Tokens:
    """A token service that keeps what it was asked."""

    def __init__(self, reply: Callable[[list[str], int], str | BreakwaterError]) -> None:
        self.asked: list[list[str]] = []
        self._reply = reply

    async def __call__(self, request: TokenRequest) -> bytes:
        scopes = [
            value for name, value in parse_qsl(urlsplit(request.url).query) if name == "scope"
        ]
        self.asked.append([scope.split(":")[1] for scope in scopes])
        reply = self._reply(self.asked[-1], len(self.asked))
        await asyncio.sleep(0)
        if isinstance(reply, BreakwaterError):
            raise reply
        return json.dumps({"token": reply, "expires_in": 300}).encode()


def _jwt(names: list[str], number: int) -> str:
    access = [{"type": "repository", "name": each, "actions": ["pull"]} for each in names]
    claims = json.dumps({"access": access, "jti": number}).encode()
    return f"e30.{base64.urlsafe_b64encode(claims).decode().rstrip('=')}.c2ln"


def _opaque(_: list[str], number: int) -> str:
    return f"opaque-{number}"


def _401(*challenges: str) -> Answer:
    headers = CIMultiDict[str]()
    for each in challenges or (f'Bearer realm="https://{HOST}/token"',):
        headers.add("WWW-Authenticate", each)
    return Answer(401, CIMultiDictProxy(headers), b"", URL(f"https://{HOST}/"))


def _run(
    tokens: Tokens,
    steps: Callable[[Access], Awaitable[Any]],
    *,
    identity: Identity | None = None,
    known: Known | None = None,
) -> Any:
    async def run() -> Any:
        access = Access(
            HOST, identity or Identity(), known or Known(), tokens, lambda: 1_000.0, parallel=2
        )
        try:
            return await steps(access)
        finally:
            await access.close()

    return asyncio.run(run())


async def _all(access: Access) -> list[str]:
    access.want(PATHS)
    await access.renewed(PATHS[0], None, _401())
    sent = [await access.headers(path) for path in PATHS]
    return [each["Authorization"] for each in sent if each]


def test_a_token_that_shows_several_scopes_serves_twenty_repositories():
    tokens = Tokens(_jwt)
    assert len(_run(tokens, _all)) == 45
    assert [len(each) for each in tokens.asked] == [20, 20, 5]
    assert sorted(path for each in tokens.asked for path in each) == sorted(PATHS)


def test_a_token_that_shows_one_scope_is_the_last_that_was_asked_for_with_others():
    tokens, known = Tokens(lambda paths, number: _jwt(paths[:1], number)), Known()
    assert len(set(_run(tokens, _all, known=known))) == 45
    assert sum(len(each) > 1 for each in tokens.asked) <= 2  # two were asked for at once
    later = Tokens(lambda paths, number: _jwt(paths[:1], 100 + number))
    known.tokens.drop(f"nobody@{HOST}", f"repository:{PATHS[7]}:pull")
    _run(later, _all, known=known)
    assert later.asked == [[PATHS[7]]]


def test_a_token_that_says_nothing_serves_the_first_scope():
    tokens = Tokens(_opaque)
    assert len(set(_run(tokens, _all))) == 45
    assert len(tokens.asked) <= 45


def test_what_a_token_left_out_is_asked_for_alone():
    tokens = Tokens(
        lambda paths, number: _jwt([each for each in paths if each != PATHS[3]], number)
    )
    assert len(_run(tokens, _all)) == 45
    assert [PATHS[3]] in tokens.asked
    assert len(tokens.asked) == 4


def test_a_service_that_wants_one_scope_gets_one():
    tokens = Tokens(
        lambda paths, number: Permanent("HTTP 400") if len(paths) > 1 else f"opaque-{number}"
    )
    assert len(set(_run(tokens, _all))) == 45


def test_a_service_that_fails_fails_one_repository_after_another():
    async def steps(access: Access) -> list[str]:
        access.want(PATHS[:2])
        found = []
        for path in PATHS[:2] * 2:
            with pytest.raises(Transient) as failed:
                await access.renewed(path, None, _401())
            found.append(str(failed.value))
        return found

    tokens = Tokens(lambda paths, number: Transient(f"no answer to {paths}"))
    found = _run(tokens, steps)
    assert found == [f"no answer to {[path]}" for path in PATHS[:2] * 2]
    assert len(tokens.asked) <= 3


def test_a_scope_for_everything_needs_one_token():
    async def steps(access: Access) -> list[str]:
        access.want(PATHS)
        challenge = f'Bearer realm="https://{HOST}/token",scope="aws::x"'
        await access.renewed(PATHS[0], None, _401(challenge))
        sent = [await access.headers(path) for path in PATHS]
        return [each["Authorization"] for each in sent if each]

    tokens = Tokens(_opaque)
    assert _run(tokens, steps) == ["Bearer opaque-1"] * 45
    assert len(tokens.asked) == 1


def test_a_token_that_is_refused_is_not_used_again():
    async def steps(access: Access) -> tuple[Any, Any]:
        first = await access.renewed("a", None, _401())
        return first, await access.renewed("a", first, _401())

    first, second = _run(Tokens(_opaque), steps)
    assert (first["Authorization"], second["Authorization"]) == (
        "Bearer opaque-1",
        "Bearer opaque-2",
    )


def test_a_user_is_sent_where_basic_is_wanted_and_no_more_once_refused():
    async def steps(access: Access) -> None:
        sent = await access.renewed("a", None, _401('Basic realm="x"'))
        assert sent is not None
        assert sent["Authorization"].startswith("Basic ")
        for path in ("a", "b"):
            with pytest.raises(Permanent, match="refused the credentials contoso"):
                await access.renewed(path, sent, _401('Basic realm="x"'))
            with pytest.raises(Permanent, match="refused the credentials contoso"):
                await access.headers(path)

    identity = Identity("contoso", Credential("ann", "word"))
    _run(Tokens(_opaque), steps, identity=identity)


def test_a_user_that_was_let_in_once_is_refused_repository_by_repository():
    async def steps(access: Access) -> Any:
        sent = await access.renewed("a", None, _401('Basic realm="x"'))
        access.settled()
        with pytest.raises(Permanent):
            await access.renewed("b", sent, _401('Basic realm="x"'))
        return await access.headers("a")

    identity = Identity("contoso", Credential("ann", "word"))
    assert _run(Tokens(_opaque), steps, identity=identity) is not None


def test_nobody_has_no_user_to_send():
    async def steps(access: Access) -> None:
        with pytest.raises(Permanent, match=r"wants a user and a password \(Basic\)"):
            await access.renewed("a", None, _401('Basic realm="x"'))

    _run(Tokens(_opaque), steps)


def test_a_user_the_token_service_does_not_know_is_sent_once():
    async def steps(access: Access) -> None:
        for path in PATHS:
            with pytest.raises(Permanent, match="HTTP 401"):
                await access.renewed(path, None, _401())

    tokens = Tokens(lambda paths, number: RefusedUser("its token service answered HTTP 401"))
    _run(tokens, steps, identity=Identity("contoso", Credential("ann", "word")))
    assert len(tokens.asked) == 1


@pytest.mark.parametrize("challenge", ["Negotiate", "Bearer ?", 'Digest realm="x"'])
def test_a_challenge_nobody_can_answer_is_an_error(challenge: str):
    async def steps(access: Access) -> None:
        with pytest.raises(Permanent, match=HOST):
            await access.renewed("a", None, _401(challenge))

    _run(Tokens(_opaque), steps)


def test_a_host_that_answers_at_once_is_open_in_the_next_visit_too():
    async def steps(access: Access) -> Any:
        was = access.is_known
        access.settled()
        return was, access.is_known, await access.headers("a")

    known = Known()
    assert _run(Tokens(_opaque), steps, known=known) == (False, True, None)
    assert _run(Tokens(_opaque), steps, known=known) == (True, True, None)
