"""What ARM needs of blob storage: logs that grow, and uploads that come back."""

from typing import Protocol


class AppendBlob(Protocol):
    """One run's log; it need not exist before the first append (Azure: 404 until the agent starts)."""

    async def append(self, content: bytes) -> None:
        """Add bytes at the end (at most 4 MiB)."""
        ...

    async def complete(self, status: str) -> None:
        """Set the metadata `Complete`, which tells a reader that nothing more will come."""
        ...

    def sas_url(self) -> str:
        """Return a URL that reads the blob without any other credential."""
        ...


class Blobs(Protocol):
    """The storage account ACR keeps logs and uploaded contexts in."""

    async def put_append(self, name: str) -> AppendBlob:
        """Return the append blob of this name, made at the latest by its first append."""
        ...

    async def upload_url(self, name: str) -> str:
        """Return a URL the content of this blob can be PUT to without any other credential."""
        ...

    async def get(self, name: str) -> bytes:
        """Read an uploaded blob. Raises LookupError when there is none."""
        ...
