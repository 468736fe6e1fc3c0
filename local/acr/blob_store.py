"""Blobs by digest, which repository holds which, and the uploads under way; all in memory."""

import uuid
from dataclasses import dataclass, field

from local.acr.errors import blob_unknown, upload_unknown
from shared.oci.digest import Digest


@dataclass(slots=True)
class Upload:
    """A blob that is still coming in, chunk by chunk."""

    repo: str
    id: str
    content: bytearray = field(default_factory=bytearray)


@dataclass(slots=True)
class BlobStore:
    """Content is kept once; a repository sees only what was pushed or mounted into it."""

    contents: dict[str, bytes] = field(default_factory=dict)
    links: dict[str, set[str]] = field(default_factory=dict)
    uploads: dict[str, Upload] = field(default_factory=dict)

    def has(self, repo: str, digest: str) -> bool:
        """Tell whether the repository holds the blob."""
        return digest in self.links.get(repo, ())

    def get(self, repo: str, digest: str) -> bytes | None:
        """Return the blob if the repository holds it."""
        return self.contents[digest] if self.has(repo, digest) else None

    def put(self, repo: str, content: bytes) -> Digest:
        """Keep the content in the repository and return its digest."""
        digest = Digest.of(content)
        self.keep(repo, digest, content)
        return digest

    def keep(self, repo: str, digest: Digest, content: bytes) -> None:
        """Keep content whose digest was computed already."""
        self.contents.setdefault(str(digest), content)
        self.links.setdefault(repo, set()).add(str(digest))

    def mount(self, source: str, repo: str, digest: str) -> bool:
        """Let the repository see another one's blob; False if that one does not hold it."""
        if not self.has(source, digest):
            return False
        self.links.setdefault(repo, set()).add(digest)
        return True

    def delete(self, repo: str, digest: str) -> None:
        """Take the blob from the repository. Raises RegistryError if it holds none."""
        if not self.has(repo, digest):
            raise blob_unknown(digest)
        self.links[repo].discard(digest)
        if not any(digest in held for held in self.links.values()):
            del self.contents[digest]

    def start(self, repo: str) -> Upload:
        """Start an upload."""
        upload = Upload(repo, str(uuid.uuid4()))
        self.uploads[upload.id] = upload
        return upload

    def upload(self, repo: str, upload_id: str) -> Upload:
        """Return the upload. Raises RegistryError if the repository has no such one."""
        upload = self.uploads.get(upload_id)
        if upload is None or upload.repo != repo:
            raise upload_unknown(upload_id)
        return upload

    def cancel(self, upload: Upload) -> None:
        """Forget an upload."""
        self.uploads.pop(upload.id, None)
