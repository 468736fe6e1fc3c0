"""Run requests and task steps become one plan."""

import base64
from typing import Any

import pytest
import yaml

from local.arm.errors import ArmError
from local.arm.plans import of_request, of_task, read_values

PATH = "tasks-source/20261123/00000000-0000-4000-8000-000000000000.tar.gz"


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def encoded(**more: Any) -> dict[str, Any]:
    return {
        "type": "EncodedTaskRunRequest",
        "encodedTaskContent": b64("steps: []"),
        "platform": {"os": "linux"},
        **more,
    }


def task(step: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"step": step, "platform": {"os": "Linux", "architecture": "amd64"}, **more}


def test_an_encoded_task_brings_its_yaml_and_values() -> None:
    values = b64("a: 1\nb: two\nc: true\n")
    plan = of_request(encoded(encodedValuesContent=values, values=[{"name": "b", "value": "2"}]))
    assert (plan.yaml, dict(plan.values)) == ("steps: []", {"a": "1", "b": "2", "c": "true"})
    assert (plan.context, plan.timeout, plan.platform) == ("", 3600, "linux/amd64")


def test_a_task_run_s_values_replace_and_add_by_name() -> None:
    step = {
        "type": "EncodedTask",
        "encodedTaskContent": b64("steps: []"),
        "values": [{"name": "a", "value": "1"}, {"name": "b", "value": "1"}],
    }
    override = {
        "values": [{"name": "b", "value": "2"}, {"name": "c", "value": "3"}],
        "contextPath": PATH,
    }
    plan = of_task(task(step, timeout=60), override)
    assert dict(plan.values) == {"a": "1", "b": "2", "c": "3"}
    assert (plan.context, plan.timeout) == (PATH, 60)


def test_a_docker_step_becomes_one_build_and_one_push() -> None:
    step = {
        "type": "Docker",
        "imageNames": ["hello:{{.Run.ID}}", "localhost:5003/hello:v1"],
        "dockerFilePath": "my app/Dockerfile",
        "noCache": True,
        "target": "final",
        "arguments": [{"name": "A", "value": "x; touch y"}],
        "contextPath": PATH,
    }
    plan = of_task(task(step), {})
    build, push = yaml.safe_load(plan.yaml)["steps"]
    assert build["build"] == (
        "-t {{.Run.Registry}}/hello:{{.Run.ID}} -t localhost:5003/hello:v1 -f 'my app/Dockerfile' "
        "--target final --no-cache --build-arg 'A=x; touch y' ."
    )
    assert push["push"] == ["{{.Run.Registry}}/hello:{{.Run.ID}}", "localhost:5003/hello:v1"]
    assert plan.builds


def test_a_build_that_shall_not_push_does_not() -> None:
    body = {
        "type": "DockerBuildRequest",
        "dockerFilePath": "Dockerfile",
        "imageNames": ["a:1"],
        "isPushEnabled": False,
        "sourceLocation": PATH,
    }
    assert [set(step) for step in yaml.safe_load(of_request(body).yaml)["steps"]] == [
        {"id", "build"}
    ]


def test_a_file_task_names_files_of_its_context() -> None:
    step = {
        "type": "FileTask",
        "taskFilePath": "acb.yaml",
        "valuesFilePath": "v.yaml",
        "contextPath": PATH,
    }
    plan = of_task(task(step), {"file": "other.yaml"})
    assert (plan.file, plan.values_file, plan.context) == ("other.yaml", "v.yaml", PATH)


def test_values_are_read_from_yaml() -> None:
    assert read_values("a: 1\n") == {"a": "1"}
    with pytest.raises(ArmError):
        read_values("- a")


@pytest.mark.parametrize(
    ("body", "status", "text"),
    [
        ({"type": "SomethingRequest"}, 400, "type"),
        (encoded(encodedTaskContent="%%%"), 400, "encodedTaskContent"),
        (encoded(encodedTaskContent=""), 400, "encodedTaskContent"),
        (encoded(timeout=0.5), 400, "timeout"),
        (encoded(timeout=28801), 400, "timeout"),
        (encoded(values=[{"value": "x"}]), 400, "values"),
        (encoded(platform={"os": "Windows"}), 501, "windows|Windows"),
        (encoded(agentPoolName="pool"), 501, "agentPoolName"),
        (encoded(sourceLocation="https://github.com/o/r.git"), 501, "github"),
        (encoded(sourceLocation="tasks-source/../../logs/x"), 501, "context"),
        ({"type": "DockerBuildRequest", "imageNames": ["a"]}, 400, "dockerFilePath"),
        (
            {"type": "DockerBuildRequest", "imageNames": ["a; rm x"], "dockerFilePath": "D"},
            400,
            "imageNames",
        ),
        ({"type": "FileTaskRunRequest", "taskFilePath": "a.yaml"}, 400, "taskFilePath"),
    ],
)
def test_what_cannot_run_is_refused_by_name(body: dict[str, Any], status: int, text: str) -> None:
    with pytest.raises(ArmError, match=text) as refused:
        of_request(body)
    assert refused.value.status == status
