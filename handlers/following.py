"""Runs followed to their end: what their logs say is proven, kept in the ledger, and their slots given back."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from handlers.plain import plain
from handlers.recording import Subject, note
from handlers.reports import read_report
from shared.oci import media_types
from shared.oci.digest import Digest
from shared.oci.manifest import Descriptor
from shared.oci.platform import Platform
from shared.oci.reference import Repository
from shared.policy.named_report import named_report
from shared.policy.untested import untested
from shared.services import Services
from shared.values import Row, Run, RunState

QUEUED = timedelta(minutes=60)  # a run may wait this long for an agent
_LAG = timedelta(minutes=2)  # a run's log may be whole only a while after the run has ended
_TAIL = 20  # lines of a test's log that are kept
_TESTED = "test: "
# What the agent says around a step, and what the tasks say to us.
_AGENT = re.compile(r"\d{4}/\d{2}/\d{2} |Run ID: |breakwater-")

type _Result = dict[str, str]


@dataclass(frozen=True, slots=True)
class Target:
    """One platform's manifest of a candidate in staging."""

    subject: Subject
    repository: Repository
    platform: Platform
    digest: Digest


def follow(services: Services, target: Target, row: Row) -> Row:
    """Return the row of a run, ended if the run has; two workers may follow the same run at once.

    A candidate follows the scans of what it is compared with too: all that is written is the same whoever
    writes it.
    """
    concluded = _scanned if row.key.startswith("scan:") else _tested
    return _follow(services, target, row, concluded)


def conclusion(log: str) -> str:
    """Return what a failed run's steps said last, on one line and without control characters.

    What the tested image printed is marked `test: ` by the test task; it says most.
    """
    lines = [plain(line) for line in log.split("\n") if line.strip()]
    tested = [line.removeprefix(_TESTED) for line in lines if line.startswith(_TESTED)]
    said = tested or [line for line in lines if not _AGENT.match(line)]
    return " / ".join(said[-2:])[:400]


def _follow(
    services: Services,
    target: Target,
    row: Row,
    concluded: Callable[[Services, Target, Run, str], _Result],
) -> Row:
    registry = target.repository.registry
    run = services.tasks.run(registry, str(row.values["run"]))
    now = services.clock.now()
    if run is None:
        result = {"state": "lost", "error": f"the registry knows no run {row.values['run']}"}
    elif run.state in (RunState.QUEUED, RunState.RUNNING):
        if now < datetime.fromisoformat(str(row.values["at"])) + QUEUED:
            return row
        result = {"state": "lost", "error": f"run {run.id} did not end within {QUEUED}"}
    else:
        log = services.tasks.log(registry, run.id)
        if not log.whole and run.finished is not None and now < run.finished + _LAG:
            return row
        result = concluded(services, target, run, log.text)
    _note_end(services, target, row, result)
    # Before the row says that it has ended: nobody follows it after that, nor frees its slot.
    services.slots.free("runs", f"{row.subject}:{row.key}")
    row = replace(row, values={**row.values, **result, "at": now.isoformat()})
    services.ledger.upsert(row)
    return row


def _note_end(services: Services, target: Target, row: Row, result: _Result) -> None:
    kind, run = row.key.partition(":")[0], row.values["run"]
    said = result["error"] or {"scan": "it left a report", "test": "it passed"}[kind]
    note(
        services,
        target.subject,
        f"{kind} ended",
        (f"run {run} on {target.platform}: {said}",),
        once=f"{row.subject}|{row.key}|{run}|ended",
    )


def _scanned(services: Services, target: Target, run: Run, log: str) -> _Result:
    if run.state is not RunState.SUCCEEDED:
        why = plain(run.error) or conclusion(log)
        return {"state": "lost", "error": f"run {run.id} {run.status}: {why}"}
    digest = named_report(log, target.digest, target.platform)
    if isinstance(digest, str):
        return {"state": "lost", "error": f"run {run.id}: {digest}"}
    report = read_report(services, target.repository, digest, target.digest)
    if isinstance(report, str):
        return {"state": "lost", "error": f"run {run.id}: {report}"}
    return {"state": "succeeded", "result": str(digest), "error": ""}


def _tested(services: Services, target: Target, run: Run, log: str) -> _Result:
    if run.status not in ("Succeeded", "Failed", "Timeout"):
        return {"state": "lost", "error": f"run {run.id} {run.status}: {plain(run.error)}"}
    passed = run.state is RunState.SUCCEEDED
    said = conclusion(log) or plain(run.error) or run.status
    if not passed and (why := untested(log, target.digest)):
        return {"state": "lost", "error": f"run {run.id} {run.status}, {why}: {said}"}
    digest = _attach_result(services, target, run, log)
    error = "" if passed else said
    return {"state": "succeeded" if passed else "failed", "result": str(digest), "error": error}


def _attach_result(services: Services, target: Target, run: Run, log: str) -> Digest:
    """Attach the run's verdict to what it tested; the same run always gives the same bytes."""
    body = {
        "run": run.id,
        "status": run.status,
        "log": [plain(line) for line in log.splitlines()[-_TAIL:]],
    }
    subject = services.data_plane.head(target.repository, target.digest)
    return services.data_plane.attach(
        target.repository,
        subject or Descriptor(media_types.OCI_MANIFEST, target.digest, 0),
        artifact_type=media_types.TEST_RESULT,
        media_type="application/json",
        content=json.dumps(body, sort_keys=True).encode(),
        annotations={"io.breakwater.candidate": target.subject.id},
    )
