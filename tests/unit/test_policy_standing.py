"""Where a digest stands with upstream, tag by tag."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.oci.digest import Digest
from shared.operators import Ruling, RulingKind
from shared.policy.facts import Span, Watched
from shared.policy.standing import Standing, standing
from tests.builders import a_digest
from tests.fake_clock import START

A, B, C = a_digest(1), a_digest(2), a_digest(3)
HOUR = timedelta(hours=1)
DWELL = 12 * HOUR


def history(*steps: tuple[Digest, int], gone: bool = False) -> Watched:
    """Digests one after another, each for so many hours, the last one still there unless gone."""
    at, spans = START - 1000 * HOUR, []
    for digest, hours in steps:
        spans.append(Span(digest, at, at + hours * HOUR))
        at += hours * HOUR
    if not gone:
        spans[-1] = Span(spans[-1].digest, spans[-1].start)
    return Watched("20", tuple(spans))


@pytest.mark.parametrize(
    ("watched", "base", "expected"),
    [
        (history((A, 1)), None, Standing.CURRENT),
        (history((A, 1)), B, Standing.CURRENT),
        (history((A, 13), (B, 1)), A, Standing.HELD),
        (history((A, 1), (B, 1)), A, Standing.HELD),
        (history((A, 1), gone=True), A, Standing.HELD),
        (Watched("20"), A, Standing.HELD),
        (history((A, 12), (B, 1)), None, Standing.DWELLED),
        (history((C, 20), (A, 13), (B, 1)), C, Standing.DWELLED),
        (history((A, 13), gone=True), None, Standing.DWELLED),
        (history((A, 13), (B, 13)), C, Standing.DWELLED),
        (history((A, 13), (B, 1)), B, Standing.SUPERSEDED),
        (history((A, 1), (B, 1)), B, Standing.SUPERSEDED),
        (history((A, 13), (B, 13), (C, 1)), B, Standing.SUPERSEDED),
        (history((A, 11), (B, 1)), None, Standing.WITHDRAWN),
        (history((A, 11), gone=True), C, Standing.WITHDRAWN),
        (history((B, 13)), None, Standing.UNKNOWN),
        (Watched("20"), None, Standing.UNKNOWN),
        (Watched("20"), B, Standing.UNKNOWN),
    ],
)
def test_the_standing_of_a_digest(watched: Watched, base: Digest | None, expected: Standing):
    found = standing(watched, A, base, DWELL, START)

    assert found.standing is expected
    assert found.eligible is (expected in {Standing.CURRENT, Standing.HELD, Standing.DWELLED})
    assert "20" in found.reason


@pytest.mark.parametrize(
    ("watched", "base", "expected"),
    [
        (history((A, 11), (B, 1)), None, Standing.RELEASED),
        (history((A, 11), gone=True), C, Standing.RELEASED),
        (history((A, 13), (B, 1)), None, Standing.DWELLED),
        (history((A, 1)), None, Standing.CURRENT),
        (history((A, 1), (B, 1)), A, Standing.HELD),
        (history((A, 1), (B, 1)), B, Standing.SUPERSEDED),
        (Watched("20"), None, Standing.UNKNOWN),
    ],
)
def test_a_release_matters_only_for_what_was_withdrawn(
    watched: Watched, base: Digest | None, expected: Standing
):
    release = Ruling("node", A, RulingKind.RELEASE, "jane", START, "only renamed")

    found = standing(watched, A, base, DWELL, START, released=release)

    assert found.standing is expected
    assert ("jane released it on 2026-11-23: only renamed" in found.reason) is (
        expected is Standing.RELEASED
    )
    assert found.eligible is (expected not in {Standing.SUPERSEDED, Standing.UNKNOWN})


def test_a_tag_that_moved_back_makes_its_digest_current_again_and_the_other_one_old():
    watched = history((A, 13), (B, 13), (A, 1))

    assert standing(watched, A, B, DWELL, START).standing is Standing.CURRENT
    assert standing(watched, B, A, DWELL, START).standing is Standing.SUPERSEDED


def test_the_last_time_a_digest_was_upstreams_is_the_one_that_counts():
    watched = history((A, 13), (B, 1), (A, 2), (C, 1))

    assert standing(watched, A, None, DWELL, START).standing is Standing.WITHDRAWN


def test_two_watchers_whose_clocks_agree_still_know_which_digest_came_later():
    watched = Watched("20", (Span(A, START, START), Span(B, START)))

    assert standing(watched, A, B, timedelta(), START).standing is Standing.SUPERSEDED


_digests = st.sampled_from([A, B, C])


@given(st.lists(st.tuples(_digests, st.integers(0, 30)), min_size=1, max_size=6), _digests)
def test_once_everything_was_promoted_in_turn_nothing_older_may_carry_the_tag(
    steps: list[tuple[Digest, int]], other: Digest
):
    watched = history(*steps)
    current = steps[-1][0]

    if other != current:
        assert not standing(watched, other, current, DWELL, START).eligible


@given(
    st.lists(st.tuples(_digests, st.integers(0, 30)), max_size=6),
    st.booleans(),
    st.none() | _digests,
    st.integers(0, 30),
)
def test_any_history_gives_a_standing_and_a_sentence(
    steps: list[tuple[Digest, int]], gone: bool, base: Digest | None, dwell: int
):
    watched = history(*steps, gone=gone) if steps else Watched("20")

    found = standing(watched, A, base, dwell * HOUR, START)

    assert found.reason
    assert found.tag == "20"
    # A longer dwell never lets through what a shorter one holds.
    longer = standing(watched, A, base, (dwell + 5) * HOUR, START)
    assert found.eligible or not longer.eligible


@pytest.mark.parametrize(
    ("hours_ago", "expected"),
    [(999, Standing.RELEASED), (999.5, Standing.WITHDRAWN), (1001, Standing.WITHDRAWN)],
)
def test_a_release_says_nothing_of_a_withdrawal_that_came_after_it(
    hours_ago: float, expected: Standing
):
    release = Ruling("node", A, RulingKind.RELEASE, "jane", START - hours_ago * HOUR)

    found = standing(history((A, 1), (B, 1)), A, None, DWELL, START, released=release)

    assert found.standing is expected


@pytest.mark.parametrize(
    ("watched", "base", "expected"),
    [
        (Watched("20"), B, Standing.SUPERSEDED),  # others had promoted it, and base has moved on
        (Watched("20"), None, Standing.UNKNOWN),
        (Watched("20"), A, Standing.HELD),
        (history((A, 13), (B, 1)), C, Standing.DWELLED),  # what was upstream's is judged as ever
        (history((A, 11), (B, 1)), C, Standing.WITHDRAWN),
    ],
)
def test_what_was_adopted_has_had_its_time_where_upstream_never_had_it(
    watched: Watched, base: Digest | None, expected: Standing
):
    assert standing(watched, A, base, DWELL, START, adopted=True).standing is expected


def test_a_release_without_a_word_of_why_ends_with_its_day():
    release = Ruling("node", A, RulingKind.RELEASE, "jane", START)

    found = standing(history((A, 1), (B, 1)), A, None, DWELL, START, released=release)

    assert found.reason.endswith("; jane released it on 2026-11-23")


def test_what_upstream_withdrew_again_needs_another_release():
    watched = history((A, 1), (B, 1), (A, 1), (C, 1))
    first = Ruling("node", A, RulingKind.RELEASE, "jane", START - 998.5 * HOUR)
    again = Ruling("node", A, RulingKind.RELEASE, "jane", START - 996 * HOUR)

    found = [standing(watched, A, None, DWELL, START, released=each) for each in (first, again)]

    assert [each.standing for each in found] == [Standing.WITHDRAWN, Standing.RELEASED]
    assert "jane released it on " in found[0].reason
    assert "before that" in found[0].reason
