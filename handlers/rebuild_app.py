"""An app is to be rebuilt on a new base image: wait for its own trigger, follow a run, or start one."""

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from handlers import catalogs
from handlers.announcing import announce
from handlers.claims import claim
from handlers.patience import patiently
from handlers.plain import sentences
from shared.errors import Transient
from shared.messages import REBUILDS, RebuildMessage, decode, encode
from shared.oci.digest import Digest
from shared.oci.reference import Repository
from shared.policy import rebuilds
from shared.policy.rebuilds import Asked, Follow, GiveUp, RebuildStep, Start, UpToDate, WaitFor
from shared.services import Services
from shared.values import Entry, Row, Run, RunState

_KEY = "rebuild"
_BUSY = timedelta(seconds=3)
_FORGIVEN = timedelta(hours=6)  # after that long a given-up rebuild may be asked for anew


def handle(services: Services, text: str) -> None:
    """Bring one rebuild a step on; it has ended when the app is built on the digest."""
    message = decode(text, RebuildMessage)
    patiently(services, REBUILDS, text, lambda: _handle(services, message))


def _handle(services: Services, message: RebuildMessage) -> None:
    with claim(services, f"rebuild:{_subject(message)}") as claimed:
        delay = _step(services, message) if claimed else _BUSY
    if delay is not None:
        services.queues.send(REBUILDS, encode(message), delay=delay)


@dataclass(frozen=True, slots=True)
class _App:
    """One app that is to be built on one digest of one base image."""

    message: RebuildMessage
    image: str

    @property
    def subject(self) -> str:
        """The ledger's subject for it."""
        return _subject(self.message)


def _step(services: Services, message: RebuildMessage) -> timedelta | None:
    base, digest = Repository.parse(message.base), Digest(message.digest)
    catalog = catalogs.current(services)
    image = catalog.image_in_base(base.path) if base.registry == catalog.base.registry else None
    if image is None or message.registry not in catalog.apps:
        return None  # the catalog has dropped the image or the apps
    app = _App(message, image.name)
    held = services.data_plane.head(base, message.tag)
    task = services.tasks.get(message.registry, message.task)
    if task is None or held is None or held.digest != digest:
        services.ledger.delete(app.subject, _KEY)
        return None  # the task is gone, or the tag moved on: the later digest has its own message
    now = services.clock.now()
    row = next(iter(services.ledger.rows(app.subject)), None)
    if row is not None and "ended" in row.values:
        if now < datetime.fromisoformat(str(row.values["ended"])) + _FORGIVEN:
            return None  # given up; another message about it does not start it all over
        row = None
    if row is None:
        row = Row(app.subject, _KEY, {"at": now.isoformat(), "attempt": 0})
        services.ledger.upsert(row)
    runs = services.tasks.recent_runs(message.registry, message.task)
    row = _with_success(services, row, runs)
    step = rebuilds.decide(
        task,
        base,
        message.tag,
        digest,
        runs=runs,
        asked=_asked(services, row),
        grace=timedelta(seconds=services.settings.rebuild_grace_seconds),
        again=timedelta(seconds=services.settings.look_again_seconds),
        now=now,
    )
    return _apply(services, app, row, step)


def _apply(services: Services, app: _App, row: Row, step: RebuildStep) -> timedelta | None:
    again = timedelta(seconds=services.settings.look_again_seconds)
    run = str(row.values.get("run", ""))
    match step:
        case UpToDate():
            if run:
                _note(services, app, row, "rebuilt", f"by run {run}")
            services.ledger.delete(app.subject, _KEY)
            return None
        case GiveUp(reason):
            _note(services, app, row, "rebuild failed", reason)
            ended = {**row.values, "ended": services.clock.now().isoformat()}
            services.ledger.upsert(replace(row, values=ended))
            return None
        case WaitFor(delay):
            return delay
        case Follow(run_id):
            followed = {**row.values, "run": run_id, "succeeded": ""}
            services.ledger.upsert(replace(row, values=followed))
            if run_id != run:
                _note(services, app, row, "rebuild started", f"run {run_id}, by its own trigger")
            return again
        case Start(attempt):
            _start(services, app, row, attempt)
            return again


def _start(services: Services, app: _App, row: Row, attempt: int) -> None:
    now = services.clock.now().isoformat()
    values = {**row.values, "attempt": attempt, "started": now, "run": "", "succeeded": ""}
    services.ledger.upsert(replace(row, values=values))
    try:
        run = services.tasks.rebuild(app.message.registry, app.message.task)
    except Transient:
        raise  # started or not? the row says so until the claim has run out
    except Exception:
        services.ledger.upsert(replace(row, values={**values, "started": ""}))
        raise
    services.ledger.upsert(replace(row, values={**values, "run": run}))
    _note(services, app, row, "rebuild started", f"run {run}")


def _with_success(services: Services, row: Row, runs: tuple[Run, ...]) -> Row:
    """Return the row with when its run's success was first seen; written down once."""
    followed = next((run for run in runs if run.id == row.values.get("run")), None)
    if followed is None or followed.state is not RunState.SUCCEEDED or row.values.get("succeeded"):
        return row
    noted = replace(row, values={**row.values, "succeeded": services.clock.now().isoformat()})
    services.ledger.upsert(noted)
    return noted


def _asked(services: Services, row: Row) -> Asked:
    started = str(row.values.get("started", ""))
    claimed = timedelta(seconds=services.settings.claim_seconds)
    succeeded = str(row.values.get("succeeded", ""))
    pending = bool(started) and services.clock.now() < datetime.fromisoformat(started) + claimed
    return Asked(
        at=datetime.fromisoformat(str(row.values["at"])),
        attempt=int(row.values["attempt"]),
        run_id=str(row.values.get("run", "")),
        pending=pending,
        succeeded=datetime.fromisoformat(succeeded) if succeeded else None,
    )


def _subject(message: RebuildMessage) -> str:
    """Return the ledger's subject: one app, one base tag, one digest."""
    text = f"{message.registry}/{message.task}<{message.base}:{message.tag}@{message.digest}"
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _note(services: Services, app: _App, row: Row, event: str, what: str) -> None:
    message = app.message
    once = f"{app.subject}|{row.values['at']}|{event}|{what}"
    entry = Entry(
        at=services.clock.now(),
        image=app.image,
        digest=message.digest,
        event=event,
        reasons=sentences((f"{message.registry}/{message.task}: {what}",)),
        trace=message.trace,
        id=hashlib.sha256(once.encode()).hexdigest()[:32],
    )
    services.journal.add(entry)
    if event != "rebuild started":
        announce(services, entry)
