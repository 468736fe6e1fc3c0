"""A hostile upstream that sends us elsewhere: nobody is called who should not be."""

import pytest
from aiohttp import web

from tests.contract.hostile import EACH, HOST, bounded, resolve, scripted
from tests.contract.internet import internet
from tests.contract.scripted_registry import ScriptedRegistry
from tests.contract.scripted_tokens import ScriptedTokens
from tests.contract.visiting import reason, visit


@EACH
@pytest.mark.parametrize(
    "target",
    [
        "http://evil.example/v2/x",
        "https://169.254.169.254/metadata/instance",
        "https://[fe80::1]/x",
        "https://[::ffff:169.254.169.254]/x",
        "https://2852039166/x",
        "https://0xa9fea9fe/x",
        "https://127.0.0.1/x",
        "https://localhost/x",
        "https://metadata.example/x",
        "https://wire.example/x",
        "https://private.example/x",
        "https://mapped.example/x",
        "https://user:word@evil.example/x",
        "file:///etc/passwd",
        "ftp://evil.example/x",
        "data:application/json,{}",
        "https://[/x",
        "https://evil.example:99999/x",
        "https://nowhere.example/x",
        "/v2/team/app/manifests/again",
    ],
)
def test_a_redirect_to_where_nobody_should_go(ask, target: str):
    away = {"Location": target}
    registry = scripted(lambda request: web.Response(status=307, headers=away))
    with internet(registry) as net:
        net.addresses |= {
            "metadata.example": "169.254.169.254",
            "wire.example": "168.63.129.16",
            "private.example": "10.0.0.1",
            "mapped.example": "::ffff:10.0.0.1",
        }
        why = bounded(ask)
        assert set(net.tried) <= {net.addresses[HOST]}
    assert "word" not in why
    assert len(net.seen) <= 16


@pytest.mark.parametrize("host", ["metadata.example", "private.example"])
def test_a_registry_whose_realm_is_at_an_address_nobody_should_call(host: str):
    """lscr.io's realm may be on ghcr.io: a built-in host, which here resolves to somewhere else."""
    made = ScriptedRegistry("lscr.io", tokens=ScriptedTokens("ghcr.io"))
    with internet(made) as net:
        net.addresses["ghcr.io"] = "169.254.169.254" if host.startswith("meta") else "10.0.0.1"
        app = made.repository("team/app")
        (found,) = visit(lambda here: here.resolve([(app, "1")])).found.values()
        assert "lscr.io" in reason(found)
        assert set(net.tried) <= {net.addresses["lscr.io"]}


def test_a_registry_that_is_at_the_metadata_address_itself():
    with internet() as net:
        net.addresses[HOST] = "169.254.169.254"
        bounded(resolve)
        assert net.tried == []


def test_redirects_in_a_circle_of_two_hosts():
    def circle(there: str):
        where = {"Location": f"https://{there}/v2/team/app/manifests/1"}
        return lambda request: web.Response(status=302, headers=where)

    first, second = scripted(circle("other.example")), ScriptedRegistry("other.example")
    second.script = circle(HOST)
    with internet(first, second) as net:
        assert "redirects" in bounded(resolve)
    assert len(net.seen) <= 12
