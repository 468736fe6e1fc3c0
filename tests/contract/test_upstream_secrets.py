"""Credentials and tokens go to the registry they are for, and nowhere else."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from aiohttp import web

from shared.catalog import Upstream
from shared.errors import BreakwaterError, Misconfigured, Permanent, Transient
from shared.registry.watcher import UpstreamWatcher
from tests.contract.internet import Internet, internet
from tests.contract.scripted_looks import BASIC, FOUND, USER, look, registry
from tests.contract.scripted_registry import Elsewhere, ScriptedRegistry
from tests.contract.scripted_tokens import EntraTokens, ScriptedTokens
from tests.contract.visiting import reason, resolve


@pytest.fixture
def guarded() -> Iterator[tuple[Internet, ScriptedRegistry]]:
    """A registry with Basic auth, and a host that collects what it is sent."""
    made = registry("registry.contoso.com", basic=BASIC, challenge=('Basic realm="x"',))
    with internet(made, Elsewhere("evil.example")) as net:
        yield net, made


def _with_password(made: ScriptedRegistry, *realms: str):
    named = Upstream(made.host, credentials="contoso", realms=realms)
    return look(made, named, by=UpstreamWatcher({"contoso": USER}))


def _collected(net: Internet) -> str:
    return "".join(each.everything for each in net.to("evil.example"))


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("port", ["", ":443", ":8443"])
def test_a_redirect_takes_no_credentials_along(guarded, status, port):
    net, made = guarded

    def send_away(request: web.Request) -> web.StreamResponse | None:
        if "Authorization" not in request.headers:
            return None
        where = f"https://evil.example{port}/v2/team/app/manifests/1"
        return web.Response(status=status, headers={"Location": where})

    made.script = send_away
    found = _with_password(made)
    assert net.to("evil.example")
    assert {each.authorization for each in net.to("evil.example")} == {""}
    assert USER.password not in reason(found)


def test_a_redirect_to_another_port_of_the_registry_takes_no_credentials_along(guarded):
    net, made = guarded

    def send_away(request: web.Request) -> web.StreamResponse | None:
        if ":" in request.host or "Authorization" not in request.headers:
            return None
        where = f"https://{made.host}:8443{request.path}"
        return web.Response(status=307, headers={"Location": where})

    made.script = send_away
    assert made.host in reason(_with_password(made))
    other = [each for each in net.seen if each.authority.endswith(":8443")]
    assert {each.authorization for each in other} == {""}


def test_a_redirect_target_that_asks_for_basic_gets_no_credentials(guarded):
    net, made = guarded
    evil = ScriptedRegistry("evil.example", basic="Basic anything", challenge=('Basic realm="x"',))
    net.hosts[evil.host] = evil
    where = "https://evil.example/v2/team/app/manifests/1"
    made.script = lambda request: web.Response(status=307, headers={"Location": where})
    assert "evil.example" in reason(_with_password(made))
    assert {each.authorization for each in net.to(evil.host)} == {""}


@pytest.mark.parametrize("realms", [(), ("auth.contoso.com",), ("evil.example.org",)])
def test_a_realm_elsewhere_gets_no_request(guarded, realms):
    net, made = guarded
    made.challenge = ('Bearer realm="https://evil.example/token"',)
    made.basic = "Basic never"
    why = reason(_with_password(made, *realms))
    assert "evil.example" in why
    assert "registry.contoso.com" in why
    assert not net.to("evil.example")
    assert "evil.example" not in net.tried
    assert USER.password not in why


@pytest.mark.parametrize(
    "realm",
    [
        "https://registry.contoso.com.evil.example/token",
        "https://registry.contoso.com@evil.example/token",
        "https://evil.example/registry.contoso.com",
        "https://evil.example#registry.contoso.com",
        "https://evil.example\\\\@registry.contoso.com/token",
        "//evil.example/token",
        "https://EVIL.example/token",
    ],
)
def test_a_realm_dressed_up_as_the_registrys_own_gets_no_credentials(guarded, realm):
    net, made = guarded
    made.basic = "Basic never"
    made.challenge = (f'Bearer realm="{realm}"',)
    reason(_with_password(made))
    assert not net.to("evil.example")


def test_a_realm_that_the_catalog_names_gets_the_credentials():
    users = {USER.username: USER.password}
    tokens = ScriptedTokens("auth.contoso.com", users=users)
    made = registry("registry.contoso.com", tokens=tokens)
    with internet(made, tokens) as net:
        assert _with_password(made, "auth.contoso.com") == FOUND
    assert [each.authorization for each in net.to(tokens.host)] == [BASIC]


def test_a_token_service_that_redirects_takes_nobody_along():
    tokens = ScriptedTokens("registry.contoso.com", users={USER.username: USER.password})
    made = registry("registry.contoso.com", tokens=tokens)
    away = {"Location": "https://evil.example/token"}
    made.script = lambda request: (
        web.Response(status=307, headers=away) if request.path == "/token" else None
    )
    with internet(made, Elsewhere("evil.example")) as net:
        why = reason(_with_password(made))
    assert "registry.contoso.com" in why
    assert net.to(made.host, "/token")
    assert not net.to("evil.example")


@pytest.mark.parametrize("path", ["/oauth2/exchange", "/oauth2/token"])
def test_the_apps_own_token_follows_no_redirect(path: str):
    made = registry("contoso.azurecr.io", tokens=EntraTokens("contoso.azurecr.io"))
    away = {"Location": f"https://evil.example{path}"}
    made.script = lambda request: (
        web.Response(status=307, headers=away) if request.path == path else None
    )
    by = UpstreamWatcher({}, entra=lambda: "entra")
    with internet(made, Elsewhere("evil.example")) as net:
        assert made.host in reason(look(made, Upstream(made.host, entra=True), by=by))
    assert net.to(made.host, path)
    assert not net.to("evil.example")


def test_the_apps_own_token_goes_to_no_realm_that_a_challenge_names():
    tokens = EntraTokens("contoso.azurecr.io")
    made = registry("contoso.azurecr.io", tokens=tokens)
    made.challenge = ('Bearer realm="https://evil.example/oauth2/token",service="evil.example"',)
    by = UpstreamWatcher({}, entra=lambda: "entra")
    with internet(made, Elsewhere("evil.example")) as net:
        look(made, Upstream(made.host, entra=True), by=by)
    assert not net.to("evil.example")


@pytest.mark.parametrize("error", [Transient, Permanent, Misconfigured])
def test_an_app_without_a_token_loses_that_registry_alone(error: type[BreakwaterError]):
    made = registry("contoso.azurecr.io", tokens=EntraTokens("contoso.azurecr.io"))
    other = registry("registry.contoso.com")

    def entra() -> str:
        raise error("no identity here")

    tags = [(each.repository("team/app"), "1") for each in (made, other)]
    with internet(made, other):
        named = (Upstream(made.host, entra=True),)
        lost, found = resolve(*tags, upstreams=named, by=UpstreamWatcher({}, entra=entra))
    assert "no identity here" in reason(lost)
    assert found == FOUND


def test_a_redirect_target_cannot_ask_for_a_token_of_the_registry_it_came_from():
    tokens = ScriptedTokens("registry.contoso.com", users={USER.username: USER.password})
    made = registry("registry.contoso.com", tokens=tokens)
    where = {"Location": "https://evil.example/v2/team/app/manifests/1"}
    made.script = lambda request: (
        web.Response(status=307, headers=where)
        if "Authorization" in request.headers and "/manifests/" in request.path
        else None
    )
    evil = ScriptedRegistry("evil.example", tokens=tokens)
    with internet(made, evil) as net:
        assert "evil.example" in reason(_with_password(made))
        assert len(net.to(made.host, "/token")) == 1
        assert {each.authorization for each in net.to(evil.host)} == {""}


def test_a_signed_address_is_not_repeated_in_an_error():
    made = registry("registry.contoso.com")
    where = {"Location": "https://cdn.example/blob?sig=SECRET#SECRET"}
    made.script = lambda request: web.Response(status=307, headers=where)
    with internet(made, Elsewhere("cdn.example")):
        refused = reason(look(made))
    with internet(made):
        unknown = reason(look(made))
    assert "SECRET" not in refused + unknown


def test_neither_cookies_nor_a_netrc_nor_a_proxy_are_used(tmp_path: Path, monkeypatch):
    (tmp_path / "netrc").write_text("machine registry.contoso.com login a password b")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("HTTPS_PROXY", "https://evil.example")
    cookies: list[str] = []
    made = registry("registry.contoso.com", headers={"Set-Cookie": "session=1"})
    made.script = lambda request: cookies.append(request.headers.get("Cookie", ""))
    tags = [(made.repository("team/app"), "1"), (made.repository("team/app"), "2")]
    with internet(made, Elsewhere("evil.example")) as net:
        resolve(*tags, upstreams=(Upstream(made.host, concurrency=1),))
    assert cookies == ["", ""]
    assert {each.authorization for each in net.seen} == {""}
    assert not net.to("evil.example")


def test_error_texts_repeat_neither_tokens_nor_passwords():
    tokens = ScriptedTokens("registry.contoso.com", users={USER.username: USER.password})
    made = registry("registry.contoso.com", tokens=tokens)

    def echo(request: web.Request) -> web.StreamResponse | None:
        said = request.headers.get("Authorization", "")
        text = f'{{"errors":[{{"code":"{said}","message":"{said}"}}]}}'
        headers = {"X-Echo": said, "Content-Type": f"text/{said.replace(' ', '')}"}
        return web.Response(status=200, text=text, headers=headers) if said else None

    made.script = echo
    with internet(made):
        why = reason(_with_password(made))
    assert "opaque-0" not in why
    assert BASIC not in why
