"""hello-world: an app built on node, whose page has the base image's colour."""

import gzip
import io
import tarfile
from typing import Any

from local.acr.registry import LOCATION
from local.azure import LocalAzure
from local.demo.quick_run import run_command
from local.platform import deployment
from local.platform.principals import APPS, BASE

TASK = "hello-world"
PAGE = "/www/index.html"
_DOCKERFILE = f"""\
ARG REGISTRY_NAME
FROM ${{REGISTRY_NAME}}/base/node:9-alpine
WORKDIR /www
RUN echo "<body style='background: $BACKGROUND_COLOR'>Hello World</body>" > {PAGE}
CMD ["busybox", "httpd", "-f", "-p", "8080", "-h", "/www"]
"""


def context() -> bytes:
    """Return the app's source as a tar.gz."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        entry = tarfile.TarInfo("Dockerfile")
        entry.size = len(_DOCKERFILE)
        tar.addfile(entry, io.BytesIO(_DOCKERFILE.encode()))
    return gzip.compress(archive.getvalue(), mtime=0)


def resource(azure: LocalAzure, uploaded: str, *, trigger: bool) -> dict[str, Any]:
    """Return the task as `az acr task create` would make it; `trigger`: ACR's own base-image trigger."""
    base = azure.registries[BASE].login_server
    return {
        "location": LOCATION,
        "properties": {
            "status": "Enabled",
            "platform": {"os": "Linux", "architecture": "amd64"},
            "agentConfiguration": {"cpu": 2},
            "timeout": 600,
            "step": {
                "type": "Docker",
                "imageNames": [f"{TASK}:{{{{.Run.ID}}}}", f"{TASK}:latest"],
                "isPushEnabled": True,
                "dockerFilePath": "Dockerfile",
                "contextPath": uploaded,
                "arguments": [{"name": "REGISTRY_NAME", "value": base, "isSecret": False}],
            },
            "trigger": {
                "baseImageTrigger": {
                    "name": "defaultBaseimageTriggerName",
                    "baseImageTriggerType": "Runtime",
                    "status": "Enabled" if trigger else "Disabled",
                }
            },
            "credentials": {
                "sourceRegistry": {"loginMode": "Default"},
                "customRegistries": {base: {"identity": azure.principals.apps.client_id}},
            },
        },
    }


async def create(azure: LocalAzure, uploaded: str, *, trigger: bool = True) -> None:
    """Create the task in the apps registry, as the team that owns the app would."""
    token = azure.directory.token(azure.principals.operator, "https://management.azure.com")
    where = f"{azure.registries[APPS].resource_id}/tasks/{TASK}"
    body = resource(azure, uploaded, trigger=trigger)
    await deployment.Control(azure.session, azure.urls["arm"], token).put(where, body)


async def page(azure: LocalAzure) -> str:
    """Run the app's newest image and return its page: `az acr run --cmd '… cat /www/index.html'`."""
    token = azure.directory.token(azure.principals.operator, "https://management.azure.com")
    return await run_command(
        azure.session,
        azure.urls["arm"],
        token,
        azure.registries[APPS].resource_id,
        f"{{{{.Run.Registry}}}}/{TASK}:latest cat {PAGE}",
    )
