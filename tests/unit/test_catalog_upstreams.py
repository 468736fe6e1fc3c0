"""Upstreams have manners, and moves of their tags settle, as the catalog says."""

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.catalog import Catalog, CatalogInvalid, Fault, Upstream, Watch, load
from tests.builders import CATALOG

RESOURCE = (
    "/subscriptions/00000000-0000-0000-0000-0000000000bb/resourceGroups/shared-images"
    "/providers/Microsoft.ContainerRegistry/registries/contosoimages"
)


def with_upstreams(*upstreams: str) -> str:
    return f"{CATALOG}upstreams:\n" + "".join(f"  - {each}\n" for each in upstreams)


def with_watch(defaults: str = "", own: str = "") -> str:
    text = CATALOG.replace("images:\n", f"{defaults and f'  watch: {defaults}'}\nimages:\n")
    return text + (f"    watch: {own}\n" if own else "")


def faults_of(text: str) -> list[Fault]:
    with pytest.raises(CatalogInvalid) as caught:
        load("x", text)
    return list(caught.value.faults)


def test_a_catalog_that_says_nothing_of_upstreams_has_the_usual_ones():
    catalog = load("x", CATALOG)
    assert catalog.upstreams == ()
    assert catalog.upstream("docker.io") == Upstream("docker.io")
    assert catalog.images[0].watch == Watch(timedelta(minutes=5), equivalent=True)


def test_an_upstream_has_the_manners_it_is_given():
    catalog = load(
        "x",
        with_upstreams(
            "{ registry: Docker.IO, credentials: hub_2, concurrency: 100, rate: 0.5, reserve: 0, "
            "realms: [Auth.contoso.com], webhook: hub }"
        ),
    )
    hub = Upstream(
        "docker.io",
        credentials="hub_2",
        concurrency=100,
        rate=0.5,
        reserve=0,
        realms=("auth.contoso.com",),
        webhook="hub",
    )
    assert catalog.upstreams == (hub,)
    assert catalog.upstream("docker.io") == hub


def test_another_acr_is_read_with_the_apps_identity_and_imported_by_its_id():
    text = CATALOG.replace("docker.io/library", "contosoimages.azurecr.io/library")
    text += f"upstreams: [{{ registry: contosoimages.azurecr.io, entra: true, resourceId: {RESOURCE} }}]\n"
    (upstream,) = load("x", text).upstreams
    assert (upstream.entra, upstream.resource_id, upstream.credentials) == (True, RESOURCE, "")
    assert upstream.reserve == Upstream("x").reserve


def test_the_apps_identity_leaves_no_room_for_credentials():
    text = CATALOG.replace("docker.io/library", "contosoimages.azurecr.io/library")
    text += "upstreams: [{ registry: contosoimages.azurecr.io, entra: true, credentials: hub }]\n"
    with pytest.raises(CatalogInvalid) as error:
        load("x", text)
    (fault,) = error.value.faults
    assert "no `credentials` beside `entra: true`" in str(fault)


def test_a_rate_may_be_a_whole_number():
    (upstream,) = load("x", with_upstreams("{ registry: docker.io, rate: 1000 }")).upstreams
    assert upstream.rate == 1000


# What an upstream of docker.io says besides, then the one fault.
ONE_FAULT = [
    ("credentials: Hub", "credentials", "a name of 1 to 50 lower-case", "'Hub'"),
    (f"credentials: {'a' * 51}", "credentials", "a name of 1 to 50 lower-case", "'aaa"),
    ("credentials: a-b", "credentials", "a name of 1 to 50 lower-case", "'a-b'"),
    ("webhook: ''", "webhook", "a name of 1 to 50 lower-case", "''"),
    ("entra: yes", "entra", "true or false", "'yes'"),
    ("entra: true", "entra", "only for an Azure container registry", "'docker.io'"),
    ("resourceId: contosoimages", "resourceId", "a registry's ARM id", "'contosoimages'"),
    (f"resourceId: {RESOURCE}/tasks/x", "resourceId", "a registry's ARM id", "'/subs"),
    ("resource_id: x", "resource_id", "did you mean 'resourceId'?", "'resource_id'"),
    ("concurrency: 0", "concurrency", "a number of at least 1", "0"),
    ("concurrency: 101", "concurrency", "a number of at most 100", "101"),
    ("concurrency: many", "concurrency", "a whole number", "'many'"),
    ("rate: 0", "rate", "a number above 0", "0"),
    ("rate: 1000.5", "rate", "a number of at most 1000", "1000.5"),
    ("rate: fast", "rate", "a number", "'fast'"),
    ("rate: 1e999", "rate", "a number of at most 1000", "1e999"),
    ("reserve: -1", "reserve", "a number of at least 0", "-1"),
    ("reserve: 10001", "reserve", "a number of at most 10000", "10001"),
    ("realms: []", "realms", "at least one entry", "an empty list"),
    ("realms: [https://a.io]", "realms[0]", "a host like auth.docker.io", "'https://a.io'"),
    ("realms: [a.io, a.io]", "realms[1]", "a host named once", "'a.io'"),
    ("realm: [a.io]", "realm", "did you mean 'realms'?", "'realm'"),
]  # fmt: skip


@pytest.mark.parametrize(("said", "key", "expected", "found"), ONE_FAULT)
def test_a_fault_of_an_upstream_is_told_where_it_is(said: str, key: str, expected: str, found: str):
    (fault,) = faults_of(with_upstreams(f"{{ registry: docker.io, {said} }}"))
    assert (fault.line, fault.path) == (12, f"upstreams[0].{key}")
    assert expected in fault.expected
    assert found in fault.found


@pytest.mark.parametrize(
    ("registry", "expected"),
    [
        ("docker.io/library", "a registry's host"),
        ("contosostaging.azurecr.io", "a registry other than staging's"),
        ("ContosoBase.azurecr.io", "a registry other than base's"),
        ("index.docker.io", "a registry that an image comes from; they come from docker.io"),
    ],
)
def test_an_upstream_is_a_registry_that_is_only_read(registry: str, expected: str):
    (fault,) = faults_of(with_upstreams(f"{{ registry: {registry} }}"))
    assert (fault.line, fault.path) == (12, "upstreams[0].registry")
    assert expected in fault.expected
    assert registry in fault.found


def test_an_upstream_is_named_once_whatever_its_case():
    (fault,) = faults_of(with_upstreams("{ registry: docker.io }", "{ registry: Docker.io }"))
    assert (fault.line, fault.path) == (13, "upstreams[1].registry")
    assert "first on line 12" in fault.expected


def test_an_upstream_without_a_registry_is_one_fault():
    (fault,) = faults_of(with_upstreams("{ rate: 1 }"))
    assert (fault.path, fault.expected) == ("upstreams[0].registry", "this key")


@pytest.mark.parametrize(
    ("defaults", "own", "watch"),
    [
        ("{ settle: 0m }", "", Watch(timedelta())),
        ("{ equivalent: false }", "", Watch(equivalent=False)),
        ("{ settle: 1h, equivalent: false }", "{ settle: 2h }", Watch(timedelta(hours=2), False)),
        ("{ settle: 1h }", "{ equivalent: false }", Watch(timedelta(hours=1), False)),
        ("{ settle: 1h }", "{ settle: 5m }", Watch(timedelta(minutes=5))),
        ("", "{ settle: 24h }", Watch(timedelta(hours=24))),
        ("", "{ settle: 1d }", Watch(timedelta(days=1))),
    ],
)
def test_an_image_says_over_the_defaults_how_it_is_watched(defaults: str, own: str, watch: Watch):
    assert load("x", with_watch(defaults, own)).images[0].watch == watch


@pytest.mark.parametrize(
    ("said", "key", "expected"),
    [
        ("{ settle: 25h }", "settle", "at most 24h"),
        ("{ settle: 2d }", "settle", "at most 24h"),
        ("{ settle: soon }", "settle", "a duration like 5m or 2h"),
        ("{ settle: 5 }", "settle", "a duration like 5m or 2h"),
        ("{ equivalent: 1 }", "equivalent", "true or false"),
        ("{ setle: 5m }", "setle", "did you mean 'settle'?"),
    ],
)
def test_a_fault_of_a_watch_is_told_where_it_is(said: str, key: str, expected: str):
    for text, place in ((with_watch(said), "defaults"), (with_watch(own=said), "images[0]")):
        (fault,) = faults_of(text)
        assert fault.path == f"{place}.watch.{key}"
        assert expected in fault.expected


def test_every_part_together_is_a_catalog():
    text = with_upstreams("{ registry: docker.io, rate: 5 }").replace(
        "[20-alpine, 22-alpine]", "{ prefix: v }"
    )
    assert isinstance(load("x", text), Catalog)


WHOLE = with_watch("{ settle: 1h }", "{ equivalent: false }").replace(
    "[20-alpine, 22-alpine]", "{ semver: '>=3', allow: [a], deny: b, newest: 2, per: major }"
) + (
    "upstreams: [{ registry: docker.io, entra: false, rate: 5, realms: [a.io], webhook: x, "
    f"resourceId: {RESOURCE} }}]\n"
)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_catalog_with_rules_and_any_piece_replaced_is_a_catalog_or_invalid(data):
    start = data.draw(st.integers(0, len(WHOLE)))
    end = data.draw(st.integers(start, min(len(WHOLE), start + 12)))
    piece = data.draw(st.text(max_size=6) | st.sampled_from(["[", "{", "\n  ", ": ", "- ", "~"]))
    try:
        assert load("x", WHOLE[:start] + piece + WHOLE[end:]).images
    except CatalogInvalid as error:
        assert error.faults  # noqa: PT017  # both ways are fine


def test_the_catalog_whose_pieces_are_replaced_is_one():
    assert load("x", WHOLE).images[0].rule
