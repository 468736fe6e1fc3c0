"""One emulated registry: its state, who may touch it, who hears of it, and its web application."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from local.acr import app, errors, events, referrers
from local.acr.limits import Buckets
from local.acr.records import ManifestRecord, StoredManifest, TagRecord
from local.acr.store import Store
from local.acr.tokens import Authority
from local.directory import Directory
from local.faults import Faults
from shared.oci.digest import Digest

SUBSCRIPTION = "00000000-0000-0000-0000-0000000000bb"
RESOURCE_GROUP = "breakwater"
LOCATION = "westeurope"


@dataclass
class Switches:
    """What Azure documents nowhere, and its rate limits; shared by all registries, set at run time."""

    import_raises_event: bool = False  # does importImage raise ImagePushed?
    # Does a forced import move a write-locked tag? Reported so (Azure CLI 2.90, October 2026).
    import_overrides_locks: bool = False
    # Does a write-locked manifest refuse a further tag, or a referrer?
    write_locked_manifest_refuses_tagging: bool = False
    referrers_per_minute: int = 0  # an identity's ListReferrers; 0 is no limit, Azure's is 250
    requests_per_minute: int = 0  # an identity's GET and HEAD; 0 is no limit, Azure's is 5000


def _now() -> datetime:
    return datetime.now(UTC)


class Registry:
    """A registry as its owner sees it: no HTTP, no roles, but every lock bites.

    With `anonymous_pull` it also plays an upstream. Methods raise RegistryError where they refuse.
    """

    def __init__(
        self,
        name: str,
        login_server: str,
        directory: Directory,
        *,
        anonymous_pull: bool = False,
        switches: Switches,
        faults: Faults,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        self.name = name
        self.login_server = login_server
        self.directory = directory
        self.anonymous_pull = anonymous_pull
        self.switches = switches
        self.faults = faults
        self.clock = clock
        self.location = LOCATION
        self.listeners: list[Callable[[dict[str, Any]], None]] = []
        self.store = Store(self.now)
        self.buckets = Buckets()

    def now(self) -> datetime:
        """Return the registry's time (UTC); `clock` may be replaced while it runs."""
        return self.clock()

    @property
    def resource_id(self) -> str:
        """The registry's ARM id, which is its events' topic."""
        return (
            f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{RESOURCE_GROUP}"
            f"/providers/Microsoft.ContainerRegistry/registries/{self.name}"
        )

    @property
    def authority(self) -> Authority:
        """Issues and checks this registry's tokens."""
        return Authority(self.directory, self.name, self.login_server, self.anonymous_pull)

    def limit(self, kind: str, identity: str, per_minute: int) -> None:
        """Count one request. Raises RegistryError (429) beyond the limit."""
        wait = self.buckets.take(kind, identity, per_minute)
        if wait:
            raise errors.too_many(kind, wait)

    def manifest(self, repo: str, reference: str) -> StoredManifest | None:
        """Return the manifest a tag or digest names, whatever its locks."""
        record = self.store.find(repo, reference)
        if record is None:
            return None
        return StoredManifest(
            record.manifest.media_type, record.manifest.raw, record.manifest.digest
        )

    def put_manifest(
        self,
        repo: str,
        reference: str,
        media_type: str,
        raw: bytes,
        *,
        raise_event: bool = True,
        useragent: str = "",
        by_import: bool = False,
    ) -> Digest:
        """Put a manifest under a tag or its digest.

        `by_import` says that importImage does it: the switch `import_overrides_locks` then counts.
        """
        record = self.store.put(
            repo,
            reference,
            media_type,
            raw,
            strict=self.switches.write_locked_manifest_refuses_tagging,
            unlocked=by_import and self.switches.import_overrides_locks,
        )
        if raise_event:
            tag = "" if ":" in reference else reference
            self._tell(events.pushed(self._origin(useragent), self.now(), repo, tag, record))
        return record.manifest.digest

    def has_blob(self, repo: str, digest: str) -> bool:
        """Tell whether the repository holds the blob."""
        return self.store.blobs.has(repo, digest)

    def blob(self, repo: str, digest: str) -> bytes | None:
        """Return a blob of the repository, or None."""
        return self.store.blobs.get(repo, digest)

    def put_blob(self, repo: str, content: bytes) -> Digest:
        """Keep a blob in the repository."""
        return self.store.blobs.put(repo, content)

    def tags(self, repo: str) -> dict[str, TagRecord]:
        """Return the repository's tags by name; empty if there is no such repository."""
        record = self.store.repositories.get(repo)
        return dict(record.tags) if record else {}

    def manifests(self, repo: str) -> dict[str, ManifestRecord]:
        """Return the repository's manifests by digest; empty if there is no such repository."""
        record = self.store.repositories.get(repo)
        return dict(record.manifests) if record else {}

    def referrers(self, repo: str, digest: str) -> list[dict[str, Any]]:
        """Return the descriptors of what refers to the digest, oldest first."""
        return referrers.descriptors(self.store, repo, digest)

    def lock(
        self,
        repo: str,
        reference: str = "",
        *,
        write: bool | None = None,
        delete: bool | None = None,
        read: bool | None = None,
        list_: bool | None = None,
    ) -> None:
        """Set flags of a tag, a digest or, with no reference, the repository; False forbids."""
        self.store.change(repo, reference, write=write, delete=delete, read=read, list=list_)

    def delete_manifest(self, repo: str, digest: str, *, useragent: str = "") -> list[str]:
        """Delete a manifest with its tags and referrers; return the digests that went."""
        return self._deleted(repo, self.store.delete(repo, digest), useragent)

    def delete_tag(self, repo: str, tag: str) -> None:
        """Delete a tag only; no event tells of it."""
        self.store.untag(repo, tag)

    def delete_repository(self, repo: str, *, useragent: str = "") -> tuple[list[str], list[str]]:
        """Delete a repository; return the digests and the tags that went."""
        records, tags = self.store.delete_repository(repo)
        return self._deleted(repo, records, useragent), tags

    def _deleted(self, repo: str, records: list[ManifestRecord], useragent: str) -> list[str]:
        for record in records:
            self._tell(events.deleted(self._origin(useragent), self.now(), repo, record))
        return [record.digest for record in records]

    def _origin(self, useragent: str) -> events.Origin:
        return events.Origin(self.resource_id, self.location, self.login_server, useragent)

    def _tell(self, event: dict[str, Any]) -> None:
        for listener in self.listeners:
            listener(event)

    def app(self) -> web.Application:
        """Return the web application: `/v2/`, `/oauth2/`, `/acr/v1/`."""
        return app.application(self)
