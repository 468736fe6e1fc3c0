"""What the tests of importImage have in common: a request's body, running it, how it fails."""

from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError

from tests.contract.arm_world import GROUP, World, told

REPO = "library/node"


def body(
    digest: Any = None,
    *,
    tag: str = "9-alpine",
    targets: Any = ("node:9",),
    untagged: Any = (),
    source: Any = None,
    mode: str = "NoForce",
) -> dict[str, Any]:
    image = f"{REPO}@{digest}" if digest else f"{REPO}:{tag}"
    return {
        "source": {"registryUri": "docker.io", "sourceImage": image, **(source or {})},
        "targetTags": list(targets),
        "untaggedTargetRepositories": list(untagged),
        "mode": mode,
    }


def run(
    here: World,
    parameters: dict[str, Any],
    *,
    who: str = "breakwater",
    into: str = "contosostaging",
) -> Any:
    client = here.acr(who).registries
    poller = client.begin_import_image(GROUP, into, parameters, polling_interval=0.02)
    return poller.result()


def failure(here: World, parameters: dict[str, Any], **more: Any) -> Any:
    with pytest.raises(HttpResponseError) as failed:
        run(here, parameters, **more)
    assert failed.value.error is not None
    assert told(failed).message.startswith("Operation registries-")
    return failed.value
