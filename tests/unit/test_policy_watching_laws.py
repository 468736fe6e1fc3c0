"""Whatever history a tag has, with equivalent indexes and without: what always holds of its record."""

from datetime import datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from shared.catalog import Image
from shared.oci.digest import Digest
from shared.policy.facts import Watched
from shared.policy.watching import Change, Staging, asks_for_content, observe
from tests.builders import a_digest
from tests.fake_clock import START
from tests.unit.test_policy_watching_moves import NEW, OLD, seen, watching

# A history: digests 0..3 of which 0 and 1 hold the same platforms, as do 2 and 3; None: gone.
_DIGESTS = [a_digest(40 + number) for number in range(4)]
_CONTENT = dict(zip(_DIGESTS, (OLD, OLD, NEW, NEW), strict=True))
_STEPS = st.lists(
    st.tuples(st.sampled_from([*_DIGESTS, None]), st.integers(0, 12), st.booleans()), max_size=40
)


def _step(
    image: Image, record: Watched, digest: Digest | None, held: frozenset[Digest], now: datetime
) -> tuple[Change, Watched, Digest | None]:
    staging = Staging(None, held, _CONTENT.get(record.current) if record.current in held else None)
    offered = (
        _CONTENT[digest] if digest and asks_for_content(image, record, seen(digest), ()) else None
    )
    found = observe(image, record, seen(digest), staging, now, offered)
    assert found.watched is not None
    return found.change, found.watched, found.digest


@given(_STEPS, st.sampled_from([0, 5]))
def test_spans_keep_their_laws_whatever_is_equivalent(
    history: list[tuple[Digest | None, int, bool]], settle: int
):
    image, record, now = watching(settle=settle), Watched("20"), START
    held: frozenset[Digest] = frozenset()
    for digest, minutes, imported in history:
        now += timedelta(minutes=minutes)
        change, record, wanted = _step(image, record, digest, held, now)
        spans = record.spans
        assert len(spans) <= 20
        assert all(span.end is not None for span in spans[:-1])
        assert all(span.start <= (span.end or now) for span in spans)
        pairs = pairwise(spans)
        assert all(one.end is not None and one.end <= other.start for one, other in pairs)
        # What counts as upstream's holds the very platforms of what upstream has, or is it.
        current = record.current
        assert (current is None) is (digest is None)
        if current is not None and digest is not None:
            assert current == digest or _CONTENT[current] == _CONTENT[digest]
            assert current == digest or current in held
        if change is Change.IMPORT and imported and wanted is not None:
            held |= {wanted}


@given(_STEPS, st.sampled_from([0, 5]))
def test_observing_again_with_the_record_just_kept_changes_no_record(
    history: list[tuple[Digest | None, int, bool]], settle: int
):
    image, record, now = watching(settle=settle), Watched("20"), START
    held: frozenset[Digest] = frozenset()
    for digest, minutes, imported in history:
        now += timedelta(minutes=minutes)
        first = _step(image, record, digest, held, now)
        assert _step(image, first[1], digest, held, now) == first
        _, record, wanted = first
        if imported and wanted is not None:
            held |= {wanted}
