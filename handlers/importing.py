"""Imports driven step by step: started once, polled by later looks, verified by digest."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum

from shared.errors import Transient
from shared.oci.digest import Digest
from shared.oci.reference import Repository
from shared.ports import ImportState, Row
from shared.services import Services

MAX_ATTEMPTS = 3
_DEADLINE = timedelta(minutes=30)  # imports have hung in Running for good (Azure/acr#617)
_FORGIVEN = timedelta(hours=1)  # after that long a given-up import is tried anew
_VERIFICATIONS = 5  # a registry may need a moment to show what it was given


class Outcome(Enum):
    """How far an import is."""

    BUSY = "busy"  # no slot, or another worker is at it
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Progress:
    """The outcome, and the platform's own text where it failed."""

    outcome: Outcome
    error: str = ""


@dataclass(frozen=True, slots=True)
class Copy:
    """What is to be copied: `source@digest` into `target` under these tags, or under none."""

    candidate: str
    key: str
    source: Repository
    digest: Digest
    target: Repository
    tags: tuple[str, ...] = ()

    @property
    def owner(self) -> str:
        """Who holds the slot."""
        return f"{self.candidate}:{self.key}"


def drive(services: Services, copy: Copy) -> Progress:
    """Bring the import one step on. Called again until it is DONE or FAILED; twice is harmless.

    It has to be called to the end even when the target shows the digest already: only then is the
    slot given back, and the rest of an index certain to be there.
    """
    now = services.clock.now()
    row = pending(services.ledger.rows(copy.candidate), copy.key)
    if row is None:
        return _start(services, copy, Row(copy.candidate, copy.key), 1, now)
    state, at = str(row.values["state"]), datetime.fromisoformat(str(row.values["at"]))
    attempt = int(row.values["attempt"])
    if state == "running":
        return _poll(services, copy, row, now)
    lost = now >= at + timedelta(seconds=services.settings.claim_seconds)
    if state == "starting" and not lost:
        return Progress(Outcome.BUSY)
    if services.data_plane.head(copy.target, copy.digest) is not None:
        return _conclude(services, copy)  # what was lost, or said to have failed, has arrived
    if state == "starting":
        return _start(services, copy, row, attempt, now)
    if attempt >= MAX_ATTEMPTS:
        if now < at + _FORGIVEN:
            return Progress(Outcome.FAILED, str(row.values["error"]))
        attempt = 0
    pause = timedelta(seconds=6 * services.settings.look_again_seconds * attempt)
    if now < at + pause:
        return Progress(Outcome.RUNNING)
    return _start(services, copy, row, attempt + 1, now)


def pending(rows: Iterable[Row], key: str) -> Row | None:
    """Return the row of an import that has not been concluded."""
    return next((each for each in rows if each.key == key), None)


def left_alone(row: Row, now: datetime) -> bool:
    """Tell whether nobody need ask for this import now: it is under way, or given up for a while.

    An import's own message carries it on; one that stands still for longer has lost its message.
    """
    return now < datetime.fromisoformat(str(row.values["at"])) + _FORGIVEN


def _start(services: Services, copy: Copy, row: Row, attempt: int, now: datetime) -> Progress:
    limit = services.settings.import_concurrency
    if not services.slots.take("imports", copy.owner, limit=limit, until=now + _DEADLINE):
        return Progress(Outcome.BUSY)
    row = replace(
        row,
        values={"state": "starting", "at": now.isoformat(), "attempt": attempt, "error": ""},
    )
    if not (services.ledger.replace(row) if row.version else services.ledger.insert(row)):
        return Progress(Outcome.BUSY)
    try:
        operation = services.imports.start(
            source=copy.source, digest=copy.digest, target=copy.target, tags=copy.tags
        )
    except Transient:
        # Started or not? Nobody knows: the row says "starting" until the claim has run out.
        services.slots.free("imports", copy.owner)
        raise
    except Exception as error:
        _fail(services, copy, row, str(error), now)
        raise
    services.ledger.upsert(
        replace(row, values={**row.values, "state": "running", "operation": operation})
    )
    return Progress(Outcome.RUNNING)


def _poll(services: Services, copy: Copy, row: Row, now: datetime) -> Progress:
    status = services.imports.poll(str(row.values["operation"]))
    started = datetime.fromisoformat(str(row.values["at"]))
    if status.state is ImportState.RUNNING:
        if now < started + _DEADLINE:
            return Progress(Outcome.RUNNING)
        return _fail(services, copy, row, f"the import did not end within {_DEADLINE}", now)
    if status.state is ImportState.FAILED:
        return _fail(services, copy, row, status.error, now)
    if services.data_plane.head(copy.target, copy.digest) is None:
        return _unverified(services, copy, row, now)
    return _conclude(services, copy)


def _conclude(services: Services, copy: Copy) -> Progress:
    services.slots.free("imports", copy.owner)
    services.ledger.delete(copy.candidate, copy.key)
    return Progress(Outcome.DONE)


def _unverified(services: Services, copy: Copy, row: Row, now: datetime) -> Progress:
    looked = int(row.values.get("looked", 0)) + 1
    if looked >= _VERIFICATIONS:
        error = f"the import succeeded, but {copy.target} does not hold {copy.digest}"
        return _fail(services, copy, row, error, now)
    services.ledger.upsert(replace(row, values={**row.values, "looked": looked}))
    return Progress(Outcome.RUNNING)


def _fail(services: Services, copy: Copy, row: Row, error: str, now: datetime) -> Progress:
    services.slots.free("imports", copy.owner)
    values = {**row.values, "state": "failed", "at": now.isoformat(), "error": error[:2000]}
    services.ledger.upsert(replace(row, values=values))
    if int(row.values["attempt"]) >= MAX_ATTEMPTS:
        return Progress(Outcome.FAILED, error)
    return Progress(Outcome.RUNNING, error)
