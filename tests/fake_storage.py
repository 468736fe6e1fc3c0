"""Queues, ledger, journal and slots in memory."""

import dataclasses
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.errors import Permanent
from shared.values import Entry, Row
from tests.fake_clock import FakeClock


@dataclass(frozen=True)
class Sent:
    """A message on its way."""

    queue: str
    text: str
    delay: timedelta


class FakeQueues:
    """Queues that keep what was sent until it is taken."""

    def __init__(self) -> None:
        self.sent: list[Sent] = []

    def take(self, queue: str = "") -> tuple[Sent, ...]:
        """Take everything, or everything of one queue."""
        taken = tuple(each for each in self.sent if queue in ("", each.queue))
        self.sent = [each for each in self.sent if each not in taken]
        return taken

    def send(self, queue: str, message: str, *, delay: timedelta = timedelta()) -> None:
        if len(message.encode()) > 48 * 1024 or not timedelta() <= delay <= timedelta(minutes=15):
            refusal = f"queue {queue}: the message is too large or waits too long"
            raise Permanent(refusal)
        self.sent.append(Sent(queue, message, delay))


class FakeLedger:
    """The ledger as a dict of each subject's rows; versions count upwards. Threads may share it."""

    def __init__(self) -> None:
        self._rows: dict[str, dict[str, Row]] = {}
        self._versions = itertools.count(1)

    def insert(self, row: Row) -> bool:
        if row.key in self._rows.get(row.subject, {}):
            return False
        self.upsert(row)
        return True

    def replace(self, row: Row) -> bool:
        if not row.version:
            message = f"ledger: replacing {row.subject} {row.key} needs the version that was read"
            raise Permanent(message)
        known = self._rows.get(row.subject, {}).get(row.key)
        if known is None or known.version != row.version:
            return False
        self.upsert(row)
        return True

    def upsert(self, row: Row) -> None:
        version = str(next(self._versions))
        self._rows.setdefault(row.subject, {})[row.key] = dataclasses.replace(
            row, values=dict(row.values), version=version
        )

    def delete(self, subject: str, key: str) -> None:
        self._rows.get(subject, {}).pop(key, None)

    def rows(self, subject: str) -> tuple[Row, ...]:
        return tuple(self._rows.get(subject, {}).values())

    def due(self, now: datetime) -> Iterator[Row]:
        yield from [each for each in self._all() if each.due and each.due <= now]

    def all(self, key: str) -> Iterator[Row]:
        yield from [each for each in self._all() if each.key == key]

    def _all(self) -> Iterator[Row]:
        for rows in list(self._rows.values()):
            yield from list(rows.values())


class FakeJournal:
    """The journal as a list."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def add(self, entry: Entry) -> None:
        if not entry.id or all(each.id != entry.id for each in self.entries):
            self.entries.append(entry)

    def read(self, image: str = "") -> Iterable[Entry]:
        found = [each for each in self.entries if image in ("", each.image)]
        return sorted(found, key=lambda each: each.at, reverse=True)


class FakeSlots:
    """Slots as a dict."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self._held: dict[tuple[str, str], datetime] = {}

    def held(self) -> list[tuple[str, str]]:
        """Return every kind and owner of a slot that was taken and not given back."""
        return list(self._held)

    def take(self, kind: str, owner: str, *, limit: int, until: datetime) -> bool:
        others = [
            each
            for each, ends in self._held.items()
            if each[0] == kind and each[1] != owner and ends > self._clock.now()
        ]
        if (kind, owner) not in self._held and len(others) >= limit:
            return False
        self._held[kind, owner] = until
        return True

    def free(self, kind: str, owner: str) -> None:
        self._held.pop((kind, owner), None)
