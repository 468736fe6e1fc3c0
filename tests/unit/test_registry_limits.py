"""Quotas, pauses and rates: what registries' headers ask of us."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from shared.registry import limits
from shared.registry.limits import Quota

NOW = 1_795_435_200.0  # Mon, 23 Nov 2026 12:00:00 GMT


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ({}, None),
        ({"ratelimit-remaining": "76;w=21600", "ratelimit-limit": "100;w=21600"}, Quota(76, 100)),
        ({"RateLimit-Remaining": "0"}, Quota(0)),
        ({"ratelimit-remaining": "9", "ratelimit-reset": "60"}, Quota(9, None, NOW + 60)),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": f"{NOW:.0f}"}, Quota(0, None, NOW)),
        ({"ratelimit-remaining": " 7 , 7;w=1"}, Quota(7)),
        ({"ratelimit-remaining": "many"}, None),
        ({"ratelimit-remaining": "-1"}, None),
        ({"ratelimit-remaining": "9" * 5000}, None),
        ({"ratelimit-remaining": "\u0663"}, None),
        ({"ratelimit-limit": "100"}, None),
    ],
)
def test_a_quota_is_read_as_each_registry_writes_it(headers: dict[str, str], found: Quota | None):
    assert limits.quota(CIMultiDict(headers), NOW) == found


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30", 30),
        (" 30 ", 30),
        ("Mon, 23 Nov 2026 12:01:00 GMT", 60),
        ("Mon, 23 Nov 2026 13:01:00 +0100", 60),
        ("Mon, 23 Nov 2026 11:59:00 -0000", -60),
        ("", None),
        ("soon", None),
        ("-1", None),
        ("1.5", None),
        ("Mon, 99 Nov 2026 12:01:00 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(text: str, seconds: float | None):
    assert limits.retry_after(CIMultiDict({"Retry-After": text}), NOW) == seconds


@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [
        (200, {"Retry-After": "30"}, None),
        (404, {}, None),
        (429, {}, 300),
        (429, {"Retry-After": "soon"}, 300),
        (429, {"Retry-After": "30"}, 30),
        (429, {"Retry-After": "0"}, 1),
        (429, {"Retry-After": "999999999"}, 6 * 3600),
        (429, {"Retry-After": "9" * 4000}, 6 * 3600),
        (429, {"Retry-After": "Mon, 23 Nov 2026 11:00:00 GMT"}, 1),
        (429, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": f"{NOW + 90:.0f}"}, 90),
        (503, {}, None),
        (503, {"Retry-After": "5"}, 5),
        (403, {}, None),
        (403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": f"{NOW + 90:.0f}"}, 90),
        (403, {"x-ratelimit-remaining": "5", "x-ratelimit-reset": f"{NOW + 90:.0f}"}, None),
    ],
)
def test_a_pause_lasts_as_long_as_the_registry_says_within_six_hours(
    status: int, headers: dict[str, str], seconds: float | None
):
    assert limits.pause(status, CIMultiDict(headers), 300, NOW) == seconds


@given(st.text(max_size=40), st.text(max_size=40))
def test_whatever_the_headers_say_a_pause_is_bounded(after: str, reset: str):
    headers = CIMultiDict({"Retry-After": after, "x-ratelimit-remaining": "0"})
    headers["x-ratelimit-reset"] = reset
    found = limits.pause(429, headers, 60, NOW)
    assert found is not None
    assert 1 <= found <= 6 * 3600


@given(
    st.floats(0.1, 1000),
    st.lists(st.floats(0, 10), min_size=2, max_size=30),
)
def test_turns_are_never_closer_than_the_rate_allows(rate: float, gaps: list[float]):
    now, free, turns = 0.0, 0.0, []
    for gap in gaps:
        now += gap
        at, free = limits.turn(free, now, rate)
        assert at >= now
        turns.append(at)
    between = [later - earlier for earlier, later in pairwise(turns)]
    assert min(between) >= 1 / rate - 1e-6
