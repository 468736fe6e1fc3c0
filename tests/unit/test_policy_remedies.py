"""What a verdict says would change it: only what would, in words that stand by themselves."""

from datetime import timedelta
from typing import Any

import pytest

from shared.catalog import Compare, Severity
from shared.oci.digest import Digest
from shared.policy.candidate import decide
from shared.policy.facts import Facts
from shared.policy.sentences import lasting
from shared.reports.findings import Finding
from tests.builders import a_finding, a_gate, an_image
from tests.candidates import DIGEST, HOUR, OTHER, TAG, a_promoted, a_scan, an_excuse, some_facts
from tests.fake_clock import START

GRAVE = a_finding(severity=Severity.CRITICAL, fixed="2")
HIGH = a_finding(severity=Severity.HIGH, fixed="2")
UNFIXED = a_finding(severity=Severity.CRITICAL, fixed="")
MILD = a_finding(severity=Severity.LOW, fixed="2")


def rejected(*findings: Finding, **changes: Any) -> Facts:
    return some_facts(image=an_image(gate=a_gate()), scans=(a_scan(*findings),), **changes)


def told(facts: Facts) -> str:
    return " | ".join(decide(facts, START).remedies)


@pytest.mark.parametrize(
    ("finding", "helps", "does_not"),
    [
        (HIGH, ["`block: critical`"], ["fixable_only", "not-worse"]),
        (GRAVE, [], ["block", "fixable_only", "not-worse", "change the catalog"]),
        (UNFIXED, ["`fixable_only: true`"], ["block", "not-worse"]),
    ],
)
def test_only_keys_that_would_let_it_pass_are_named(
    finding: Finding, helps: list[str], does_not: list[str]
):
    said = told(rejected(finding))

    assert all(each in said for each in helps)
    assert not any(each in said for each in does_not)


def test_of_the_laxer_thresholds_only_the_strictest_that_would_do_is_named():
    facts = some_facts(image=an_image(gate=a_gate(block=Severity.LOW)), scans=(a_scan(MILD),))

    found = told(facts)

    assert "`block: medium`" in found
    assert "`block: high`" not in found
    assert "`block: critical`" not in found


def test_a_comparison_is_named_where_base_holds_something_to_compare_with():
    assert "`compare: not-worse`" in told(rejected(GRAVE, base={TAG: OTHER}))


@pytest.mark.parametrize("held", [None, DIGEST])
def test_a_comparison_with_nothing_or_with_itself_is_not_named(held: Digest | None):
    assert "not-worse" not in told(rejected(GRAVE, base={TAG: held}))


def test_a_comparison_that_is_made_already_is_not_named():
    gate = a_gate(compare=Compare.NOT_WORSE)
    facts = some_facts(
        image=an_image(gate=gate),
        scans=(a_scan(GRAVE),),
        base={TAG: OTHER},
        promoted=(a_promoted(),),
    )

    assert decide(facts, START).rule == "clean"
    assert "not-worse" not in told(facts)


def test_a_waiver_that_has_expired_is_named_with_whom_to_ask():
    ended = an_excuse(id=GRAVE.id, owner="jane", until=START - HOUR)

    said = told(rejected(GRAVE, excuses=(ended,)))

    assert f"renew the waiver of {GRAVE.id} by jane, which has expired" in said


def test_a_waiver_ends_the_moment_it_says_and_one_in_force_is_not_to_be_renewed():
    other = a_finding(id="CVE-2025-0002", severity=Severity.CRITICAL)

    ends_now = told(rejected(GRAVE, excuses=(an_excuse(id=GRAVE.id, until=START),)))
    in_force = told(rejected(GRAVE, other, excuses=(an_excuse(id=GRAVE.id, until=START + HOUR),)))

    assert f"renew the waiver of {GRAVE.id} by us" in ends_now
    assert "renew" not in in_force


def test_waivers_to_renew_are_named_in_one_order():
    ids = [f"CVE-2025-{number:04}" for number in range(1, 4)]
    found = [a_finding(id=each, severity=Severity.CRITICAL) for each in ids]
    ended = tuple(an_excuse(id=each, until=START - HOUR) for each in reversed(ids))

    said = told(rejected(*found, excuses=ended))

    places = [said.index(f"renew the waiver of {each}") for each in ids]
    assert places == sorted(places)


@pytest.mark.parametrize("excuse", [{"id": "CVE-1999-0001"}, {"package": "other"}])
def test_a_waiver_of_something_else_is_not(excuse: dict[str, Any]):
    ended = an_excuse(**({"id": GRAVE.id} | excuse), until=START - HOUR)

    assert "renew" not in told(rejected(GRAVE, excuses=(ended,)))


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (timedelta(hours=24), "24 hours"),
        (timedelta(hours=1), "1 hour"),
        (timedelta(days=7), "7 days"),
        (timedelta(days=2, hours=12), "2 days 12 hours"),
        (timedelta(seconds=57, microseconds=8309), "57 seconds"),
        (timedelta(hours=11, minutes=59, seconds=59), "11 hours 59 minutes"),
        (timedelta(hours=2, seconds=5), "2 hours"),
        (timedelta(days=1, hours=23, minutes=59), "47 hours 59 minutes"),
        (timedelta(), "less than a second"),
    ],
)
def test_a_span_is_said_as_people_say_it(span: timedelta, words: str):
    assert lasting(span) == words
