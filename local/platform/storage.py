"""A storage account: its addresses, its queues and tables, and blobs as ARM and Event Grid use them."""

import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from azure.core.credentials import AzureNamedKeyCredential
from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.data.tables.aio import TableServiceClient
from azure.storage.blob import BlobSasPermissions, ContentSettings, generate_blob_sas
from azure.storage.blob.aio import BlobClient, BlobServiceClient, ContainerClient
from azure.storage.queue import TextBase64EncodePolicy
from azure.storage.queue.aio import QueueServiceClient

from local.platform.ca import Authority

ACCOUNT = "devstoreaccount1"
# The emulator's own key, the same in every Azurite of the world (learn: Azurite, well-known account).
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
SAS_LIFETIME = timedelta(hours=1)
LARGEST_BLOCK = 4 * 1024 * 1024  # bytes; what one append may carry

QUEUES = tuple(
    name + end for name in ("watch", "imports", "candidates", "rebuilds") for end in ("", "-poison")
)
TABLES = ("ledger", "journal", "slots", "rulings")


@dataclass(frozen=True, slots=True)
class Storage:
    """A running storage account and how to reach it."""

    blobs: str  # URLs without a trailing slash
    queues: str
    tables: str
    authority: Authority

    def settings(self) -> dict[str, str]:
        """Return the app settings that point the host and the app here (identity-based connection)."""
        return {
            "AzureWebJobsStorage__blobServiceUri": self.blobs,
            "AzureWebJobsStorage__queueServiceUri": self.queues,
            "AzureWebJobsStorage__tableServiceUri": self.tables,
        }

    def connection_string(self) -> str:
        """Return the connection string, for tools that know no identities."""
        return (
            f"DefaultEndpointsProtocol=https;AccountName={ACCOUNT};AccountKey={KEY};"
            f"BlobEndpoint={self.blobs};QueueEndpoint={self.queues};TableEndpoint={self.tables};"
        )

    async def prepare(self, queues: Sequence[str] = QUEUES, tables: Sequence[str] = TABLES) -> None:
        """Make the queues and tables that infra makes in Azure; those that exist stay as they are."""
        async with self._queue_service() as service:
            for name in queues:
                with contextlib.suppress(ResourceExistsError):
                    await service.create_queue(name)
        verify = {"connection_verify": str(self.authority.bundle)}
        key = AzureNamedKeyCredential(ACCOUNT, KEY)
        async with TableServiceClient(self.tables, credential=key, **verify) as tables_service:
            for name in tables:
                await tables_service.create_table_if_not_exists(name)

    async def send(self, queue: str, text: str) -> None:
        """Put a message on the queue in base64, as Event Grid and the functions host write it."""
        async with self._queue_service() as service:
            client = service.get_queue_client(queue, message_encode_policy=TextBase64EncodePolicy())
            await client.send_message(text)

    async def waiting(self, queues: Sequence[str] = QUEUES) -> dict[str, int]:
        """Return how many messages each queue holds, those included that are hidden for now."""
        counts: dict[str, int] = {}
        async with self._queue_service() as service:
            for name in queues:
                properties = await service.get_queue_client(name).get_queue_properties()
                counts[name] = properties.approximate_message_count or 0
        return counts

    @contextlib.asynccontextmanager
    async def container(self, name: str, reads: str = "") -> AsyncIterator["Blobs"]:
        """Open a blob container, made when it is not there; `reads` is where SAS reads go instead."""
        service = BlobServiceClient(
            self.blobs,
            credential={"account_name": ACCOUNT, "account_key": KEY},
            connection_verify=str(self.authority.bundle),
        )
        async with service:
            client = service.get_container_client(name)
            with contextlib.suppress(ResourceExistsError):
                await client.create_container()
            yield Blobs(client, self.blobs, reads or self.blobs)

    def _queue_service(self) -> QueueServiceClient:
        return QueueServiceClient(
            self.queues,
            credential={"account_name": ACCOUNT, "account_key": KEY},
            connection_verify=str(self.authority.bundle),
        )


@dataclass(frozen=True, slots=True)
class AppendBlob:
    """A blob that grows: a run's log."""

    client: BlobClient
    blobs: str
    reads: str

    async def append(self, content: bytes) -> None:
        """Add bytes at the end."""
        for start in range(0, len(content), LARGEST_BLOCK):
            await self.client.append_block(content[start : start + LARGEST_BLOCK])

    async def complete(self, status: str) -> None:
        """Say in the metadata that nothing follows; readers of ACR's logs look for this key."""
        await self.client.set_blob_metadata({"Complete": status})

    def sas_url(self) -> str:
        """Return a URL that reads the blob for an hour, and nothing else."""
        url = _signed(self.client, BlobSasPermissions(read=True))
        return self.reads + url.removeprefix(self.blobs)


@dataclass(frozen=True, slots=True)
class Blobs:
    """The blobs of one container."""

    client: ContainerClient
    blobs: str  # the account's URL
    reads: str  # and the one that its readers are given

    async def put_append(self, name: str) -> AppendBlob:
        """Make an empty append blob."""
        blob = self.client.get_blob_client(name)
        text = ContentSettings(content_type="text/plain; charset=utf-8")
        await blob.create_append_blob(content_settings=text)
        return AppendBlob(blob, self.blobs, self.reads)

    async def put(self, name: str, content: bytes) -> None:
        """Write a blob, over one of the same name."""
        await self.client.upload_blob(name, content, overwrite=True)

    async def upload_url(self, name: str) -> str:
        """Return a URL that writes the (block) blob within an hour, and reads nothing."""
        blob = self.client.get_blob_client(name)
        return _signed(blob, BlobSasPermissions(write=True, create=True))

    async def get(self, name: str) -> bytes:
        """Read a blob. Raises LookupError when there is none."""
        try:
            return await (await self.client.download_blob(name)).readall()
        except ResourceNotFoundError as error:
            message = f"no blob '{name}' in the container '{self.client.container_name}'"
            raise LookupError(message) from error

    async def names(self, prefix: str = "") -> list[str]:
        """List the blobs."""
        return [name async for name in self.client.list_blob_names(name_starts_with=prefix)]


def _signed(blob: BlobClient, permission: BlobSasPermissions) -> str:
    token: Any = generate_blob_sas(
        ACCOUNT,
        blob.container_name,
        blob.blob_name,
        account_key=KEY,
        permission=permission,
        start=datetime.now(UTC) - timedelta(minutes=5),  # clocks differ
        expiry=datetime.now(UTC) + SAS_LIFETIME,
    )
    return f"{blob.url}?{token}"
