"""The journal on Azure Tables: once by image and once for all, newest first."""

import json
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from azure.core.exceptions import ResourceExistsError
from azure.data.tables import TableClient

from shared.azure.tables import at, escape
from shared.values import Entry

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_END = 10**17 - 1  # microseconds; tables sort upwards, so the newest needs the smallest key
_MOST, _LONGEST = 50, 500  # reasons, and characters of one: a table's column holds 32 Ki characters
_ALL = "all"
_ONCE = "once"  # the RowKey of the row that makes an id count once


class TableJournal:
    """Journal over azure-data-tables."""

    def __init__(self, table: TableClient) -> None:
        """Take the table."""
        self._table = table

    def add(self, entry: Entry) -> None:
        """Append; an id that is there already keeps its first time, so every row is the same row."""
        body = _body(entry)
        if entry.id:
            body = self._first(f"id:{escape(entry.id)}", body)
        row = f"{_END - _microseconds(datetime.fromisoformat(body['At'])):017d}-{body['Id']}"
        for partition in (_ALL, f"image:{escape(entry.image)}"):
            self._insert({"PartitionKey": partition, "RowKey": escape(row)} | body)

    def read(self, image: str = "") -> Iterable[Entry]:
        """Read an image's entries, or all, newest first, page by page."""
        partition = f"image:{escape(image)}" if image else _ALL
        with at(self._table):
            for each in self._table.query_entities(
                "PartitionKey eq @partition", parameters={"partition": partition}
            ):
                yield _entry(each)

    def _first(self, partition: str, body: dict[str, Any]) -> dict[str, Any]:
        """Return what was added first under this id: this, or what a killed attempt left."""
        marker = {"PartitionKey": partition, "RowKey": _ONCE} | body
        if self._insert(marker):
            return body
        with at(self._table):
            found = self._table.get_entity(partition, _ONCE)
        return {name: found[name] for name in body}

    def _insert(self, entity: dict[str, Any]) -> bool:
        with at(self._table):
            try:
                self._table.create_entity(entity)
            except ResourceExistsError:
                return False
        return True


def _microseconds(at: datetime) -> int:
    return (at.astimezone(UTC) - _EPOCH) // _MICROSECOND


def _body(entry: Entry) -> dict[str, Any]:
    return {
        "At": entry.at.astimezone(UTC).isoformat(),
        "Image": entry.image,
        "Digest": entry.digest,
        "Event": entry.event,
        "Reasons": json.dumps([each[:_LONGEST] for each in entry.reasons[:_MOST]]),
        "Trace": entry.trace,
        "Id": entry.id or uuid.uuid4().hex,
    }


def _entry(entity: dict[str, Any]) -> Entry:
    return Entry(
        at=datetime.fromisoformat(entity["At"]),
        image=entity["Image"],
        digest=entity["Digest"],
        event=entity["Event"],
        reasons=tuple(json.loads(entity["Reasons"])),
        trace=entity["Trace"],
        id=entity["Id"],
    )
