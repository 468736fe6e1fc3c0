"""The ledger on Azure Tables: a partition for each subject, a row for each thing in flight."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from azure.core import MatchConditions
from azure.core.exceptions import (
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)
from azure.data.tables import TableClient, TableEntity, TableErrorCode, UpdateMode

from shared.azure.tables import at, escape, unescape
from shared.errors import Permanent
from shared.ports import Row


class TableLedger:
    """Ledger over azure-data-tables."""

    def __init__(self, table: TableClient) -> None:
        """Take the table."""
        self._table = table

    def insert(self, row: Row) -> bool:
        """Insert if absent."""
        with at(self._table):
            try:
                self._table.create_entity(_entity(row))
            except ResourceExistsError:
                return False
        return True

    def replace(self, row: Row) -> bool:
        """Replace the row if its ETag is still current; a row deleted meanwhile is not."""
        if not row.version:
            message = f"ledger: replacing {row.subject} {row.key} needs the version that was read"
            raise Permanent(message)
        with at(self._table):
            try:
                self._table.update_entity(
                    _entity(row),
                    UpdateMode.REPLACE,
                    etag=row.version,
                    match_condition=MatchConditions.IfNotModified,
                )
            except ResourceModifiedError:
                return False
            except ResourceNotFoundError as error:
                if getattr(error, "error_code", "") == TableErrorCode.TABLE_NOT_FOUND:
                    raise
                return False
        return True

    def upsert(self, row: Row) -> None:
        """Write the row whatever is there."""
        with at(self._table):
            self._table.upsert_entity(_entity(row), UpdateMode.REPLACE)

    def delete(self, subject: str, key: str) -> None:
        """Delete the row; gone already is fine."""
        with at(self._table):
            self._table.delete_entity(escape(subject), escape(key))

    def rows(self, subject: str) -> tuple[Row, ...]:
        """Read all rows of a subject: one partition."""
        return tuple(self._query("PartitionKey eq @subject", subject=escape(subject)))

    def due(self, now: datetime) -> Iterator[Row]:
        """Read every row whose due time has come: a scan, once a minute."""
        return self._query("Due le @now", now=now.astimezone(UTC))

    def all(self, key: str) -> Iterator[Row]:
        """Read the rows of this key of every subject: a scan."""
        return self._query("RowKey eq @key", key=escape(key))

    def _query(self, query: str, **parameters: str | datetime) -> Iterator[Row]:
        with at(self._table):
            for entity in self._table.query_entities(query, parameters=parameters):
                yield _row(entity)


def _entity(row: Row) -> dict[str, Any]:
    """Values travel as JSON: Azure's column types know no order and few names."""
    entity: dict[str, Any] = {
        "PartitionKey": escape(row.subject),
        "RowKey": escape(row.key),
        "Values": json.dumps(dict(row.values), sort_keys=True),
    }
    return entity if row.due is None else entity | {"Due": row.due.astimezone(UTC)}


def _row(entity: TableEntity) -> Row:
    due = entity.get("Due")
    return Row(
        subject=unescape(entity["PartitionKey"]),
        key=unescape(entity["RowKey"]),
        values=json.loads(entity["Values"]),
        due=datetime.fromisoformat(due.isoformat()) if isinstance(due, datetime) else None,
        version=str(entity.metadata["etag"]),
    )
