"""Token requests and token lifetimes."""

import base64
import json
from urllib.parse import parse_qsl, urlsplit

import pytest

from shared.errors import Permanent
from shared.registry import tokens
from shared.registry.challenge import Challenge
from shared.registry.tokens import Token, TokenCache

NOW = 1_795_435_200.0
SCOPE = "repository:library/node:pull"


def _challenge(realm: str, **others: str) -> Challenge:
    return Challenge("bearer", {"realm": realm} | others)


def test_an_anonymous_token_is_asked_for_with_service_and_scope():
    asked = _challenge("https://auth.docker.io/token", service="registry.docker.io")
    request = tokens.anonymous(asked, "registry-1.docker.io", SCOPE)
    parts = urlsplit(request.url)
    assert (request.method, parts.netloc, parts.path) == ("GET", "auth.docker.io", "/token")
    assert parse_qsl(parts.query) == [("service", "registry.docker.io"), ("scope", SCOPE)]


def test_a_missing_service_is_left_out_and_the_registrys_own_scope_wins():
    asked = _challenge("https://public.ecr.aws/token/?a=b", scope="aws")
    query = urlsplit(tokens.anonymous(asked, "public.ecr.aws", SCOPE).url).query
    assert parse_qsl(query) == [("a", "b"), ("scope", "aws")]


def test_a_realm_on_the_registrys_own_host_may_have_another_port():
    url = tokens.anonymous(_challenge("https://Host:9/t"), "host:5000", SCOPE).url
    assert url.startswith("https://Host:9/t?")


@pytest.mark.parametrize(
    "realm",
    [
        "",
        "token",
        "http://ghcr.io/token",
        "https://evil.example/token",
        "https://ghcr.io.evil.example/token",
        "https://ghcr.io@evil.example/token",
        "https://user:password@ghcr.io/token",
        "https://169.254.169.254/token",
        "https://auth.docker.io/token",
        "https://[::1/token",
        "file:///etc/passwd",
    ],
)
def test_a_realm_elsewhere_or_in_the_clear_is_refused(realm: str):
    with pytest.raises(Permanent, match=r"ghcr\.io: "):
        tokens.anonymous(_challenge(realm), "ghcr.io", SCOPE)


def test_entra_goes_to_the_exchange_and_its_answer_to_the_token_endpoint():
    exchange = tokens.exchange("contoso.azurecr.io", "entra")
    assert (exchange.method, exchange.url) == ("POST", "https://contoso.azurecr.io/oauth2/exchange")
    assert dict(exchange.form) == {
        "grant_type": "access_token",
        "service": "contoso.azurecr.io",
        "access_token": "entra",
    }
    access = tokens.access("contoso.azurecr.io", "refresh", SCOPE)
    assert (access.method, access.url) == ("POST", "https://contoso.azurecr.io/oauth2/token")
    assert dict(access.form) == {
        "grant_type": "refresh_token",
        "service": "contoso.azurecr.io",
        "scope": SCOPE,
        "refresh_token": "refresh",
    }


def _jwt(claims: object) -> str:
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"e30.{body}.c2ln"


@pytest.mark.parametrize(
    ("body", "value", "seconds"),
    [
        ({"token": "t"}, "t", 60),
        ({"token": "t", "expires_in": 300}, "t", 300),
        ({"token": "t", "access_token": "a"}, "a", 60),
        ({"refresh_token": "r"}, "r", 3 * 3600),
        ({"access_token": _jwt({"exp": NOW + 4500})}, _jwt({"exp": NOW + 4500}), 4500),
        ({"access_token": _jwt([])}, _jwt([]), 60),
        ({"access_token": "e30.!!.x"}, "e30.!!.x", 60),
    ],
)
def test_a_token_lasts_as_long_as_it_says(body: object, value: str, seconds: float):
    found = tokens.read(json.dumps(body).encode(), "ghcr.io", NOW)
    assert found == Token(value, NOW + seconds)


@pytest.mark.parametrize(
    "content",
    [b"", b"<html>", b"[]", b"{}", b'{"token": ""}', b'{"token": "a\\nb"}', b'{"token": 1}'],
)
def test_what_holds_no_token_is_refused(content: bytes):
    with pytest.raises(Permanent, match=r"ghcr\.io"):
        tokens.read(content, "ghcr.io", NOW)


def test_a_token_is_kept_for_its_registry_and_scope_until_shortly_before_its_end():
    cache = TokenCache()
    cache.put("ghcr.io", SCOPE, Token("t", NOW + 60))
    assert cache.get("ghcr.io", SCOPE, NOW) == "t"
    assert cache.get("ghcr.io", SCOPE, NOW + 30) is None
    assert cache.get("ghcr.io", "repository:other:pull", NOW) is None
    assert cache.get("evil.example", SCOPE, NOW) is None
    cache.drop("ghcr.io", SCOPE)
    assert cache.get("ghcr.io", SCOPE, NOW) is None
