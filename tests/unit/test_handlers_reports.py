"""What counts as a scan's report: the one its own run's log names, about that very manifest."""

from collections.abc import Callable

import pytest

from handlers import advance_candidate
from shared.messages import LookMessage, encode
from shared.oci import media_types
from shared.oci.digest import Digest
from shared.oci.reference import Repository
from shared.reports import trivy
from shared.values import ScanRequest
from tests import builders
from tests.fake_clock import FakeClock
from tests.fake_registries import FakeRegistries
from tests.machine import BASE, STAGING, Machine
from tests.telling import AMD64, ARM64, Telling, looked_at


def attached(
    machine: Machine,
    request: ScanRequest,
    *,
    to: Digest | None = None,
    about: Digest | None = None,
    artifact_type: str = media_types.REPORT,
    content: bytes | None = None,
) -> Digest:
    """Attach what looks like a clean report, with all the right annotations."""
    registries = machine.world.registries
    subject = registries.head(request.repository, to or request.digest)
    assert subject is not None
    return registries.attach(
        request.repository,
        subject,
        artifact_type=artifact_type,
        media_type="application/json",
        content=content or builders.a_trivy_report((), subject=about or request.digest),
        annotations={
            "io.breakwater.candidate": request.candidate,
            "io.breakwater.platform": str(request.platform),
        },
    )


def line(report: Digest | str, request: ScanRequest) -> str:
    return f"breakwater-report {report} {request.digest} {request.platform}\n"


_FORGERIES: dict[str, Callable[[Machine, ScanRequest], str]] = {
    "a report nobody named": lambda m, r: f"attached {attached(m, r)}\n",
    "a report about another digest": lambda m, r: line(
        attached(m, r, about=ARM64 if r.digest == AMD64 else AMD64), r
    ),
    "a report attached to another digest": lambda m, r: line(
        attached(m, r, to=ARM64 if r.digest == AMD64 else AMD64), r
    ),
    "another kind of artifact": lambda m, r: line(attached(m, r, artifact_type="application/x"), r),
    "no JSON": lambda m, r: line(attached(m, r, content=b"clean!"), r),
    "a digest staging does not hold": lambda m, r: line(builders.a_digest(9), r),
    "the image itself": lambda m, r: line(r.digest, r),
    "two reports": lambda m, r: line(attached(m, r), r) + line(m.report(r), r) + line(r.digest, r),
    "a line about another platform": lambda m, r: line(m.report(r), r).replace("linux/", "linux/x"),
    "a line about another digest": lambda m, r: line(m.report(r), r).replace(
        str(r.digest), str(builders.a_digest(9))
    ),
}


@pytest.mark.parametrize("says", _FORGERIES.values(), ids=_FORGERIES.keys())
def test_what_is_not_the_runs_own_report_never_counts(says: Callable[[Machine, ScanRequest], str]):
    machine = Telling(says=says)

    digest = looked_at(machine)

    assert machine.state(digest) == "failed"
    assert "scanning linux/amd64 failed 3 times: run r" in machine.reasons(digest)[0]
    assert machine.reasons(digest)[0].isprintable()
    assert machine.world.registries.manifest(BASE, digest) is None
    assert machine.world.slots.held() == []


class Counting(FakeRegistries):
    """Registries that remember which reports were asked for, and how much of them at most."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(clock)
        self.asked: list[tuple[Digest, int]] = []

    def blob(self, repository: Repository, digest: Digest, limit: int) -> bytes:
        content = super().blob(repository, digest, limit)
        if b"SchemaVersion" in content:
            self.asked.append((digest, limit))
        return content


def counting(machine: Machine) -> Counting:
    registries = Counting(machine.world.clock)
    machine.world.registries = registries
    machine.world.imports._registries = registries
    return registries


def test_no_more_of_a_report_is_fetched_than_can_be_parsed():
    machine = Machine()
    registries = counting(machine)
    assert machine.state(looked_at(machine)) == "promoted"
    assert {limit for _, limit in registries.asked} == {trivy.LARGEST}


def test_a_report_that_is_known_is_not_fetched_at_every_look():
    machine = Machine()
    registries = counting(machine)
    digest = looked_at(machine)
    registries.asked.clear()

    for _ in range(3):
        message = LookMessage("node", str(digest), "ab" * 8)
        advance_candidate.handle(machine.services, encode(message))

    assert machine.state(digest) == "promoted"
    assert registries.asked == []


def test_a_known_report_that_staging_no_longer_holds_counts_no_more():
    machine = Machine()
    machine.world.catalog.text = machine.world.catalog.text.replace("age: 0h", "age: 24h")
    digest = looked_at(machine)
    assert machine.state(digest) == "held"
    assert len(machine.world.tasks.requests) == 3
    for each in machine.world.registries.referrers(STAGING, AMD64):
        if each.artifact_type == media_types.REPORT:
            machine.world.registries.delete(STAGING, each.digest)

    advance_candidate.handle(machine.services, encode(LookMessage("node", str(digest), "ab" * 8)))

    assert len(machine.world.tasks.requests) == 4


def test_a_clean_report_that_someone_else_attached_first_does_not_hide_what_the_scan_found():
    machine = Telling()
    machine.findings = {each: [builders.a_finding()] for each in (AMD64, ARM64)}

    def says(m: Machine, request: ScanRequest) -> str:
        attached(m, request)
        return line(m.report(request), request)

    machine.says = says
    digest = looked_at(machine)

    assert machine.state(digest) == "rejected"


def test_a_report_line_in_a_tests_log_is_irrelevant():
    machine = Telling(says=lambda m, r: "the scan names nothing\n")
    digest = looked_at(machine)
    assert machine.state(digest) == "failed"

    honest = Telling()
    honest.tests_say = f"breakwater-report {builders.a_digest(9)} {AMD64} linux/amd64\nfine\n"
    digest = looked_at(honest)
    assert honest.state(digest) == "promoted"
