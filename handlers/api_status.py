"""What Breakwater knows of every candidate, as JSON."""

import json
from typing import Any

from handlers import catalogs
from handlers.recording import STATE
from shared.ports import Row
from shared.services import Services


def handle(services: Services) -> str:
    """Return the status as JSON text: the catalog's notes, and each candidate with its reasons."""
    catalog = catalogs.current(services)
    candidates = [_candidate(row) for row in services.ledger.all(STATE)]
    candidates.sort(key=lambda each: each["since"], reverse=True)
    body = {
        "now": services.clock.now().isoformat(),
        "catalog": {"place": catalog.place, "digest": str(catalog.digest_of_text)},
        "notes": catalog.notes,
        "candidates": candidates,
    }
    return json.dumps(body, indent=2)


def _candidate(row: Row) -> dict[str, Any]:
    values = row.values
    return {
        "id": row.subject,
        "image": values["image"],
        "digest": values["digest"],
        "state": values["state"],
        "reasons": json.loads(str(values["reasons"])),
        "since": str(values["since"]),
        "due": row.due.isoformat() if row.due else None,
        "trace": values["trace"],
    }
