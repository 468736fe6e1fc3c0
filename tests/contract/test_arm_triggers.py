"""Base image triggers: a moved tag starts the tasks that were built on it."""

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.images import Built, push
from local.tasks.dependencies import Dependency
from local.tasks.runner import RunResult
from tests.contract.arm_world import GROUP, World, an_image, world

B64 = base64.b64encode(b"steps: []").decode()
REGISTRY = "contosoapps"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with world(tmp_path, monkeypatch) as made:
        yield made


def a_task(here: World, trigger: Any) -> Any:
    step = {"type": "EncodedTask", "encodedTaskContent": B64}
    given = {"platform": {"os": "Linux"}, "step": step, "trigger": {"baseImageTrigger": trigger}}
    body = {"location": "westeurope", "properties": given}
    return here.tasks().tasks.create(GROUP, REGISTRY, "hello-world", body)


def rebuild(here: World, task: Any) -> Any:
    body = {"type": "TaskRunRequest", "taskId": task.id}
    run = here.tasks().registries.schedule_run(GROUP, REGISTRY, body)
    return here.ended(here.apps, run.name)


def built_on(here: World, digest: Any, kind: str = "RunTime") -> RunResult:
    base = Dependency(kind, here.base.login_server, "node", "9", str(digest))
    return RunResult("Succeeded", "", (), (base,))


def pushed(here: World, built: Built, tag: str = "9") -> Any:
    """Push into base on the loop, as its data plane does."""
    return here.loop.do(push, built, here.base, "node", tag)


def build(here: World, digest: Any, *, watches: str = "Runtime", kind: str = "RunTime") -> Any:
    """Make a task with a base image trigger and build it once."""
    base = {"name": "base", "baseImageTriggerType": watches, "status": "Enabled"}
    task = a_task(here, base)
    here.runner.result = built_on(here, digest, kind)
    rebuild(here, task)
    return task


def dependencies(here: World, task: Any) -> Any:
    step = here.tasks().tasks.get(GROUP, REGISTRY, task.name).properties.step
    return step.base_image_dependencies


def runs(here: World) -> Any:
    return list(here.tasks().runs.list(GROUP, REGISTRY))


def test_a_moved_base_tag_starts_one_run_of_the_task_that_was_built_on_it(here: World) -> None:
    old, new = an_image("old"), an_image("new")
    pushed(here, old)
    task = build(here, old.digest)
    (dependency,) = dependencies(here, task)
    assert (dependency.registry, dependency.repository, dependency.tag, dependency.digest) == (
        here.base.login_server,
        "node",
        "9",
        str(old.digest),
    )
    here.runner.result = built_on(here, new.digest)
    here.hold()
    pushed(here, new)
    pushed(here, new)
    here.release()
    triggered, _ = runs(here)
    assert triggered.properties.run_type == "AutoBuild"
    (image,) = triggered.properties.image_update_trigger.images
    assert (image.repository, image.tag, image.digest) == ("node", "9", str(new.digest))
    here.ended(here.apps, triggered.name)
    assert here.runner.specs[-1].triggered_by == "Image Update"
    pushed(here, new)
    assert len(runs(here)) == 2


def test_the_same_digest_another_tag_or_a_disabled_trigger_start_nothing(here: World) -> None:
    old, new = an_image("old"), an_image("new")
    task = build(here, old.digest)
    pushed(here, old)
    pushed(here, new, tag="10")
    disabled = {"name": "base", "baseImageTriggerType": "Runtime", "status": "Disabled"}
    patch = {"properties": {"trigger": {"baseImageTrigger": disabled}}}
    here.tasks().tasks.update(GROUP, REGISTRY, task.name, patch)
    pushed(here, new)
    assert len(runs(here)) == 1


def test_a_disabled_task_and_the_switch_start_nothing(here: World) -> None:
    old = an_image("old")
    task = build(here, old.digest)
    here.arm.base_image_triggers = False
    pushed(here, an_image("new"))
    here.arm.base_image_triggers = True
    patch = {"properties": {"status": "Disabled"}}
    here.tasks().tasks.update(GROUP, REGISTRY, task.name, patch)
    pushed(here, an_image("newer"))
    assert len(runs(here)) == 1


@pytest.mark.parametrize(("watches", "count"), [("Runtime", 1), ("All", 2)])
def test_images_of_build_stages_trigger_only_when_all_are_watched(
    here: World, watches: str, count: int
) -> None:
    build(here, an_image("old").digest, watches=watches, kind="BuildTime")
    pushed(here, an_image("new"))
    assert len(runs(here)) == count


def test_a_failed_run_leaves_what_the_task_was_built_on(here: World) -> None:
    old, new = an_image("old"), an_image("new")
    task = build(here, old.digest)
    here.runner.result = RunResult("Failed", "no", (), built_on(here, new.digest).dependencies)
    rebuild(here, task)
    (dependency,) = dependencies(here, task)
    assert dependency.digest == str(old.digest)


def test_a_digest_that_comes_back_after_another_triggers_again(here: World) -> None:
    old, new = an_image("old"), an_image("new")
    build(here, old.digest)
    here.runner.result = RunResult("Failed", "no")
    for built in (new, old, new):
        pushed(here, built)
    assert len(runs(here)) == 1 + 2
