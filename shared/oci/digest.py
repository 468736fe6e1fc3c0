"""A content digest, the identity of everything Breakwater handles."""

import hashlib
import re
from dataclasses import dataclass

_SHA256 = re.compile(r"sha256:[0-9a-f]{64}")


class InvalidDigest(ValueError):
    """The text is not `sha256:` and 64 lower-case hex digits."""


@dataclass(frozen=True, slots=True, order=True)
class Digest:
    """A sha256 digest as OCI writes it (image-spec, descriptor.md, "Digests")."""

    text: str

    def __post_init__(self) -> None:
        if not _SHA256.fullmatch(self.text):
            message = f"expected a digest like sha256:<64 hex digits>, found {self.text[:100]!r}"
            raise InvalidDigest(message)

    @classmethod
    def of(cls, content: bytes) -> "Digest":
        """Return the digest of these bytes."""
        return cls(f"sha256:{hashlib.sha256(content).hexdigest()}")

    @property
    def hex(self) -> str:
        """The 64 hex digits alone."""
        return self.text.removeprefix("sha256:")

    @property
    def short(self) -> str:
        """The first 16 hex digits, as unique tags carry them."""
        return self.hex[:16]

    def __str__(self) -> str:
        return self.text
