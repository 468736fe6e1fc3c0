"""The one decision: what each rule says, of which facts."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from shared.catalog import Approval, ScanMode
from shared.oci.digest import Digest
from shared.policy.candidate import (
    MAX_ATTEMPTS,
    Action,
    Hold,
    Import,
    Promote,
    Rest,
    Stage,
    StartScan,
    StartTest,
    State,
    Wait,
    decide,
    platform_to_test,
)
from shared.policy.facts import Progress, Scan, Span, Staged, Tested, Watched
from tests.builders import a_finding, a_gate, an_image
from tests.candidates import (
    AMD64,
    ARM64,
    ARM_CHILD,
    CHILD,
    DIGEST,
    HOUR,
    OTHER,
    TAG,
    a_report,
    a_scan,
    a_test,
    some_facts,
)
from tests.fake_clock import START

AGED = an_image(gate=a_gate(age=24 * HOUR, dwell=12 * HOUR), script="tests/node.sh")


def a_gone(lasted: timedelta) -> tuple[Watched, ...]:
    """The digest was upstream's for so long, and another is now."""
    start = START - 48 * HOUR
    end = start + lasted
    return (Watched(TAG, (Span(DIGEST, start, end), Span(OTHER, end))),)


@pytest.mark.parametrize(
    ("changes", "action", "state", "why"),
    [
        ({}, Promote((TAG,)), State.PROMOTING, "nothing at or above high on linux/amd64"),
        ({"watched": ()}, Hold(None), State.HELD, "the catalog watches no tag"),
        ({"watched": (Watched(TAG),)}, Hold(None), State.HELD, "never seen as upstream's"),
        ({"watched": a_gone(HOUR), "image": AGED}, Hold(None), State.HELD, "upstream withdrew it"),
        ({"watched": a_gone(13 * HOUR), "image": AGED}, Promote((TAG,)), State.PROMOTING, "aged"),
        (
            {"watched": a_gone(13 * HOUR), "base": {TAG: OTHER}},
            Rest(),
            State.SUPERSEDED,
            "holds a newer digest",
        ),
        ({"staged": None}, Import(TAG), State.DETECTED, "staging does not hold it"),
        (
            {"staged": None, "watched": a_gone(13 * HOUR), "image": AGED},
            Hold(None),
            State.HELD,
            "upstream moved on",
        ),
        (
            {"base": {TAG: DIGEST}, "decided": True, "scans": (), "test": None},
            Promote((TAG,)),
            State.PROMOTED,
            "base holds it, with its decision",
        ),
        (
            {"base": {TAG: DIGEST}, "decided": False, "scans": ()},
            Hold(None),
            State.PROMOTED,
            "nothing is known of a scan",
        ),
        (
            {"image": an_image(gate=a_gate(scan=ScanMode.NONE))},
            Hold(None),
            State.HELD,
            "the gate demands nothing",
        ),
        ({"image": an_image(platforms=())}, Hold(None), State.HELD, "requires no platform"),
        (
            {"image": an_image(platforms=("linux/amd64", "linux/arm64"))},
            Hold(None),
            State.HELD,
            "it lacks linux/arm64",
        ),
        (
            {"scans": (Scan(AMD64, CHILD),)},
            StartScan(AMD64, CHILD, 1),
            State.SCANNING,
            "not scanned on linux/amd64 yet",
        ),
        (
            {"scans": (Scan(AMD64, CHILD, Progress.UNDERWAY, 1, "r1"),)},
            Wait(),
            State.SCANNING,
            "scanning linux/amd64",
        ),
        (
            {"scans": (Scan(AMD64, CHILD, Progress.ENDED, 2, "r1", error="it broke"),)},
            StartScan(AMD64, CHILD, 3),
            State.SCANNING,
            "not scanned on",
        ),
        (
            {"scans": (Scan(AMD64, CHILD, Progress.ENDED, 7, "r1", error="it broke", failures=3),)},
            Rest(),
            State.FAILED,
            "scanning linux/amd64 failed 3 times: it broke",
        ),
        ({"scans": (a_scan(a_finding()),)}, Rest(), State.REJECTED, "CVE-2025-0001 (high)"),
        (
            {"test": None},
            Hold(None),
            State.HELD,
            "nothing is known of its test",
        ),
        (
            {"test": Tested(AMD64, CHILD)},
            StartTest(AMD64, CHILD, 1),
            State.TESTING,
            "not tested on linux/amd64 yet",
        ),
        (
            {"test": Tested(AMD64, CHILD, Progress.UNDERWAY, 1, "r2")},
            Wait(),
            State.TESTING,
            "testing on linux/amd64",
        ),
        (
            {"test": Tested(AMD64, CHILD, Progress.ENDED, 3, "r2", error="no agent")},
            Rest(),
            State.FAILED,
            "could not be run on linux/amd64, 3 times: no agent",
        ),
        (
            {"test": a_test(passed=False, error="it is red")},
            Rest(),
            State.REJECTED,
            "the test failed on linux/amd64 (run r2): it is red",
        ),
        (
            {"image": AGED, "staged": Staged("", START - HOUR, {AMD64: CHILD})},
            Hold(START + 23 * HOUR),
            State.HELD,
            "too young",
        ),
        (
            {"image": an_image(gate=a_gate(approval=Approval.MANUAL))},
            Hold(None),
            State.HELD,
            "asks for an approval",
        ),
    ],
)
def test_each_rule_gives_one_action_a_state_and_a_reason(
    changes: dict[str, Any], action: Action, state: State, why: str
):
    decision = decide(some_facts(**changes), START)

    assert (decision.action, decision.state) == (action, state)
    assert any(why in reason for reason in decision.reasons), decision.reasons


@pytest.mark.parametrize(
    "changes",
    [
        {"scans": (a_scan(digest=OTHER),)},
        {"scans": (a_scan(report=a_report(subject=OTHER)),)},
        {"scans": (a_scan(report=replace(a_report(), subject=None)),)},
        {"scans": (a_scan(platform=ARM64),)},
        {"scans": (a_scan(), a_scan())},
        {"test": a_test(digest=OTHER)},
        {"test": a_test(platform=ARM64)},
    ],
    ids=[
        "a scan of another digest",
        "a report about another digest",
        "a report about nothing",
        "a scan of another platform",
        "two scans of one platform",
        "a test of another digest",
        "a test on another platform",
    ],
)
def test_a_verdict_about_something_else_is_no_verdict(changes: dict[str, Any]):
    decision = decide(some_facts(**changes), START)

    assert not isinstance(decision.action, Promote)
    assert decision.reasons


def test_every_rule_says_its_name_and_what_would_change_its_answer():
    held = decide(some_facts(image=AGED, staged=Staged("", START - HOUR, {AMD64: CHILD})), START)
    passed = decide(some_facts(), START)

    assert held.rule == "aged"
    assert held.remedies == (
        "nothing to do: it is looked at again on 2026-11-24 at 11:00 UTC",
        "change the catalog, for node: a shorter `age`, or `skip_age_for_fixes: true`",
    )
    assert (passed.rule, passed.remedies) == ("", ())


@pytest.mark.parametrize(
    ("base", "action"),
    [
        ({TAG: DIGEST}, Stage(DIGEST, (TAG,))),
        ({TAG: DIGEST, "20": DIGEST}, Stage(DIGEST, (TAG,))),
        ({TAG: CHILD}, Hold(None)),
        ({"20": DIGEST}, Hold(None)),
    ],
)
def test_what_staging_lacks_and_upstream_has_left_comes_from_base_where_it_may_stay(
    base: dict[str, Digest], action: Action
):
    facts = some_facts(staged=None, watched=a_gone(13 * HOUR), image=AGED, base=base)

    assert decide(facts, START).action == action


def test_what_upstream_still_has_comes_from_upstream_even_if_base_holds_it():
    assert decide(some_facts(staged=None, base={TAG: DIGEST}), START).action == Import(TAG)


def test_a_candidate_is_promoted_the_moment_it_has_aged():
    staged = Staged("", START, {AMD64: CHILD})
    facts = some_facts(image=AGED, staged=staged)

    assert decide(facts, START + 24 * HOUR - timedelta(seconds=1)).state is State.HELD
    assert decide(facts, START + 24 * HOUR).state is State.PROMOTING


def test_a_scan_that_is_exhausted_ends_the_candidate_whatever_the_other_one_does():
    lost = Scan(AMD64, CHILD, Progress.ENDED, 9, error="it broke", failures=MAX_ATTEMPTS)
    image = an_image(platforms=("linux/amd64", "linux/arm64"))
    staged = Staged("", START, {AMD64: CHILD, ARM64: ARM_CHILD})
    facts = some_facts(image=image, staged=staged, scans=(Scan(ARM64, ARM_CHILD), lost))

    decision = decide(facts, START)

    assert decision.state is State.FAILED
    assert decision.action == Rest()


def test_an_image_is_tested_on_amd64_where_it_can_be():
    assert platform_to_test((ARM64, AMD64)) == AMD64
    assert platform_to_test((ARM64,)) == ARM64
    assert platform_to_test(()) is None
