"""The keys an object may have, where an unknown one may be a misspelt one that says "only this"."""

from collections.abc import Mapping, Set
from typing import Any

from shared.reports.findings import InvalidReport


def only(body: Mapping[str, Any], keys: Set[str], place: str) -> None:
    """Refuse any key but these. Raises InvalidReport, naming it."""
    for unknown in sorted(body.keys() - keys):
        known = ", ".join(sorted(keys))
        message = f"{place.rstrip('.')}: expected no keys but {known}, found {unknown[:60]!r}"
        raise InvalidReport(message)
