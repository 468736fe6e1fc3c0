"""Tokens and challenges in all the forms that registries write them in."""

import time
from dataclasses import replace

import pytest

from shared.registry.watcher import UpstreamWatcher
from tests.contract.internet import internet
from tests.contract.scripted_looks import FOUND, WHITE, look, registry, sent
from tests.contract.scripted_registry import BEARER
from tests.contract.scripted_tokens import ScriptedTokens
from tests.contract.visiting import reason, visit


@pytest.mark.parametrize("names", [("token",), ("access_token",), ("token", "access_token")])
@pytest.mark.parametrize("expires_in", [300, 60, 1, 0, -5, None])
def test_a_token_is_read_from_either_name_and_used_whatever_its_lifetime(names, expires_in):
    tokens = ScriptedTokens("ghcr.io", names=names, expires_in=expires_in)
    made = registry("ghcr.io", tokens=tokens)
    with internet(made) as net:
        assert look(made) == FOUND
    assert len(net.to(made.host, "/token")) == 1


def test_a_token_that_ends_early_is_renewed_at_the_price_of_one_request():
    tokens = ScriptedTokens("ghcr.io")
    made = registry("ghcr.io", tokens=tokens)
    for number in range(10):
        made.push("team/app", f"t{number}", WHITE)
    app = made.repository("team/app")

    async def twice(here):
        first = await here.resolve([(app, f"t{number}") for number in range(5)])
        tokens.issued = {each: replace(tokens.issued[each], until=0) for each in tokens.issued}
        return first | await here.resolve([(app, f"t{number}") for number in range(5, 10)])

    with internet(made) as net:
        found = visit(twice).found
    assert list(found.values()) == [FOUND] * 10
    assert len(net.to(made.host, "/token")) == 2
    assert len(net.to(made.host, "/manifests/")) <= 10 + 1 + 4  # 4 may be on their way with it


def test_a_token_near_its_end_is_renewed_before_it_is_refused():
    tokens = ScriptedTokens("ghcr.io", expires_in=300)
    made = registry("ghcr.io", tokens=tokens)
    clock = [time.time()]
    by = UpstreamWatcher({}, now=lambda: clock[0])
    with internet(made) as net:
        assert look(made, by=by) == FOUND
        clock[0] += 299
        net.seen.clear()
        assert look(made, by=by) == FOUND
    assert sent(net, made.host) == ["GET /token", "HEAD /v2/team/app/manifests/1"]


@pytest.mark.parametrize(
    "challenge",
    [
        ('bearer REALM="{realm}",SERVICE="{service}",Scope="{scope}"',),
        ("Bearer realm={realm!s}".replace("{realm!s}", '"{realm}"') + ' , service = "{service}"',),
        ("Negotiate", 'Basic realm="x"', BEARER),
        ('Digest realm="a, b", nonce="Bearer realm=x", ' + BEARER,),
        (BEARER + ', Basic realm="a \\"b\\" c"',),
        (BEARER + ',error="invalid_token",error_description="say \\"please\\""',),
        (",, " + BEARER + " ,,",),
        ('Bearer realm="{realm}",service="{service}",scope="{scope},push"',),
        ('Bearer realm="{realm}",service="{service}",scope=""',),
    ],
)
def test_challenges_are_read_as_they_are_written(challenge):
    tokens = ScriptedTokens("ghcr.io", service="ghcr.io")
    made = registry("ghcr.io", tokens=tokens, challenge=challenge)
    with internet(made) as net:
        assert look(made) == FOUND
    (asked,) = net.to(made.host, "/token")
    assert "push" not in asked.query


@pytest.mark.parametrize(
    "challenge",
    [
        (),
        ("",),
        ("Negotiate",),
        ("Bearer",),
        ('Bearer realm=""',),
        ('Bearer realm="ghcr.io/token"',),
        ('Bearer realm="http://ghcr.io/token"',),
        ('Bearer realm="https://[/token"',),
        ('Bearer realm="https://user:word@ghcr.io/token"',),
        ('Bearer realm="https://ghcr.io/a",realm="https://ghcr.io/b"',),
        ('Bearer realm="https://ghcr.io:99999/token"',),
        ("realm=" * 2000,),
    ],
)
def test_a_401_that_cannot_be_answered_is_an_error_that_names_the_registry(challenge):
    made = registry("ghcr.io", tokens=ScriptedTokens("ghcr.io"), challenge=challenge)
    with internet(made) as net:
        why = reason(look(made))
    assert "ghcr.io" in why
    assert len(why) < 500
    assert "word" not in why
    assert not net.to(made.host, "/token")


def test_a_registry_that_takes_no_token_of_its_own_is_asked_twice_and_no_more():
    tokens = ScriptedTokens("ghcr.io", lasts=-1)
    made = registry("ghcr.io", tokens=tokens)
    with internet(made) as net:
        assert "401" in reason(look(made))
    assert len(net.to(made.host, "/manifests/")) <= 3
    assert len(net.to(made.host, "/token")) <= 2
