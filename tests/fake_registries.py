"""Registries, upstreams and imports in memory, with verbs to change them."""

import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from shared.errors import Permanent
from shared.oci import media_types
from shared.oci.digest import Digest
from shared.oci.manifest import Descriptor, Manifest, parse
from shared.oci.reference import Repository
from shared.registry import artifacts
from shared.values import Layer, Locks, ManifestEntry, TagEntry
from tests.fake_clock import FakeClock


def image(content: str, platform: str = "linux/amd64") -> Manifest:
    """Return a small image manifest; the same content, the same digest."""
    body = {
        "schemaVersion": 2,
        "mediaType": media_types.OCI_MANIFEST,
        "config": {
            "mediaType": "application/vnd.oci.image.config.v1+json",
            "digest": str(Digest.of(artifacts.EMPTY)),
            "size": len(artifacts.EMPTY),
        },
        "layers": [],
        "annotations": {"content": content, "platform": platform},
    }
    return parse(json.dumps(body).encode())


def index(content: str, platforms: Sequence[str] = ("linux/amd64",)) -> tuple[Manifest, ...]:
    """Return an index after the images of its platforms."""
    images = [image(content, platform) for platform in platforms]
    entries = [
        {
            "mediaType": each.media_type,
            "digest": str(each.digest),
            "size": len(each.raw),
            "platform": dict(zip(("os", "architecture", "variant"), name.split("/"), strict=False)),
        }
        for each, name in zip(images, platforms, strict=True)
    ]
    body = {"schemaVersion": 2, "mediaType": media_types.OCI_INDEX, "manifests": entries}
    return (*images, parse(json.dumps(body).encode()))


@dataclass
class _Shelf:
    """One repository's content."""

    manifests: dict[Digest, Manifest] = field(default_factory=dict)
    seen: dict[Digest, datetime] = field(default_factory=dict)
    blobs: dict[Digest, bytes] = field(default_factory=dict)
    tags: dict[str, Digest] = field(default_factory=dict)
    locks: dict[str | Digest, Locks] = field(default_factory=dict)


class FakeRegistries:
    """DataPlane: any number of registries; a repository is there once something is in it."""

    def __init__(self, clock: FakeClock | None = None) -> None:
        self._clock = clock or FakeClock()
        self._shelves: dict[Repository, _Shelf] = {}

    # verbs

    def push(self, repository: Repository, manifest: Manifest, tag: str = "") -> Digest:
        """Put a manifest there, tagged or not."""
        self.put_manifest(repository, tag or manifest.digest, manifest)
        return manifest.digest

    def push_index(
        self,
        repository: Repository,
        tag: str = "",
        *,
        content: str = "white",
        platforms: Sequence[str] = ("linux/amd64",),
    ) -> Digest:
        """Push an index and its images; return the index's digest."""
        *images, top = index(content, platforms)
        for each in images:
            self.push(repository, each)
        return self.push(repository, top, tag)

    def delete(self, repository: Repository, reference: str | Digest) -> None:
        """Delete a tag, or a manifest with its tags and referrers; locks forbid it."""
        shelf = self._shelf(repository)
        if not shelf.locks.get(reference, Locks()).delete:
            message = f"{repository}: {reference} is locked"
            raise Permanent(message)
        if isinstance(reference, str):
            shelf.tags.pop(reference, None)
            return
        for each in self.referrers(repository, reference):
            self.delete(repository, each.digest)
        shelf.manifests.pop(reference, None)
        shelf.tags = {tag: digest for tag, digest in shelf.tags.items() if digest != reference}

    def copy(
        self,
        source: "FakeRegistries",
        where: Repository,
        digest: Digest,
        target: Repository,
        tags: tuple[str, ...],
    ) -> None:
        """Copy what importImage copies: the manifest, an index's children, blobs; no referrers."""
        shelf = source._shelf(where)
        if digest not in shelf.manifests:
            message = f"{where.at(digest)} does not exist"
            raise Permanent(message)
        top = shelf.manifests[digest]
        for child in top.manifests:
            if child.digest in shelf.manifests:
                self.push(target, shelf.manifests[child.digest])
        for tag in tags or ("",):
            self.push(target, top, tag)
        self._shelf(target).blobs.update(shelf.blobs)

    # DataPlane

    def head(self, repository: Repository, reference: str | Digest) -> Descriptor | None:
        found = self.manifest(repository, reference)
        return Descriptor(found.media_type, found.digest, len(found.raw)) if found else None

    def manifest(self, repository: Repository, reference: str | Digest) -> Manifest | None:
        shelf = self._shelf(repository)
        digest = shelf.tags.get(reference) if isinstance(reference, str) else reference
        return shelf.manifests.get(digest) if digest else None

    def blob(self, repository: Repository, digest: Digest, limit: int) -> bytes:
        content = self._shelf(repository).blobs.get(digest)
        if content is None or len(content) > limit:
            message = f"{repository}: there is no blob {digest} of at most {limit} bytes"
            raise Permanent(message)
        return content

    def put_manifest(
        self, repository: Repository, reference: str | Digest, manifest: Manifest
    ) -> None:
        shelf = self._shelf(repository)
        if isinstance(reference, Digest) and reference != manifest.digest:
            message = f"{repository}: expected {reference}, found {manifest.digest}"
            raise Permanent(message)
        if not shelf.locks.get(reference, Locks()).write:
            message = f"{repository}: {reference} is locked"
            raise Permanent(message)
        if manifest.digest not in shelf.manifests:
            shelf.seen[manifest.digest] = self._clock.now()
        shelf.manifests[manifest.digest] = manifest
        if isinstance(reference, str):
            shelf.tags[reference] = manifest.digest

    def attach(
        self,
        repository: Repository,
        subject: Descriptor,
        *,
        artifact_type: str,
        media_type: str,
        content: bytes,
        annotations: Mapping[str, str],
    ) -> Digest:
        return self.attach_layers(
            repository,
            subject,
            artifact_type=artifact_type,
            layers=(Layer(media_type, content),),
            annotations=annotations,
        )

    def attach_layers(
        self,
        repository: Repository,
        subject: Descriptor,
        *,
        artifact_type: str,
        layers: Sequence[Layer],
        annotations: Mapping[str, str],
    ) -> Digest:
        manifest = artifacts.artifact(
            subject, artifact_type=artifact_type, layers=layers, annotations=annotations
        )
        for each in layers:
            self._shelf(repository).blobs[Digest.of(each.content)] = each.content
        return self.push(repository, manifest)

    def referrers(self, repository: Repository, digest: Digest) -> tuple[Descriptor, ...]:
        return tuple(
            dataclasses.replace(each.descriptor, annotations=each.annotations)
            for each in self._shelf(repository).manifests.values()
            if each.subject and each.subject.digest == digest
        )

    def tag(self, repository: Repository, tag: str) -> TagEntry | None:
        shelf = self._shelf(repository)
        digest = shelf.tags.get(tag)
        return TagEntry(tag, digest, shelf.locks.get(tag, Locks())) if digest else None

    def tags(self, repository: Repository) -> Iterator[TagEntry]:
        found = (self.tag(repository, tag) for tag in sorted(self._shelf(repository).tags))
        yield from (each for each in found if each)

    def manifest_entry(self, repository: Repository, digest: Digest) -> ManifestEntry | None:
        shelf = self._shelf(repository)
        if digest not in shelf.manifests:
            return None
        return ManifestEntry(
            digest,
            shelf.manifests[digest].media_type,
            shelf.seen[digest],
            tuple(sorted(tag for tag, found in shelf.tags.items() if found == digest)),
            shelf.locks.get(digest, Locks()),
        )

    def manifests(self, repository: Repository) -> Iterator[ManifestEntry]:
        found = (self.manifest_entry(repository, d) for d in self._shelf(repository).manifests)
        yield from (each for each in found if each)

    def lock(self, repository: Repository, reference: str | Digest, locks: Locks) -> None:
        if self.manifest(repository, reference) is None:
            message = f"{repository}: nothing to lock at {reference}"
            raise Permanent(message)
        self._shelf(repository).locks[reference] = locks

    def _shelf(self, repository: Repository) -> _Shelf:
        return self._shelves.setdefault(repository, _Shelf())
