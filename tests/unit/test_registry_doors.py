"""What a 401 teaches about a host, and what is known before."""

import pytest

from shared.catalog import Upstream
from shared.registry import doors
from shared.registry.challenge import InvalidChallenge
from shared.registry.doors import Scheme
from shared.registry.manners import manners_of, realms_of

REALM = 'realm="https://auth.example/token"'


@pytest.mark.parametrize(
    ("scope", "asked"),
    [
        ("", "repository:library/python:pull"),
        (',scope="repository:library/node:pull"', "repository:library/python:pull"),
        (',scope="repository:library/node:pull,push,delete"', "repository:library/python:pull"),
        (',scope="repository:mirror/library/node:pull"', "repository:mirror/library/python:pull"),
        (',scope="repository:other:pull"', "repository:library/python:pull"),
        (',scope="repository:notlibrary/node:pull"', "repository:library/python:pull"),
        (',scope="aws"', "aws"),
    ],
)
def test_the_scope_of_one_repository_tells_that_of_another(scope: str, asked: str):
    door = doors.learnt([f"Bearer {REALM}{scope}"], "library/node")
    assert door.scheme is Scheme.BEARER
    assert door.scope("library/python") == asked


def test_bearer_is_taken_before_basic_wherever_it_stands():
    for headers in ([f'Basic realm="q", Bearer {REALM}'], ['Basic realm="q"', f"Bearer {REALM}"]):
        door = doors.learnt(headers, "a")
        assert door.challenge is not None
        assert door.challenge.parameters["realm"] == "https://auth.example/token"
    assert doors.learnt(['Basic realm="q"'], "a").scheme is Scheme.BASIC


@pytest.mark.parametrize("headers", [[], ["Negotiate"], ['Digest realm="a"'], ["Bearer ?"]])
def test_what_nobody_can_answer_is_refused(headers: list[str]):
    with pytest.raises(InvalidChallenge):
        doors.learnt(headers, "a")


@pytest.mark.parametrize("registry", ["docker.io", "index.docker.io", "registry.hub.docker.com"])
def test_docker_hubs_api_has_another_name_and_does_not_count_heads(registry: str):
    manners = manners_of(Upstream(registry), 4)
    assert manners.host == "registry-1.docker.io"
    assert manners.realms == ("auth.docker.io",)
    assert manners.heads_are_free
    assert manners.pause == 300


def test_what_the_catalog_says_of_a_registry_counts():
    upstream = Upstream(
        "harbor.example:8443", concurrency=9, rate=2.5, reserve=3, realms=("login.example:444",)
    )
    manners = manners_of(upstream, 4)
    assert manners.host == "harbor.example:8443"
    assert manners.named == {"harbor.example", "login.example"}
    assert manners.realms == ("login.example:444",)
    assert (manners.concurrency, manners.rate, manners.reserve) == (9, 2.5, 3)
    assert not manners.heads_are_free
    assert manners_of(Upstream("ghcr.io"), 4).concurrency == 4


def test_a_known_realm_is_known_for_its_registry_alone():
    assert realms_of("lscr.io") == ("ghcr.io",)
    assert realms_of("ghcr.io") == ()
