"""Event Grid events in the shape a container registry's system topic gives them (schema: ACR docs)."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from local.acr.records import ManifestRecord

PUSHED = "Microsoft.ContainerRegistry.ImagePushed"
DELETED = "Microsoft.ContainerRegistry.ImageDeleted"


@dataclass(frozen=True, slots=True)
class Origin:
    """Whose event it is: the registry's ARM id, its place, its host, and the client that acted."""

    topic: str
    location: str
    host: str
    useragent: str


def timestamp(at: datetime, digits: int = 7) -> str:
    """Return the time in UTC with that many fractional digits (at least 6), as ACR writes it."""
    return f"{at:%Y-%m-%dT%H:%M:%S.%f}{'0' * (digits - 6)}Z"


def pushed(
    origin: Origin, at: datetime, repo: str, tag: str, record: ManifestRecord
) -> dict[str, Any]:
    """Return the event of one manifest PUT; pushed by digest, it has no tag, not an empty one."""
    size = len(record.manifest.raw)
    target: dict[str, Any] = {
        "mediaType": record.manifest.media_type,
        "size": size,
        "length": size,
        "digest": record.digest,
        "repository": repo,
    }
    if tag:
        target["tag"] = tag
    subject = f"{repo}:{tag}" if tag else repo
    return _event(origin, at, PUSHED, subject, "push", "PUT", target)


def deleted(origin: Origin, at: datetime, repo: str, record: ManifestRecord) -> dict[str, Any]:
    """Return the event of one deleted manifest; its subject is the repository alone."""
    target = {
        "mediaType": record.manifest.media_type,
        "digest": record.digest,
        "repository": repo,
    }
    return _event(origin, at, DELETED, repo, "delete", "DELETE", target)


def _event(
    origin: Origin,
    at: datetime,
    kind: str,
    subject: str,
    action: str,
    method: str,
    target: dict[str, Any],
) -> dict[str, Any]:
    return {
        "id": str(uuid.uuid4()),
        "topic": origin.topic,
        "subject": subject,
        "eventType": kind,
        "eventTime": timestamp(at),
        "data": {
            "id": str(uuid.uuid4()),
            "timestamp": timestamp(at, 9),
            "action": action,
            "location": origin.location,
            "target": target,
            "request": {
                "id": str(uuid.uuid4()),
                "host": origin.host,
                "method": method,
                "useragent": origin.useragent,
            },
        },
        "dataVersion": "2.0",
        "metadataVersion": "1",
    }
