"""A judgement is what its rule says in the longest form, for anything that may be judged."""

from hypothesis import given, settings

from shared.catalog import Compare, Counted
from shared.policy.facts import Promoted, Scan
from shared.policy.waiving import Excuse
from shared.reports.findings import Finding
from tests.unit.test_policy_judging_laws import World, worlds


def counts(world: World, finding: Finding) -> bool:
    """Say whether the finding is one that is looked at, and as bad as what blocks."""
    gate = world.gate
    ignored = finding.suppressed and gate.suppressed is Counted.IGNORE
    unfixable = gate.fixable_only and not finding.fixed
    return finding.severity >= gate.block and not ignored and not unfixable


def excuses(world: World, excuse: Excuse, finding: Finding, scan: Scan) -> bool:
    ends = excuse.until is not None and excuse.until <= world.now
    about = (
        excuse.id.lower() == finding.id.lower()
        and excuse.package in ("", finding.package)
        and excuse.version in ("", finding.installed)
        and excuse.part in (None, scan.digest)
    )
    return about and not ends


def has(world: World, promoted: Promoted, finding: Finding, scan: Scan) -> bool:
    """Say whether our own report of the promoted one, by the same database, has the finding too."""
    theirs = [each.report for each in promoted.scans if each.platform == scan.platform]
    if promoted.lost or not theirs or theirs[0] is None or scan.report is None:
        return False
    database = scan.report.database_date
    if database is None or database != theirs[0].database_date:
        return False
    return any(
        (each.id, each.package) == (finding.id, finding.package)
        and each.severity >= finding.severity
        and not (each.suppressed and world.gate.suppressed is Counted.IGNORE)
        for each in theirs[0].findings
    )


def forgiven(world: World, finding: Finding, scan: Scan) -> bool:
    if world.gate.compare is not Compare.NOT_WORSE or world.unheld or not world.promoted:
        return False
    return all(has(world, each, finding, scan) for each in world.promoted)


def blocks(world: World) -> bool:
    """Say whether anything blocks at all."""
    for scan in world.scans:
        reports = [scan.report]
        if world.gate.foreign is Counted.COUNT:
            reports += [each.report for each in scan.foreign]
        for finding in (each for report in reports if report for each in report.findings):
            if (
                counts(world, finding)
                and not any(excuses(world, each, finding, scan) for each in world.excuses)
                and not forgiven(world, finding, scan)
            ):
                return True
    return False


@settings(max_examples=400, deadline=None)
@given(worlds(comparable=False))
def test_it_blocks_exactly_where_a_finding_counts_and_is_neither_excused_nor_forgiven(
    world: World,
):
    assert bool(world.judged().reasons) is blocks(world)
