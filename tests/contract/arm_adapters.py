"""Our ARM adapters for any principal of the local ARM's test world."""

import base64
from collections.abc import Callable, Mapping

from shared.azure.imports import ArmImports
from shared.azure.registries import ArmRegistries, arm_client
from shared.azure.tasks import AcrTasks, tasks_client
from shared.values import Credential
from tests.contract.arm_world import GROUP, SUBSCRIPTION, TestCredential, World

YAML = "version: v1.1.0\nsteps:\n  - cmd: bash true\n"


def registries_of(here: World, who: str = "operator") -> ArmRegistries:
    credential = TestCredential(here.directory, who)
    return ArmRegistries(arm_client(credential, SUBSCRIPTION, here.url), SUBSCRIPTION)


def imports_of(
    here: World,
    who: str = "operator",
    *,
    sees: str = "operator",
    credentials: Mapping[str, Credential] | None = None,
    entra: Callable[[], str] | None = None,
) -> ArmImports:
    """Return the imports of `who`, which knows the registries that `sees` may read."""
    client = arm_client(TestCredential(here.directory, who), SUBSCRIPTION, here.url)
    return ArmImports(client, registries_of(here, sees), here.url, credentials, entra)


def tasks_of(here: World, who: str = "operator") -> AcrTasks:
    client = tasks_client(TestCredential(here.directory, who), SUBSCRIPTION, here.url)
    return AcrTasks(client, registries_of(here), scan="breakwater-scan", test="breakwater-test")


def put_task(here: World, registry: str, name: str) -> None:
    step = {
        "type": "EncodedTask",
        "encodedTaskContent": base64.b64encode(YAML.encode()).decode(),
    }
    body = {
        "location": "westeurope",
        "properties": {
            "platform": {"os": "Linux", "architecture": "amd64"},
            "agentConfiguration": {"cpu": 2},
            "step": step,
        },
    }
    here.tasks().tasks.create(GROUP, registry, name, body)
