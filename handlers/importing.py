"""Imports driven step by step: started once, polled by later looks, verified by digest."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum

from handlers import turns
from shared.catalog import Upstream
from shared.errors import Misconfigured, Permanent, Transient
from shared.oci.digest import Digest
from shared.oci.reference import Repository
from shared.policy.precedence import is_patient
from shared.services import Services
from shared.values import ImportState, Row

MAX_ATTEMPTS = 3
_DEADLINE = timedelta(minutes=30)  # imports have hung in Running for good (Azure/acr#617)
_FORGIVEN = timedelta(hours=1)  # after that long a given-up import is tried anew
_VERIFICATIONS = 5  # a registry may need a moment to show what it was given
_ASKING, _ASKED = "asking", "asked"  # before its message was sent, and after: not started yet
_STAGING = "import"  # the ledger's key of an import into staging

type _Values = dict[str, str | int | float | bool]


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
    no_slot: bool = False  # too many others are under way


@dataclass(frozen=True, slots=True)
class Copy:
    """What is to be copied: `source@digest` into `target` under these tags, or under none.

    `upstream` says how a source that is not ours is read; nothing that is promoted waits for a `backlog`.
    """

    candidate: str
    key: str
    source: Repository
    digest: Digest
    target: Repository
    tags: tuple[str, ...] = ()
    upstream: Upstream | None = None
    backlog: bool = False

    @property
    def owner(self) -> str:
        """Who holds the slot."""
        return f"{self.candidate}:{self.key}"

    @property
    def slots(self) -> str:
        """Which kind of slot it needs: a backlog into staging must not starve promotions."""
        return _slots(self.key)


def drive(services: Services, copy: Copy, *, there: Callable[[], bool] = lambda: False) -> Progress:
    """Bring the import one step on. Called again until it is DONE or FAILED; twice is harmless.

    It has to be called to the end even when the target shows the digest already: only then is the
    slot given back, and the rest of an index certain to be there. `there` is asked when a slot is
    held and before anything starts: True means that nothing need start. What it raises is raised.
    """
    now = services.clock.now()
    row = pending(services.ledger.rows(copy.candidate), copy.key)
    if row is None or _is_unstarted(row):
        return _start(services, copy, row or Row(copy.candidate, copy.key), 1, now, there)
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
        return _start(services, copy, row, attempt, now, there)
    if attempt >= MAX_ATTEMPTS:
        if now < at + _FORGIVEN:
            return Progress(Outcome.FAILED, str(row.values["error"]))
        attempt = 0
    pause = timedelta(seconds=6 * services.settings.look_again_seconds * attempt)
    if now < at + pause:
        return Progress(Outcome.RUNNING)
    return _start(services, copy, row, attempt + 1, now, there)


def pending(rows: Iterable[Row], key: str) -> Row | None:
    """Return the row of an import that has not been concluded."""
    return next((each for each in rows if each.key == key), None)


def left_alone(row: Row, now: datetime) -> bool:
    """Tell whether nobody need ask for this import now: it is under way, or given up for a while.

    An import's own message carries it on; one that stands still for longer has lost its message.
    """
    if row.values["state"] == _ASKING:
        return False  # whoever asked may have died before the message was sent
    return now < datetime.fromisoformat(str(row.values["at"])) + _FORGIVEN


def asking(services: Services, candidate: str, *, urgent: bool = False) -> bool:
    """Tell whether its import into staging is to be asked for now, and write down that it is.

    Who is told True sends the message, then calls `asked`. The row comes before the message, so a
    backlog gets one message for a candidate however often upstream is watched. Dying in between
    leaves "asking", and the next watch asks again; the message may then be there twice.
    `urgent` says that something promoted waits for it: what was asked for as a backlog is then asked
    for once more, and is no backlog from there on, whichever message comes first.
    """
    now = services.clock.now()
    row = pending(services.ledger.rows(candidate), _STAGING)
    at = now.isoformat()
    values: _Values = {"state": _ASKING, "at": at, "urgent": urgent, "since": at}
    if row is None:
        return services.ledger.insert(Row(candidate, _STAGING, values))
    hurries = urgent and not row.values.get("urgent")
    if left_alone(row, now) and not (hurries and _is_unstarted(row)):
        if hurries and row.values["state"] == "failed":  # its message waits for the next attempt
            services.ledger.replace(replace(row, values={**row.values, "urgent": True}))
        return False
    if row.values["state"] == "running":
        return True  # its row names the operation that its lost message would have asked about
    values |= _kept(row) | ({"urgent": True} if urgent else {})
    return services.ledger.replace(replace(row, values=values))


def asked(services: Services, candidate: str) -> None:
    """Write down that the message is on its way, unless it has got there already."""
    row = pending(services.ledger.rows(candidate), _STAGING)
    if row is not None and row.values["state"] == _ASKING:
        _still_asked(services, row)


def forget(services: Services, candidate: str, key: str) -> None:
    """Let go of an import that nobody wants any more: its slot is another's, and it may be asked for anew."""
    services.slots.free(_slots(key), f"{candidate}:{key}")
    services.ledger.delete(candidate, key)


def give_up(services: Services, copy: Copy, error: str) -> None:
    """Write down that an import cannot be: no attempt is left."""
    now = services.clock.now()
    row = Row(copy.candidate, copy.key, {"attempt": MAX_ATTEMPTS})
    _fail(services, copy, row, error, now)


def _slots(key: str) -> str:
    return "imports:base" if key.partition(":")[0] == "base" else "imports:staging"


def _is_unstarted(row: Row) -> bool:
    return row.values["state"] in (_ASKING, _ASKED)


def _still_asked(services: Services, row: Row) -> None:
    values = {**row.values, "state": _ASKED, "at": services.clock.now().isoformat()}
    services.ledger.replace(replace(row, values=values))  # lost: somebody is further than this


def _kept(row: Row) -> _Values:
    """Return what stays true of an import from one attempt to the next."""
    return {name: row.values[name] for name in ("urgent", "since") if name in row.values}


def _is_backlog(copy: Copy, row: Row, now: datetime) -> bool:
    if not copy.backlog or row.values.get("urgent"):
        return False
    since = row.values.get("since")
    return since is None or is_patient(datetime.fromisoformat(str(since)), now)


def _start(
    services: Services,
    copy: Copy,
    row: Row,
    attempt: int,
    now: datetime,
    there: Callable[[], bool],
) -> Progress:
    if not turns.take(
        services,
        copy.slots,
        copy.owner,
        limit=services.settings.import_concurrency,
        until=now + _DEADLINE,
        backlog=_is_backlog(copy, row, now),
    ):
        if row.version and _is_unstarted(row):
            _still_asked(services, row)  # its message is not lost, it waits
        return Progress(Outcome.BUSY, no_slot=True)
    try:
        if there():
            return _conclude(services, copy)
    except Exception:
        services.slots.free(copy.slots, copy.owner)
        raise
    values: _Values = {
        "state": "starting",
        "at": now.isoformat(),
        "attempt": attempt,
        "error": "",
    }
    row = replace(row, values=_kept(row) | values)
    if not (services.ledger.replace(row) if row.version else services.ledger.insert(row)):
        return Progress(Outcome.BUSY)
    try:
        operation = services.imports.start(
            source=copy.source,
            digest=copy.digest,
            target=copy.target,
            tags=copy.tags,
            upstream=copy.upstream,
        )
    except Transient:
        # Started or not? Nobody knows: the row says "starting" until the claim has run out.
        services.slots.free(copy.slots, copy.owner)
        raise
    except Exception as error:
        _fail(services, copy, row, str(error), now)
        raise
    services.ledger.upsert(
        replace(row, values={**row.values, "state": "running", "operation": operation})
    )
    return Progress(Outcome.RUNNING)


def _poll(services: Services, copy: Copy, row: Row, now: datetime) -> Progress:
    started = datetime.fromisoformat(str(row.values["at"]))
    try:
        status = services.imports.poll(str(row.values["operation"]))
    except (Permanent, Misconfigured) as error:
        if now < started + _DEADLINE:
            raise
        return _fail(services, copy, row, str(error), now)  # else it would be asked about for ever
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
    services.slots.free(copy.slots, copy.owner)
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
    services.slots.free(copy.slots, copy.owner)
    values = {**row.values, "state": "failed", "at": now.isoformat(), "error": error[:2000]}
    services.ledger.upsert(replace(row, values=values))
    if int(row.values["attempt"]) >= MAX_ATTEMPTS:
        return Progress(Outcome.FAILED, error)
    return Progress(Outcome.RUNNING, error)
