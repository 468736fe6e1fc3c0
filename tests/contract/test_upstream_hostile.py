"""A hostile upstream that is not what it says: each lie is a clear error that leaks nothing."""

import gzip

import pytest
from aiohttp import web

from shared.oci.digest import Digest
from shared.values import Unresolved
from tests.contract.hostile import (
    EACH,
    HOST,
    KIND,
    TYPED,
    always,
    bounded,
    manifest,
    resolve,
    tags,
)
from tests.contract.internet import internet
from tests.contract.raw_server import Talker, raw
from tests.contract.scripted_looks import WHITE
from tests.contract.scripted_registry import ScriptedRegistry
from tests.contract.scripted_tokens import ScriptedTokens
from tests.contract.visiting import visit
from tests.fakes import image


@pytest.mark.parametrize("body", ["other", "nothing", "longer"])
def test_bytes_that_do_not_match_the_digest_they_were_asked_by(body: str):
    raw_bytes = {"other": image("black").raw, "nothing": b"", "longer": WHITE.raw + b"\n"}[body]
    headers = TYPED | {"Docker-Content-Digest": str(WHITE.digest)}
    with internet(always(lambda: web.Response(body=raw_bytes, headers=headers))):
        assert str(Digest.of(raw_bytes)) in bounded(manifest)


@EACH
@pytest.mark.parametrize("status", [200, 403])
@pytest.mark.parametrize(
    "body",
    [
        b"\xff\xfe\x00{",
        b'{"tags":["\xff"],"errors":[{"code":"\xff","message":"\xff"}]}',
        b'{"errors":[{"code":"DENIED","message":"\x1b[31mred\x07\r\n\x00"}]}',
        b'{"errors":[{"code":"\\u001b[31m","message":"\\ud800"}],"tags":["\\ud800",1]}',
        b"[" * 200_000,
        b'{"a":' * 100_000,
        b'{"tags":[' + b"9" * 10_000 + b"]}",
        b'{"tags":["a"],"tags":5}',
        b'{"errors":7}',
        b"<html><body>Sign in</body></html>",
        b"",
    ],
)
def test_bodies_that_are_not_what_they_should_be(ask, status: int, body: bytes):
    headers = {"Content-Type": "text/html" if body.startswith(b"<") else "application/json"}
    with internet(always(lambda: web.Response(status=status, body=body, headers=headers))):
        bounded(ask)


@pytest.mark.parametrize(
    "body",
    [
        b"<html>Sign in</html>",
        b"\xff",
        b"[]",
        b"null",
        b"[" * 60_000,
        b'{"token":7}',
        b'{"token":""}',
        b'{"token":"\xc3\xa4"}',
        b'{"token":"a\\r\\nX-Evil: 1"}',
        b'{"token":"' + b"x" * 1_000_000 + b'"}',
        b'{"token":"' + b"x" * 60_000 + b'"}',
        b'{"access_token":null,"token":null}',
    ],
)
def test_tokens_that_are_none(body: bytes):
    tokens = ScriptedTokens(HOST)
    made = ScriptedRegistry(HOST, tokens=tokens)
    with internet(made):
        tokens.answer = _answer(body)  # type: ignore[method-assign] # the double's own answer
        bounded(resolve)


def _answer(body: bytes):
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(body=body, content_type="application/json")

    return answer


@pytest.mark.parametrize("life", ["1e400", "NaN", "-1", '"soon"', "true", "null", "1" + "0" * 300])
def test_lifetimes_that_are_none(life: str):
    tokens = ScriptedTokens(HOST)
    made = ScriptedRegistry(HOST, tokens=tokens)
    made.push("team/app", "1", WHITE)
    with internet(made):
        text = f'{{"token":"{tokens.issue(["repository:team/app:pull"])}","expires_in":{life}}}'
        tokens.answer = _answer(text.encode())  # type: ignore[method-assign] # as above
        found = visit(resolve).found
    assert not isinstance(found, Unresolved)


@EACH
def test_a_gzip_bomb_though_identity_was_asked_for(ask):
    bomb = gzip.compress(b'{"tags":["' + b"a" * (64 << 20) + b'"]}', 1)
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    with internet(always(lambda: web.Response(body=bomb, headers=headers))):
        bounded(ask)


@EACH
@pytest.mark.parametrize(
    "answer",
    [
        "SSH-2.0-OpenSSH_9.2\r\n",
        "HTTP/1.1 999 \x1b[31m\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Type: \x1b[2Jtext\x85\r\nContent-Length: 0\r\n\r\n",
        'HTTP/1.1 401 No\r\nWWW-Authenticate: B\x85arer \x1b[31m="\r\nContent-Length: 0\r\n\r\n',
        "HTTP/1.1 200 OK\r\nDocker-Content-Digest: sha256:\x9b31m\r\nContent-Type: "
        + KIND[14:]
        + "\r\n"
        "Content-Length: 0\r\n\r\n",
        "HTTP/1.1 307 Go\r\nLocation: https://\x9b31m.example/\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{",
        "HTTP/1.1 206 Partial Content\r\nContent-Length: 2\r\n\r\n{}",
        "HTTP/1.1 304 Not Modified\r\n\r\n",
        "",
    ],
)
def test_answers_that_are_not_http_or_not_printable(ask, answer: str):
    async def talk(here: Talker) -> None:
        await here.say(answer)
        here.writer.transport.close()

    with internet() as net, raw(net, HOST, talk):
        bounded(ask)


def test_a_tag_name_that_could_leave_its_url_or_a_line_of_a_log_is_no_tag():
    names = ["ok", "../../x", "a/b", "a?b", "a#b", "a\nb", "\x1b[31m", "a b", "x" * 129, "ä", ""]
    made = always(lambda: web.json_response({"tags": names}))
    with internet(made):
        found = visit(tags).found
    assert getattr(found, "kept", None) == ("ok",)
