"""ACR's /acr/v1 answers, parsed: tags, manifests, their locks; and paging by Link."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from shared.errors import Permanent
from shared.oci.digest import Digest, InvalidDigest
from shared.values import Locks, ManifestEntry, TagEntry

_LINK = re.compile(r'<([^<>]*)>[^<]*?;\s*rel\s*=\s*"?next"?(?:[\s;,]|$)', re.IGNORECASE)


def next_page(headers: Mapping[str, str]) -> str:
    """Return where the next page is (RFC 8288, `rel="next"`), or nothing."""
    match = _LINK.search(headers.get("Link", ""))
    return match[1] if match else ""


def tag_entry(body: object, where: str) -> TagEntry:
    """Parse one tag. Raises Permanent."""
    found = _object(body, where)
    return TagEntry(_text(found, "name", where), _digest(found, where), _locks(found))


def manifest_entry(body: object, where: str) -> ManifestEntry:
    """Parse one manifest's attributes. Raises Permanent."""
    found = _object(body, where)
    created = _text(found, "createdTime", where)
    try:
        first_seen = datetime.fromisoformat(created)
    except ValueError as error:
        message = f"{where}: createdTime: expected a time, found {created[:60]!r}"
        raise Permanent(message) from error
    if first_seen.tzinfo is None:
        first_seen = first_seen.replace(tzinfo=UTC)
    return ManifestEntry(
        digest=_digest(found, where),
        media_type=str(found.get("mediaType") or ""),
        first_seen=first_seen.astimezone(UTC),
        tags=tuple(str(tag) for tag in found.get("tags") or ()),
        locks=_locks(found),
    )


def locks_body(locks: Locks) -> dict[str, bool]:
    """Return the PATCH body that sets these locks (ACR docs, container-registry-image-lock)."""
    return {"writeEnabled": locks.write, "deleteEnabled": locks.delete}


def _locks(body: Mapping[str, Any]) -> Locks:
    attributes = body.get("changeableAttributes")
    if not isinstance(attributes, dict):
        return Locks()
    return Locks(
        write=attributes.get("writeEnabled") is not False,
        delete=attributes.get("deleteEnabled") is not False,
    )


def _digest(body: Mapping[str, Any], where: str) -> Digest:
    try:
        return Digest(_text(body, "digest", where))
    except InvalidDigest as error:
        message = f"{where}: {error}"
        raise Permanent(message) from error


def _text(body: Mapping[str, Any], name: str, where: str) -> str:
    found = body.get(name)
    if not isinstance(found, str):
        message = f"{where}: {name}: expected text, found {type(found).__name__}"
        raise Permanent(message)
    return found


def _object(body: object, where: str) -> dict[str, Any]:
    if not isinstance(body, dict):
        message = f"{where}: expected an object, found {type(body).__name__}"
        raise Permanent(message)
    return body
