"""What the stand-in's vulnerability database says of itself, as `trivy version` tells it."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from local.tools.errors import ToolError

METADATA = "metadata.json"  # beside the advisories; it says how old they are to be taken for
_SCHEMA = 2  # of trivy-db
_EVERY = timedelta(hours=6)  # how often trivy-db is rebuilt (its README, "Update interval")


def metadata(folder: Path, now: datetime) -> dict[str, Any]:
    """Return the database's metadata; `now` is in UTC.

    Built at the last full six hours (00, 06, 12, 18 UTC), unless the folder's metadata.json names another `UpdatedAt`.
    Raises ToolError when that file says anything else.
    """
    file = folder / METADATA
    updated = _stated(file) if file.is_file() else _latest(now)
    return {
        "Version": _SCHEMA,
        "NextUpdate": _written(updated + _EVERY),
        "UpdatedAt": _written(updated),
        "DownloadedAt": _written(now),
    }


def _latest(now: datetime) -> datetime:
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + (now - midnight) // _EVERY * _EVERY


def _stated(file: Path) -> datetime:
    try:
        found = datetime.fromisoformat(json.loads(file.read_text(encoding="utf-8"))["UpdatedAt"])
        if found.tzinfo is None:
            message = "a time without a zone"
            raise ValueError(message)
        return found.astimezone(UTC)
    except (KeyError, OverflowError, TypeError, ValueError) as error:
        message = f'{file.name}: expected {{"UpdatedAt": "2026-11-23T06:00:00Z"}}, found {error!r}'
        raise ToolError(message) from error


def _written(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
