"""Which Authorization headers hold a token that is worth a look at its signature."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.entra import bearer
from shared.entra.bearer import Token
from shared.operators import Stranger


def part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def token(**header: object) -> str:
    return f"{part({'alg': 'RS256', 'typ': 'JWT', 'kid': 'k'} | header)}.{part({})}.c2ln"


def refused(authorization: str) -> str:
    found = bearer.read(authorization)
    assert isinstance(found, Stranger)
    return found.reason


@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", "BEARER  "])
def test_one_bearer_token_is_read(scheme: str):
    assert bearer.read(scheme + token()) == Token(token(), "k")


@pytest.mark.parametrize("kind", ["jwt", "JWT", "at+jwt"])
def test_an_access_token_s_own_type_is_known(kind: str):
    assert isinstance(bearer.read(f"Bearer {token(typ=kind)}"), Token)


@pytest.mark.parametrize(
    "authorization",
    [
        "Bearer",
        "Bearer ",
        "Basic dXNlcjpwYXNz",
        "Bearer a.b",
        "Bearer a.b.c.d",
        "Bearer a..c",
        "Bearera.b.c",
        f"{token()}",
        f"Bearer {token()}, Bearer {token()}",
        f"Bearer {token()},{token()}",
        f"Bearer {token()} {token()}",
        f"Bearer {token()}\n",
        f"Bearer {token()}=",
        f"Bearer\t{token()}",
        f" Bearer {token()}",
        "Bearer é.b.c",
        "Bearer \N{FULLWIDTH LATIN SMALL LETTER A}.b.c",
        f"Bearer {token()[:-1]}\N{LATIN SMALL LETTER LONG S}",
        "Bearer \x00.b.c",
    ],
)
def test_anything_but_one_bearer_token_is_a_stranger_s(authorization: str):
    assert refused(authorization) == "the Authorization header is not one bearer token in JWT form"


def test_a_token_need_not_say_its_type():
    written = f"{part({'alg': 'RS256', 'kid': 'k'})}.{part({})}.c2ln"

    assert bearer.read(f"Bearer {written}") == Token(written, "k")


def test_the_longest_header_and_the_longest_key_are_taken_and_one_more_is_not():
    head = f"Bearer {token()}"
    longest = head + "a" * (16 * 1024 - len(head))

    assert isinstance(bearer.read(longest), Token)
    assert "longer than 16384" in refused(f"{longest}a")
    assert isinstance(bearer.read(f"Bearer {token(kid='k' * 200)}"), Token)


def test_no_header_and_a_huge_one_are_told_apart():
    assert refused("") == "the request has no Authorization header"
    assert "longer than 16384" in refused("Bearer " + "a" * 20_000 + ".b.c")


@pytest.mark.parametrize(
    "algorithm",
    ["none", "None", "NONE", "", "HS256", "RS512", "PS256", "ES256", "rs256", None, 5, []],
)
def test_only_rs256_is_taken(algorithm: object):
    assert refused(f"Bearer {token(alg=algorithm)}") == "the token is not signed with RS256"


@pytest.mark.parametrize("key", [None, "", 5, ["k"], {"k": 1}, "k" * 201])
def test_a_token_names_its_key(key: object):
    assert "does not name the key" in refused(f"Bearer {token(kid=key)}")


@pytest.mark.parametrize(
    "header", [{"crit": ["exp"]}, {"crit": []}, {"typ": "secevent+jwt"}, {"typ": 5}, {"typ": None}]
)
def test_a_token_with_rules_of_its_own_is_not_taken(header: dict[str, object]):
    assert "of a kind" in refused(f"Bearer {token(**header)}")


@pytest.mark.parametrize(
    "content",
    [b"{", b"[]", b"null", b'"alg"', b"\xff", b"[" * 12_000, b'{"alg": ' + b"9" * 9000 + b"}"],
)
def test_a_header_that_is_no_json_object_is_a_stranger_s(content: bytes):
    written = base64.urlsafe_b64encode(content).decode().rstrip("=")
    assert refused(f"Bearer {written}.b.c") == "the token's header cannot be read"


def test_a_header_of_no_whole_bytes_is_a_stranger_s():
    assert refused("Bearer a.b.c") == "the token's header cannot be read"


@given(st.text() | st.binary().map(lambda raw: raw.decode("latin-1")))
def test_no_header_is_an_error_of_ours(text: str):
    for authorization in (text, f"Bearer {text}", f"Bearer {text}.{text}.{text}"):
        assert isinstance(bearer.read(authorization), Stranger)


@given(st.recursive(st.none() | st.text() | st.integers(), st.lists, max_leaves=9))
def test_no_json_in_a_token_s_header_is_an_error_of_ours(value: object):
    assert isinstance(bearer.read(f"Bearer {part(value)}.b.c"), Stranger)
    for name in ("alg", "typ", "kid", "crit"):
        bearer.read(f"Bearer {token(**{name: value})}")
