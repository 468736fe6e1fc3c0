"""The ledger on Azure Tables: a partition for each subject, a row for each thing in flight.

A row with a due time has a pointer in a partition of its own, by time, so that what is due is found
without reading everything: Azure's tables have no second index. The pointer is written first, so a
worker that dies in between leaves at worst a pointer to nothing, which `due` takes away.
"""

import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
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
from shared.values import Row

_DUE = "!due"  # no subject's partition: an escaped key has two hex digits after each !
_TO_WRITE = timedelta(minutes=2)  # a pointer this long past may still get its row


class TableLedger:
    """Ledger over azure-data-tables."""

    def __init__(self, table: TableClient) -> None:
        """Take the table."""
        self._table = table

    def insert(self, row: Row) -> bool:
        """Insert if absent."""
        with at(self._table):
            self._point(row)
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
            self._point(row)
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
            self._point(row)
            self._table.upsert_entity(_entity(row), UpdateMode.REPLACE)

    def delete(self, subject: str, key: str) -> None:
        """Delete the row; gone already is fine."""
        with at(self._table):
            self._table.delete_entity(escape(subject), escape(key))

    def rows(self, subject: str) -> tuple[Row, ...]:
        """Read all rows of a subject: one partition."""
        return tuple(self._query("PartitionKey eq @subject", subject=escape(subject)))

    def due(self, now: datetime) -> Iterator[Row]:
        """Read every row whose due time has come, by the pointers up to now; tidy those up."""
        now = now.astimezone(UTC)
        until = _stamp(now + timedelta(microseconds=1))
        with at(self._table):
            for pointer in self._table.query_entities(
                "PartitionKey eq @due and RowKey lt @until",
                parameters={"due": _DUE, "until": until},
            ):
                row = self._pointed_at(pointer)
                if row is not None:
                    yield row
                elif pointer["RowKey"] < _stamp(now - _TO_WRITE):
                    self._table.delete_entity(_DUE, pointer["RowKey"])

    def all(self, key: str) -> Iterator[Row]:
        """Read the rows of this key of every subject: a scan of the whole table.

        Good enough for the status, which people ask for now and then; nothing else may use it.
        """
        return self._query("RowKey eq @key", key=escape(key))

    def _point(self, row: Row) -> None:
        """Write the pointer of a row that is due some time."""
        if row.due is not None:
            self._table.upsert_entity(_pointer(row, row.due), UpdateMode.REPLACE)

    def _pointed_at(self, pointer: TableEntity) -> Row | None:
        """Read a pointer's row; None when it is gone, or not due at the pointer's time any more."""
        try:
            row = _row(self._table.get_entity(pointer["Subject"], pointer["Key"]))
        except ResourceNotFoundError:
            return None
        if row.due is None or not pointer["RowKey"].startswith(_stamp(row.due)):
            return None  # a later or an earlier due time has its own pointer
        return row

    def _query(self, query: str, **parameters: str) -> Iterator[Row]:
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


def _pointer(row: Row, due: datetime) -> dict[str, Any]:
    """One row for each due time of each row: writing it twice writes the same."""
    subject, key = escape(row.subject), escape(row.key)
    which = hashlib.sha256(f"{subject}\0{key}".encode()).hexdigest()[:32]  # keys may be too long
    return {
        "PartitionKey": _DUE,
        "RowKey": f"{_stamp(due)}!{which}",
        "Subject": subject,
        "Key": key,
    }


def _stamp(when: datetime) -> str:
    """Return the time as text of one length that sorts as time does."""
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _row(entity: TableEntity) -> Row:
    due = entity.get("Due")
    return Row(
        subject=unescape(entity["PartitionKey"]),
        key=unescape(entity["RowKey"]),
        values=json.loads(entity["Values"]),
        due=datetime.fromisoformat(due.isoformat()) if isinstance(due, datetime) else None,
        version=str(entity.metadata["etag"]),
    )
