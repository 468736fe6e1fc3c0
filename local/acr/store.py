"""The state of one registry's manifests and tags, and every rule about changing it; no I/O."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

from local.acr import errors, locks
from local.acr.blob_store import BlobStore
from local.acr.records import Attributes, ManifestRecord, RepositoryRecord, TagRecord
from shared.oci.digest import Digest, InvalidDigest
from shared.oci.manifest import InvalidManifest, Manifest, parse
from shared.oci.reference import is_path, is_tag

LARGEST_MANIFEST = 4 * 1024 * 1024  # bytes; ACR's limit

# Layers that are fetched from elsewhere and never pushed (image-spec, "Non-Distributable Layers").
_FOREIGN = ("nondistributable", "foreign")


@dataclass(slots=True)
class Store:
    """Repositories by name. Every method that refuses raises RegistryError and changes nothing."""

    clock: Callable[[], datetime]
    blobs: BlobStore = field(default_factory=BlobStore)
    repositories: dict[str, RepositoryRecord] = field(default_factory=dict)

    def repository(self, repo: str) -> RepositoryRecord:
        """Return the repository."""
        try:
            return self.repositories[repo]
        except KeyError:
            raise errors.name_unknown(repo) from None

    def tag(self, repo: str, name: str) -> TagRecord:
        """Return the tag."""
        try:
            return self.repository(repo).tags[name]
        except KeyError:
            raise errors.tag_unknown(repo, name) from None

    def find(self, repo: str, reference: str) -> ManifestRecord | None:
        """Return the manifest that a tag or digest names, locked or not."""
        repository = self.repositories.get(repo)
        if repository is None:
            return None
        tag = repository.tags.get(reference)
        return repository.manifests.get(tag.digest if tag else reference)

    def manifest(self, repo: str, reference: str) -> ManifestRecord:
        """Return the manifest that a tag or digest names, locked or not."""
        record = self.find(repo, reference)
        if record is None:
            raise errors.manifest_unknown(repo, reference)
        return record

    def pull(self, repo: str, reference: str) -> ManifestRecord:
        """Return the manifest if no read lock forbids it."""
        record = self.manifest(repo, reference)
        repository = self.repositories[repo]
        locks.check_read(repository.attributes, f"repository {repo}")
        if reference in repository.tags:
            locks.check_read(repository.tags[reference].attributes, f"tag {repo}:{reference}")
        locks.check_read(record.attributes, f"manifest {record.digest}")
        return record

    def put(
        self,
        repo: str,
        reference: str,
        media_type: str,
        raw: bytes,
        *,
        strict: bool,
        unlocked: bool = False,
    ) -> ManifestRecord:
        """Keep the manifest under a tag or its digest; `unlocked` passes every write lock by."""
        manifest, tag = _checked(repo, reference, media_type, raw)
        now = self.clock()
        repository = self.repositories.get(repo) or RepositoryRecord(repo, now, now)
        digest = str(manifest.digest)
        subject = str(manifest.subject.digest) if manifest.subject else ""
        if not unlocked:
            locks.check_push(repository, tag=tag, digest=digest, subject=subject, strict=strict)
        self._check_references(repository, manifest)
        record = repository.manifests.setdefault(digest, ManifestRecord(manifest, now, now))
        record.updated = now
        if tag:
            held = repository.tags.setdefault(tag, TagRecord(tag, digest, now, now))
            held.digest, held.updated = digest, now
        repository.updated = now
        self.repositories[repo] = repository
        return record

    def _check_references(self, repository: RepositoryRecord, manifest: Manifest) -> None:
        blobs = [
            each for each in manifest.layers if not any(f in each.media_type for f in _FOREIGN)
        ]
        blobs += [manifest.config] if manifest.config else []
        missing = [
            str(each.digest)
            for each in blobs
            if not self.blobs.has(repository.name, str(each.digest))
        ]
        missing += [
            str(each.digest)
            for each in manifest.manifests
            if str(each.digest) not in repository.manifests
        ]
        if missing:
            raise errors.manifest_blob_unknown(tuple(dict.fromkeys(missing)))

    def untag(self, repo: str, name: str) -> TagRecord:
        """Delete a tag; the manifest stays."""
        tag = self.tag(repo, name)
        repository = self.repositories[repo]
        locks.check_delete(repository.attributes, f"repository {repo}")
        locks.check_delete(tag.attributes, f"tag {repo}:{name}")
        del repository.tags[name]
        repository.updated = self.clock()
        return tag

    def delete(self, repo: str, digest: str) -> list[ManifestRecord]:
        """Delete a manifest, its tags, and all that refers to it; return what went, subject last.

        One locked referrer refuses the whole: nothing is deleted by halves.
        """
        record = self.manifest(repo, digest)
        repository = self.repositories[repo]
        doomed = _with_referrers(repository, record)
        locks.check_delete(repository.attributes, f"repository {repo}")
        for each in doomed:
            locks.check_delete(each.attributes, f"manifest {each.digest}")
        self._drop(repository, doomed)
        return doomed

    def delete_repository(self, repo: str) -> tuple[list[ManifestRecord], list[str]]:
        """Delete a repository; return the manifests and the tags that went with it."""
        repository = self.repository(repo)
        locks.check_delete(repository.attributes, f"repository {repo}")
        for tag in repository.tags.values():
            locks.check_delete(tag.attributes, f"tag {repo}:{tag.name}")
        doomed, tags = list(repository.manifests.values()), sorted(repository.tags)
        for each in doomed:
            locks.check_delete(each.attributes, f"manifest {each.digest}")
        self._drop(repository, doomed)
        return doomed, tags

    def _drop(self, repository: RepositoryRecord, doomed: list[ManifestRecord]) -> None:
        for each in doomed:
            repository.manifests.pop(each.digest, None)
            for tag in repository.tags_of(each.digest):
                del repository.tags[tag]
        repository.updated = self.clock()
        if not repository.manifests:
            del self.repositories[repository.name]

    def change(self, repo: str, reference: str, **flags: bool | None) -> None:
        """Set the given flags of a tag, a digest or, with no reference, the repository."""
        wanted = {name: flag for name, flag in flags.items() if flag is not None}
        record = self._lockable(repo, reference)
        record.attributes = replace(record.attributes, **wanted)

    def _lockable(self, repo: str, reference: str) -> RepositoryRecord | TagRecord | ManifestRecord:
        repository = self.repository(repo)
        if not reference:
            return repository
        if ":" in reference:
            return self.manifest(repo, reference)
        return self.tag(repo, reference)

    def attributes(self, repo: str, reference: str = "") -> Attributes:
        """Return the flags of a tag, a digest or, with no reference, the repository."""
        return self._lockable(repo, reference).attributes


def _checked(repo: str, reference: str, media_type: str, raw: bytes) -> tuple[Manifest, str]:
    """Parse what is pushed; return it with the tag it is pushed under, or ""."""
    if not is_path(repo):
        raise errors.name_invalid(repo)
    if len(raw) > LARGEST_MANIFEST:
        raise errors.too_large(LARGEST_MANIFEST)
    try:
        manifest = parse(raw, media_type)
    except InvalidManifest as error:
        raise errors.manifest_invalid(str(error)) from error
    if ":" not in reference:
        if not is_tag(reference):
            raise errors.tag_invalid(reference)
        return manifest, reference
    try:
        expected = Digest(reference)
    except InvalidDigest as error:
        raise errors.digest_invalid(reference, str(manifest.digest)) from error
    if expected != manifest.digest:
        raise errors.digest_invalid(reference, str(manifest.digest))
    return manifest, ""


def _with_referrers(repository: RepositoryRecord, record: ManifestRecord) -> list[ManifestRecord]:
    """Return the record and everything that refers to it, directly or not, the record last."""
    found: dict[str, ManifestRecord] = {}
    waiting = [record]
    while waiting:
        each = waiting.pop()
        if each.digest not in found:
            found[each.digest] = each
            waiting += repository.referrers_of(each.digest)
    return list(reversed(found.values()))
