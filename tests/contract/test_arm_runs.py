"""Runs through the unmodified SDK: started, queued, followed, cancelled, found again."""

import base64
import io
import re
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

from local.arm.plans import Plan
from local.tasks.dependencies import OutputImage
from local.tasks.runner import RunResult
from tests.contract.arm_world import GROUP, World, told, world
from tests.contract.waiting import PATIENCE, eventually

YAML = "version: v1.1.0\nsteps:\n  - cmd: bash echo hi\n"
B64 = base64.b64encode(YAML.encode()).decode()
REGISTRY = "contosoapps"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with world(tmp_path, monkeypatch) as made:
        yield made


def quick(**more: Any) -> dict[str, Any]:
    return {
        "type": "EncodedTaskRunRequest",
        "encodedTaskContent": B64,
        "platform": {"os": "linux", "architecture": "amd64"},
        **more,
    }


def schedule(here: World, request: Any = None, registry: str = REGISTRY) -> Any:
    return here.tasks().registries.schedule_run(GROUP, registry, request or quick())


def states(here: World, *names: str) -> list[str]:
    runs = here.tasks().runs
    return [runs.get(GROUP, REGISTRY, name).properties.status for name in names]


def a_task(here: World, name: str = "hello-world", **properties: Any) -> Any:
    step = {
        "type": "EncodedTask",
        "encodedTaskContent": B64,
        "values": [{"name": "a", "value": "1"}],
    }
    given = {"platform": {"os": "Linux"}, "step": step, **properties}
    body = {"location": "westeurope", "properties": given}
    return here.tasks().tasks.create(GROUP, REGISTRY, name, body)


def task_run(task: Any, **override: Any) -> dict[str, Any]:
    body = {"type": "TaskRunRequest", "taskId": task.id}
    return body | ({"overrideTaskStepProperties": override} if override else {})


def archive(**files: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


def upload(here: World, content: bytes) -> str:
    where = here.tasks().registries.get_build_source_upload_url(GROUP, REGISTRY)
    answer = requests.put(where.upload_url, data=content, timeout=PATIENCE)
    assert answer.status_code == 201
    return str(where.relative_path)


def test_a_run_goes_from_queued_through_running_to_succeeded(here: World) -> None:
    here.hold()
    run = schedule(here, quick(values=[{"name": "v", "value": "1"}]))
    assert re.fullmatch("c[a-z]1", run.name)
    assert run.properties.status in ("Queued", "Running")
    eventually(lambda: states(here, run.name) == ["Running"])
    here.release()
    ended = here.ended(here.apps, run.name)
    assert (ended.status, ended.run_type, ended.provisioning_state) == (
        "Succeeded",
        "QuickRun",
        "Succeeded",
    )
    assert ended.create_time <= ended.start_time <= ended.finish_time
    (spec,) = here.runner.specs
    assert (spec.yaml, dict(spec.values), spec.context) == (YAML, {"v": "1"}, None)
    assert (spec.registry, spec.registry_name) == (here.apps.login_server, "contosoapps")
    assert (spec.run_id, spec.timeout, spec.platform) == (run.name, 3600, "linux/amd64")
    assert list(spec.docker_config["auths"]) == [here.apps.login_server]


def test_run_ids_count_per_registry(here: World) -> None:
    names = [schedule(here).name for _ in range(2)]
    assert [name[2:] for name in names] == ["1", "2"]
    assert schedule(here, registry="contosobase").name.endswith("1")


def test_at_most_two_runs_execute_at_once(here: World) -> None:
    here.hold()
    names = [schedule(here).name for _ in range(4)]
    eventually(lambda: states(here, *names).count("Running") == 2)
    assert states(here, *names) == ["Running", "Running", "Queued", "Queued"]
    here.release()
    assert {here.ended(here.apps, name).status for name in names} == {"Succeeded"}
    assert here.runner.most == 2


def test_the_log_is_an_append_blob_that_ends_complete(here: World) -> None:
    here.hold()
    blocking = [schedule(here).name for _ in range(2)]
    run = schedule(here).name
    link = here.tasks().runs.get_log_sas_url(GROUP, REGISTRY, run).log_link
    assert requests.get(link, timeout=PATIENCE).status_code == 404
    here.release()
    for name in (*blocking, run):
        here.ended(here.apps, name)
    answer = requests.get(link, timeout=PATIENCE)
    assert answer.headers["x-ms-meta-Complete"] == "succeeded"
    lines = answer.content.decode().split("\r\n")
    assert f"hello from {run}" in lines
    assert "second line" in lines
    assert re.fullmatch(f"Run ID: {run} was successful after [0-9]+s", lines[-2])
    assert lines[-1] == ""


def test_the_log_grows_while_the_run_goes_on(here: World) -> None:
    here.hold()
    run = schedule(here).name
    log = f"logs/{REGISTRY}/{run}/rawtext.log"
    eventually(lambda: f"hello from {run}\r\n".encode() in here.blobs.content.get(log, b""))
    assert here.blobs.complete == {}


@pytest.mark.parametrize(
    ("result", "complete", "line"),
    [
        (RunResult("Failed", "failed during run, err: exit status 1"), "failed", "failed after "),
        (RunResult("Timeout", "timed out"), "timedout", "timed out after "),
        (RunResult("Error", "no engine"), "internalerror", "failed after "),
    ],
)
def test_a_run_that_fails_says_why(
    here: World, result: RunResult, complete: str, line: str
) -> None:
    here.runner.result = result
    run = schedule(here).name
    ended = here.ended(here.apps, run)
    assert (ended.status, ended.run_error_message) == (result.status, result.error)
    assert here.blobs.complete[f"logs/{REGISTRY}/{run}/rawtext.log"] == complete
    assert f"Run ID: {run} {line}" in here.log(here.apps, run)


def test_a_runner_that_breaks_makes_the_run_an_error(here: World) -> None:
    here.runner.raises = RuntimeError("the engine is gone")
    ended = here.ended(here.apps, schedule(here).name)
    assert (ended.status, ended.run_error_message) == ("Error", "RuntimeError: the engine is gone")


def test_a_cancelled_run_is_killed_and_a_queued_one_never_starts(here: World) -> None:
    here.hold()
    runs = here.tasks().runs
    names = [schedule(here).name for _ in range(3)]
    for name in (names[2], names[0]):
        runs.cancel(GROUP, REGISTRY, name)
        assert here.ended(here.apps, name).status == "Canceled"
    assert here.runner.killed == [names[0]]
    assert names[2] not in [spec.run_id for spec in here.runner.specs]
    assert here.blobs.complete[f"logs/{REGISTRY}/{names[0]}/rawtext.log"] == "canceled"
    runs.cancel(GROUP, REGISTRY, names[0])
    assert runs.get(GROUP, REGISTRY, names[0]).properties.status == "Canceled"


def test_a_run_cancelled_before_its_first_step_is_canceled(here: World) -> None:
    async def at_once() -> Any:
        run = here.arm.runs.start(here.apps, Plan(), {}, kind="QuickRun")
        here.arm.runs.cancel(run)
        return run

    assert here.ended(here.apps, here.loop.call(at_once()).id).status == "Canceled"


def test_closing_cancels_whatever_runs(here: World) -> None:
    here.hold()
    names = [schedule(here).name for _ in range(3)]
    here.loop.call(here.arm.close())
    assert states(here, *names) == ["Canceled"] * 3
    assert here.runner.running == 0


def test_runs_are_listed_newest_first_filtered_and_capped(here: World) -> None:
    task = a_task(here)
    here.ended(here.apps, schedule(here).name)
    here.runner.result = RunResult("Failed", "no")
    names = [schedule(here, task_run(task)).name for _ in range(3)]
    for name in names:
        here.ended(here.apps, name)
    runs = here.tasks().runs
    listed = [each.name for each in runs.list(GROUP, REGISTRY)]
    assert listed == [*names[::-1], f"{names[0][:2]}1"]
    wanted = "TaskName eq 'hello-world' and Status eq 'Failed'"
    assert [each.name for each in runs.list(GROUP, REGISTRY, filter=wanted, top=2)] == names[:0:-1]
    assert list(runs.list(GROUP, REGISTRY, filter="Status eq 'Running'")) == []
    with pytest.raises(HttpResponseError) as refused:
        list(runs.list(GROUP, REGISTRY, filter="not Status eq 'Failed'"))
    assert (refused.value.status_code, told(refused).code) == (
        400,
        "InvalidFilterInQueryString",
    )


def test_a_long_list_comes_in_pages(here: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("local.arm.scheduling._PAGE", 2)
    names = [schedule(here).name for _ in range(5)]
    assert [each.name for each in here.tasks().runs.list(GROUP, REGISTRY)] == names[::-1]
    assert [each.name for each in here.tasks().runs.list(GROUP, REGISTRY, top=3)] == names[:1:-1]


def test_a_task_run_takes_overridden_values_and_an_uploaded_context(here: World) -> None:
    task = a_task(here, timeout=77)
    path = upload(here, archive(**{"test.sh": b"exit 0"}))
    values = [{"name": "a", "value": "2"}, {"name": "b", "value": "3"}]
    run = schedule(here, task_run(task, values=values, contextPath=path))
    ended = here.ended(here.apps, run.name)
    assert (ended.status, ended.task, ended.run_type) == ("Succeeded", "hello-world", "AutoRun")
    (spec,) = here.runner.specs
    assert (dict(spec.values), spec.timeout, spec.task_name) == (
        {"a": "2", "b": "3"},
        77,
        "hello-world",
    )
    assert here.runner.files == [{"test.sh": b"exit 0"}]
    assert spec.context is not None
    assert not spec.context.exists()


def test_a_context_that_was_never_uploaded_fails_the_run(here: World) -> None:
    where = here.tasks().registries.get_build_source_upload_url(GROUP, REGISTRY)
    ended = here.ended(here.apps, schedule(here, quick(sourceLocation=where.relative_path)).name)
    assert (ended.status, here.runner.specs) == ("Failed", [])
    assert "failed to download context" in ended.run_error_message


def test_a_file_task_and_a_quick_build_run_from_their_context(here: World) -> None:
    path = upload(
        here,
        archive(**{"acb.yaml": YAML.encode(), "v.yaml": b"a: 1\nb: 1\n", "Dockerfile": b"FROM x"}),
    )
    platform = {"os": "Linux", "architecture": "amd64"}
    file = {
        "type": "FileTaskRunRequest",
        "taskFilePath": "acb.yaml",
        "valuesFilePath": "v.yaml",
        "values": [{"name": "b", "value": "2"}],
        "platform": platform,
        "sourceLocation": path,
    }
    build = {
        "type": "DockerBuildRequest",
        "dockerFilePath": "Dockerfile",
        "imageNames": ["hello:{{.Run.ID}}"],
        "platform": platform,
        "sourceLocation": path,
    }
    image = OutputImage(here.apps.login_server, "hello", "1", "sha256:" + "a" * 64)
    here.runner.result = RunResult("Succeeded", "", (image,))
    assert here.ended(here.apps, schedule(here, file).name).run_type == "QuickRun"
    built = here.ended(here.apps, schedule(here, build).name)
    assert built.run_type == "QuickBuild"
    assert [(each.repository, each.digest) for each in built.output_images] == [
        ("hello", image.digest)
    ]
    first, second = here.runner.specs
    assert (first.yaml, dict(first.values)) == (YAML, {"a": "1", "b": "2"})
    assert "build: -t {{.Run.Registry}}/hello:{{.Run.ID}} -f Dockerfile ." in second.yaml
    wanted = f"contains(OutputImageManifests, 'hello@{image.digest}')"
    assert len(list(here.tasks().runs.list(GROUP, REGISTRY, filter=wanted))) == 2


def test_a_run_can_be_archived(here: World) -> None:
    run = schedule(here).name
    assert not here.ended(here.apps, run).is_archive_enabled
    runs = here.tasks().runs
    changed = runs.update(GROUP, REGISTRY, run, {"properties": {"isArchiveEnabled": True}})
    assert changed.properties.is_archive_enabled


def test_what_is_not_there_is_not_found(here: World) -> None:
    with pytest.raises(ResourceNotFoundError):
        here.tasks().runs.get(GROUP, REGISTRY, "cz99")
    absent = {"type": "TaskRunRequest", "taskId": f"{here.apps.resource_id}/tasks/absent"}
    with pytest.raises(ResourceNotFoundError):
        schedule(here, absent)
    foreign = {"type": "TaskRunRequest", "taskId": f"{here.base.resource_id}/tasks/hello-world"}
    with pytest.raises(HttpResponseError, match="taskId"):
        schedule(here, foreign)
