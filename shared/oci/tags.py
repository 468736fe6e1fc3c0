"""Stable tags, which move, and the unique tags derived from them, which never do."""

import re

from shared.oci.digest import Digest
from shared.oci.reference import InvalidReference, is_tag

LONGEST_STABLE = 111  # a unique tag is 17 characters longer, and OCI's limit is 128

_UNIQUE = re.compile(r"(?P<stable>.{1,111})-(?P<short>[0-9a-f]{16})")


def unique_tag(stable: str, digest: Digest) -> str:
    """Return the stable tag, a dash and the digest's first 16 hex digits.

    Raises InvalidReference when the stable tag is none, or leaves no room.
    """
    if not is_tag(stable) or len(stable) > LONGEST_STABLE:
        message = f"expected a tag of at most {LONGEST_STABLE} characters, found {stable[:140]!r}"
        raise InvalidReference(message)
    return f"{stable}-{digest.short}"


def split_unique(tag: str) -> tuple[str, str] | None:
    """Split what is shaped like a unique tag into its stable tag and its 16 hex digits.

    Whether it *is* one only the digest tells: compare with `unique_tag(stable, digest)`.
    """
    match = _UNIQUE.fullmatch(tag) if is_tag(tag) else None
    return (match["stable"], match["short"]) if match else None
