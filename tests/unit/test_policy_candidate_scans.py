"""The one decision about scans: the whole answer of each rule, and nothing asked of what nobody scans."""

from datetime import timedelta
from typing import Any

import pytest

from shared.catalog import EndOfLife, ScanMode
from shared.policy.candidate import Action, Hold, Promote, Rest, State, decide
from shared.policy.facts import Facts, Progress, Scan, Staged
from tests.builders import a_digest, a_finding, a_gate, an_image
from tests.candidates import (
    AMD64,
    ARM64,
    ARM_CHILD,
    CHILD,
    DIGEST,
    HOUR,
    TAG,
    a_foreign,
    a_report,
    a_scan,
    an_override,
    some_facts,
)
from tests.fake_clock import START

DAY = timedelta(days=1)
OVERRIDE = f'make approve IMAGE=node DIGEST={DIGEST} COMMENT="why" OVERRIDE=1'
LOST = Scan(AMD64, CHILD, Progress.ENDED, 7, "r1", error="it broke", failures=3)
OLD_REPORT = a_report(created_at=START - 8 * DAY)
OLD = a_scan(report=OLD_REPORT, failures=3, error="no agent")
OLD_WHY = (
    "the report on linux/amd64 was made 2026-11-15 12:00 UTC, and must not be older than 7 days; "
    "scanning again failed 3 times: no agent"
)
UNREADABLE = a_foreign(report=None, error="it is no JSON")
UNSUPPORTED = a_scan(report=a_report(end_of_life=True, operating_system="alpine 3.12"))
BOTH = ("linux/amd64", "linux/arm64")


def gated(*scans: Scan, **gate: Any) -> Facts:
    """The candidate of one platform that passes, with this gate and these scans."""
    return some_facts(image=an_image(gate=a_gate(**gate)), scans=scans, test=None)


def two(*scans: Scan) -> Facts:
    """The candidate of two platforms that passes, with these scans."""
    staged = Staged("", START - HOUR, {AMD64: CHILD, ARM64: ARM_CHILD})
    image = an_image(gate=a_gate(), platforms=BOTH)
    return some_facts(image=image, staged=staged, scans=scans, test=None)


def on_arm(**changes: Any) -> Scan:
    report = a_report(subject=ARM_CHILD, **changes)
    return a_scan(platform=ARM64, digest=ARM_CHILD, report=report)


@pytest.mark.parametrize(
    ("facts", "action", "state", "reasons", "remedies"),
    [
        (
            gated(),
            Hold(None),
            State.HELD,
            ("nothing is known of a scan of linux/amd64",),
            ("wait for a digest that has this platform",),
        ),
        (
            gated(LOST),
            Rest(),
            State.FAILED,
            ("scanning linux/amd64 failed 3 times: it broke",),
            (
                "nothing to do if the cause passes: an hour later the sweep tries again",
                f"do without the report: {OVERRIDE}",
            ),
        ),
        (
            gated(OLD),
            Hold(None),
            State.HELD,
            (OLD_WHY,),
            (
                "mend what its scans fail at",
                f"do without a fresh report: {OVERRIDE}",
                "change the catalog, for node: a longer `max_age`",
            ),
        ),
        (
            gated(a_scan(foreign=(UNREADABLE,))),
            Hold(None),
            State.HELD,
            (
                f"the report {UNREADABLE.digest} that somebody attached to linux/amd64"
                " cannot be read: it is no JSON",
            ),
            (
                "have it attached again in a format that can be read, or deleted from staging",
                f"do without it: {OVERRIDE}",
                "change the catalog, for node: `foreign: ignore`",
            ),
        ),
        (
            gated(UNSUPPORTED, eol=EndOfLife.BLOCK),
            Rest(),
            State.REJECTED,
            ("its operating system alpine 3.12 gets no more fixes on linux/amd64",),
            (
                "watch a tag of an operating system that still gets fixes",
                "change the catalog, for node: `eol: allow`",
            ),
        ),
    ],
)
def test_each_rule_about_reports_says_why_and_what_would_change_that(
    facts: Facts,
    action: Action,
    state: State,
    reasons: tuple[str, ...],
    remedies: tuple[str, ...],
):
    found = decide(facts, START)

    assert (found.action, found.state, found.reasons) == (action, state, reasons)
    assert found.remedies == remedies


def test_a_rejection_says_first_to_wait_and_then_how_to_waive():
    found = decide(gated(a_scan(a_finding())), START).remedies

    assert found[0] == "wait for upstream's next digest, which may fix it"
    assert found[1].startswith("waive each finding, by the catalog's `waivers` (id, image, ")


@pytest.mark.parametrize(
    "scan",
    [
        Scan(AMD64, CHILD),
        LOST,
        OLD,
        a_scan(a_finding()),
        a_scan(foreign=(UNREADABLE,)),
        UNSUPPORTED,
    ],
    ids=["none", "lost", "old", "a finding", "unreadable", "end of life"],
)
def test_where_the_gate_asks_for_no_scan_none_stops_it_or_is_named(scan: Scan):
    gate = a_gate(scan=ScanMode.NONE, age=HOUR, eol=EndOfLife.BLOCK)
    facts = some_facts(
        image=an_image(gate=gate), scans=(scan,), test=None, rulings=(an_override(),)
    )

    found = decide(facts, START)

    assert found.action == Promote((TAG,))
    assert not any("scan" in each or "report" in each for each in found.reasons)


def test_an_operating_system_that_still_gets_fixes_passes_where_the_others_are_refused():
    assert decide(gated(a_scan(), eol=EndOfLife.BLOCK), START).action == Promote((TAG,))


def test_a_report_that_is_there_counts_however_often_scanning_again_failed():
    assert decide(gated(a_scan(failures=3)), START).action == Promote((TAG,))


def test_of_holds_the_first_that_ends_is_kept_and_each_remedy_named_once():
    young = on_arm(created_at=START - HOUR, database_date=START - 9 * DAY)

    found = decide(two(OLD, young), START)
    assert found.action == Hold(START + 5 * HOUR)
    assert found.remedies[:2] == (
        "mend what its scans fail at",
        "have the scanner's database brought up to date, which the next scan then has",
    )
    assert found.remedies[-1] == (
        "change the catalog, for node: a longer `max_age`, or a longer `max_database_age`"
    )


def test_two_reports_of_one_fault_have_one_remedy():
    database = START - 9 * DAY
    mine = a_scan(report=a_report(created_at=START - HOUR, database_date=database))
    other = on_arm(created_at=START - 2 * HOUR, database_date=database)

    found = decide(two(mine, other), START)

    assert found.action == Hold(START + 4 * HOUR)
    assert len(found.reasons) == 2
    assert [each for each in found.remedies if "database brought up" in each] == [found.remedies[0]]
    assert found.remedies[-1].endswith("for node: a longer `max_database_age`")


def test_unreadable_reports_are_named_in_one_order():
    foreign = tuple(a_foreign(report=None, digest=a_digest(number)) for number in range(70, 80))

    reasons = decide(gated(a_scan(foreign=foreign)), START).reasons

    assert reasons == tuple(sorted(reasons))
    assert len(reasons) == 10
    assert all(each.endswith("cannot be read: it holds no report") for each in reasons)
