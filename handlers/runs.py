"""Runs: started once a platform and attempt, followed to their end, their results proven."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from handlers import turns
from handlers.context import packed
from handlers.plain import plain
from handlers.recording import Subject, note
from handlers.reports import known_report, read_report
from shared.catalog import Image
from shared.errors import Transient
from shared.oci import media_types
from shared.oci.digest import Digest
from shared.oci.manifest import Descriptor
from shared.oci.platform import Platform
from shared.oci.reference import Repository
from shared.policy.facts import Progress, Scan, Tested
from shared.policy.named_report import named_report
from shared.policy.untested import untested
from shared.ports import Row, Run, RunState, ScanRequest, TestRequest
from shared.services import Services

SCAN_SECONDS = 1200
TEST_SECONDS = 600
_QUEUED = timedelta(minutes=60)  # a run may wait this long for an agent
_LAG = timedelta(minutes=2)  # a run's log may be whole only a while after the run has ended
_TAIL = 20  # lines of a test's log that are kept
_TESTED = "test: "
# What the agent says around a step, and what the tasks say to us.
_AGENT = re.compile(r"\d{4}/\d{2}/\d{2} |Run ID: |breakwater-")


@dataclass(frozen=True, slots=True)
class Target:
    """One platform's manifest of a candidate in staging."""

    subject: Subject
    repository: Repository
    platform: Platform
    digest: Digest


def scan(services: Services, target: Target, rows: tuple[Row, ...]) -> Scan:
    """Return what is known of the newest scan; follows its run if that has ended."""
    row = _newest(rows, f"scan:{target.platform.slug}:")
    if row is None:
        return Scan(target.platform, target.digest)
    if _is_running(row):
        row = _follow(services, target, row, _scanned)
    known = Scan(
        target.platform,
        target.digest,
        _progress(services, row),
        _attempt(row),
        str(row.values.get("run", "")),
        error=str(row.values.get("error", "")),
    )
    if row.values["state"] != "succeeded":
        return known
    digest = Digest(str(row.values["result"]))
    report = known_report(services, target.repository, digest, target.digest)
    if isinstance(report, str):
        return replace(known, error=report)
    return replace(known, report=report, report_digest=digest)


def test(services: Services, target: Target, rows: tuple[Row, ...]) -> Tested:
    """Return what is known of the newest test; follows its run if that has ended."""
    row = _newest(rows, f"test:{target.platform.slug}:")
    if row is None:
        return Tested(target.platform, target.digest)
    if _is_running(row):
        row = _follow(services, target, row, _tested)
    result = str(row.values.get("result", ""))
    return Tested(
        target.platform,
        target.digest,
        _progress(services, row),
        _attempt(row),
        str(row.values.get("run", "")),
        {"succeeded": True, "failed": False}.get(str(row.values["state"])),
        Digest(result) if result else None,
        str(row.values.get("error", "")),
    )


def start_scan(services: Services, target: Target, attempt: int, *, backlog: bool = False) -> bool:
    """Start the scan run; False when there is no slot, or someone else started it."""

    def request() -> ScanRequest:
        return ScanRequest(
            target.repository, target.digest, target.platform, target.subject.id, SCAN_SECONDS
        )

    return _start(services, target, f"scan:{target.platform.slug}:{attempt}", request, backlog)


def start_test(
    services: Services, target: Target, image: Image, attempt: int, *, backlog: bool = False
) -> bool:
    """Start the test run with the script as its context; False likewise."""
    if image.test is None:
        return False
    script = services.catalog_source.file(image.test.script)

    def request() -> TestRequest:
        context = services.tasks.upload(target.repository.registry, packed(script))
        return TestRequest(
            target.repository,
            target.digest,
            target.platform,
            target.subject.id,
            TEST_SECONDS,
            context,
        )

    return _start(services, target, f"test:{target.platform.slug}:{attempt}", request, backlog)


def _start(
    services: Services,
    target: Target,
    key: str,
    request: Callable[[], ScanRequest | TestRequest],
    backlog: bool,
) -> bool:
    now = services.clock.now()
    owner = f"{target.subject.id}:{key}"
    series, _, attempt = key.rpartition(":")
    if int(attempt) > 1:  # a worker that died while it started the one before left its slot behind
        services.slots.free("runs", f"{target.subject.id}:{series}:{int(attempt) - 1}")
    until, limit = now + _QUEUED, services.settings.run_concurrency
    if not turns.take(services, "runs", owner, limit=limit, until=until, backlog=backlog):
        return False
    row = Row(target.subject.id, key, {"state": "starting", "at": now.isoformat()})
    if not services.ledger.insert(row):
        return False
    run = _begin(services, row, owner, request)
    services.ledger.upsert(replace(row, values={**row.values, "state": "running", "run": run}))
    kind = key.partition(":")[0]
    note(
        services,
        target.subject,
        f"{kind} started",
        (f"run {run} on {target.platform}",),
        once=f"{owner}|{run}",
    )
    return True


def _begin(
    services: Services, row: Row, owner: str, request: Callable[[], ScanRequest | TestRequest]
) -> str:
    """Start the run; what certainly started none takes no attempt."""
    asked: ScanRequest | TestRequest | None = None
    try:
        asked = request()
        return services.tasks.start(asked)
    except Exception as error:
        if asked is not None and isinstance(error, Transient) and not error.refused:
            # Started or not? The row waits out its claim, and says why if that was the last attempt.
            said = {**row.values, "error": f"starting it was not answered: {plain(str(error))}"}
            services.ledger.upsert(replace(row, values=said))
        else:
            services.ledger.delete(row.subject, row.key)
        services.slots.free("runs", owner)
        raise


type _Result = dict[str, str]


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
        if now < datetime.fromisoformat(str(row.values["at"])) + _QUEUED:
            return row
        result = {"state": "lost", "error": f"run {run.id} did not end within {_QUEUED}"}
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


def conclusion(log: str) -> str:
    """Return what a failed run's steps said last, on one line and without control characters.

    What the tested image printed is marked `test: ` by the test task; it says most.
    """
    lines = [plain(line) for line in log.split("\n") if line.strip()]
    tested = [line.removeprefix(_TESTED) for line in lines if line.startswith(_TESTED)]
    said = tested or [line for line in lines if not _AGENT.match(line)]
    return " / ".join(said[-2:])[:400]


def _newest(rows: tuple[Row, ...], prefix: str) -> Row | None:
    found = [row for row in rows if row.key.startswith(prefix)]
    return max(found, key=lambda row: int(row.key.rpartition(":")[2]), default=None)


def _is_running(row: Row) -> bool:
    return row.values["state"] == "running"


def _progress(services: Services, row: Row) -> Progress:
    if _is_running(row):
        return Progress.UNDERWAY
    if row.values["state"] != "starting":
        return Progress.ENDED
    claimed = timedelta(seconds=services.settings.claim_seconds)
    started = datetime.fromisoformat(str(row.values["at"]))
    return Progress.UNDERWAY if services.clock.now() < started + claimed else Progress.NONE


def _attempt(row: Row) -> int:
    return int(row.key.rpartition(":")[2])
