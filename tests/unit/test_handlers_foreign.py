"""Reports that others attached: they add findings or hold the candidate, and never stand in for ours."""

from typing import Any

import pytest

from handlers import advance_candidate, gathering
from handlers.recording import Subject
from shared.catalog import load
from shared.messages import LookMessage, encode
from shared.oci import media_types
from shared.oci.digest import Digest
from shared.operators import Ruling, RulingKind
from shared.policy.facts import Facts, Foreign
from shared.reports import formats
from shared.values import ScanRequest
from tests import report_bodies
from tests.fakes import index
from tests.machine import CATALOG, PLATFORMS, STAGING, Machine
from tests.telling import AMD64, ARM64, Telling

SARIF, CYCLONEDX = "application/sarif+json", "application/vnd.cyclonedx+json"
AGED = CATALOG.replace("age: 0h", "age: 24h")
TOP = index("white", PLATFORMS)[-1].digest
RUN: dict[str, Any] = {"properties": {}}  # names no image


def attach(
    machine: Machine, body: Any, kind: str = SARIF, to: Digest = AMD64, **named: Any
) -> Digest:
    """Attach somebody's report to what staging holds."""
    registries = machine.world.registries
    subject = registries.head(STAGING, to)
    assert subject is not None
    return registries.attach(
        STAGING,
        subject,
        artifact_type=kind,
        media_type=kind,
        content=body if isinstance(body, bytes) else report_bodies.raw(body),
        annotations=named,
    )


def about(digest: Digest, *vulnerabilities: Any, **changes: Any) -> dict[str, Any]:
    """A CycloneDX document about this manifest."""
    body = report_bodies.cyclonedx(*vulnerabilities, **changes)
    body["metadata"]["component"]["purl"] = f"pkg:oci/node@sha256%3A{digest.hex}"
    return body


def found(*results: Any) -> dict[str, Any]:
    return report_bodies.sarif(*(results or (report_bodies.a_result(),)), **RUN)


def staged(text: str = AGED) -> Machine:
    """A machine that holds a candidate because it is too young; nothing was found in it."""
    machine = Machine()
    machine.world.catalog.text = text
    machine.upstream("white")
    machine.watch()
    machine.settle()
    machine.world.clock.advance(hours=7)
    return machine


def looked(machine: Machine) -> str:
    advance_candidate.handle(machine.services, encode(LookMessage("node", str(TOP), "ab" * 8)))
    machine.settle()
    return machine.state(TOP)


def facts(machine: Machine) -> Facts:
    catalog = load("catalog.yaml", machine.world.catalog.text)
    subject = Subject("node", TOP, "ab" * 8)
    return gathering.facts(machine.services, catalog, catalog.images[0], subject, follow=False)


def foreign(machine: Machine) -> dict[Digest, tuple[Foreign, ...]]:
    return {scan.digest: scan.foreign for scan in facts(machine).scans}


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (SARIF, found()),
        (f"{SARIF.upper()}; version=2.1.0", found()),
        (CYCLONEDX, about(AMD64, report_bodies.a_vulnerability())),
        (CYCLONEDX, about(TOP, report_bodies.a_vulnerability())),
    ],
)
def test_what_somebody_else_found_blocks(kind: str, body: Any):
    machine = staged()
    attach(machine, body, kind)

    assert looked(machine) == "rejected"
    assert "CVE-2025-0001" in machine.reasons(TOP)[0]


def test_what_somebody_else_attached_to_the_index_counts_for_every_platform():
    machine = staged()
    report = attach(machine, found(), to=TOP)

    assert {
        digest: tuple(each.digest for each in reports)
        for digest, reports in foreign(machine).items()
    } == {AMD64: (report,), ARM64: (report,)}


def test_what_somebody_else_attached_to_one_platform_counts_for_that_one():
    machine = staged()
    report = attach(machine, found(), to=ARM64)

    assert [each.digest for each in foreign(machine)[ARM64]] == [report]
    assert foreign(machine)[AMD64] == ()


def test_it_counts_for_nothing_where_the_catalog_ignores_it():
    machine = staged(AGED.replace("age: 24h", "age: 24h, foreign: ignore"))
    attach(machine, found())
    attach(machine, b"no JSON")

    assert looked(machine) == "held"
    assert foreign(machine) == {AMD64: (), ARM64: ()}


@pytest.mark.parametrize(
    ("kind", "body", "why"),
    [
        (SARIF, b"no JSON", "expected a report in JSON"),
        (SARIF, b"", "expected a report in JSON"),
        (CYCLONEDX, about(ARM64, report_bodies.a_vulnerability()), "expected a report about"),
        (CYCLONEDX, report_bodies.cyclonedx(), "expected a report about"),
        (CYCLONEDX, about(AMD64, vulnerabilities=None), "vulnerabilities"),
        (SARIF, report_bodies.sarif(), "expected a report about"),
        (SARIF, {"version": "2.1.0", "runs": []}, "expected results or a sign"),
    ],
)
def test_one_that_cannot_be_read_is_an_error_that_names_it_and_holds_the_candidate(
    kind: str, body: Any, why: str
):
    machine = staged()
    report = attach(machine, body, kind)

    (one,) = foreign(machine)[AMD64]
    assert (one.digest, one.report) == (report, None)
    assert why in one.error
    assert looked(machine) == "held"
    assert str(report) in machine.reasons(TOP)[0]
    assert machine.reasons(TOP)[0].count("cannot be read") == 1


def test_a_bill_of_materials_without_vulnerabilities_is_left_out():
    machine = staged()
    body = about(AMD64)
    del body["vulnerabilities"]
    attach(machine, body, CYCLONEDX)
    del body["metadata"]
    attach(machine, body, CYCLONEDX, to=TOP)

    assert foreign(machine) == {AMD64: (), ARM64: ()}


@pytest.mark.parametrize("kind", [*formats.OWN, media_types.TEST_RESULT, "application/x"])
def test_nothing_of_our_own_kinds_is_taken_from_strangers(kind: str):
    machine = staged()
    before = facts(machine)
    attach(machine, found(), kind)
    attach(machine, found(), kind, to=TOP)

    assert facts(machine) == before


def test_a_clean_one_changes_neither_our_report_nor_the_verdict():
    machine = staged()
    before = facts(machine)
    body = report_bodies.sarif(**RUN)
    attach(machine, body)

    after = facts(machine)
    assert [each.report for each in after.scans] == [each.report for each in before.scans]
    assert [each.report_digest for each in after.scans] == [
        each.report_digest for each in before.scans
    ]
    assert len(after.scans[0].foreign) == 1


def test_at_most_twenty_are_read_and_one_more_is_an_error():
    machine = staged()
    for number in range(30):
        attach(machine, found(report_bodies.a_result(message={"text": f"Package: x{number}"})))

    found_there = foreign(machine)[AMD64]

    assert len([each for each in found_there if each.report is not None]) == 20
    (error,) = (each.error for each in found_there if each.error)
    assert "more than 20" in error
    assert looked(machine) == "held"


def test_it_counts_too_where_an_override_stands_in_for_a_report_of_ours():
    def says(machine: Machine, request: ScanRequest) -> str:
        if request.digest == ARM64:
            return "the scan names nothing\n"
        return f"breakwater-report {machine.report(request)} {AMD64} {request.platform}\n"

    machine = Telling(says=says)
    machine.upstream("white")
    machine.watch()
    machine.settle()
    assert machine.state(TOP) == "failed"
    now = machine.world.clock.now()
    for body in (found(), b"no JSON"):
        attach(machine, body, to=TOP)
    approval = Ruling("node", TOP, RulingKind.APPROVE, "ada", now, "no agent", override=True)
    machine.world.rulings.add(approval)
    machine.world.clock.advance(minutes=10)

    assert looked(machine) == "rejected"
    assert "CVE-2025-0001" in " ".join(machine.reasons(TOP))


def test_it_counts_where_an_override_stands_in_for_our_report_on_that_very_platform():
    machine = unscannable(ARM64)
    attach(machine, found(), to=ARM64)

    assert overridden(machine) == "rejected"
    assert "CVE-2025-0001" in " ".join(machine.reasons(TOP))


def test_it_counts_where_an_override_stands_in_for_all_of_our_reports():
    machine = unscannable(AMD64, ARM64)
    attach(machine, found(), to=AMD64)

    assert overridden(machine) == "rejected"
    assert "CVE-2025-0001" in " ".join(machine.reasons(TOP))


def test_an_override_of_all_our_reports_promotes_where_nobody_reported_anything():
    machine = unscannable(AMD64, ARM64)

    assert overridden(machine) == "promoted"
    assert facts(machine).decided
    before = machine.events()
    machine.world.clock.advance(hours=1)
    assert looked(machine) == "promoted"
    assert machine.events() == before


def unscannable(*lost: Digest) -> Machine:
    """A machine whose scans of these platforms come to nothing."""

    def says(machine: Machine, request: ScanRequest) -> str:
        if request.digest in lost:
            return "the scan names nothing\n"
        report = machine.report(request)
        return f"breakwater-report {report} {request.digest} {request.platform}\n"

    machine = Telling(says=says)
    machine.upstream("white")
    machine.watch()
    machine.settle()
    assert machine.state(TOP) == "failed"
    return machine


def overridden(machine: Machine) -> str:
    """What becomes of it once an operator does without what is missing."""
    now = machine.world.clock.now()
    approval = Ruling("node", TOP, RulingKind.APPROVE, "ada", now, "no agent", override=True)
    machine.world.rulings.add(approval)
    machine.world.clock.advance(minutes=10)
    return looked(machine)
