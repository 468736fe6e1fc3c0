"""Operators' rulings on Azure Tables: a partition for each candidate, a row for each thing that was said."""

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

from azure.core.exceptions import ResourceExistsError
from azure.data.tables import TableClient, TableEntity

from shared.azure.tables import at
from shared.errors import Permanent
from shared.messages import candidate_id
from shared.oci.digest import Digest
from shared.operators import Ruling, RulingKind

_LONGEST = 8000  # characters of a text; a table's column holds 32 Ki UTF-16 units


class TableRulings:
    """Rulings over azure-data-tables; rows are created and read, never changed and never deleted."""

    def __init__(self, table: TableClient) -> None:
        """Take the table."""
        self._table = table

    def add(self, ruling: Ruling) -> Ruling:
        """Append; the row's key is made of what is said, so that saying it again finds the first.

        A release is about the withdrawals until then, so when it was said is a part of what is said.
        """
        entity = _entity(ruling)
        with at(self._table):
            try:
                self._table.create_entity(entity)
            except ResourceExistsError:
                entity = self._table.get_entity(entity["PartitionKey"], entity["RowKey"])
        return _ruling(entity)

    def of(self, image: str, digest: Digest) -> tuple[Ruling, ...]:
        """Read the candidate's partition, oldest first."""
        with at(self._table):
            found = list(
                self._table.query_entities(
                    "PartitionKey eq @candidate",
                    parameters={"candidate": candidate_id(image, digest)},
                )
            )
        return tuple(sorted(map(_ruling, found), key=lambda each: each.at))


def _entity(ruling: Ruling) -> dict[str, Any]:
    by, comment = ruling.by[:_LONGEST], ruling.comment[:_LONGEST]
    at = ruling.at.astimezone(UTC).isoformat()
    about = (at,) if ruling.kind is RulingKind.RELEASE else ()
    said = json.dumps([ruling.kind.value, by, ruling.by_id, comment, ruling.override, *about])
    return {
        "PartitionKey": candidate_id(ruling.image, ruling.digest),
        "RowKey": hashlib.sha256(said.encode()).hexdigest()[:32],
        "Image": ruling.image,
        "Digest": str(ruling.digest),
        "Kind": ruling.kind.value,
        "By": by,
        "ById": ruling.by_id[:_LONGEST],
        "At": at,
        "Comment": comment,
        "Override": ruling.override,
        "Referrer": str(ruling.referrer or ""),
    }


def _ruling(entity: TableEntity | dict[str, Any]) -> Ruling:
    """Read a row. Raises Permanent naming one that is no ruling: it may have been a denial."""
    try:
        return Ruling(
            image=str(entity["Image"]),
            digest=Digest(entity["Digest"]),
            kind=RulingKind(entity["Kind"]),
            by=str(entity["By"]),
            at=datetime.fromisoformat(entity["At"]).astimezone(UTC),
            comment=str(entity["Comment"]),
            override=entity["Override"] is True,
            referrer=Digest(entity["Referrer"]) if entity["Referrer"] else None,
            by_id=str(entity["ById"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        row = f"{entity['PartitionKey']} {entity['RowKey']}"
        message = (
            f"table rulings, {row}: expected a ruling, found {str(error)[:100]!r}; mend the row"
        )
        raise Permanent(message) from error
