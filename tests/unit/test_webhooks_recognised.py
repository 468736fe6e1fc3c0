"""Whose webhook a body is, which repositories and tags it is about, and which images that concerns."""

import json
from dataclasses import replace
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.catalog import TagRule
from shared.policy.webhooks import Push, Sender, Webhook, addressed, concerned, read, recognise
from tests import webhook_bodies as bodies
from tests.builders import an_image

HUB = frozenset({"docker.io", "index.docker.io", "registry-1.docker.io"})
PACKAGE = {"x-github-event": "package"}
NOTHING: dict[str, str] = {}


def pushes(body: object, headers: dict[str, str] = NOTHING) -> list[Push]:
    webhook = recognise(body, headers)
    assert webhook is not None
    return list(webhook.pushes)


def push(registry: str, path: str = "team/shop", tag: str = "1.0") -> Push:
    return Push(frozenset({registry}), path, frozenset({tag}))


@pytest.mark.parametrize(
    ("body", "headers", "sender", "expected"),
    [
        (bodies.docker_hub(), {}, Sender.DOCKER_HUB, Push(HUB, "team/shop", frozenset({"1.0"}))),
        (bodies.github(), PACKAGE, Sender.GITHUB, push("ghcr.io", "contoso/shop")),
        (
            bodies.github(key="registry_package", action="updated"),
            {"x-github-event": "registry_package"},
            Sender.GITHUB,
            push("ghcr.io", "contoso/shop"),
        ),
        (bodies.quay(), {}, Sender.QUAY, push("quay.io")),
        (bodies.quay(host="Quay.Contoso.com"), {}, Sender.QUAY, push("quay.contoso.com")),
        (bodies.harbor(), {}, Sender.HARBOR, push("harbor.contoso.com")),
        (bodies.harbor("a/b/c"), {}, Sender.HARBOR, push("harbor.contoso.com", "a/b/c")),
        (bodies.harbor_cloud_event(), {}, Sender.HARBOR, push("harbor.contoso.com")),
        (bodies.acr(), {}, Sender.ACR, push("partner.azurecr.io")),
        (bodies.acr(host="Partner.azurecr.io:443"), {}, Sender.ACR, push("partner.azurecr.io")),
        (bodies.acr(action="delete"), {}, Sender.ACR, push("partner.azurecr.io")),
        (bodies.distribution(), {}, Sender.DISTRIBUTION, push("registry.contoso.com:5000")),
    ],
)
def test_each_senders_webhook_names_registry_repository_and_tag(
    body: object, headers: dict[str, str], sender: Sender, expected: Push
):
    found = recognise(body, headers)
    assert found is not None
    assert (found.sender, found.pushes) == (sender, (expected,))


def test_a_package_without_an_address_is_its_owners_on_ghcr():
    body = bodies.github("contoso/Tools/Shop")
    body["package"]["package_version"]["package_url"] = "ghcr.io/"
    assert pushes(body, PACKAGE) == [push("ghcr.io", "contoso/tools/shop")]


def test_a_package_address_that_ends_in_a_colon_names_no_tag():
    body = bodies.github(tag="")
    assert pushes(body, PACKAGE) == [Push(frozenset({"ghcr.io"}), "contoso/shop")]


def test_old_quay_names_tags_as_keys():
    body = bodies.quay() | {"updated_tags": {"a": "1", "b": "2"}}
    assert pushes(body) == [Push(frozenset({"quay.io"}), "team/shop", frozenset({"a", "b"}))]


def test_a_harbor_resource_may_be_named_by_its_digest():
    body = bodies.harbor()
    digest = body["event_data"]["resources"][0]["digest"]
    body["event_data"]["resources"] = [
        {"digest": digest, "resource_url": f"harbor.contoso.com/team/shop@{digest}"}
    ]
    assert pushes(body) == [Push(frozenset({"harbor.contoso.com"}), "team/shop")]


def test_a_body_without_a_host_speaks_of_any():
    body = bodies.acr()
    del body["request"]
    assert pushes(body) == [Push(frozenset(), "team/shop", frozenset({"1.0"}))]
    body = bodies.harbor()
    body["event_data"]["resources"] = []
    assert pushes(body) == [Push(frozenset(), "team/shop")]


def test_a_registry_behind_a_proxy_goes_by_both_its_names():
    inside = bodies.event()
    inside["request"]["host"] = "registry:5000"
    [found] = pushes(bodies.distribution(inside))
    assert found.registries == {"registry.contoso.com:5000", "registry:5000"}


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (bodies.GITHUB_PING, {"x-github-event": "ping"}),
        (bodies.github(action="deleted"), PACKAGE),
        (bodies.github() | {"package": {"package_type": "npm", "name": "x"}}, PACKAGE),
        ({"ref": "refs/heads/main", "repository": {"name": "shop"}}, {"x-github-event": "push"}),
        (bodies.ACR_PING, {}),
        (bodies.acr(action="chart_push"), {}),
        (bodies.harbor(kind="PULL_ARTIFACT"), {}),
        (bodies.harbor(kind="SCANNING_COMPLETED"), {}),
        ({key: value for key, value in bodies.quay().items() if key != "updated_tags"}, {}),
        (bodies.distribution(bodies.event(action="mount"), bodies.layer()), {}),
        ({"events": []}, {}),
        ({"push_data": {}, "repository": {}}, {}),
    ],
)
def test_what_tells_of_no_push_is_recognised_and_names_nothing(
    body: object, headers: dict[str, str]
):
    assert pushes(body, headers) == []


def test_a_pull_is_no_news_or_each_look_would_cause_the_next():
    assert pushes(bodies.distribution(bodies.event(action="pull"))) == []


@pytest.mark.parametrize(
    "body", [None, 5, "x", [], [bodies.acr()], {}, {"events": "x"}, {"push_data": 5}, {"action": 1}]
)
def test_anything_else_is_nobodys(body: object):
    assert recognise(body, {}) is None


@pytest.mark.parametrize(
    "path", [None, 5, ["x"], "../etc/passwd", "a/b\n", "<script>", "x" * 300, "Upper/case"]
)
def test_what_is_no_repository_is_not_named(path: object):
    body = bodies.acr()
    body["target"]["repository"] = path
    assert pushes(body) == []


@pytest.mark.parametrize("tag", [None, 5, [], "a b", "x" * 200])
def test_what_is_no_tag_is_not_named(tag: object):
    body = bodies.acr()
    body["target"]["tag"] = tag
    [found] = pushes(body)
    assert found.tags == frozenset()


@pytest.mark.parametrize("action", [None, 5, [], {}, ["push"]])
def test_what_is_no_action_changes_nothing(action: object):
    assert pushes(bodies.distribution(bodies.event() | {"action": action})) == []
    assert pushes(bodies.harbor() | {"type": action}) == []
    assert pushes(bodies.github() | {"action": action}, PACKAGE) == []


def test_ten_thousand_events_are_read_and_none_is_lost():
    events = [bodies.event(f"team/shop{number}") for number in range(10_000)]
    assert len(pushes(bodies.distribution(*events))) == 10_000


_KEYS = [
    *("repository", "repo_name", "name", "namespace", "target", "event_data", "repo_full_name"),
    *("package", "registry_package", "owner", "login", "events", "push_data", "docker_url", "tag"),
    *(
        "updated_tags",
        "resources",
        "resource_url",
        "action",
        "id",
        "type",
        "data",
        "request",
        "url",
    ),
    *("host", "package_version", "package_url", "package_type", "container_metadata", "mediaType"),
]
_VALUES = ["push", "PUSH_ARTIFACT", "harbor.artifact.pushed", "published", "quay.io/a/b", "a/b"]
_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(_VALUES) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(_KEYS) | st.text(max_size=4), inner, max_size=6)
    ),
    max_leaves=20,
)


@given(_json, st.sampled_from([{}, PACKAGE]))
def test_no_garbage_raises_and_what_is_named_is_a_repository(body: object, headers: dict[str, str]):
    found = recognise(body, headers)
    for each in found.pushes if found else ():
        assert each.path.isascii()
        assert each.path == each.path.lower()
        assert all(host and host == host.lower() for host in each.registries)


# Which images, which registries.

NODE = an_image("node", source="docker.io/library/node")
NODE_QUAY = an_image("node-quay", source="quay.io/library/node")
REGISTRIES = {"docker.io", "quay.io"}


def about(registry: str, *tags: str) -> Webhook:
    hosts = frozenset({registry} - {""})
    return Webhook(Sender.ACR, (Push(hosts, "library/node", frozenset(tags)),))


def test_images_are_found_by_registry_and_repository():
    images = (NODE, NODE_QUAY, an_image("python", source="docker.io/library/python"))
    assert concerned(images, about("docker.io")) == (NODE,)
    assert concerned(images, about("quay.io")) == (NODE_QUAY,)
    assert concerned(images, about("")) == (NODE, NODE_QUAY)
    assert concerned(images, about("elsewhere.io")) == ()
    assert concerned(images, Webhook(Sender.ACR)) == ()


def test_docker_hubs_other_names_are_docker_hub():
    webhook = recognise(bodies.docker_hub("library/node", tag="20-alpine"), {})
    assert webhook is not None
    other = an_image("node", source="index.docker.io/library/node")
    assert concerned((NODE, other), webhook) == (NODE, other)


def test_https_own_port_makes_no_other_registry():
    ported = an_image("node", source="docker.io:443/library/node")
    assert concerned((ported,), about("docker.io")) == (ported,)
    assert addressed(about("docker.io"), {"docker.io:443"}) == {"docker.io:443"}


def test_a_tag_nobody_watches_concerns_nobody():
    [watched, *_] = NODE.tags
    assert concerned((NODE,), about("docker.io", watched, "other")) == (NODE,)
    assert concerned((NODE,), about("docker.io", "other")) == ()


def test_a_rule_might_choose_any_tag():
    ruled = replace(NODE, tags=(), rule=TagRule(semver=">=20"))
    assert concerned((ruled,), about("docker.io", "23.1.0")) == (ruled,)


def test_the_registries_addressed_do_not_depend_on_the_images_there_are():
    assert addressed(about("quay.io"), REGISTRIES) == {"quay.io"}
    assert addressed(about(""), REGISTRIES) == REGISTRIES
    assert addressed(about("elsewhere.io"), REGISTRIES) == frozenset()
    assert addressed(Webhook(Sender.ACR), REGISTRIES) == frozenset()
    ping = recognise(bodies.GITHUB_PING, {"x-github-event": "ping"})
    assert ping is not None
    assert addressed(ping, {*REGISTRIES, "ghcr.io"}) == {"ghcr.io"}


# Bodies.


def test_a_body_is_json_or_a_form_with_json_in_it():
    form = urlencode({"payload": json.dumps({"é": 1})}).encode()
    assert read(b'{"a": 1}', "application/vnd.docker.distribution.events.v2+json") == {"a": 1}
    assert read(b'{"a": 1}', "") == {"a": 1}
    assert read(form, "Application/X-WWW-Form-URLencoded; charset=utf-8") == {"é": 1}


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"", ""),
        (b"not JSON", "application/json"),
        (b"\xff\xfe\x00", "application/json"),
        (b'{"a": "\xff"}', "application/json"),
        (b"[" * 1_000_000, "application/json"),
        (b'{"a":' * 200_000, "application/json"),
        (b"9" * 1_000_000, "application/json"),
        (b"--x\r\n", "multipart/form-data; boundary=x"),
        (b"", "application/x-www-form-urlencoded"),
        (b"payload=", "application/x-www-form-urlencoded"),
        (b"payload={}&payload={}", "application/x-www-form-urlencoded"),
        (b"&".join([b"payload={}"] + [b"a=1"] * 1000), "application/x-www-form-urlencoded"),
        (b"\xff=\xff", "application/x-www-form-urlencoded"),
    ],
)
def test_anything_else_is_refused_with_what_was_expected(body: bytes, content_type: str):
    with pytest.raises(ValueError, match="expected a registry's webhook in JSON"):
        read(body, content_type)
