"""Concurrency slots on Azure Tables: a partition for each kind, a row for each slot taken."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from azure.core import MatchConditions
from azure.core.exceptions import (
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)
from azure.data.tables import TableClient, TableEntity, UpdateMode

from shared.azure.tables import at, escape


class TableSlots:
    """Slots over azure-data-tables; an expired slot is anyone's."""

    def __init__(self, table: TableClient, now: Callable[[], datetime]) -> None:
        """Take the table and the time, in UTC."""
        self._table = table
        self._now = now

    def take(self, kind: str, owner: str, *, limit: int, until: datetime) -> bool:
        """Take a free or expired slot; an owner that holds one keeps it until the new time."""
        with at(self._table):
            held = {each["RowKey"]: each for each in self._held(kind)}
            mine = next((each for each in held.values() if each["Owner"] == owner), None)
            if mine is not None and self._take_over(mine, owner, until):
                return True
            for number in range(limit):
                slot = f"{number:05d}"
                taken = held.get(slot)
                if taken is None and self._insert(kind, slot, owner, until):
                    return True
                if taken and taken["Until"] <= self._now() and self._take_over(taken, owner, until):
                    return True
        return False

    def free(self, kind: str, owner: str) -> None:
        """Give back what the owner holds, unless someone took it over meanwhile."""
        with at(self._table):
            for each in self._held(kind):
                if each["Owner"] != owner:
                    continue
                try:
                    self._table.delete_entity(
                        each["PartitionKey"],
                        each["RowKey"],
                        etag=each.metadata["etag"],
                        match_condition=MatchConditions.IfNotModified,
                    )
                except ResourceModifiedError:
                    continue

    def _held(self, kind: str) -> list[TableEntity]:
        query = self._table.query_entities(
            "PartitionKey eq @kind", parameters={"kind": escape(kind)}
        )
        return list(query)

    def _insert(self, kind: str, slot: str, owner: str, until: datetime) -> bool:
        try:
            self._table.create_entity(_entity(escape(kind), slot, owner, until))
        except ResourceExistsError:
            return False  # someone was faster: the next one
        return True

    def _take_over(self, taken: TableEntity, owner: str, until: datetime) -> bool:
        entity = _entity(taken["PartitionKey"], taken["RowKey"], owner, until)
        try:
            self._table.update_entity(
                entity,
                UpdateMode.REPLACE,
                etag=taken.metadata["etag"],
                match_condition=MatchConditions.IfNotModified,
            )
        except (ResourceModifiedError, ResourceNotFoundError):
            return False
        return True


def _entity(partition: str, slot: str, owner: str, until: datetime) -> dict[str, Any]:
    return {
        "PartitionKey": partition,
        "RowKey": slot,
        "Owner": owner,
        "Until": until.astimezone(UTC),
    }
