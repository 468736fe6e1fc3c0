"""Azurite as a storage account, and a credential for it."""

import asyncio
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from azure.core.credentials import AccessToken
from azure.data.tables import TableClient, TableServiceClient
from azure.storage.queue import QueueServiceClient

from local.directory import LIFETIME, Directory
from local.platform import azurite, ca
from local.platform.ports import Ports
from shared.azure import tables


class Credential:
    """A managed identity: what DefaultAzureCredential would fetch."""

    def __init__(self) -> None:
        self._directory = Directory()
        self._principal = self._directory.add("breakwater")

    def get_token(self, *scopes: str, **_: object) -> AccessToken:
        audience = scopes[0].removesuffix("/.default")
        ends = int(time.time()) + LIFETIME
        return AccessToken(self._directory.token(self._principal, audience), ends)


@dataclass
class Account:
    queue_endpoint: str
    table_endpoint: str
    blob_endpoint: str
    credential: Credential

    def tables(self) -> TableServiceClient:
        return tables.service(self.table_endpoint, self.credential)

    def new_table(self) -> TableClient:
        return self.tables().create_table(f"t{uuid.uuid4().hex}")

    def queues(self) -> QueueServiceClient:
        return QueueServiceClient(self.queue_endpoint, self.credential)


@contextmanager
def running(folder: Path) -> Iterator[Account]:
    """Run Azurite with TLS; the SDKs trust its CA through the environment."""
    authority = ca.create(folder / "ca")
    running = azurite.running(Ports.free(), authority, folder)
    with pytest.MonkeyPatch.context() as patch, asyncio.Runner() as runner:
        storage = runner.run(running.__aenter__())
        patch.setenv("REQUESTS_CA_BUNDLE", str(authority.bundle))
        try:
            yield Account(storage.queues, storage.tables, storage.blobs, Credential())
        finally:
            runner.run(running.__aexit__(None, None, None))
