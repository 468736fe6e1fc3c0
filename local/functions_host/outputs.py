"""Queue output bindings: written after the function returned, all at once; a failure fails the invocation."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from azure.core.exceptions import AzureError

from local.functions_host import storage
from local.functions_host.calls import Function
from local.functions_host.encodings import queue_output
from local.functions_host.protocol import Data
from local.functions_host.storage import Queues


class OutputError(Exception):
    """An output could not be written."""


@dataclass(frozen=True, slots=True)
class Outputs:
    """Writes what functions put into their queue outputs."""

    queues: Queues
    base64: bool
    written: Callable[[str], None]  # told the name of every queue written to

    async def write(
        self, function: Function, returned: Data | None, values: Mapping[str, Data]
    ) -> None:
        """Write every queue output of an invocation that succeeded. Raises OutputError."""
        bound = {binding.name: binding for binding in function.outputs if binding.type == "queue"}
        given = dict(values) | ({"$return": returned} if returned is not None else {})
        try:
            await asyncio.gather(
                *(
                    self._send(bound[name].text("connection"), bound[name].text("queueName"), data)
                    for name, data in given.items()
                    if name in bound
                )
            )
        except (AzureError, ValueError) as error:
            message = f"Error while handling parameter after function returned: {error}"
            raise OutputError(message) from error

    async def _send(self, connection: str, name: str, data: Data) -> None:
        queue = self.queues.queue(connection, name)
        for raw in queue_output(data, base64_encoded=self.base64):
            await storage.send(queue, raw)
        self.written(queue.queue_name)
