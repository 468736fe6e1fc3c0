"""The storage queues, written as the Functions host reads them: base64, never expiring."""

import threading
from datetime import timedelta

from azure.core.credentials import TokenCredential
from azure.storage.queue import QueueClient, QueueServiceClient, TextBase64EncodePolicy

from shared.azure import patience
from shared.azure.errors import translated
from shared.errors import Permanent
from shared.messages import LARGEST, LONGEST_DELAY

_NEVER = -1  # time to live; the default of 7 days would lose work silently


class StorageQueues:
    """Queues over azure-storage-queue."""

    def __init__(self, endpoint: str, credential: TokenCredential) -> None:
        """Take the queue service's URL and who writes to it."""
        self._endpoint = endpoint
        self._service = QueueServiceClient(endpoint, credential, **patience.QUEUES)
        self._clients: dict[str, QueueClient] = {}
        self._lock = threading.Lock()

    def send(self, queue: str, message: str, *, delay: timedelta = timedelta()) -> None:
        """Send a message of at most 48 KiB, visible after at most 15 minutes."""
        size = len(message.encode())
        if size > LARGEST:
            refusal = f"queue {queue}: expected at most {LARGEST} bytes, found {size}"
            raise Permanent(refusal)
        if not timedelta() <= delay <= LONGEST_DELAY:
            refusal = f"queue {queue}: expected a delay of at most {LONGEST_DELAY}, found {delay}"
            raise Permanent(refusal)
        missing = f"queue {queue} does not exist in {self._endpoint}; deploy creates it"
        with translated(f"queue {queue} of {self._endpoint}", missing=missing):
            self._client(queue).send_message(
                message, visibility_timeout=int(delay.total_seconds()), time_to_live=_NEVER
            )

    def _client(self, queue: str) -> QueueClient:
        with self._lock:
            if queue not in self._clients:
                self._clients[queue] = self._service.get_queue_client(
                    queue, message_encode_policy=TextBase64EncodePolicy()
                )
            return self._clients[queue]
