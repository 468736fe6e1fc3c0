"""What infra deploys into the registries: the tool image in base, and the scan and test tasks in staging."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from local import images
from local.acr.registry import LOCATION, RESOURCE_GROUP, SUBSCRIPTION, Registry
from local.directory import Principal
from shared.errors import Misconfigured

TOOLS = "tools/cssc"
TASK_API = "2019-06-01-preview"
_IDENTITIES = (
    f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{RESOURCE_GROUP}"
    "/providers/Microsoft.ManagedIdentity/userAssignedIdentities"
)


class NotDeployed(Misconfigured):
    """ARM refused what infra puts there."""


def tool_image(base: Registry) -> str:
    """Put a stand-in for Microsoft's tool image into base; return its reference by digest.

    The task runner never starts it: a step of this repository gets the stand-ins of local/tools.
    """
    files = {"/README": b"Steps of this image run the stand-ins of local/tools/bin.\n"}
    digest = images.push(images.image(files=files), base, TOOLS, "local")
    return f"{base.login_server}/{TOOLS}@{digest}"


def task(
    yaml: str, tools: str, identity: Principal, login_servers: Sequence[str]
) -> dict[str, Any]:
    """Return a task's ARM resource: its own identity, pull or push as its roles allow, nothing by default.

    The home registry's own login (which may push) is off, so that the identity's roles are all there is.
    """
    user = f"{_IDENTITIES}/{identity.name}"
    return {
        "location": LOCATION,
        "identity": {"type": "UserAssigned", "userAssignedIdentities": {user: {}}},
        "properties": {
            "status": "Enabled",
            "platform": {"os": "Linux", "architecture": "amd64"},
            "agentConfiguration": {"cpu": 2},
            "timeout": 3600,
            "step": {
                "type": "EncodedTask",
                "encodedTaskContent": base64.b64encode(
                    yaml.replace("{tools}", tools).encode()
                ).decode(),
                "values": [],
            },
            "credentials": {
                "sourceRegistry": {"loginMode": "None"},
                "customRegistries": {
                    login: {"identity": identity.client_id} for login in login_servers
                },
            },
        },
    }


def read_task(folder: Path, name: str) -> str:
    """Read a task's YAML as infra deploys it. Raises NotDeployed when the file is not there."""
    path = folder / "infra" / "tasks" / f"{name}.yaml"
    try:
        return path.read_text("utf-8")
    except OSError as error:
        message = f"{path}: expected a task's YAML, found {error.strerror}"
        raise NotDeployed(message) from error


@dataclass(frozen=True, slots=True)
class Control:
    """ARM, as the operator who deploys reaches it."""

    session: aiohttp.ClientSession
    arm: str
    token: str

    async def put(self, resource_id: str, body: Mapping[str, Any]) -> None:
        """PUT a task as a deployment would. Raises NotDeployed with ARM's own words."""
        url = f"{self.arm}{resource_id}?api-version={TASK_API}"
        headers = {"Authorization": f"Bearer {self.token}"}
        async with self.session.put(url, json=body, headers=headers) as response:
            if response.status not in (200, 201):
                message = f"{resource_id}: ARM answered {response.status}: {await response.text()}"
                raise NotDeployed(message)


async def tasks(
    control: Control,
    folder: Path,
    identities: Mapping[str, Principal],
    tools: str,
    registries: Sequence[Registry],
) -> None:
    """Put each task into the first registry, its YAML being infra's file of its identity's name."""
    logins = [registry.login_server for registry in registries]
    for name, identity in identities.items():
        body = task(read_task(folder, identity.name), tools, identity, logins)
        await control.put(f"{registries[0].resource_id}/tasks/{name}", body)
