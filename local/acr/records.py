"""What a registry remembers: repositories, manifests, tags, and which of them are locked."""

from dataclasses import dataclass, field
from datetime import datetime

from shared.oci.digest import Digest
from shared.oci.manifest import Manifest


@dataclass(frozen=True, slots=True)
class Attributes:
    """ACR's `changeableAttributes`; False forbids."""

    delete: bool = True
    write: bool = True
    list: bool = True
    read: bool = True


@dataclass(frozen=True, slots=True)
class StoredManifest:
    """A manifest's bytes as they were pushed."""

    media_type: str
    raw: bytes
    digest: Digest


@dataclass(slots=True)
class ManifestRecord:
    """One manifest of one repository; `created` is when it first came, since its last deletion."""

    manifest: Manifest
    created: datetime
    updated: datetime
    attributes: Attributes = Attributes()

    @property
    def digest(self) -> str:
        """The digest as text."""
        return str(self.manifest.digest)


@dataclass(slots=True)
class TagRecord:
    """One tag; its locks and its `created` stay when it moves."""

    name: str
    digest: str
    created: datetime
    updated: datetime
    attributes: Attributes = Attributes()


@dataclass(slots=True)
class RepositoryRecord:
    """One repository; it is there from its first manifest to its last."""

    name: str
    created: datetime
    updated: datetime
    attributes: Attributes = Attributes()
    manifests: dict[str, ManifestRecord] = field(default_factory=dict)
    tags: dict[str, TagRecord] = field(default_factory=dict)

    def tags_of(self, digest: str) -> list[str]:
        """Return the names of the tags that point at the digest, sorted."""
        return sorted(tag.name for tag in self.tags.values() if tag.digest == digest)

    def referrers_of(self, digest: str) -> list[ManifestRecord]:
        """Return the manifests whose subject is the digest, oldest first."""
        return [
            record
            for record in self.manifests.values()
            if record.manifest.subject and str(record.manifest.subject.digest) == digest
        ]
