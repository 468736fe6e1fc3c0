"""Event Grid's registry events, parsed once; nothing in them is trusted but as a hint to look."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.errors import Permanent
from shared.oci.digest import Digest, InvalidDigest
from shared.oci.reference import is_path, is_tag


@dataclass(frozen=True, slots=True)
class Pushed:
    """A manifest was pushed; `tag` is "" for a push by digest (a platform, a referrer)."""

    repository: str
    digest: Digest
    tag: str
    media_type: str


def pushed(data: object) -> Pushed | None:
    """Read an ImagePushed event's `data`; None for what is no push of a manifest.

    Unknown fields are ignored, absent optional ones too (Event Grid, ACR schema). Raises Permanent
    when the event says push but does not name a repository and a digest.
    """
    if not isinstance(data, Mapping) or data.get("action") != "push":
        return None
    found = data.get("target")
    target: Mapping[str, Any] = found if isinstance(found, Mapping) else {}
    repository, tag = target.get("repository"), target.get("tag") or ""
    if not isinstance(repository, str) or not is_path(repository):
        problem = (
            f"event, data.target.repository: expected a repository, found {str(repository)[:100]!r}"
        )
        raise Permanent(problem)
    if not isinstance(tag, str) or (tag and not is_tag(tag)):
        problem = f"event, data.target.tag: expected a tag, found {str(tag)[:140]!r}"
        raise Permanent(problem)
    try:
        digest = Digest(str(target.get("digest")))
    except InvalidDigest as error:
        problem = f"event, data.target.digest: {error}"
        raise Permanent(problem) from error
    return Pushed(repository, digest, tag, str(target.get("mediaType") or ""))
