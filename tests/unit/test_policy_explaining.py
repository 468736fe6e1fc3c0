"""Explaining: why it is where it is, the evidence for it, and when it is looked at again."""

import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from shared.catalog import Severity
from shared.operators import Ruling, RulingKind
from shared.policy.actions import (
    Decision,
    Delta,
    Enforced,
    Excused,
    Grounds,
    Hold,
    Promote,
    Rest,
    State,
    Wait,
)
from shared.policy.explaining import Explanation, explain
from shared.policy.facts import Facts, Foreign, Progress, Promoted
from shared.policy.waiving import Excuse
from tests.builders import a_digest, a_finding
from tests.candidates import AMD64, DIGEST, HOUR, OTHER, REPORT, TAG, a_report, a_scan, some_facts
from tests.fake_clock import START

NOW = START
REJECTED = Decision(
    Rest(),
    State.REJECTED,
    ("CVE-1 (critical) in libssl3",),
    rule="clean",
    remedies=("wait for upstream's next digest", "waive it"),
)


def of(
    decision: Decision = REJECTED,
    facts: Facts | None = None,
    *,
    due: datetime | None = None,
    sweeps: bool = True,
) -> Explanation:
    return explain(facts or some_facts(), decision, NOW, due=due, sweeps=sweeps)


@pytest.mark.parametrize("state", list(State))
def test_every_state_has_a_sentence_and_its_reasons_follow(state: State):
    said = of(Decision(Rest(), state, ("because",)))

    assert said.state == state.value
    headline, reason = said.why
    assert headline.startswith("it ")
    assert reason == "because"


def test_it_names_the_rule_that_answered_and_what_would_change_the_answer():
    said = of()

    assert said.why == ("it is rejected (rule clean)", "CVE-1 (critical) in libssl3")
    assert said.would_change == ("wait for upstream's next digest", "waive it")


def test_a_hold_that_ends_by_itself_says_when():
    said = of(Decision(Hold(NOW + HOUR), State.HELD, ("too young",), rule="aged"))

    assert said.why[0] == "it is held, until 2026-11-23 13:00 UTC (rule aged)"
    assert said.looked_at_again.startswith("at 2026-11-23 13:00:00 UTC, or by the next sweep")


def test_observing_it_says_what_enforcing_would_have_said():
    said = of(
        Decision(
            Promote((TAG,)),
            State.PROMOTING,
            ("it passes",),
            enforced=Enforced(State.REJECTED, ("CVE-1", "CVE-2")),
        )
    )

    assert said.why[-1].endswith("with mode: enforce it would be rejected: CVE-1; CVE-2")


@pytest.mark.parametrize(
    ("due", "sweeps", "said"),
    [
        (None, True, "by the next sweep, or when it is pushed"),
        (None, False, "when it is pushed, ruled on, or upstream points at it"),
        (NOW + HOUR, False, "at 2026-11-23 13:00:00 UTC, or when it is pushed"),
        (NOW - HOUR, True, "any moment now, or by the next sweep"),
    ],
)
def test_it_says_when_it_is_looked_at_again(due: datetime | None, sweeps: bool, said: str):
    assert of(
        Decision(Wait(), State.SCANNING, ()), due=due, sweeps=sweeps
    ).looked_at_again.startswith(said)


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (State.PROMOTED, "by a sweep, once a day"),
        (State.FAILED, "by the first sweep an hour after it failed"),
        (State.HELD, "by the next sweep"),
    ],
)
def test_sweeps_come_back_to_each_state_in_their_own_time(state: State, said: str):
    assert of(Decision(Rest(), state, ())).looked_at_again.startswith(said)


def test_of_a_due_time_and_a_hold_the_first_one_counts():
    decision = Decision(Hold(NOW + 2 * HOUR), State.HELD, ())

    assert "13:00:00" in of(decision, due=NOW + HOUR).looked_at_again


def platform(**changes: Any) -> dict[str, Any]:
    scan = replace(some_facts().scans[0], **changes)
    (found,) = of(facts=some_facts(scans=(scan,))).evidence["platforms"]
    return dict(found)


def test_each_platform_counts_its_findings_and_names_the_worst_and_the_reports_age():
    report = replace(
        a_report(a_finding(severity=Severity.CRITICAL), a_finding(id="CVE-2")),
        created_at=NOW - timedelta(days=2, hours=3),
        database_date=NOW - timedelta(minutes=90),
    )

    found = platform(report=report)

    assert found["platform"] == "linux/amd64"
    assert found["findings"] == {"critical": 1, "high": 1}
    assert (found["count"], found["worst"]) == (2, "critical")
    assert (found["age"], found["database_age"]) == ("2 d 3 h", "1 h")
    assert found["report"] == str(REPORT)


def test_a_report_without_findings_or_dates_says_so():
    report = replace(a_report(), created_at=None, database_date=NOW + HOUR)

    found = platform(report=report)

    assert (found["count"], found["worst"]) == (0, "")
    assert (found["age"], found["database_age"]) == ("unknown", "in the future")


def test_a_platform_without_a_report_says_how_far_its_scan_is():
    found = platform(report=None, report_digest=None, progress=Progress.UNDERWAY, error="run r1")

    assert (found["report"], found["progress"], found["error"]) == ("", "underway", "run r1")
    assert "count" not in found


def test_foreign_reports_are_named_and_those_nobody_can_read():
    foreign = (Foreign(a_digest(70), a_report()), Foreign(a_digest(71), error="no JSON"))

    found = platform(foreign=foreign)

    assert found["foreign"] == sorted([str(a_digest(70)), str(a_digest(71))])
    assert found["unreadable"] == [{"digest": str(a_digest(71)), "error": "no JSON"}]


def test_waivers_differences_approvals_and_what_it_is_compared_with_are_evidence():
    ruling = Ruling("node", DIGEST, RulingKind.APPROVE, "Ada", NOW, "read it")
    excuse = Excuse("CVE-1", "not reachable", "us", "waiver")
    grounds = Grounds(
        (Excused(AMD64, a_finding(id="CVE-1"), excuse),),
        (Delta(OTHER, AMD64, {}, {Severity.HIGH: 2}),),
        ruling,
    )
    facts = some_facts(
        rulings=(ruling,), promoted=(Promoted(OTHER, (TAG,), lost="its scans failed"),)
    )

    evidence = of(replace(REJECTED, grounds=grounds), facts).evidence

    assert [each["id"] for each in evidence["waivers"]] == ["CVE-1"]
    assert evidence["deltas"][0]["removed"] == {"high": 2}
    assert evidence["approval"]["by"] == "Ada"
    assert [each["kind"] for each in evidence["rulings"]] == ["approve"]
    assert evidence["compared_with"] == [
        {
            "digest": str(OTHER),
            "tags": [TAG],
            "staged": False,
            "scanned": [],
            "lost": "its scans failed",
        }
    ]


def test_it_says_where_the_digest_is():
    evidence = of(facts=some_facts(base={TAG: DIGEST, "22": OTHER})).evidence

    assert evidence["base"] == [TAG]
    assert evidence["upstream"] == [TAG]
    assert evidence["staged"] is True
    nowhere = of(facts=some_facts(staged=None, scans=(), test=None, watched=())).evidence
    assert nowhere["first_seen"] == ""
    assert nowhere["test"] is None
    assert nowhere["staged"] is False


def test_all_of_it_is_json():
    evidence = of(facts=some_facts(scans=(a_scan(a_finding()),))).evidence

    assert json.loads(json.dumps(evidence)) == evidence
