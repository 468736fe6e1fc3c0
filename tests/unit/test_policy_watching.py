"""What a look at an upstream tag means, and the record of what was current when."""

from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.oci import media_types
from shared.oci.digest import Digest
from shared.oci.manifest import Descriptor
from shared.policy.facts import Span, Watched
from shared.policy.watching import Change, Observation, Staging, observe
from shared.values import Resolved, Unresolved
from tests.builders import a_digest, an_image
from tests.fake_clock import START

A, B, C = a_digest(1), a_digest(2), a_digest(3)
LATER = START + timedelta(hours=1)
IMAGE = an_image()
REQUIRED = " ".join(map(str, IMAGE.platforms))


def seen(digest: Digest | None) -> Resolved:
    return Resolved(Descriptor(media_types.OCI_INDEX, digest, 500) if digest else None)


def look(
    watched: Watched, found: Resolved | Unresolved, staging: Staging, now: datetime
) -> Observation:
    return observe(IMAGE, watched, found, staging, now)


@pytest.mark.parametrize(
    ("upstream", "staged", "held", "change"),
    [
        (A, None, frozenset(), Change.IMPORT),
        (A, B, frozenset({B}), Change.IMPORT),
        (A, B, frozenset({A, B}), Change.RETAG),
        (A, None, frozenset({A}), Change.RETAG),
        (A, A, frozenset({A, B}), Change.UNCHANGED),
        (None, A, frozenset({A}), Change.GONE),
        (None, None, frozenset(), Change.GONE),
    ],
)
def test_upstream_is_compared_with_staging(
    upstream: Digest | None, staged: Digest | None, held: frozenset[Digest], change: Change
):
    found = look(Watched("20"), seen(upstream), Staging(staged, held), START)

    assert (found.change, found.digest, found.tag) == (change, upstream, "20")
    assert found.reason


def test_an_upstream_that_cannot_be_reached_teaches_nothing():
    known = Watched("20", (Span(A, START),))

    found = look(known, Unresolved("HTTP 503"), Staging(A, frozenset({A})), LATER)

    assert found.change is Change.UNREACHABLE
    assert found.reason == "HTTP 503"
    assert found.watched is None
    assert found.digest is None


def test_the_first_sight_of_a_digest_starts_its_span():
    found = look(Watched("20"), seen(A), Staging(None, frozenset()), START)

    assert found.watched == Watched("20", (Span(A, START),), required=REQUIRED)


def test_seeing_the_same_digest_again_changes_no_record():
    known = Watched("20", (Span(A, START),))

    assert look(known, seen(A), Staging(A, frozenset({A})), LATER).watched == known


def test_another_digest_ends_the_span_before_it():
    known = Watched("20", (Span(A, START),), required=REQUIRED)

    found = look(known, seen(B), Staging(A, frozenset({A})), LATER)

    assert found.watched == Watched(
        "20", (Span(A, START, LATER), Span(B, LATER)), required=REQUIRED
    )


def test_a_tag_that_is_gone_ends_its_span_once():
    known = Watched("20", (Span(A, START),))

    gone = look(known, seen(None), Staging(A, frozenset({A})), LATER).watched
    assert gone == Watched("20", (Span(A, START, LATER),))
    assert gone.current is None

    still = look(gone, seen(None), Staging(A, frozenset({A})), LATER + timedelta(hours=1))
    assert still.watched == gone


def test_a_digest_that_comes_back_gets_a_new_span():
    known = Watched("20", (Span(A, START, LATER),))

    back = look(known, seen(A), Staging(A, frozenset({A})), LATER + timedelta(hours=1)).watched

    assert back is not None
    assert back.current == A
    assert back.span(A) == Span(A, LATER + timedelta(hours=1))


@given(st.lists(st.sampled_from([A, B, C, None]), max_size=60))
def test_spans_are_in_order_adjoin_without_overlap_and_only_the_last_is_open(
    history: list[Digest | None],
):
    watched, now = Watched("20"), START
    for digest in history:
        now += timedelta(minutes=7)
        found = look(watched, seen(digest), Staging(None, frozenset()), now)
        assert found.watched is not None
        watched = found.watched
    spans = watched.spans
    assert len(spans) <= 20
    assert watched.current == (history[-1] if history else None)
    for earlier, later in pairwise(spans):
        assert earlier.end is not None
        assert earlier.start < earlier.end <= later.start
        assert earlier.digest != later.digest or earlier.end < later.start


@given(st.lists(st.sampled_from([A, B, C]), min_size=1, max_size=10))
def test_the_later_of_two_digests_is_the_one_seen_last(history: list[Digest]):
    watched, now = Watched("20"), START
    for digest in history:
        now += timedelta(minutes=7)
        watched = look(watched, seen(digest), Staging(None, frozenset()), now).watched or watched
    last = {digest: position for position, digest in enumerate(history)}
    for one in (A, B, C):
        for other in (A, B, C):
            both = one in last and other in last
            assert watched.later(one, other) is (both and last[one] > last[other])
