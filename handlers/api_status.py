"""What Breakwater knows of every candidate, as JSON."""

import json
from typing import Any

from handlers import catalogs
from handlers.recording import STATE
from shared.errors import Misconfigured
from shared.services import Services
from shared.values import Row


def handle(services: Services) -> str:
    """Return the status as JSON text: the catalog or its faults, and each candidate with its reasons."""
    candidates = [candidate(row) for row in services.ledger.all(STATE)]
    candidates.sort(key=lambda each: each["since"], reverse=True)
    body = {
        "now": services.clock.now().isoformat(),
        "catalog": _catalog(services),
        "candidates": candidates,
    }
    return json.dumps(body, indent=2)


def _catalog(services: Services) -> dict[str, Any]:
    """Describe the catalog, or say what is wrong with it: now is when an operator looks here."""
    try:
        catalog = catalogs.current(services)
    except Misconfigured as error:
        return {"faults": str(error).splitlines()}
    return {
        "place": catalog.place,
        "digest": str(catalog.digest_of_text),
        "notes": list(catalog.notes),
    }


def candidate(row: Row) -> dict[str, Any]:
    """Describe a candidate by its state in the ledger."""
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
