"""Scans done again: the newest report stays until there is another, and what came to nothing is counted."""

from collections.abc import Iterable
from datetime import timedelta

import pytest

from handlers import advance_candidate, runs
from handlers.recording import Subject
from shared.messages import LookMessage, encode
from shared.oci import media_types
from shared.oci.digest import Digest
from shared.oci.platform import Platform
from shared.policy.facts import Progress, Scan
from shared.values import Row, RunState, ScanRequest
from tests import builders
from tests.fakes import image
from tests.machine import CATALOG, STAGING, Machine
from tests.telling import AMD64, looked_at

LINUX = Platform("linux", "amd64")
SUBJECT = Subject("node", builders.a_digest(1), "ab" * 8)
STALE = CATALOG.replace("age: 0h", "age: 24h, max_age: 12h")


def target(machine: Machine) -> runs.Target:
    """One platform's manifest, which staging holds."""
    manifest = image("white")
    machine.world.registries.push(STAGING, manifest)
    return runs.Target(SUBJECT, STAGING, LINUX, manifest.digest)


def a_report(machine: Machine, of: runs.Target, number: int) -> Digest:
    request = ScanRequest(STAGING, of.digest, LINUX, of.subject.id, 60)
    machine.findings[of.digest] = [builders.a_finding(id=f"CVE-2026-{number:04}")]
    return machine.report(request)


def row(machine: Machine, number: int, state: str, *, minutes: float = 5, **values: str) -> None:
    """A scan that ended, or began, so many minutes ago."""
    at = machine.world.clock.now() - timedelta(minutes=minutes)
    known = {"state": state, "at": at.isoformat(), "run": f"r{number}"} | values
    machine.world.ledger.upsert(Row(SUBJECT.id, f"scan:{LINUX.slug}:{number}", known))


def scanned(machine: Machine, of: runs.Target) -> Scan:
    rows = machine.world.ledger.rows(SUBJECT.id)
    return runs.scan(machine.services, of, rows, follow=True)


def found(scan: Scan) -> set[str]:
    return {each.id for each in scan.report.findings} if scan.report else set()


def test_the_newest_report_counts_and_the_number_is_the_newest_rows():
    machine = Machine()
    of = target(machine)
    for number in (1, 2, 10):
        row(machine, number, "succeeded", result=str(a_report(machine, of, number)))

    scan = scanned(machine, of)

    assert (scan.attempt, scan.failures, scan.progress) == (10, 0, Progress.ENDED)
    assert found(scan) == {"CVE-2026-0010"}


def test_the_report_stays_while_a_newer_run_is_under_way():
    machine = Machine()
    of = target(machine)
    report = a_report(machine, of, 1)
    row(machine, 1, "succeeded", result=str(report))
    row(machine, 2, "starting", minutes=0)

    scan = scanned(machine, of)

    assert (scan.attempt, scan.failures, scan.progress) == (2, 0, Progress.UNDERWAY)
    assert (scan.report_digest, scan.run_id) == (report, "r1")


def test_the_report_stays_while_newer_runs_came_to_nothing_and_those_are_counted():
    machine = Machine()
    of = target(machine)
    row(machine, 1, "lost", error="before the report")
    row(machine, 2, "succeeded", result=str(a_report(machine, of, 2)))
    row(machine, 3, "lost", error="no agent")
    row(machine, 4, "starting", minutes=60)  # its worker died

    scan = scanned(machine, of)

    assert (scan.attempt, scan.failures, scan.progress) == (4, 2, Progress.NONE)
    assert found(scan) == {"CVE-2026-0002"}


def test_a_report_that_staging_no_longer_holds_is_missing_and_the_one_before_it_is_not_used():
    machine = Machine()
    of = target(machine)
    row(machine, 1, "succeeded", result=str(a_report(machine, of, 1)))
    row(machine, 2, "succeeded", result=str(builders.a_digest(9)))

    scan = scanned(machine, of)

    assert (scan.report, scan.report_digest) == (None, None)
    assert "staging does not hold the report" in scan.error
    assert (scan.attempt, scan.failures) == (2, 1)


def test_attempts_of_the_last_day_are_counted_and_old_rows_go():
    machine = Machine()
    of = target(machine)
    for number in range(1, 41):
        row(machine, number, "succeeded", minutes=60 * (42 - number), result=str(of.digest))

    assert (scanned(machine, of).attempt, scanned(machine, of).recent) == (40, 22)
    assert runs.start_scan(machine.services, of, 41)
    assert f"scan:{LINUX.slug}:11" not in {
        each.key for each in machine.world.ledger.rows(SUBJECT.id)
    }


@pytest.mark.parametrize(("minutes", "failures"), [(59, 1), (60, 0)])
def test_a_lost_report_is_a_failure_for_an_hour(minutes: float, failures: int):
    machine = Machine()
    of = target(machine)
    row(machine, 1, "succeeded", minutes=minutes, result=str(builders.a_digest(9)))

    assert scanned(machine, of).failures == failures


class Forgetful(Machine):
    """A machine whose staging loses every report, once it has been proven."""

    def lose(self, digests: Iterable[Digest]) -> None:
        registries = self.world.registries
        for digest in digests:
            for each in registries.referrers(STAGING, digest):
                if each.artifact_type == media_types.REPORT:
                    registries.delete(STAGING, each.digest)


def test_a_staging_that_keeps_losing_a_report_makes_the_scan_fail_and_not_go_on_for_ever():
    machine = Forgetful()
    machine.world.catalog.text = CATALOG.replace("age: 0h", "age: 24h")
    digest = looked_at(machine)

    for _ in range(12):
        machine.lose([AMD64])
        message = LookMessage("node", str(digest), "ab" * 8)
        advance_candidate.handle(machine.services, encode(message))
        machine.settle()

    scans = [each for each in machine.world.tasks.requests.values() if each.digest == AMD64]
    assert len([each for each in scans if isinstance(each, ScanRequest)]) == 3
    assert machine.state(digest) == "failed"
    assert machine.world.slots.held() == []


def until_stale(machine: Machine) -> Digest:
    machine.world.catalog.text = STALE
    digest = looked_at(machine)
    assert machine.state(digest) == "held"
    machine.world.clock.advance(hours=24)
    return digest


def test_a_report_that_is_too_old_is_made_again_and_the_new_one_is_what_counts():
    machine = Machine()
    digest = until_stale(machine)
    machine.findings[AMD64] = [builders.a_finding()]

    machine.due()
    machine.settle()

    assert machine.state(digest) == "rejected"
    assert machine.events().count("scan started") == 4
    assert machine.world.slots.held() == []


def test_while_a_scan_is_done_again_nothing_is_promoted_by_the_old_report():
    machine = Machine()
    digest = until_stale(machine)
    machine.due()
    for _ in range(4):
        for message in machine.world.queues.take():
            machine._deliver(message.queue, message.text)
        machine.world.clock.advance(seconds=15)

    assert machine.state(digest) == "scanning"
    machine.settle()
    assert machine.state(digest) == "promoted"
    assert machine.world.slots.held() == []


def test_a_scan_that_cannot_be_done_again_holds_the_candidate_after_three_failures():
    machine = Machine()
    digest = until_stale(machine)
    machine.due()
    for _ in range(60):
        for message in machine.world.queues.take():
            machine._deliver(message.queue, message.text)
        for run_id, request in machine.world.tasks.requests.items():
            run = machine.world.tasks.run(STAGING.registry, run_id)
            if run is not None and run.state is RunState.QUEUED:
                assert isinstance(request, ScanRequest)
                machine.world.tasks.finish(STAGING.registry, run_id, RunState.CANCELED)
        machine.world.clock.advance(seconds=15)

    assert machine.state(digest) == "held"
    assert "failed 3 times" in " ".join(machine.reasons(digest))
    assert machine.world.slots.held() == []

    machine.world.clock.advance(hours=1)
    machine.sweep()  # it forgets attempts that came to nothing an hour ago
    machine.settle()
    assert machine.state(digest) == "promoted"


def test_a_slot_of_a_run_that_another_has_started_and_seen_the_end_of_is_given_back():
    machine = Machine()
    of = target(machine)
    row(machine, 1, "succeeded", result=str(a_report(machine, of, 1)))

    assert not runs.start_scan(machine.services, of, 1)

    assert machine.world.slots.held() == []


def test_a_slot_of_a_run_that_another_has_under_way_is_left_to_it():
    machine = Machine()
    of = target(machine)
    assert runs.start_scan(machine.services, of, 1)

    assert not runs.start_scan(machine.services, of, 1)

    assert len(machine.world.slots.held()) == 1
