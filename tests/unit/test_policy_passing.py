"""What a pass is told with: each sentence where it is so, and where it is not, none."""

from typing import Any

import pytest

from shared.catalog import Approval, Compare, Mode, ScanMode
from shared.oci.platform import Platform
from shared.operators import RulingKind
from shared.policy.candidate import Promote, decide
from shared.policy.facts import Progress, Scan, Span, Staged, Watched
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
    a_promoted,
    a_ruling,
    a_scan,
    a_test,
    an_excuse,
    an_override,
    some_facts,
)
from tests.fake_clock import START

CLEAN = "nothing at or above high on linux/amd64"
OURS = f"upstream's {TAG} is this digest"
BOTH = Staged("", START - 47 * HOUR, {AMD64: CHILD, ARM64: ARM_CHILD})
APPROVAL = a_ruling(RulingKind.APPROVE)
APPROVED = "jane approved it on 2026-11-23: looked at it"


@pytest.mark.parametrize(
    ("gate", "script", "changes", "told"),
    [
        ({}, "", {}, (CLEAN, OURS)),
        ({}, "t.sh", {}, (f"{CLEAN}, its test passed", OURS)),
        ({"age": HOUR}, "", {}, (f"{CLEAN}, it has aged 1 hour", OURS)),
        ({"fixable_only": True}, "", {}, (CLEAN.replace("high", "high with a fix"), OURS)),
        ({"scan": ScanMode.NONE, "age": HOUR}, "", {}, ("it has aged 1 hour", OURS)),
        (
            {"scan": ScanMode.NONE, "age": HOUR},
            "",
            {"scans": (a_scan(a_finding()),), "excuses": (an_excuse(),), "staged": BOTH},
            ("it has aged 1 hour", OURS),
        ),
        ({"scan": ScanMode.NONE}, "t.sh", {}, ("its test passed", OURS)),
        ({}, "", {"staged": BOTH}, (CLEAN, "linux/arm64 comes along unexamined", OURS)),
        (
            {"scan": ScanMode.NONE},
            "t.sh",
            {"staged": BOTH},
            ("its test passed", "linux/arm64 comes along unexamined", OURS),
        ),
        ({}, "", {"rulings": (APPROVAL,)}, (CLEAN, OURS)),
        ({"approval": Approval.MANUAL}, "", {"rulings": (APPROVAL,)}, (CLEAN, APPROVED, OURS)),
        (
            {"approval": Approval.MANUAL},
            "",
            {"rulings": (a_ruling(RulingKind.APPROVE, comment=""),)},
            (CLEAN, "jane approved it on 2026-11-23", OURS),
        ),
    ],
)
def test_a_pass_is_told_with_what_is_so_and_nothing_else(
    gate: dict[str, Any], script: str, changes: dict[str, Any], told: tuple[str, ...]
):
    image = an_image(gate=a_gate(**gate), script=script)

    found = decide(some_facts(image=image, **changes), START)

    assert found.action == Promote((TAG,))
    assert found.reasons == told


def test_a_pass_by_an_excuse_or_a_comparison_says_so_first():
    waived = decide(
        some_facts(
            image=an_image(gate=a_gate()), scans=(a_scan(a_finding()),), excuses=(an_excuse(),)
        ),
        START,
    )
    compared = decide(
        some_facts(
            image=an_image(gate=a_gate(compare=Compare.NOT_WORSE)),
            scans=(a_scan(a_finding()),),
            base={TAG: OTHER},
            promoted=(a_promoted(a_finding(), a_finding(id="CVE-2025-0009")),),
        ),
        START,
    )

    assert waived.reasons[0] == f"{CLEAN} save what is excused"
    assert [each.finding.id for each in waived.grounds.excused] == ["CVE-2025-0001"]
    assert compared.reasons[0] == f"{CLEAN} that base does not hold already"
    assert [each.promoted for each in compared.grounds.deltas] == [OTHER]


def test_only_tags_that_move_are_told_with_why_they_may():
    watched = tuple(
        Watched(tag, (Span(digest, START - 48 * HOUR),))
        for tag, digest in ((TAG, DIGEST), ("22-alpine", DIGEST), ("18-alpine", OTHER))
    )
    facts = some_facts(watched=watched, base={TAG: DIGEST, "22-alpine": OTHER, "18-alpine": OTHER})

    found = decide(facts, START)

    assert found.grounds.moving == {"22-alpine": "upstream's 22-alpine is this digest"}
    assert found.reasons[-2:] == (OURS, "upstream's 22-alpine is this digest")


LOST = Scan(AMD64, CHILD, Progress.ENDED, 7, "r1", error="it broke", failures=3)


@pytest.mark.parametrize(
    ("gate", "changes", "never"),
    [
        ({}, {"scans": (a_scan(a_finding()),)}, "nothing at or above"),
        ({}, {"scans": (LOST,)}, "nothing at or above"),
        ({}, {"test": a_test(passed=False)}, "its test passed"),
        ({"age": 96 * HOUR}, {}, "it has aged"),
    ],
)
def test_a_gate_that_observes_never_claims_what_is_not_so(
    gate: dict[str, Any], changes: dict[str, Any], never: str
):
    image = an_image(gate=a_gate(mode=Mode.OBSERVE, **gate), script="t.sh")

    found = decide(some_facts(image=image, **changes), START)

    assert found.action == Promote((TAG,))
    assert not any(never in each for each in found.reasons)
    assert found.grounds.overridden == ()


def test_what_an_override_stood_in_for_is_told_and_kept():
    image = an_image(gate=a_gate())
    found = decide(some_facts(image=image, scans=(LOST,), rulings=(an_override(),)), START)

    why = "scanning linux/amd64 failed 3 times: it broke"
    assert found.grounds.overridden == (why,)
    assert found.reasons == (APPROVED, f"by override of jane, although {why}", OURS)


def test_several_platforms_come_along_unexamined():
    platforms = {AMD64: CHILD, ARM64: ARM_CHILD, Platform("linux", "s390x"): OTHER}
    staged = Staged("", START - HOUR, platforms)

    found = decide(some_facts(image=an_image(gate=a_gate()), staged=staged), START)

    assert "linux/arm64 and linux/s390x come along unexamined" in found.reasons
