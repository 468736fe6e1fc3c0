"""Precedence: a backlog's share of the slots, who is a backlog, and how long one takes."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.catalog import Gate, Image
from shared.oci.digest import Digest
from shared.oci.reference import Repository
from shared.policy.facts import Facts, Staged
from shared.policy.precedence import (
    IMPORT_TIME,
    PATIENCE,
    backlog_share,
    estimate,
    is_backlog,
    slots_for,
)

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
IMAGE = Image("node", Repository("docker.io", "library/node"), ("20", "22"), (), Gate())


@pytest.mark.parametrize(
    ("limit", "share"),
    [(0, 1), (1, 1), (2, 1), (3, 2), (4, 3), (7, 6), (8, 6), (10, 8), (12, 9), (100, 75)],
)
def test_a_quarter_of_the_slots_and_at_least_one_is_kept_for_fixes(limit: int, share: int):
    assert backlog_share(limit) == share


@given(st.integers(2, 1000))
def test_a_backlog_always_has_a_slot_and_a_fix_always_one_that_no_backlog_takes(limit: int):
    assert 1 <= backlog_share(limit) < limit


@pytest.mark.parametrize(
    ("limit", "backlog", "fix_waits", "slots"),
    [
        (8, False, False, 8),
        (8, False, True, 8),
        (8, True, False, 6),
        (8, True, True, 0),
        (1, False, True, 1),
        (1, True, False, 1),
        (1, True, True, 0),  # nothing of one slot can be reserved: the fix is next
    ],
)
def test_a_backlog_takes_its_share_and_nothing_while_a_fix_waits(
    limit: int, backlog: bool, fix_waits: bool, slots: int
):
    assert slots_for(limit, backlog=backlog, fix_waits=fix_waits) == slots


@pytest.mark.parametrize(
    ("count", "concurrency", "rounds"),
    [(-1, 8, 0), (0, 8, 0), (1, 8, 1), (6, 8, 1), (7, 8, 2), (2000, 8, 334), (3, 1, 3)],
)
def test_a_backlog_takes_as_many_rounds_as_its_share_needs(
    count: int, concurrency: int, rounds: int
):
    assert estimate(count, concurrency) == rounds * IMPORT_TIME


def test_a_candidate_is_a_backlog_while_base_holds_none_of_its_tags():
    digest = Digest.of(b"x")
    facts = Facts(IMAGE, digest, (), base={"20": None, "22": None})
    assert is_backlog(facts, NOW)
    other = Digest.of(b"y")
    assert not is_backlog(Facts(IMAGE, digest, (), base={"20": None, "22": other}), NOW)


def test_what_others_promoted_before_breakwater_is_a_backlog_and_what_we_promoted_is_none():
    digest, other = Digest.of(b"x"), Digest.of(b"y")
    base = {"20": digest, "22": other}
    assert is_backlog(Facts(IMAGE, digest, (), base=base), NOW)
    assert not is_backlog(Facts(IMAGE, digest, (), base=base, decided=True), NOW)


@pytest.mark.parametrize(("seconds", "backlog"), [(-1, True), (0, False), (1, False)])
def test_what_staging_has_held_for_too_long_is_no_backlog_any_more(seconds: int, backlog: bool):
    first_seen = NOW - PATIENCE - timedelta(seconds=seconds)
    staged = Staged("application/vnd.oci.image.index.v1+json", first_seen)
    assert is_backlog(Facts(IMAGE, Digest.of(b"x"), (), staged), NOW) is backlog
