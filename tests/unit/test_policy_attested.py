"""A decision attached earlier stands for a later verdict only if it says what that one rests on."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.oci.reference import Repository
from shared.operators import RulingKind
from shared.policy.actions import Delta, Enforced, Excused, Grounds, State
from shared.policy.attested import says
from shared.policy.facts import Facts
from shared.policy.statement import LARGEST, statement
from shared.severity import Severity
from tests.any_candidates import any_facts
from tests.builders import a_digest, a_finding, a_gate, an_image
from tests.candidates import (
    AMD64,
    ARM64,
    OTHER,
    TAG,
    a_foreign,
    a_report,
    a_ruling,
    a_scan,
    a_test,
    an_excuse,
    an_override,
    some_facts,
)

BASE = Repository("contosobase.azurecr.io", "base/node")
TAGS = (TAG, "20", "latest")
MOVING = {tag: f"upstream's {tag} is this digest" for tag in TAGS}
DELTA = Delta(OTHER, AMD64, {Severity.LOW: 1}, {Severity.HIGH: 2})
EXCUSED = (Excused(AMD64, a_finding(), an_excuse()), Excused(ARM64, a_finding(), an_excuse()))
GROUNDS = Grounds(
    excused=EXCUSED,
    deltas=(DELTA, replace(DELTA, platform=ARM64)),
    approval=a_ruling(RulingKind.APPROVE),
    unexamined=(ARM64,),
    overridden=("its gate requires sbom", "it is old"),
    moving=MOVING,
)
SPOILS: tuple[object, ...] = (None, 1, {}, [1], "x")
WOULD = Enforced(State.REJECTED, ("CVE-1 blocks", f"compared with base's {TAG}"))


def written(facts: Facts | None = None, **changes: Any) -> bytes:
    found: dict[str, Any] = {
        "base": BASE,
        "tags": TAGS,
        "reasons": ("nothing at or above high", f"compared with base's {TAG} and 20"),
        "catalog": a_digest(9),
        "grounds": GROUNDS,
        "enforced": WOULD,
    }
    return statement(facts or some_facts(), **(found | changes))


def grounds(**changes: Any) -> bytes:
    return written(grounds=replace(GROUNDS, **changes))


def gate(**changes: Any) -> bytes:
    return written(some_facts(image=an_image(gate=a_gate(**changes), script="tests/node.sh")))


@pytest.mark.parametrize(
    "verdict",
    [
        written(),
        written(tags=TAGS[1:]),
        written(reasons=("in other words",)),
        grounds(moving={"latest": MOVING["latest"]}),
        grounds(moving={}),
        grounds(deltas=(DELTA,)),
        grounds(deltas=()),
        grounds(excused=EXCUSED[1:]),
        grounds(excused=()),
        grounds(overridden=("it is old",)),
        written(enforced=replace(WOULD, reasons=WOULD.reasons[:1])),
    ],
)
def test_what_only_the_moving_of_a_tag_changes_needs_no_other_decision(verdict: bytes):
    assert says(written(), verdict)


def test_what_is_enforced_needs_no_other_decision_either():
    assert says(written(enforced=None), written(enforced=None, tags=TAGS[1:]))


def other_excuse(**changes: Any) -> bytes:
    return grounds(excused=(Excused(AMD64, a_finding(), an_excuse(**changes)),))


@pytest.mark.parametrize(
    "verdict",
    [
        other_excuse(reason="another"),
        other_excuse(owner="them"),
        other_excuse(source="vex/node.json"),
        grounds(excused=(*EXCUSED, Excused(AMD64, a_finding(id="CVE-9"), an_excuse(id="CVE-9")))),
        grounds(deltas=(replace(DELTA, promoted=a_digest(3)),)),
        grounds(deltas=(replace(DELTA, added={Severity.LOW: 2}),)),
        grounds(approval=a_ruling(RulingKind.APPROVE, by="john")),
        grounds(approval=an_override()),
        grounds(approval=None),
        grounds(unexamined=()),
        grounds(hastened=True),
        grounds(overridden=("its test could not be run",)),
        grounds(moving={TAG: f"it was upstream's {TAG} for 36 hours"}),
        grounds(moving={"3": "upstream's 3 is this digest"}),
        written(tags=(TAG, "3")),
        written(catalog=a_digest(8)),
        written(enforced=None),
        written(some_facts(image=an_image(source="ghcr.io/library/node", script="tests/node.sh"))),
        written(enforced=replace(WOULD, state=State.HELD)),
        written(enforced=replace(WOULD, reasons=("CVE-2 blocks",))),
        written(some_facts(scans=(a_scan(report_digest=a_digest(52)),))),
        written(some_facts(scans=(a_scan(a_finding()),))),
        written(some_facts(scans=(a_scan(run_id="r9", report=a_report()),))),
        written(some_facts(scans=(a_scan(foreign=(a_foreign(),)),))),
        written(some_facts(scans=())),
        written(some_facts(test=a_test(run_id="r9"))),
        written(some_facts(test=None)),
        gate(fixable_only=True),
        written(some_facts(image=an_image(script="tests/other.sh"))),
    ],
)
def test_what_the_verdict_rests_on_has_to_be_said(verdict: bytes):
    assert not says(written(), verdict)


def test_less_does_not_stand_for_more():
    assert not says(grounds(excused=EXCUSED[:1]), grounds())
    assert not says(grounds(moving={"latest": MOVING["latest"]}), grounds())
    assert not says(written(enforced=None), written())


def without(name: str) -> bytes:
    body = json.loads(written())
    del body["predicate"][name]
    return json.dumps(body).encode()


def spoilt(name: str, said: object) -> bytes:
    body = json.loads(written())
    body["predicate"][name] = said
    return json.dumps(body).encode()


@pytest.mark.parametrize(
    "attached",
    [
        b"",
        b"{}",
        b"[]",
        b'"predicate"',
        b'{"predicate": null}',
        b"\xff",
        b"[" * 100_000,
        *(without(name) for name in ("moving", "mode", "waivers", "enforced")),
        *(
            spoilt(name, said)
            for name in ("waivers", "deltas", "tags", "enforced", "moving")
            for said in SPOILS
        ),
    ],
)
def test_what_is_no_statement_of_ours_or_an_older_one_says_nothing(attached: bytes):
    assert not says(attached, written())


def test_of_a_shortened_statement_only_the_very_same_will_do():
    many = tuple(
        Excused(AMD64, a_finding(id=f"CVE-{n}"), an_excuse(id=f"CVE-{n}")) for n in range(2000)
    )
    long = grounds(excused=many)
    assert b"left_off" in long
    assert len(long) <= LARGEST

    assert says(long, long)
    assert not says(long, grounds(excused=many[:-1]))
    assert not says(long, grounds(excused=many[:1]))
    shown = sorted(many, key=lambda each: each.finding.id)[:500]
    assert not says(grounds(excused=tuple(shown)), long)


@settings(max_examples=40, deadline=None)
@given(any_facts(), st.sets(st.sampled_from(TAGS)))
def test_every_statement_says_what_it_says(facts: Facts, tags: set[str]):
    one = written(facts, tags=tags)

    assert says(one, one)
    assert says(one, one + b"\n")
