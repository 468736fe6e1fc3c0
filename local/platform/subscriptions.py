"""The event subscriptions infra makes once the app is deployed: registries' pushes to its functions."""

import logging
from collections.abc import Mapping

from local.acr.registry import Registry
from local.eventgrid.courier import WebHook
from local.eventgrid.filters import Filter
from local.eventgrid.grid import EventGrid, Subscription
from local.platform.host import FunctionsHost
from local.platform.principals import BASE, STAGING
from local.platform.storage import Blobs

PUSHED = Filter(event_types=("Microsoft.ContainerRegistry.ImagePushed",))
# Who is told of which registry's pushes.
FUNCTIONS = {"on_staging_push": STAGING, "on_base_push": BASE}

_LOG = logging.getLogger(__name__)


async def make(
    grid: EventGrid, host: FunctionsHost, registries: Mapping[str, Registry], dead_letters: Blobs
) -> None:
    """Subscribe every function that is there. Raises ValidationFailed when one fails the handshake."""
    present = {str(each.get("name")) for each in await host.functions()}
    for function, registry in FUNCTIONS.items():
        if function not in present:
            _LOG.warning("the app has no function %s; its events are not delivered", function)
            continue
        await grid.subscribe(
            Subscription(
                name=function,
                topic=registries[registry].resource_id,
                destination=WebHook(host.webhook(function)),
                filter=PUSHED,
                dead_letters=dead_letters.put,
            )
        )
