"""When the directory's keys are fetched, and which of what it publishes are keys."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from shared.entra.keys import Keys
from shared.entra.metadata import Published, keys_of
from shared.errors import Misconfigured, Transient
from tests.fake_clock import FakeClock

TENANT = "00000000-0000-0000-0000-0000000000aa"
ISSUER = f"https://login.microsoftonline.com/{TENANT}/v2.0"
PRIVATE = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PUBLIC = PRIVATE.public_key()
JWK = jwt.algorithms.RSAAlgorithm.to_jwk(PUBLIC, as_dict=True) | {"kid": "1", "use": "sig"}


class World:
    """A directory that publishes these keys, or raises; it counts."""

    def __init__(self, *keys: str) -> None:
        self.clock, self.asked = FakeClock(), 0
        self.published: tuple[str, ...] | Exception = keys
        self.keys = Keys(self._fetch, self.clock)

    def _fetch(self) -> Published:
        self.asked += 1
        if isinstance(self.published, Exception):
            raise self.published
        return Published(ISSUER, dict.fromkeys(self.published, PUBLIC))


def slow_after(quick: int) -> tuple[World, Keys, threading.Event, threading.Event]:
    """A directory of which each fetch but the first `quick` ones says when it has begun, and waits to be let go."""
    world = World("1")
    started, go_on = threading.Event(), threading.Event()

    def fetch() -> Published:
        if world.asked >= quick:
            started.set()
            assert go_on.wait(60)
        return world._fetch()

    return world, Keys(fetch, world.clock), started, go_on


def test_nothing_is_fetched_before_a_key_is_wanted_and_then_once():
    world = World("1", "2")
    assert world.asked == 0
    for _ in range(3):
        assert world.keys.find("1") == (ISSUER, PUBLIC)
        assert world.keys.find("2") == (ISSUER, PUBLIC)
    assert world.asked == 1


def test_an_unknown_key_is_looked_for_once_a_minute_at_most():
    world = World("1")
    for number in range(100):
        assert world.keys.find(f"unknown {number}") is None
    assert world.asked == 1
    world.published = "1", "2"
    world.clock.advance(seconds=59)
    assert world.keys.find("2") is None
    world.clock.advance(seconds=1)
    assert world.keys.find("2") == (ISSUER, PUBLIC)
    assert world.asked == 2


def test_a_key_that_is_published_no_more_is_forgotten_within_a_day():
    world = World("1", "2")
    world.keys.find("1")
    world.published = ("2",)
    world.clock.advance(hours=23)
    assert world.keys.find("1") is not None
    world.clock.advance(hours=1)
    assert world.keys.find("1") is None
    assert world.keys.find("2") is not None


@pytest.mark.parametrize("error", [Transient("no answer"), Misconfigured("HTTP 400")])
def test_known_keys_go_on_while_the_directory_cannot_be_read(error: Exception):
    world = World("1")
    world.keys.find("1")
    world.published = error
    world.clock.advance(days=2)
    for _ in range(10):
        assert world.keys.find("1") == (ISSUER, PUBLIC)
    assert world.asked == 2
    with pytest.raises(type(error)):  # it may well be there
        world.keys.find("2")
    assert world.asked == 2
    world.published = "1", "2"
    world.clock.advance(minutes=1)
    assert world.keys.find("2") is not None


def test_without_any_key_the_failure_is_told_and_the_directory_left_alone_for_a_moment():
    world = World()
    world.published = Transient("no answer")
    for _ in range(5):
        with pytest.raises(Transient, match="no answer"):
            world.keys.find("1")
    assert world.asked == 1
    world.published = ("1",)
    world.clock.advance(seconds=10)
    assert world.keys.find("1") is not None


def test_whoever_waits_for_the_same_keys_waits_for_one_fetch():
    world, keys, started, go_on = slow_after(0)
    with ThreadPoolExecutor(8) as pool:
        found = [pool.submit(keys.find, "1") for _ in range(8)]
        assert started.wait(60)
        go_on.set()
        assert [each.result(60) for each in found] == [(ISSUER, PUBLIC)] * 8
    assert world.asked == 1


def test_nobody_with_a_known_key_waits_for_the_daily_fetch():
    world, keys, started, go_on = slow_after(1)
    keys.find("1")
    world.clock.advance(days=1)
    with ThreadPoolExecutor(1) as pool:
        fetching = pool.submit(keys.find, "1")
        assert started.wait(60)
        assert keys.find("1") == (ISSUER, PUBLIC)
        assert not fetching.done()
        go_on.set()
        assert fetching.result(60) == (ISSUER, PUBLIC)
    assert world.asked == 2


def test_one_unknown_key_waits_for_a_directory_that_hangs_and_others_are_told_at_once():
    world, keys, started, go_on = slow_after(1)
    keys.find("1")
    world.published = "1", "2"
    world.clock.advance(minutes=1)
    with ThreadPoolExecutor(2) as pool:  # else strangers could hold every thread of the worker
        first = pool.submit(keys.find, "2")
        try:
            assert started.wait(60)
            with pytest.raises(Transient, match="being read") as told:
                pool.submit(keys.find, "3").result(60)
            assert told.value.retry_after
            assert not first.done()
        finally:
            go_on.set()
        assert first.result(60) == (ISSUER, PUBLIC)
    assert keys.find("3") is None
    assert world.asked == 2


def weak() -> dict[str, str]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # for what is refused
    return jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True) | {"kid": "1"}


@pytest.mark.parametrize(
    "make",
    [
        lambda: JWK | {"use": "enc"},
        lambda: JWK | {"alg": "RS512"},
        lambda: JWK | {"kty": "oct", "k": "c2VjcmV0"},
        lambda: JWK | {"kid": None},
        lambda: JWK | {"kid": ["1"]},
        lambda: JWK | {"n": 5},
        lambda: JWK | {"n": "!"},
        lambda: JWK | {"n": "AQ"},
        lambda: JWK | {"n": "A" * 5000},
        lambda: JWK | {"e": "AA"},
        lambda: {"kty": "RSA", "kid": "1"},
        lambda: JWK | {"issuer": "https://login.microsoftonline.com/another/v2.0"},
        lambda: JWK | {"issuer": 5},
        lambda: "key",
        lambda: None,
        weak,
    ],
)
def test_what_is_no_key_for_our_tokens_is_left_out(make: Callable[[], object]):
    assert keys_of({"keys": [make(), JWK | {"kid": "2"}]}, ISSUER, TENANT).keys() == {"2"}


def test_a_key_of_every_tenant_and_one_that_names_ours_are_taken():
    every = JWK | {"issuer": "https://login.microsoftonline.com/{tenantid}/v2.0"}
    ours = JWK | {"kid": "2", "issuer": ISSUER, "alg": "RS256"}
    found = keys_of({"keys": [every, ours]}, ISSUER, TENANT)
    assert [key.public_numbers() for key in found.values()] == [PUBLIC.public_numbers()] * 2


@pytest.mark.parametrize("keys", [None, {}, "keys", []])
def test_a_key_set_without_a_list_has_no_keys(keys: object):
    assert keys_of({"keys": keys}, ISSUER, TENANT) == {}


def test_the_first_key_of_an_id_is_it_and_only_so_many_are_read():
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key()
    second = jwt.algorithms.RSAAlgorithm.to_jwk(other, as_dict=True) | {"kid": "1"}
    assert keys_of({"keys": [JWK, second]}, ISSUER, TENANT)["1"].public_numbers() == (
        PUBLIC.public_numbers()
    )
    many = [JWK | {"kid": str(number)} for number in range(101)]
    assert len(keys_of({"keys": many}, ISSUER, TENANT)) == 100


def test_who_waited_for_a_fetch_that_took_long_and_failed_does_not_start_the_next():
    world = World()
    world.published = Transient("no answer")

    def slow() -> Published:
        world.clock.advance(seconds=16)
        return world._fetch()

    keys = Keys(slow, world.clock)
    for _ in range(3):
        with pytest.raises(Transient, match="no answer"):
            keys.find("1")
    assert world.asked == 1
