"""Registries through the SDK and the lists `az` reads; who is let in, and what is not there."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

from local.directory import new_key
from local.faults import Fault, Kind
from tests.contract.arm_world import GROUP, SUBSCRIPTION, World, told, world
from tests.contract.waiting import PATIENCE

ROOT = f"/subscriptions/{SUBSCRIPTION}"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with world(tmp_path, monkeypatch) as made:
        yield made


def get(
    here: World, path: str, *, who: str = "operator", method: str = "GET", **more: Any
) -> requests.Response:
    headers = {"Authorization": f"Bearer {here.token(who)}"}
    return requests.request(method, here.url + path, headers=headers, timeout=PATIENCE, **more)


def test_a_registry_has_the_properties_azure_shows(here: World) -> None:
    found = here.acr().registries.get("Breakwater", "CONTOSOSTAGING")
    assert found.id == here.staging.resource_id
    assert found.properties.login_server == here.staging.login_server
    assert found.properties.role_assignment_mode == "LegacyRegistryPermissions"
    assert found.properties.provisioning_state == "Succeeded"
    assert found.sku.name == "Standard"
    assert found.properties.creation_date is not None


def test_lists_hold_what_the_caller_may_read(here: World) -> None:
    client = here.acr().registries
    assert {each.name for each in client.list()} == set(here.registries)
    assert {each.name for each in client.list_by_resource_group(GROUP)} == set(here.registries)
    assert list(here.acr("stranger").registries.list()) == []


def test_an_unknown_registry_group_or_subscription_is_not_found(here: World) -> None:
    with pytest.raises(ResourceNotFoundError) as missing:
        here.acr().registries.get(GROUP, "contosonone")
    assert told(missing).code == "ResourceNotFound"
    with pytest.raises(ResourceNotFoundError) as missing:
        here.acr().registries.get("other", "contosostaging")
    assert told(missing).code == "ResourceGroupNotFound"
    answer = get(here, "/subscriptions/00000000-0000-0000-0000-000000000000?api-version=1")
    assert answer.json()["error"]["code"] == "SubscriptionNotFound"


def test_az_finds_a_registry_s_group_in_the_list_of_resources(here: World) -> None:
    kind = "Microsoft.ContainerRegistry/registries"
    query = {"api-version": "2024-11-01", "$filter": f"resourceType eq '{kind}'"}
    value = get(here, f"{ROOT}/resources", params=query).json()["value"]
    assert {each["name"] for each in value} == set(here.registries)
    assert f"/resourceGroups/{GROUP}/" in value[0]["id"]
    query["$filter"] = "resourceType eq 'Microsoft.Web/sites'"
    assert get(here, f"{ROOT}/resources", params=query).json()["value"] == []
    query["$filter"] = "substringof('x', name)"
    assert get(here, f"{ROOT}/resources", params=query).status_code == 400


def test_any_api_version_is_accepted_and_none_is_not(here: World) -> None:
    path = here.staging.resource_id.replace("resourceGroups", "RESOURCEgroups")
    assert get(here, f"{path}?api-version=2099-01-01").status_code == 200
    assert get(here, path).json()["error"]["code"] == "MissingApiVersionParameter"
    subscriptions = get(here, "/subscriptions?api-version=2022-12-01").json()["value"]
    assert [each["subscriptionId"] for each in subscriptions] == [SUBSCRIPTION]
    assert get(here, f"{ROOT}?api-version=1").json()["state"] == "Enabled"


def test_an_operation_that_is_not_here_says_so_by_name(here: World) -> None:
    path = f"{here.staging.resource_id}/listCredentials"
    answer = get(here, f"{path}?api-version=1", method="POST")
    assert answer.status_code == 501
    assert path in answer.json()["error"]["message"]
    with pytest.raises(HttpResponseError) as refused:
        here.acr().registries.list_usages(GROUP, "contosostaging", retry_total=0)
    assert refused.value.status_code == 501


def test_without_a_valid_token_nobody_is_let_in(here: World) -> None:
    path = f"{here.staging.resource_id}?api-version=1"
    assert requests.get(here.url + path, timeout=PATIENCE).status_code == 401
    foreign = here.directory.token(here.directory.add("operator"), "https://storage.azure.com")
    headers = {"Authorization": f"Bearer {foreign}"}
    answer = requests.get(here.url + path, headers=headers, timeout=PATIENCE)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "AuthenticationFailed")
    real = here.directory.token(here.directory.add("operator"), "https://management.azure.com/")
    headers = {"Authorization": f"Bearer {real}"}
    assert requests.get(here.url + path, headers=headers, timeout=PATIENCE).status_code == 200
    here.directory.key = new_key()  # so that every token issued so far is a forgery
    assert requests.get(here.url + path, headers=headers, timeout=PATIENCE).status_code == 401


@pytest.mark.parametrize(
    ("act", "action"),
    [
        (lambda w: w.acr("stranger").registries.get(GROUP, "contosobase"), "registries/read"),
        (
            lambda w: w.acr("pusher").registries.begin_import_image(GROUP, "contosobase", {}),
            "registries/importImage/action",
        ),
        (
            lambda w: w.tasks("breakwater").registries.schedule_run(GROUP, "contosobase", {}),
            "registries/scheduleRun/action",
        ),
        (
            lambda w: list(w.tasks("breakwater").runs.list(GROUP, "contosobase")),
            "registries/runs/read",
        ),
    ],
)
def test_a_missing_role_is_named_by_its_action(here: World, act: Any, action: str) -> None:
    with pytest.raises(HttpResponseError) as refused:
        act(here)
    assert refused.value.status_code == 403
    assert told(refused).code == "AuthorizationFailed"
    assert f"Microsoft.ContainerRegistry/{action}" in refused.value.message


def test_a_fault_hits_the_operation_it_names(here: World) -> None:
    fault = here.faults.add(Fault("arm.registries.get", Kind.FAIL, match="contosobase", status=409))
    assert here.acr().registries.get(GROUP, "contosostaging").name == "contosostaging"
    with pytest.raises(HttpResponseError) as failed:
        here.acr().registries.get(GROUP, "contosobase")
    assert (failed.value.status_code, fault.fired) == (409, 1)


def test_a_body_that_is_no_json_object_is_refused(here: World) -> None:
    path = f"{here.staging.resource_id}/importImage?api-version=1"
    for body in (b"{", b"[]"):
        answer = get(here, path, method="POST", data=body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "InvalidParameters")
