"""importImage's body and its defaults."""

from typing import Any

import pytest

from local.arm.errors import ArmError
from local.arm.import_request import parse

D = "sha256:" + "a" * 64
BASE = (
    "/subscriptions/s/resourceGroups/g/providers/Microsoft.ContainerRegistry/registries/contosobase"
)


def body(image: str = "library/node:20", *, source: Any = None, **more: Any) -> dict[str, Any]:
    given = {"registryUri": "docker.io", "sourceImage": image, **(source or {})}
    return {"source": given, "targetTags": ["base/node"], **more}


@pytest.mark.parametrize(
    ("image", "reference", "tag"),
    [
        ("library/node:20", "20", "20"),
        ("library/node", "latest", "latest"),
        (f"library/node@{D}", D, "latest"),
    ],
)
def test_a_target_without_tag_takes_the_source_s_or_latest(
    image: str, reference: str, tag: str
) -> None:
    request = parse(body(image), "target")
    assert (request.repo, request.reference) == ("library/node", reference)
    assert request.targets == (("base/node", tag),)


def test_no_force_is_the_default() -> None:
    assert not parse(body(), "target").force
    assert parse(body(mode="Force"), "target").force


def test_a_resource_id_names_a_neighbour() -> None:
    request = parse(body(source={"registryUri": None, "resourceId": BASE}), "target")
    assert request.source_registry == "contosobase"


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({}, "Missing property parameters.Source "),
        ({"source": {"registryUri": "docker.io"}}, "parameters.Source.SourceImage"),
        (
            {**body(), "targetTags": []},
            "Missing property parameters.TargetTags for the operation against the resource with name target",
        ),
        (body("UPPER"), "sourceImage"),
        (body("a@sha256:12"), "sourceImage"),
        (body(targetTags=["a:b@c"]), "targetTags"),
        (body(targetTags="a:b"), "targetTags"),
        (body(untaggedTargetRepositories=["a:b"]), "untaggedTargetRepositories"),
        (body(mode="force"), "mode"),
        (body(source={"resourceId": BASE}), "exactly one"),
        (body(source={"registryUri": "https://docker.io"}), "registryUri"),
        (body(source={"registryUri": "docker.io/library"}), "registryUri"),
        (body(source={"registryUri": "", "resourceId": "/x"}), "resourceId"),
        (body(source={"credentials": {"username": "u"}}), "credentials"),
    ],
)
def test_a_wrong_body_is_refused_naming_the_property(given: dict[str, Any], text: str) -> None:
    with pytest.raises(ArmError, match=text) as refused:
        parse(given, "target")
    assert refused.value.status == 400
