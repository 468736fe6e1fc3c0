"""Token requests and token lifetimes."""

import base64
import json
from urllib.parse import parse_qsl, urlsplit

import pytest

from shared.errors import Permanent
from shared.registry import tokens
from shared.registry.challenge import Challenge
from shared.registry.tokens import Token, TokenCache
from shared.values import Credential

NOW = 1_795_435_200.0
SCOPE = "repository:library/node:pull"


def _challenge(realm: str, **others: str) -> Challenge:
    return Challenge("bearer", {"realm": realm} | others)


def test_an_anonymous_token_is_asked_for_with_service_and_scope():
    asked = _challenge("https://auth.docker.io/token", service="registry.docker.io")
    request = tokens.asked(asked, "registry-1.docker.io", [SCOPE], realms=["auth.docker.io"])
    parts = urlsplit(request.url)
    assert (request.method, parts.netloc, parts.path) == ("GET", "auth.docker.io", "/token")
    assert parse_qsl(parts.query) == [("service", "registry.docker.io"), ("scope", SCOPE)]


def test_a_missing_service_is_left_out_and_the_realms_own_query_stays():
    asked = _challenge("https://public.ecr.aws/token/?a=b")
    query = urlsplit(tokens.asked(asked, "public.ecr.aws", ["aws"]).url).query
    assert parse_qsl(query) == [("a", "b"), ("scope", "aws")]


def test_several_scopes_are_several_parameters():
    scopes = ["repository:a:pull", "repository:b/c:pull"]
    query = urlsplit(tokens.asked(_challenge("https://ghcr.io/token"), "ghcr.io", scopes).url).query
    assert parse_qsl(query) == [("scope", each) for each in scopes]


def test_a_user_is_sent_as_basic_and_never_shown():
    user = Credential("ann", "pass:wörd")
    request = tokens.asked(_challenge("https://ghcr.io/t"), "ghcr.io", [SCOPE], credential=user)
    assert request.authorization == "Basic " + base64.b64encode("ann:pass:wörd".encode()).decode()
    assert request.authorization not in repr(request)


@pytest.mark.parametrize("realm", ["https://keycloak.example/t", "https://KEYCLOAK.example:443/t"])
@pytest.mark.parametrize("allowed", ["keycloak.example", "keycloak.example:443"])
def test_a_realm_that_the_catalog_names_is_followed(realm: str, allowed: str):
    request = tokens.asked(_challenge(realm), "harbor.example", [SCOPE], realms=[allowed])
    assert urlsplit(request.url).hostname == "keycloak.example"


def test_a_realm_named_with_its_port_is_followed_to_no_other():
    with pytest.raises(Permanent, match=r"keycloak\.example"):
        tokens.asked(
            _challenge("https://keycloak.example:8443/t"),
            "harbor.example",
            [SCOPE],
            realms=["keycloak.example:443"],
        )


def test_a_realm_on_the_registrys_own_host_may_have_another_port():
    url = tokens.asked(_challenge("https://Host:9/t"), "host:5000", [SCOPE]).url
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
        "https://ghcr.io:99999/token",
        "file:///etc/passwd",
    ],
)
def test_a_realm_elsewhere_or_in_the_clear_is_refused(realm: str):
    with pytest.raises(Permanent, match=r"ghcr\.io: "):
        tokens.asked(_challenge(realm), "ghcr.io", [SCOPE])


def test_what_stands_in_a_refused_realm_is_not_repeated():
    with pytest.raises(Permanent) as refused:
        tokens.asked(_challenge("https://me:secret1@ghcr.io/t?sig=secret2"), "ghcr.io", [SCOPE])
    assert "secret" not in str(refused.value)


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


def test_a_token_of_few_seconds_is_used_for_half_of_them():
    found = tokens.read(b'{"token": "t", "expires_in": 10}', "ghcr.io", NOW)
    assert found.until == NOW + 5


@pytest.mark.parametrize("seconds", ["1e400", "1e300", "86401"])
def test_no_token_is_believed_to_last_longer_than_a_day(seconds: str):
    content = f'{{"token": "t", "expires_in": {seconds}}}'.encode()
    assert tokens.read(content, "ghcr.io", NOW).expires == NOW + 86_400


@pytest.mark.parametrize(
    ("claims", "names"),
    [
        ({}, None),
        ({"access": "all"}, None),
        ({"access": []}, frozenset()),
        ({"access": [{"type": "repository", "name": "a", "actions": ["pull"]}]}, {"a"}),
        ({"access": [{"type": "repository", "name": "a", "actions": ["*"]}]}, {"a"}),
        ({"access": [{"type": "repository", "name": "a", "actions": []}]}, set()),
        ({"access": [{"type": "repository", "name": ["a"], "actions": ["pull"]}]}, set()),
        ({"access": [7, {"type": "registry", "name": "a", "actions": ["pull"]}]}, set()),
    ],
)
def test_a_jwt_says_what_it_opens(claims: object, names: object):
    assert tokens.granted(_jwt(claims)) == names


def test_an_opaque_token_says_nothing():
    assert tokens.granted("djE6b3BhcXVl") is None


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
