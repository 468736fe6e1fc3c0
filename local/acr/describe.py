"""Records in the JSON of `/acr/v1`; pure."""

import json
from typing import Any

from local.acr.events import timestamp
from local.acr.records import Attributes, ManifestRecord, RepositoryRecord, TagRecord
from local.acr.store import Store

FLAGS = {
    "deleteEnabled": "delete",
    "writeEnabled": "write",
    "listEnabled": "list",
    "readEnabled": "read",
}


def flags(attributes: Attributes) -> dict[str, bool]:
    """Return `changeableAttributes`."""
    return {name: bool(getattr(attributes, flag)) for name, flag in FLAGS.items()}


def repository(record: RepositoryRecord) -> dict[str, Any]:
    """Return a repository's attributes."""
    return {
        "imageName": record.name,
        "createdTime": timestamp(record.created),
        "lastUpdateTime": timestamp(record.updated),
        "manifestCount": len(record.manifests),
        "tagCount": len(record.tags),
        "changeableAttributes": flags(record.attributes),
    }


def tag(record: TagRecord) -> dict[str, Any]:
    """Return a tag's attributes."""
    return {
        "name": record.name,
        "digest": record.digest,
        "createdTime": timestamp(record.created),
        "lastUpdateTime": timestamp(record.updated),
        "signed": False,
        "changeableAttributes": flags(record.attributes),
    }


def manifest(store: Store, repo: str, record: ManifestRecord) -> dict[str, Any]:
    """Return a manifest's attributes; what it does not have is left out, as ACR leaves it out."""
    parsed = record.manifest
    content = [*parsed.layers, *([parsed.config] if parsed.config else [])]
    described: dict[str, Any] = {
        "digest": record.digest,
        "imageSize": len(parsed.raw) if parsed.is_index else sum(each.size for each in content),
        "createdTime": timestamp(record.created),
        "lastUpdateTime": timestamp(record.updated),
        "mediaType": parsed.media_type,
        "changeableAttributes": flags(record.attributes),
    }
    tags = store.repository(repo).tags_of(record.digest)
    if tags:
        described["tags"] = tags
    if parsed.config is not None:
        described["configMediaType"] = parsed.config.media_type
        described |= _machine(store.blobs.get(repo, str(parsed.config.digest)) or b"")
    if parsed.is_index:
        described["references"] = _references(record)
    return described


def _machine(config: bytes) -> dict[str, str]:
    """Read architecture and os from an image's config; other artifacts have neither."""
    try:
        body = json.loads(config)
    except ValueError:
        return {}
    named = body if isinstance(body, dict) else {}
    return {key: str(named[key]) for key in ("architecture", "os") if named.get(key)}


def _references(record: ManifestRecord) -> list[dict[str, str]]:
    found = []
    for each in record.manifest.manifests:
        reference = {"digest": str(each.digest)}
        if each.platform is not None:
            reference |= {"architecture": each.platform.architecture, "os": each.platform.os}
        found.append(reference)
    return found
