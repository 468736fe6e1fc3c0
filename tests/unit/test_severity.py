"""Severities: one table for every scanner's words, and nothing unknown is mild."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.severity import Severity


@pytest.mark.parametrize(
    ("words", "severity"),
    [
        ("low LOW Low none info informational Negligible unimportant note", Severity.LOW),
        ("medium Moderate warning", Severity.MEDIUM),
        ("HIGH Important", Severity.HIGH),
        ("Critical error", Severity.CRITICAL),
        ("unknown untriaged undefined severe 7.5 hig", Severity.UNKNOWN),
    ],
)
def test_each_scanners_words_mean_one_severity(words, severity):
    assert {Severity.of(f" {word} ") for word in words.split()} == {severity}
    assert Severity.of("") is Severity.UNKNOWN


@pytest.mark.parametrize(
    ("score", "severity"),
    [
        (0.0, Severity.LOW),
        (0.1, Severity.LOW),
        (3.9, Severity.LOW),
        (3.95, Severity.MEDIUM),
        (4.0, Severity.MEDIUM),
        (6.9, Severity.MEDIUM),
        (7.0, Severity.HIGH),
        (8.9, Severity.HIGH),
        (9.0, Severity.CRITICAL),
        (10.0, Severity.CRITICAL),
        (10.1, Severity.UNKNOWN),
        (-0.1, Severity.UNKNOWN),
        (math.nan, Severity.UNKNOWN),
        (math.inf, Severity.UNKNOWN),
    ],
)
def test_a_score_means_what_the_cvss_standard_says(score, severity):
    assert Severity.of_score(score) is severity


@given(st.floats(0, 10), st.floats(0, 10))
def test_a_higher_score_is_never_milder(one, other):
    assert Severity.of_score(min(one, other)) <= Severity.of_score(max(one, other))
