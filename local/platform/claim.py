"""One local Azure a work folder: who holds it, and how to reach them."""

import contextlib
import fcntl
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.errors import Misconfigured


class Running(Misconfigured):
    """A local Azure already runs in this folder."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A lock file, which the kernel releases however its holder ends, and a note beside it."""

    work: Path

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Hold the folder as long as the block runs. Raises Running if somebody else does."""
        self.work.mkdir(parents=True, exist_ok=True)
        with self._lock.open("w") as file:
            if not _locked(file.fileno()):
                message = (
                    f"one is already running in {self.work} (process {self.note().get('pid', '?')})"
                )
                raise Running(message)
            try:
                yield
            finally:
                self._note.unlink(missing_ok=True)

    def tell(self, note: dict[str, Any]) -> None:
        """Leave a note for other processes."""
        self._note.write_text(json.dumps(note, indent=2))

    def note(self) -> dict[str, Any]:
        """Return the holder's note; empty if there is none."""
        try:
            found: dict[str, Any] = json.loads(self._note.read_text())
        except (OSError, ValueError):
            return {}
        return found

    def taken(self) -> bool:
        """Say whether somebody holds the folder."""
        if not self._lock.exists():
            return False
        with self._lock.open("r") as file:
            return not _locked(file.fileno())

    @property
    def _lock(self) -> Path:
        return self.work / "lock"

    @property
    def _note(self) -> Path:
        return self.work / "running.json"


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
