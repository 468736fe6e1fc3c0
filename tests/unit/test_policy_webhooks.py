"""Which repositories a registry's push webhook is about."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.policy.webhooks import concerned, mentioned
from tests.builders import an_image

_KEYS = [
    "repository", "repo_name", "name", "namespace", "target", "event_data", "repo_full_name",
    "package", "registry_package", "owner", "login", "events",
]  # fmt: skip


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (
            {
                "callback_url": "https://registry.hub.docker.com/u/x/y/hook/1/",
                "push_data": {"pushed_at": 1417566161, "pusher": "x", "tag": "latest"},
                "repository": {"name": "hook", "namespace": "x", "repo_name": "x/hook"},
            },
            "x/hook",
        ),
        ({"repository": {"name": "node", "namespace": "library"}}, "library/node"),
        (
            {
                "id": "cb8c3971",
                "action": "push",
                "target": {
                    "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
                    "digest": "sha256:xxxx",
                    "repository": "team/hello-world",
                    "tag": "v1",
                },
                "request": {"host": "myregistry.azurecr.io", "method": "PUT"},
            },
            "team/hello-world",
        ),
        (
            {
                "type": "PUSH_ARTIFACT",
                "operator": "admin",
                "event_data": {
                    "resources": [{"tag": "latest", "resource_url": "hub/test/debian:latest"}],
                    "repository": {"name": "debian", "repo_full_name": "test/debian"},
                },
            },
            "test/debian",
        ),
        (
            {
                "name": "repository",
                "repository": "dgangaia/test",
                "namespace": "dgangaia",
                "docker_url": "quay.io/dgangaia/test",
                "updated_tags": ["latest"],
            },
            "dgangaia/test",
        ),
        (
            {
                "action": "published",
                "package": {
                    "name": "Trivy-DB",
                    "namespace": "aquasecurity",
                    "package_type": "CONTAINER",
                    "owner": {"login": "AquaSecurity"},
                },
            },
            "aquasecurity/trivy-db",
        ),
        (
            {"registry_package": {"name": "app", "namespace": "contoso"}},
            "contoso/app",
        ),
        (
            {"events": [{"action": "push", "target": {"repository": "team/app", "tag": "1"}}]},
            "team/app",
        ),
    ],
    ids=[
        "Docker Hub", "an official image", "ACR", "Harbor", "Quay", "GHCR", "GHCR, the older key",
        "distribution",
    ],
)  # fmt: skip
def test_each_registrys_webhook_names_its_repository(body: dict[str, Any], path: str):
    assert path in mentioned(body)


@pytest.mark.parametrize(
    "body",
    [
        None, 5, "x", [], {}, [{"repository": "x"}],
        {"repository": None}, {"repository": 5}, {"repository": ["x"]},
        {"repository": {"repo_name": {"a": 1}}},
        {"repository": {"repo_name": "../etc/passwd"}},
        {"repository": {"repo_name": "a/b\n"}},
        {"repository": {"repo_name": "<script>"}},
        {"repository": {"repo_name": "x" * 300}},
        {"target": "x"}, {"target": {"repository": 5}},
        {"event_data": []}, {"event_data": {"repository": "x"}},
        {"events": "x"}, {"events": {"a": 1}}, {"events": [1, None, {"target": []}]},
        {"package": {"owner": []}}, {"package": {"owner": {"login": {}}}},
    ],
)  # fmt: skip
def test_anything_else_mentions_nothing(body: object):
    assert mentioned(body) == frozenset()


def test_a_body_with_a_million_events_is_read_only_so_far():
    events = [{"target": {"repository": f"team/app{number}"}} for number in range(300)]

    assert len(mentioned({"events": events})) == 100


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(_KEYS) | st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(_json)
def test_no_garbage_raises_and_what_is_mentioned_is_a_repository(body: object):
    for path in mentioned(body):
        assert path.isascii()
        assert path == path.lower()


def test_only_the_catalogs_images_from_those_repositories_are_concerned():
    node = an_image("node", source="docker.io/library/node")
    python = an_image("python", source="docker.io/library/python")

    assert concerned([node, python], frozenset({"library/node", "x/y"})) == (node,)
    assert concerned([node, python], frozenset()) == ()
