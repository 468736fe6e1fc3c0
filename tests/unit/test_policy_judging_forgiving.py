"""Nothing that is promoted forgives a finding, unless the gate compares, tag by tag and platform by platform."""

from typing import Any

import pytest

from shared.catalog import Compare, Severity
from shared.policy.facts import Progress, Scan
from shared.policy.judging import judge
from tests.builders import a_finding, a_gate
from tests.candidates import AMD64, CHILD, a_promoted, a_scan
from tests.fake_clock import START

FOUND = a_finding()


def reasons(*scans: Scan, promoted: Any = (), unheld: tuple[str, ...] = (), **gate: Any) -> Any:
    found = judge(
        scans=scans,
        promoted=promoted,
        gate=a_gate(**gate),
        excuses=(),
        now=START,
        unheld=unheld,
    )
    return found.reasons


@pytest.mark.parametrize(
    ("gate", "unheld", "is_forgiven"),
    [
        ({"compare": Compare.NOT_WORSE}, (), True),
        ({"compare": Compare.NOT_WORSE}, ("22",), False),
        ({"skip_age_for_fixes": True}, (), False),
        ({}, (), False),
    ],
)
def test_what_is_promoted_forgives_only_where_the_gate_compares_with_every_tag(
    gate: dict[str, Any], unheld: tuple[str, ...], is_forgiven: bool
):
    found = reasons(a_scan(FOUND), promoted=[a_promoted(FOUND)], unheld=unheld, **gate)

    assert (found == ()) == is_forgiven


@pytest.mark.parametrize("severity", list(Severity))
def test_a_finding_of_any_severity_that_is_not_promoted_is_not_forgiven(severity: Severity):
    new = a_finding(severity=severity)

    found = reasons(
        a_scan(new), promoted=[a_promoted()], compare=Compare.NOT_WORSE, block=Severity.LOW
    )

    assert any(new.id in each for each in found)


def test_a_platform_without_a_report_is_a_reason_whatever_is_promoted():
    lost = Scan(AMD64, CHILD, Progress.ENDED, 3)

    assert reasons(lost, promoted=[a_promoted()], compare=Compare.NOT_WORSE)


def test_tags_that_base_lacks_are_named_in_one_order_and_only_where_it_is_compared():
    unheld = ("22", "20", "21")

    said = reasons(a_scan(FOUND), unheld=unheld, compare=Compare.NOT_WORSE)
    hasty = reasons(a_scan(FOUND), unheld=unheld, skip_age_for_fixes=True)

    [told] = [each for each in said if "under" in each]
    assert told.index("20") < told.index("21") < told.index("22")
    assert not any("under 20" in each for each in hasty)
