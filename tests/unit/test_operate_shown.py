"""What operators are shown: a line for each thing that is said, under what it is about."""

from typing import Any

import pytest

from local.operate_shown import lines

DIGEST = f"sha256:{'ab' * 32}"


def test_an_explanation_has_its_reasons_and_remedies_under_what_they_are_about():
    why, changes = ["it is rejected", "CVE-1 in x", "CVE-2 in y"], ["wait", "waive it"]
    body = {"told": [f"node@{DIGEST}:", *why], "why": why, "would_change": changes}

    assert lines(body | {"looked_at_again": "by the next sweep"}) == [
        f"node@{DIGEST}:",
        "it is rejected",
        "  CVE-1 in x",
        "  CVE-2 in y",
        "what would change that:",
        "  wait",
        "  waive it",
        "it is looked at again by the next sweep",
    ]


def test_nothing_is_asked_for_where_nothing_would_change_it():
    body = {"told": ["x:"], "why": ["it is promoted"], "would_change": [], "looked_at_again": "now"}

    assert lines(body) == ["x:", "it is promoted", "it is looked at again now"]


def test_candidates_are_told_with_each_reason_on_a_line():
    one: dict[str, Any] = {
        "image": "node",
        "digest": DIGEST,
        "state": "promoted",
        "since": "2026-11-23T13:51:40.123456+00:00",
        "reasons": ["base's 9 is this digest"],
    }
    two = one | {"enforced": {"state": "rejected", "reasons": ["CVE-1", "CVE-2"]}}

    assert lines({"told": ["2 candidates", "a", "b"], "candidates": [one, two]}) == [
        "2 candidates",
        f"node@{DIGEST} is promoted since 2026-11-23 13:51 UTC",
        "  base's 9 is this digest",
        f"node@{DIGEST} is promoted since 2026-11-23 13:51 UTC",
        "  base's 9 is this digest",
        "  with mode: enforce it would be rejected:",
        "    CVE-1",
        "    CVE-2",
    ]


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        ({"told": ["a", "b"]}, ["a", "b"]),
        ({"told": ["a"], "why": "x", "candidates": 5}, ["a"]),
        ({"told": ["a"], "candidates": [5, None]}, ["a"]),
        ({"told": 5}, ['{"told": 5}']),
        ({"told": ["a\nb\x1b"], "why": []}, ["a b\N{REPLACEMENT CHARACTER}"]),
        (
            {"told": ["a"], "why": ["b\n\x9b"]},
            ["a", "b \N{REPLACEMENT CHARACTER}", "it is looked at again "],
        ),
    ],
)
def test_whatever_is_answered_is_shown_on_lines_of_its_own(body: dict[str, Any], shown: list[str]):
    assert lines(body) == shown
