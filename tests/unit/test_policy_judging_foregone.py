"""What others reported, where an operator does without a report of ours."""

from dataclasses import replace
from typing import Any

import pytest

from shared.catalog import Compare, Counted, Gate
from shared.policy.facts import Scan
from shared.policy.judging import Judgement, judge
from shared.policy.waiving import Excuse
from tests.builders import a_finding, a_gate
from tests.candidates import a_foreign, a_promoted, a_scan, an_excuse
from tests.fake_clock import START

NOT_WORSE = a_gate(compare=Compare.NOT_WORSE)
LOST = replace(a_scan(), report=None, report_digest=None, failures=3)


def judged(gate: Gate = NOT_WORSE, **changes: Any) -> Judgement:
    given: dict[str, Any] = {"scans": (), "promoted": (), "excuses": (), "now": START}
    return judge(gate=gate, **{**given, **changes})


@pytest.mark.parametrize(
    ("gate", "excuses", "blocks"),
    [
        (a_gate(), (), True),
        (NOT_WORSE, (), True),
        (a_gate(foreign=Counted.IGNORE), (), False),
        (a_gate(), (an_excuse(),), False),
    ],
)
def test_what_others_found_counts_where_an_operator_does_without_our_report(
    gate: Gate, excuses: tuple[Excuse, ...], blocks: bool
):
    lost: Scan = replace(LOST, foreign=(a_foreign(a_finding()),))
    promoted = (a_promoted(a_finding()),)

    found = judged(gate, foregone=(lost,), promoted=promoted, excuses=excuses)

    assert bool(found.reasons) is blocks
    assert len(found.excused) == len(excuses)


def test_nothing_is_said_of_a_comparison_where_no_report_is_ours():
    lost = replace(LOST, foreign=(a_foreign(),))

    assert judged(foregone=(lost,), promoted=(a_promoted(),)) == Judgement()
