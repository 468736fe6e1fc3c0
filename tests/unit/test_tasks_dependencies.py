"""Base images: found in Dockerfiles and written down as ACR does."""

import pytest

from local.tasks.dependencies import (
    Dependency,
    DockerfileError,
    OutputImage,
    Reference,
    parse_reference,
    recorded,
    scan,
    summary,
)

DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("node:9", Reference("registry.hub.docker.com", "library/node", "9")),
        ("docker.io/bitnami/x", Reference("registry.hub.docker.com", "bitnami/x", "latest")),
        ("localhost:5001/base/node:9-alpine", Reference("localhost:5001", "base/node", "9-alpine")),
        (f"a.azurecr.io/b@{DIGEST}", Reference("a.azurecr.io", "b", "", DIGEST)),
        (f"a.azurecr.io/b:1@{DIGEST}", Reference("a.azurecr.io", "b", "1", DIGEST)),
    ],
)
def test_a_reference_is_spelled_as_acr_records_it(text, expected):
    assert parse_reference(text) == expected


def test_docker_hub_is_pulled_from_docker_io():
    assert parse_reference("node:9").name == "docker.io/library/node:9"


def test_the_final_stage_is_the_runtime_dependency_and_the_others_are_buildtime():
    bases = scan("FROM golang:1 AS build\nRUN x\nFROM a.io/b:2\nCOPY --from=build /x /x\n", {})
    assert bases.runtime == Reference("a.io", "b", "2")
    assert bases.buildtime == (Reference("registry.hub.docker.com", "library/golang", "1"),)
    assert bases.copied == ()


def test_an_arg_before_from_takes_the_build_s_value_then_its_default():
    dockerfile = "ARG R=a.io\nARG T\nFROM ${R}/b:$T\n"
    assert scan(dockerfile, {"T": "3"}).runtime == Reference("a.io", "b", "3")
    assert scan(dockerfile, {"T": "3", "R": "c.io"}).runtime == Reference("c.io", "b", "3")


def test_a_final_stage_on_an_earlier_one_leads_to_that_one_s_image():
    bases = scan("FROM a.io/b:1 AS base\nFROM base AS x\nFROM x\n", {})
    assert (bases.runtime, bases.buildtime) == (Reference("a.io", "b", "1"), ())


def test_a_target_is_the_final_stage():
    assert scan("FROM a.io/b:1 AS one\nFROM a.io/c:1\n", {}, "one").runtime == Reference(
        "a.io", "b", "1"
    )


def test_scratch_is_no_dependency_and_images_copied_from_are_known():
    bases = scan("FROM scratch\nCOPY --from=a.io/b:1 /x /x\n# FROM no:1\n", {})
    assert (bases.runtime, bases.buildtime, bases.copied) == (
        None,
        (),
        (Reference("a.io", "b", "1"),),
    )


@pytest.mark.parametrize("text", ["FROM --platform=linux/amd64 a:1", "FROM a:1 AS", "RUN x"])
def test_what_acr_s_scanner_does_not_understand_fails(text):
    with pytest.raises(DockerfileError):
        scan(text, {})


def test_pushed_tags_become_output_images_and_bases_dependencies_once():
    base = {"registry": "r", "repository": "base/node", "tag": "9", "digest": DIGEST}
    builds = [{"tags": ["r.io/a:1", "r.io/a:2"], "runtime": base, "buildtime": []}]
    rows = recorded(builds, {"r.io/a:1": "sha256:" + "b" * 64})
    images, dependencies = summary(rows)
    assert images == (OutputImage("r.io", "a", "1", "sha256:" + "b" * 64),)
    assert dependencies == (Dependency("RunTime", "r", "base/node", "9", DIGEST),)
    assert rows[0]["runtime-dependency"]["reference"] == "r/base/node:9"
    assert rows[0]["buildtime-dependency"] is None
