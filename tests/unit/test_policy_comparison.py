"""What a verdict says of its comparison: each digest by itself, so many of them, and whether it matters."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from shared.catalog import Compare, Gate, Severity
from shared.policy import comparison, sentences
from shared.policy.actions import Delta
from shared.policy.facts import Promoted
from tests.builders import a_digest, a_gate
from tests.candidates import AMD64, a_promoted, a_scan

NOT_WORSE = a_gate(compare=Compare.NOT_WORSE)
HASTENED = a_gate(skip_age_for_fixes=True)


def others(count: int) -> list[Promoted]:
    return [a_promoted(digest=a_digest(90 + each), tags=(f"{each}-x",)) for each in range(count)]


def told(promoted: Sequence[Promoted], gate: Gate = NOT_WORSE, *deltas: Delta) -> tuple[str, ...]:
    return comparison.told([a_scan()], promoted, deltas, gate)


@pytest.mark.parametrize(
    ("gate", "counts"), [(NOT_WORSE, ", so every finding counts"), (HASTENED, "")]
)
def test_every_finding_counts_only_where_the_comparison_would_have_forgiven(
    gate: Gate, counts: str
):
    [nothing] = told([], gate)
    [unlike] = told([replace(others(1)[0], scans=())], gate)

    assert nothing == (f"nothing to compare with: base holds nothing else under its tags{counts}")
    assert f"nothing to compare with on linux/amd64{counts}: it could not be scanned" in unlike


@pytest.mark.parametrize("more", [0, 1, 4])
def test_so_many_are_named_and_the_rest_is_counted(more: int):
    found = told(others(sentences.NAMED + more))

    assert len([each for each in found if each.startswith("compared with base's")]) == (
        sentences.NAMED
    )
    assert [each for each in found if "more" in each] == (
        [f"and compared with {more} more that base holds"] if more else []
    )


def test_a_difference_is_told_of_the_digest_that_it_is_from():
    first, second = others(2)
    worse = Delta(first.digest, AMD64, {Severity.HIGH: 1}, {})

    of_first, of_second = told([first, second], NOT_WORSE, worse)

    assert "high" in of_first
    assert "high" not in of_second
