"""A tag that moves: to an index of the same platforms, to one still being pushed, to something new."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from shared.catalog import Image, Watch
from shared.messages import BACKLOG
from shared.oci import media_types
from shared.oci.digest import Digest
from shared.oci.manifest import Descriptor
from shared.oci.platform import Platform
from shared.policy.facts import Span, Watched
from shared.policy.watching import Change, Staging, asks_for_content, observe
from shared.values import Resolved, Unresolved
from tests.builders import a_digest, an_image
from tests.fake_clock import START

A, B, C = a_digest(1), a_digest(2), a_digest(3)
AMD, ARM, S390 = map(Platform.parse, ("linux/amd64", "linux/arm64", "linux/s390x"))
OLD: Mapping[Platform, Digest] = {AMD: a_digest(11), ARM: a_digest(12), S390: a_digest(13)}
NEW: Mapping[Platform, Digest] = {AMD: a_digest(21), ARM: a_digest(22), S390: a_digest(23)}
LATER = START + timedelta(hours=1)
BOTH = ("linux/amd64", "linux/arm64")


def watching(
    *, settle: int = 0, equivalent: bool = True, platforms: tuple[str, ...] = BOTH
) -> Image:
    """An image that waits `settle` minutes for a move to end."""
    watch = Watch(settle=timedelta(minutes=settle), equivalent=equivalent)
    return replace(an_image(platforms=platforms), watch=watch)


IMAGE = watching()
KNOWN = Watched("20", (Span(A, START),), required=" ".join(BOTH))
HELD = Staging(A, frozenset({A}), OLD)


def seen(digest: Digest | None) -> Resolved:
    return Resolved(Descriptor(media_types.OCI_INDEX, digest, 500) if digest else None)


def test_an_index_of_the_same_required_platforms_counts_as_the_one_before_it():
    found = observe(IMAGE, KNOWN, seen(B), HELD, LATER, OLD)

    assert found.change is Change.EQUIVALENT
    assert found.digest == A
    assert found.watched == replace(KNOWN, same=(B,))
    assert found.watched.current == A
    assert B.short in found.reason
    assert A.short in found.reason


def test_a_change_in_a_platform_nobody_requires_is_no_change():
    offered = {**OLD, S390: a_digest(99)}

    assert observe(IMAGE, KNOWN, seen(B), HELD, LATER, offered).change is Change.EQUIVALENT


@pytest.mark.parametrize("platform", [AMD, ARM])
def test_a_change_in_one_required_platform_is_imported(platform: Platform):
    found = observe(IMAGE, KNOWN, seen(B), HELD, LATER, {**OLD, platform: NEW[platform]})

    assert (found.change, found.digest) == (Change.IMPORT, B)
    assert found.watched is not None
    assert found.watched.spans == (Span(A, START, LATER), Span(B, LATER))


def test_an_equivalent_index_is_known_again_without_being_read():
    record = observe(IMAGE, KNOWN, seen(B), HELD, LATER, OLD).watched
    assert record is not None

    assert not asks_for_content(IMAGE, record, seen(B), ())
    again = observe(IMAGE, record, seen(B), Staging(A, frozenset({A})), LATER)
    assert again.change is Change.EQUIVALENT
    assert again.watched == record


def test_a_third_equivalent_index_is_recorded_beside_the_second():
    second = observe(IMAGE, KNOWN, seen(B), HELD, LATER, OLD).watched
    assert second is not None

    third = observe(IMAGE, second, seen(C), HELD, LATER, OLD)

    assert third.change is Change.EQUIVALENT
    assert third.watched == replace(KNOWN, same=(B, C))
    assert observe(IMAGE, third.watched, seen(B), HELD, LATER).change is Change.EQUIVALENT


def test_no_more_than_twenty_equivalent_indexes_are_remembered():
    record = KNOWN
    for number in range(100, 130):
        found = observe(IMAGE, record, seen(a_digest(number)), HELD, LATER, OLD).watched
        assert found is not None
        record = found

    assert record.same == tuple(a_digest(number) for number in range(110, 130))


@pytest.mark.parametrize(
    ("image", "staging", "offered"),
    [
        (watching(equivalent=False), HELD, OLD),
        (IMAGE, Staging(None, frozenset(), OLD), OLD),
        (IMAGE, Staging(C, frozenset({C}), OLD), OLD),
        (IMAGE, Staging(A, frozenset({A}), None), OLD),
        (IMAGE, HELD, None),
        (IMAGE, HELD, {AMD: OLD[AMD]}),
        (IMAGE, HELD, {}),
        (watching(platforms=("linux/ppc64le",)), HELD, OLD),
    ],
    ids=[
        "switched off",
        "staging holds nothing",
        "staging does not hold the current one",
        "staging's is no index",
        "upstream's could not be read",
        "a required platform is lacking",
        "it holds no platform",
        "neither has the required one",
    ],
)
def test_without_proof_an_index_is_not_taken_for_the_one_before_it(
    image: Image, staging: Staging, offered: Mapping[Platform, Digest] | None
):
    found = observe(image, KNOWN, seen(B), staging, LATER, offered)

    assert (found.change, found.digest) == (Change.IMPORT, B)
    assert found.watched is not None
    assert found.watched.current == B


def test_what_was_equivalent_for_other_platforms_is_compared_anew():
    two = replace(KNOWN, same=(B,))
    three = watching(platforms=(*BOTH, "linux/s390x"))

    assert asks_for_content(three, two, seen(B), ())
    other = observe(three, two, seen(B), HELD, LATER, {**OLD, S390: NEW[S390]})
    assert (other.change, other.digest) == (Change.IMPORT, B)
    alike = observe(three, two, seen(B), HELD, LATER, OLD)
    assert alike.change is Change.EQUIVALENT
    assert alike.watched is not None
    assert alike.watched.same == (B,)
    assert not asks_for_content(three, alike.watched, seen(B), ())


def test_what_was_equivalent_counts_no_longer_once_that_is_switched_off():
    off = watching(equivalent=False)
    found = observe(off, replace(KNOWN, same=(B,)), seen(B), HELD, LATER, None)

    assert (found.change, found.digest) == (Change.IMPORT, B)


@pytest.mark.parametrize("staged", [None, C])
def test_staging_s_tag_follows_the_digest_that_an_equivalent_one_stands_for(staged: Digest | None):
    found = observe(IMAGE, KNOWN, seen(B), Staging(staged, frozenset({A, C}), OLD), LATER, OLD)

    assert (found.change, found.digest) == (Change.RETAG, A)
    assert found.watched == replace(KNOWN, same=(B,))


def test_a_real_move_forgets_what_was_equivalent_to_the_digest_before():
    found = observe(IMAGE, replace(KNOWN, same=(B,)), seen(C), HELD, LATER, NEW)

    assert found.watched is not None
    assert found.watched.same == ()
    assert asks_for_content(IMAGE, found.watched, seen(B), ())


def test_a_move_waits_until_it_has_settled_and_is_then_imported():
    image = watching(settle=5)
    moved = observe(image, KNOWN, seen(B), HELD, LATER, NEW)
    assert (moved.change, moved.until) == (Change.SETTLING, LATER + timedelta(minutes=5))
    assert "5 min" in moved.reason
    assert moved.watched is not None

    early = LATER + timedelta(minutes=5) - timedelta(seconds=1)
    assert observe(image, moved.watched, seen(B), HELD, early).change is Change.SETTLING
    found = observe(image, moved.watched, seen(B), HELD, LATER + timedelta(minutes=5))
    assert (found.change, found.digest) == (Change.IMPORT, B)
    assert found.watched == moved.watched


def test_the_first_sight_of_a_tag_does_not_wait():
    found = observe(watching(settle=5), Watched("20"), seen(A), Staging(), START)

    assert found.change is Change.IMPORT


def test_what_is_not_there_yet_is_named():
    lacking = {AMD: NEW[AMD]}
    image = watching(settle=5, platforms=("linux/amd64", "linux/arm64", "linux/s390x"))

    found = observe(image, KNOWN, seen(B), HELD, LATER, lacking)

    assert found.reason.startswith("it lacks linux/arm64 and linux/s390x yet: ")


def test_what_still_lacks_a_platform_after_the_window_is_imported():
    image, lacking = watching(settle=5), {AMD: NEW[AMD]}
    moved = observe(image, KNOWN, seen(B), HELD, LATER, lacking).watched
    assert moved is not None

    found = observe(image, moved, seen(B), HELD, LATER + timedelta(minutes=6), lacking)

    assert found.change is Change.IMPORT


def test_a_move_within_the_window_starts_it_anew():
    image = watching(settle=5)
    first = observe(image, KNOWN, seen(B), HELD, LATER, NEW).watched
    assert first is not None
    between = LATER + timedelta(minutes=4)

    second = observe(image, first, seen(C), HELD, between, NEW)

    assert (second.change, second.until) == (Change.SETTLING, between + timedelta(minutes=5))
    assert second.watched is not None
    late = observe(image, second.watched, seen(C), HELD, LATER + timedelta(minutes=8))
    assert late.change is Change.SETTLING


def test_a_move_back_to_what_staging_has_does_not_wait():
    image = watching(settle=5)
    away = observe(image, KNOWN, seen(B), HELD, LATER, NEW).watched
    assert away is not None

    back = observe(image, away, seen(A), HELD, LATER + timedelta(minutes=1), OLD)

    assert back.change is Change.UNCHANGED


def test_without_a_window_a_move_is_imported_at_once():
    assert observe(IMAGE, KNOWN, seen(B), HELD, LATER, NEW).change is Change.IMPORT


def test_what_was_never_seen_is_backlog_and_a_move_is_a_fix():
    assert observe(IMAGE, Watched("20"), seen(A), Staging(), START).urgency == BACKLOG
    assert observe(IMAGE, KNOWN, seen(B), HELD, LATER, NEW).urgency == ""
    # staging lost its tag, or never got it: upstream has moved since, so somebody waits
    assert observe(IMAGE, KNOWN, seen(B), Staging(), LATER, NEW).urgency == ""
    assert observe(IMAGE, KNOWN, seen(A), Staging(), LATER).urgency == BACKLOG


def test_an_index_is_read_for_a_move_that_is_new_and_for_nothing_else():
    settling = observe(watching(settle=5), KNOWN, seen(B), HELD, LATER, NEW).watched
    assert settling is not None

    assert asks_for_content(IMAGE, KNOWN, seen(B), ())
    assert not asks_for_content(IMAGE, KNOWN, seen(B), (A, B))
    assert not asks_for_content(IMAGE, KNOWN, seen(A), ())
    assert not asks_for_content(IMAGE, settling, seen(B), ())
    assert not asks_for_content(IMAGE, Watched("20"), seen(A), ())
    assert not asks_for_content(IMAGE, KNOWN, seen(None), ())
    assert not asks_for_content(IMAGE, KNOWN, Unresolved("HTTP 503"), ())
    assert not asks_for_content(watching(equivalent=False), KNOWN, seen(B), ())
    assert asks_for_content(watching(settle=5, equivalent=False), KNOWN, seen(B), ())
