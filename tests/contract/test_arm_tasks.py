"""Task resources through the unmodified SDK."""

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

from tests.contract.arm_world import GROUP, World, world

YAML = base64.b64encode(b"version: v1.1.0\nsteps:\n  - cmd: bash echo {{.Values.a}}\n").decode()
REGISTRY = "contosoapps"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with world(tmp_path, monkeypatch) as made:
        yield made


def body(**properties: Any) -> dict[str, Any]:
    step = {
        "type": "EncodedTask",
        "encodedTaskContent": YAML,
        "values": [{"name": "a", "value": "1"}],
    }
    given = {"platform": {"os": "Linux", "architecture": "amd64"}, "step": step, **properties}
    return {"location": "westeurope", "properties": given}


def test_a_task_is_put_read_listed_and_deleted(here: World) -> None:
    tasks = here.tasks().tasks
    made = tasks.create(GROUP, REGISTRY, "hello-world", body(timeout=600))
    assert made.id == f"{here.apps.resource_id}/tasks/hello-world"
    assert (made.properties.status, made.properties.timeout) == ("Enabled", 600)
    assert made.properties.provisioning_state == "Succeeded"
    found = tasks.get(GROUP, REGISTRY, "Hello-World")
    assert found.properties.step.encoded_task_content == YAML
    assert found.properties.step.base_image_dependencies is None
    assert [each.name for each in tasks.list(GROUP, REGISTRY)] == ["hello-world"]
    assert list(tasks.list(GROUP, "contosobase")) == []
    tasks.delete(GROUP, REGISTRY, "hello-world")
    with pytest.raises(ResourceNotFoundError):
        tasks.get(GROUP, REGISTRY, "hello-world")
    tasks.delete(GROUP, REGISTRY, "hello-world")


def test_the_default_timeout_is_an_hour_and_triggers_are_kept(here: World) -> None:
    base = {"name": "base", "baseImageTriggerType": "Runtime", "status": "Enabled"}
    made = here.tasks().tasks.create(
        GROUP, REGISTRY, "hello-world", body(trigger={"baseImageTrigger": base})
    )
    assert made.properties.timeout == 3600
    assert made.properties.trigger.base_image_trigger.base_image_trigger_type == "Runtime"


@pytest.mark.parametrize("kind", ["timerTriggers", "sourceTriggers"])
def test_a_trigger_that_would_never_fire_is_refused_and_named(here: World, kind: str) -> None:
    with pytest.raises(HttpResponseError) as refused:
        here.tasks().tasks.create(GROUP, REGISTRY, "hello-world", body(trigger={kind: [{}]}))

    assert refused.value.status_code == 501
    assert kind in str(refused.value)


def test_a_patch_changes_what_it_names_and_nothing_else(here: World) -> None:
    tasks = here.tasks().tasks
    tasks.create(GROUP, REGISTRY, "hello-world", body(timeout=600))
    patch = {"properties": {"status": "Disabled", "trigger": None}, "tags": {"team": "web"}}
    changed = tasks.update(GROUP, REGISTRY, "hello-world", patch)
    assert (changed.properties.status, changed.properties.timeout) == ("Disabled", 600)
    assert changed.tags == {"team": "web"}
    assert changed.properties.step.encoded_task_content == YAML


def test_secrets_are_shown_by_details_only(here: World) -> None:
    tasks = here.tasks().tasks
    given = body(
        credentials={
            "customRegistries": {
                "docker.io": {
                    "userName": {"type": "Opaque", "value": "me"},
                    "password": {"type": "Opaque", "value": "hush"},
                }
            }
        }
    )
    given["properties"]["step"]["values"].append({"name": "s", "value": "hush", "isSecret": True})
    given["properties"]["step"]["contextAccessToken"] = "hush"
    shown = tasks.create(GROUP, REGISTRY, "hello-world", given)
    for each in (shown, tasks.get(GROUP, REGISTRY, "hello-world"), *tasks.list(GROUP, REGISTRY)):
        assert "hush" not in str(each.as_dict())
    details = str(tasks.get_details(GROUP, REGISTRY, "hello-world").as_dict())
    assert details.count("hush") == 3


def test_identities_are_filled_in_and_unknown_ones_refused(here: World) -> None:
    tasks, scan = here.tasks().tasks, here.directory.add("scan")
    prefix = f"/subscriptions/s/resourceGroups/{GROUP}/providers/Microsoft.ManagedIdentity"
    known = f"{prefix}/userAssignedIdentities/scan"
    both = {"type": "SystemAssigned, UserAssigned", "userAssignedIdentities": {known: {}}}
    made = tasks.create(GROUP, REGISTRY, "hello-world", body() | {"identity": both})
    assert made.identity.user_assigned_identities[known].client_id == scan.client_id
    assert made.identity.principal_id in here.directory.principals
    unknown = {"type": "UserAssigned", "userAssignedIdentities": {f"{known}ner": {}}}
    with pytest.raises(HttpResponseError, match="identity"):
        tasks.create(GROUP, REGISTRY, "hello-world", body() | {"identity": unknown})


@pytest.mark.parametrize(
    ("name", "given", "text"),
    [
        ("abcd", body(), "5 to 50"),
        ("hello.world", body(), "task name"),
        ("hello-world", {"properties": body()["properties"]}, "location"),
        ("hello-world", body(step=None), "step.type"),
        ("hello-world", body(step={"type": "Shell"}), "step.type"),
        ("hello-world", body(step={"type": "Docker"}), "dockerFilePath"),
        ("hello-world", body(trigger={"baseImageTrigger": {"name": "x"}}), "baseImageTriggerType"),
    ],
)
def test_a_task_that_cannot_be_is_refused_by_name(
    here: World, name: str, given: dict[str, Any], text: str
) -> None:
    with pytest.raises(HttpResponseError, match=text) as refused:
        here.tasks().tasks.create(GROUP, REGISTRY, name, given)
    assert refused.value.status_code == 400
    assert list(here.tasks().tasks.list(GROUP, REGISTRY)) == []


def test_what_a_task_was_built_on_is_read_only_and_goes_when_its_step_changes(here: World) -> None:
    tasks = here.tasks().tasks
    tasks.create(GROUP, REGISTRY, "hello-world", body())
    base = {"type": "RunTime", "registry": "r", "repository": "node", "tag": "9", "digest": "d"}
    task: Any = here.arm.tasks.find(here.apps, "hello-world")
    here.loop.do(task.built_on, [base])
    forged = body()
    forged["properties"]["step"]["baseImageDependencies"] = [{**base, "digest": "forged"}]
    kept = tasks.create(GROUP, REGISTRY, "hello-world", forged)
    assert [each.digest for each in kept.properties.step.base_image_dependencies] == ["d"]
    assert kept.properties.step.base_image_dependencies[0].type == "RunTime"
    other = body()
    other["properties"]["step"]["values"] = []
    changed = tasks.create(GROUP, REGISTRY, "hello-world", other)
    assert changed.properties.step.base_image_dependencies is None
