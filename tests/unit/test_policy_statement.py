"""The attached decision: what it says, the same every time, and never more than a reader takes."""

import json
from dataclasses import fields, replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.catalog import Gate, Mode, Severity
from shared.oci.digest import Digest
from shared.oci.platform import Platform
from shared.oci.reference import Repository
from shared.operators import Ruling, RulingKind
from shared.policy import promotion
from shared.policy.actions import Delta, Enforced, Excused, Grounds, State
from shared.policy.facts import Facts, Progress, Scan, Span, Staged, Tested, Watched
from shared.policy.statement import LARGEST, PREDICATE, statement
from shared.policy.waiving import Excuse
from shared.reports.findings import Report
from tests.builders import a_digest, a_finding, a_gate, an_image
from tests.fake_clock import START

AMD64, ARM64 = Platform("linux", "amd64"), Platform("linux", "arm64")
DIGEST, CHILD, REPORT, RESULT, CATALOG, OTHER = map(a_digest, range(6))
DAY = timedelta(days=1)
BASE = Repository("contosobase.azurecr.io", "base/node")
FACTS = Facts(
    image=an_image(gate=a_gate(age=timedelta(hours=24)), script="tests/node.sh"),
    digest=DIGEST,
    watched=(Watched("20-alpine", (Span(DIGEST, START),)),),
    staged=Staged("", START, {AMD64: CHILD}),
    scans=(Scan(AMD64, CHILD, Progress.ENDED, 1, "r1", report_digest=REPORT),),
    test=Tested(AMD64, CHILD, Progress.ENDED, 1, "r2", passed=True, result_digest=RESULT),
)


def written(facts: Facts = FACTS, **changes: Any) -> bytes:
    given = {"tags": ("20-alpine",), "reasons": ("it passed",), **changes}
    return statement(facts, base=BASE, catalog=CATALOG, **given)


def test_it_is_an_in_toto_statement_about_the_promoted_digest():
    body = json.loads(written())

    assert body["_type"] == "https://in-toto.io/Statement/v1"
    assert body["subject"] == [{"name": str(BASE), "digest": {"sha256": DIGEST.hex}}]
    assert body["predicateType"] == PREDICATE


def test_it_says_on_what_grounds():
    said = json.loads(written())["predicate"]

    assert said["verdict"] == "promote"
    assert said["source"] == f"docker.io/library/node@{DIGEST}"
    assert said["reasons"] == ["it passed"]
    assert said["scans"] == [
        {"platform": "linux/amd64", "digest": str(CHILD), "report": str(REPORT), "run": "r1"}
    ]
    assert said["tests"] == [
        {"platform": "linux/amd64", "digest": str(CHILD), "result": str(RESULT), "run": "r2"}
    ]
    assert said["gate"]["block"] == "high"
    assert said["gate"]["test"] == "tests/node.sh"
    assert said["catalog"] == {"sha256": CATALOG.hex}


def test_what_was_not_tested_names_no_test():
    said = json.loads(written(replace(FACTS, test=None)))["predicate"]

    assert said["tests"] == []


def test_the_order_of_tags_changes_no_byte():
    assert written(tags=("a", "b")) == written(tags=("b", "a"))


def test_it_knows_no_time():
    later = replace(
        FACTS,
        watched=(Watched("20-alpine", (Span(DIGEST, START + timedelta(days=9)),)),),
        staged=Staged("", START + timedelta(days=9), {AMD64: CHILD}),
    )

    assert written(later) == written()
    assert b"2026" not in written()


FINDING = a_finding(severity=Severity.CRITICAL)
WAIVER = Excuse(
    FINDING.id, "not reachable", "us@contoso.com", "waiver", "libssl3", "", START + 9 * DAY
)
RULING = a_digest(60)
APPROVAL = Ruling(
    "node", DIGEST, RulingKind.APPROVE, "Ada", START, "read it", override=True, referrer=RULING
)
GROUNDS = Grounds(
    excused=(Excused(ARM64, FINDING, WAIVER), Excused(AMD64, FINDING, WAIVER)),
    deltas=(Delta(OTHER, AMD64, {Severity.MEDIUM: 1}, {Severity.HIGH: 12, Severity.LOW: 3}),),
    approval=APPROVAL,
    unexamined=(Platform("windows", "amd64"),),
    hastened=True,
)
REPORTED = Report(
    "trivy",
    CHILD,
    START,
    frozenset({FINDING, a_finding(id="CVE-2", severity=Severity.LOW)}),
    ("os-pkgs: x",),
    database_date=START - DAY,
    scanner_version="0.69.0",
)


def said(facts: Facts = FACTS, **changes: Any) -> dict[str, Any]:
    return dict(json.loads(written(facts, **changes))["predicate"])


def test_it_names_what_was_waived_by_whom_and_until_when():
    (waiver,) = said(grounds=GROUNDS)["waivers"]

    assert waiver == {
        "id": FINDING.id,
        "package": "libssl3",
        "reason": "not reachable",
        "owner": "us@contoso.com",
        "until": "2026-12-02T12:00:00Z",
        "source": "waiver",
        "platforms": ["linux/amd64", "linux/arm64"],
    }


def test_it_names_the_difference_to_what_is_replaced():
    assert said(grounds=GROUNDS)["deltas"] == [
        {
            "promoted": str(OTHER),
            "platform": "linux/amd64",
            "added": {"medium": 1},
            "removed": {"high": 12, "low": 3},
        }
    ]


def test_it_names_who_approved_and_the_artifact_that_says_so():
    assert said(grounds=GROUNDS)["approval"] == {
        "kind": "approve",
        "by": "Ada",
        "at": "2026-11-23T12:00:00Z",
        "comment": "read it",
        "override": True,
        "referrer": str(RULING),
    }
    assert said()["approval"] is None


def test_it_names_the_platforms_that_nobody_examined_and_that_a_fix_was_hastened():
    assert said(grounds=GROUNDS)["unexamined"] == ["windows/amd64"]
    assert said(grounds=GROUNDS)["hastened"] is True


def test_observing_it_says_what_enforcing_would_have_said():
    observing = replace(FACTS, image=an_image(gate=a_gate(mode=Mode.OBSERVE)))

    body = said(observing, enforced=Enforced(State.REJECTED, ("CVE-1 is critical",)))

    assert body["mode"] == "observe"
    assert body["enforced"] == {"state": "rejected", "reasons": ["CVE-1 is critical"]}
    assert said()["enforced"] is None


def test_it_dates_the_report_and_its_database_and_counts_what_was_found():
    scan = replace(FACTS.scans[0], report=REPORTED)

    (body,) = said(replace(FACTS, scans=(scan,)))["scans"]

    assert body["report_date"] == "2026-11-23T12:00:00Z"
    assert body["database_date"] == "2026-11-22T12:00:00Z"
    assert (body["scanner"], body["scanner_version"]) == ("trivy", "0.69.0")
    assert body["findings"] == {"critical": 1, "low": 1}


def test_every_demand_of_the_gate_is_in_it():
    gate = said()["gate"]

    assert gate.keys() == {each.name for each in fields(Gate)} | {"test"}
    assert gate["require"] == []
    assert gate["skip_age_for_fixes"] is False


@pytest.mark.parametrize("letter", ["x", "sha256:", "\N{PILE OF POO}"])
def test_however_much_there_is_to_say_a_reader_takes_it_and_learns_what_was_left_off(letter: str):
    long = 2000 * letter
    excused = tuple(
        Excused(AMD64, a_finding(id=f"CVE-{number}-{long}"), replace(WAIVER, reason=long))
        for number in range(2000)
    )
    grounds = replace(GROUNDS, excused=excused, approval=replace(APPROVAL, comment=long))
    enforced = Enforced(State.REJECTED, (long,) * 2000)

    raw = written(grounds=grounds, enforced=enforced, reasons=[long] * 2000)
    body = json.loads(raw)["predicate"]

    assert len(raw) <= LARGEST
    assert len(body["waivers"]) + body["left_off"]["waivers"] == 2000
    assert len(body["reasons"]) + body["left_off"]["reasons"] == 2000
    assert promotion.named(raw, BASE, DIGEST) == (REPORT, RESULT, RULING)


@pytest.mark.parametrize(
    ("grounds", "named"),
    [
        (Grounds(), (REPORT, RESULT)),
        (GROUNDS, (REPORT, RESULT, RULING)),
        (Grounds(approval=replace(APPROVAL, referrer=None)), (REPORT, RESULT)),
    ],
)
def test_what_it_names_can_be_read_back(grounds: Grounds, named: tuple[Digest, ...]):
    assert promotion.named(written(grounds=grounds), BASE, DIGEST) == named


def test_a_decision_of_before_is_read_too():
    body = json.loads(written())
    for name in ("approval", "mode", "enforced", "deltas", "unexamined", "hastened"):
        del body["predicate"][name]

    assert promotion.named(json.dumps(body).encode(), BASE, DIGEST) == (REPORT, RESULT)


@pytest.mark.parametrize("approval", ["x", ["x"], 7, {"referrer": "x"}, {"referrer": 7}])
def test_an_approval_that_makes_no_sense_makes_it_no_decision(approval: object):
    body = json.loads(written())
    body["predicate"]["approval"] = approval

    assert promotion.named(json.dumps(body).encode(), BASE, DIGEST) is None


@given(st.lists(st.text(), max_size=4))
def test_any_reason_at_all_is_valid_json_in_ascii(reasons: list[str]):
    raw = written(reasons=reasons)

    assert raw.isascii()
    assert json.loads(raw)["predicate"]["reasons"] == reasons
    assert raw == written(reasons=reasons)
