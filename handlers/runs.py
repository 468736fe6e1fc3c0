"""Runs: started once a platform and attempt, followed to their end, their results proven."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from handlers.context import packed
from handlers.plain import plain
from handlers.recording import Subject, note
from shared.catalog import Image
from shared.errors import Permanent, Transient
from shared.oci import media_types
from shared.oci.digest import Digest
from shared.oci.manifest import Descriptor
from shared.oci.platform import Platform
from shared.oci.reference import Repository
from shared.policy.facts import Progress, Scan, Tested
from shared.policy.named_report import named_report
from shared.ports import Row, Run, RunState, ScanRequest, TestRequest
from shared.reports import trivy
from shared.reports.findings import InvalidReport, Report
from shared.services import Services

SCAN_SECONDS = 1200
TEST_SECONDS = 600
_QUEUED = timedelta(minutes=60)  # a run may wait this long for an agent
_LARGEST_REPORT = 64 * 1024 * 1024  # bytes
_TAIL = 20  # lines of a test's log that are kept
# What the agent says around a step, not the step itself.
_TESTED = "test: "
_AGENT = re.compile(r"\d{4}/\d{2}/\d{2} |Run ID: ")


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
    report = read_report(services, target, digest)
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


def start_scan(services: Services, target: Target, attempt: int) -> bool:
    """Start the scan run; False when there is no slot, or someone else started it."""

    def request() -> ScanRequest:
        return ScanRequest(
            target.repository, target.digest, target.platform, target.subject.id, SCAN_SECONDS
        )

    return _start(services, target, f"scan:{target.platform.slug}:{attempt}", request)


def start_test(services: Services, target: Target, image: Image, attempt: int) -> bool:
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

    return _start(services, target, f"test:{target.platform.slug}:{attempt}", request)


def read_report(services: Services, target: Target, digest: Digest) -> Report | str:
    """Read the report with this digest, or say why it is none about this target."""
    try:
        manifest = services.data_plane.manifest(target.repository, digest)
    except Permanent as error:
        return f"the report {digest} cannot be read: {error}"
    if manifest is None:
        return f"staging does not hold the report {digest}"
    if manifest.artifact_type != media_types.REPORT or len(manifest.layers) != 1:
        return f"{digest} is no report: its artifact type is {manifest.artifact_type[:100]!r}"
    if manifest.subject is None or manifest.subject.digest != target.digest:
        return f"the report {digest} is about another digest"
    layer = manifest.layers[0]
    try:
        raw = services.data_plane.blob(target.repository, layer.digest, _LARGEST_REPORT)
        return trivy.parse(raw, subject=target.digest)
    except (InvalidReport, Permanent) as error:
        return f"the report {digest} cannot be read: {error}"


def _start(
    services: Services, target: Target, key: str, request: Callable[[], ScanRequest | TestRequest]
) -> bool:
    now = services.clock.now()
    owner = f"{target.subject.id}:{key}"
    series, _, attempt = key.rpartition(":")
    if int(attempt) > 1:  # a worker that died while it started the one before left its slot behind
        services.slots.free("runs", f"{target.subject.id}:{series}:{int(attempt) - 1}")
    until = now + _QUEUED
    if not services.slots.take("runs", owner, limit=services.settings.run_concurrency, until=until):
        return False
    row = Row(target.subject.id, key, {"state": "starting", "at": now.isoformat()})
    if not services.ledger.insert(row):
        return False
    try:
        run = services.tasks.start(request())
    except Transient as error:
        # Started or not? The row waits out its claim, and says why if that was the last attempt.
        said = {**row.values, "error": f"starting it was not answered: {plain(str(error))}"}
        services.ledger.upsert(replace(row, values=said))
        services.slots.free("runs", owner)
        raise
    except Exception:
        services.ledger.delete(row.subject, row.key)
        services.slots.free("runs", owner)
        raise
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


type _Result = dict[str, str]


def _follow(
    services: Services,
    target: Target,
    row: Row,
    concluded: Callable[[Services, Target, Run], _Result],
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
        result = concluded(services, target, run)
    _note_end(services, target, row, result)
    row = replace(row, values={**row.values, **result, "at": now.isoformat()})
    services.ledger.upsert(row)
    services.slots.free("runs", f"{row.subject}:{row.key}")
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


def _scanned(services: Services, target: Target, run: Run) -> _Result:
    if run.state is not RunState.SUCCEEDED:
        said = conclusion(services.tasks.log(target.repository.registry, run.id))
        why = plain(run.error) or said
        return {"state": "lost", "error": f"run {run.id} {run.status}: {why}"}
    log = services.tasks.log(target.repository.registry, run.id)
    digest = named_report(log, target.digest, target.platform)
    if isinstance(digest, str):
        return {"state": "lost", "error": f"run {run.id}: {digest}"}
    report = read_report(services, target, digest)
    if isinstance(report, str):
        return {"state": "lost", "error": f"run {run.id}: {report}"}
    return {"state": "succeeded", "result": str(digest), "error": ""}


def _tested(services: Services, target: Target, run: Run) -> _Result:
    log = services.tasks.log(target.repository.registry, run.id)
    if run.status not in ("Succeeded", "Failed", "Timeout"):
        return {"state": "lost", "error": f"run {run.id} {run.status}: {plain(run.error)}"}
    passed = run.state is RunState.SUCCEEDED
    digest = _attach_result(services, target, run, log)
    error = "" if passed else conclusion(log) or plain(run.error) or run.status
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
