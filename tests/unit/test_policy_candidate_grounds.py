"""The one decision, told whole: what base held before, a gate that observes, and what an answer rests on."""

from typing import Any

import pytest

from shared.catalog import Approval, EndOfLife, Mode, Requirement
from shared.policy.actions import Grounds
from shared.policy.candidate import StartScan, State, decide
from shared.policy.facts import Facts, Scan, Tested
from shared.policy.remedies import ADOPTED, BY_ITSELF
from tests.builders import a_finding, a_gate, an_image
from tests.candidates import (
    AMD64,
    CHILD,
    DIGEST,
    HOUR,
    OTHER,
    TAG,
    a_report,
    a_scan,
    an_excuse,
    some_facts,
)
from tests.fake_clock import START

WAIVED = {
    "scans": (a_scan(a_finding(), report=a_report(a_finding(), end_of_life=True)),),
    "excuses": (an_excuse(),),
}


def adopted(**changes: Any) -> Facts:
    """The candidate that passes, and base held it before Breakwater did anything."""
    return some_facts(base={TAG: DIGEST}, decided=False, **changes)


def test_what_base_held_before_and_is_examined_still_is_in_the_state_of_any_other():
    found = decide(adopted(scans=(Scan(AMD64, CHILD),)), START)

    assert (found.action, found.state) == (StartScan(AMD64, CHILD, 1), State.SCANNING)
    assert found.reasons == ("not scanned on linux/amd64 yet",)
    assert found.remedies == BY_ITSELF


def test_what_base_held_before_is_told_with_all_that_the_gate_says_and_what_would_change_it():
    refused = some_facts(scans=(a_scan(a_finding(), a_finding(id="CVE-2025-0002")),))
    scanned = {"scans": refused.scans, "image": an_image(gate=a_gate(age=HOUR), script="t.sh")}
    gate = decide(some_facts(**scanned), START)

    found = decide(adopted(**scanned), START)

    before = f"promoted by others, before Breakwater: base's {TAG} is this digest"
    would = f"the gate would say: rejected: {gate.reasons[0]}"
    assert found.state is State.PROMOTED
    assert found.reasons == (before, would, *gate.reasons[1:])
    assert found.remedies == (*gate.remedies, ADOPTED)


def test_a_gate_that_observes_tells_why_it_passes_too():
    image = an_image(gate=a_gate(mode=Mode.OBSERVE, approval=Approval.MANUAL), script="t.sh")
    passes = decide(some_facts(image=an_image(gate=a_gate(), script="t.sh")), START)

    found = decide(some_facts(image=image), START)

    assert found.reasons == (
        "its gate only observes: enforced, it would be held",
        *passes.reasons,
    )


@pytest.mark.parametrize(
    ("gate", "changes", "rule", "has_grounds"),
    [
        ({}, {"scans": (a_scan(a_finding(), a_finding(id="CVE-2")),)}, "clean", True),
        ({"eol": EndOfLife.BLOCK}, {}, "eol", True),
        ({"require": tuple(Requirement)}, {}, "required", True),
        ({}, {"test": Tested(AMD64, CHILD)}, "tested", True),
        ({"age": 96 * HOUR}, {}, "aged", True),
        ({"approval": Approval.MANUAL}, {}, "approved", True),
        ({}, {"scans": (a_scan(digest=OTHER),)}, "exact", False),
        ({}, {"scans": (Scan(AMD64, CHILD),)}, "scanned", False),
    ],
)
def test_an_answer_has_the_grounds_of_the_reports_once_they_are_in(
    gate: dict[str, Any], changes: dict[str, Any], rule: str, has_grounds: bool
):
    image = an_image(gate=a_gate(**gate), script="t.sh")
    found = decide(some_facts(**{"image": image, **WAIVED, **changes}), START)

    assert found.rule == rule
    assert (found.grounds != Grounds()) == has_grounds
    if rule not in ("clean", "exact", "scanned"):
        assert [each.finding.id for each in found.grounds.excused] == ["CVE-2025-0001"]
