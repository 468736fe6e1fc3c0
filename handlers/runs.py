"""Runs: started once a platform and attempt; what is known of the newest, and of the reports they left."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from handlers import following, turns
from handlers.context import packed
from handlers.following import Target
from handlers.plain import plain
from handlers.recording import note
from handlers.reports import known_report
from shared.catalog import Image
from shared.errors import Transient
from shared.oci.digest import Digest
from shared.policy.facts import Progress, Scan, Tested
from shared.services import Services
from shared.values import Row, ScanRequest, TestRequest

__all__ = ["Target", "scan", "start_scan", "start_test", "test"]

SCAN_SECONDS = 1200
TEST_SECONDS = 600
_RECENT = timedelta(hours=24)
_MOST_KEPT = 30  # attempts whose rows are kept: what is held for months is scanned again and again
_FORGIVEN = timedelta(hours=1)  # after that long a report that staging lost is no failure any more


def scan(services: Services, target: Target, rows: tuple[Row, ...], *, follow: bool) -> Scan:
    """Return how far the newest scan is, and the newest report there is.

    Follows the newest one's run if that has ended. The report before stays until there is another.
    """
    found = _newest_first(rows, f"scan:{target.platform.slug}:")
    if not found:
        return Scan(target.platform, target.digest)
    found[0] = _followed(services, target, found[0], follow=follow)
    known = Scan(
        target.platform,
        target.digest,
        _progress(services, found[0]),
        _attempt(found[0]),
        str(found[0].values.get("run", "")),
        error=str(found[0].values.get("error", "")),
        recent=sum(_at(row) > services.clock.now() - _RECENT for row in found),
    )
    return _reported(services, target, known, found)


def _reported(services: Services, target: Target, known: Scan, rows: list[Row]) -> Scan:
    """Add the report of the newest run that left one, and count what came to nothing since.

    Where that report is gone or unreadable there is none: the one before it may have found less. It is a
    failure as well, for a while, or a report that staging keeps losing would be asked for without end.
    """
    failures, lost = 0, ""
    for row in rows:
        if row.values["state"] != "succeeded":
            failures += _progress(services, row) is not Progress.UNDERWAY
            continue
        digest = Digest(str(row.values["result"]))
        report = known_report(services, target.repository, digest, target.digest)
        if not isinstance(report, str):
            if lost:
                break
            run = str(row.values["run"])
            return replace(
                known, run_id=run, report=report, report_digest=digest, failures=failures
            )
        lost = lost or report
        if services.clock.now() >= _at(row) + _FORGIVEN:
            break
        failures += 1
    return replace(known, error=known.error or lost, failures=failures)


def test(services: Services, target: Target, rows: tuple[Row, ...], *, follow: bool) -> Tested:
    """Return what is known of the newest test; follows its run if that has ended."""
    found = _newest_first(rows, f"test:{target.platform.slug}:")
    if not found:
        return Tested(target.platform, target.digest)
    row = _followed(services, target, found[0], follow=follow)
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
    until, limit = now + following.QUEUED, services.settings.run_concurrency
    if not turns.take(services, "runs", owner, limit=limit, until=until, backlog=backlog):
        return False
    row = Row(target.subject.id, key, {"state": "starting", "at": now.isoformat()})
    if not services.ledger.insert(row):
        _overtaken(services, row, owner)
        return False
    run = _begin(services, row, owner, request)
    services.ledger.upsert(replace(row, values={**row.values, "state": "running", "run": run}))
    services.ledger.delete(row.subject, f"{series}:{int(attempt) - _MOST_KEPT}")
    kind = key.partition(":")[0]
    note(
        services,
        target.subject,
        f"{kind} started",
        (f"run {run} on {target.platform}",),
        once=f"{owner}|{run}",
    )
    return True


def _overtaken(services: Services, row: Row, owner: str) -> None:
    """Give back the slot of a run that another worker has started, and that has ended already.

    Two candidates may want the same scan of what both are compared with. While it is under way its slot is
    theirs both, and given back by who follows it.
    """
    known = (each for each in services.ledger.rows(row.subject) if each.key == row.key)
    if not any(each.values["state"] in ("starting", "running") for each in known):
        services.slots.free("runs", owner)


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


def _newest_first(rows: tuple[Row, ...], prefix: str) -> list[Row]:
    return sorted((row for row in rows if row.key.startswith(prefix)), key=_attempt, reverse=True)


def _followed(services: Services, target: Target, row: Row, *, follow: bool) -> Row:
    return following.follow(services, target, row) if follow and _is_running(row) else row


def _is_running(row: Row) -> bool:
    return row.values["state"] == "running"


def _progress(services: Services, row: Row) -> Progress:
    if _is_running(row):
        return Progress.UNDERWAY
    if row.values["state"] != "starting":
        return Progress.ENDED
    claimed = timedelta(seconds=services.settings.claim_seconds)
    return Progress.UNDERWAY if services.clock.now() < _at(row) + claimed else Progress.NONE


def _at(row: Row) -> datetime:
    """Return when the run was asked for, or when it ended."""
    return datetime.fromisoformat(str(row.values["at"]))


def _attempt(row: Row) -> int:
    return int(row.key.rpartition(":")[2])
