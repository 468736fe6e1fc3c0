"""What a registry was asked, and when it is asked no more."""

from datetime import UTC, datetime

import pytest
from multidict import CIMultiDict

from shared.catalog import Upstream
from shared.registry.manners import manners_of
from shared.registry.meter import Meter, Unasked
from shared.values import Usage

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.at = NOW.timestamp()

    def __call__(self) -> float:
        return self.at


def _meter(registry: str = "docker.io", reserve: int = 10) -> tuple[Meter, Clock]:
    clock = Clock()
    return Meter(manners_of(Upstream(registry, reserve=reserve), 4), clock), clock


def _answer(meter: Meter, status: int = 200, *, counts: bool = True, **headers: str) -> None:
    meter.ask(counts=counts)
    meter.back(counts=counts)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    meter.heard(status, CIMultiDict(named))


def test_requests_and_tokens_are_counted_apart():
    meter, _ = _meter()
    _answer(meter)
    meter.ask_token()
    meter.heard_token(200, CIMultiDict())
    meter.count(answered=True)
    meter.count(answered=False)
    assert meter.usage() == Usage(requests=1, tokens=1, answered=1, failed=1)


def test_pulls_stop_at_the_reserve_and_heads_go_on():
    meter, _ = _meter()
    _answer(meter, ratelimit_remaining="11;w=21600", ratelimit_limit="100;w=21600")
    _answer(meter, ratelimit_remaining="10;w=21600", ratelimit_limit="100;w=21600")
    with pytest.raises(Unasked, match=r"docker\.io: 10 pulls are left, and 10 are kept in reserve"):
        meter.ask(counts=True)
    meter.ask(counts=False)
    usage = meter.usage()
    assert (usage.remaining, usage.limit, usage.requests) == (10, 100, 3)
    assert usage.paused_until is None
    assert "reserve" in usage.reason


def test_what_is_on_its_way_counts_before_its_answer_says_so():
    meter, _ = _meter(reserve=0)
    _answer(meter, ratelimit_remaining="2")
    meter.ask(counts=True)
    meter.ask(counts=True)
    with pytest.raises(Unasked):
        meter.ask(counts=True)


def test_a_quota_ends_with_its_reset():
    meter, clock = _meter()
    _answer(meter, ratelimit_remaining="0", ratelimit_reset="30")
    with pytest.raises(Unasked):
        meter.ask(counts=True)
    clock.at += 30
    meter.ask(counts=True)


def test_a_pause_holds_for_requests_and_tokens_until_it_is_over():
    meter, clock = _meter()
    _answer(meter, 429, Retry_After="90")
    with pytest.raises(Unasked, match="paused until 12:01:30 UTC after HTTP 429"):
        meter.ask(counts=False)
    with pytest.raises(Unasked, match="paused until"):
        meter.ask_token()
    assert meter.usage().paused_until == datetime(2026, 11, 23, 12, 1, 30, tzinfo=UTC)
    clock.at += 91
    meter.ask(counts=False)


def test_a_shorter_pause_does_not_end_a_longer_one():
    meter, _ = _meter()
    meter.heard(429, CIMultiDict({"Retry-After": "90"}))
    meter.heard(429, CIMultiDict({"Retry-After": "5"}))
    assert meter.usage().paused_until == datetime(2026, 11, 23, 12, 1, 30, tzinfo=UTC)


@pytest.mark.parametrize(("registry", "minutes"), [("docker.io", 5), ("quay.io", 1)])
def test_a_429_that_names_no_time_has_the_registrys_own(registry: str, minutes: int):
    meter, _ = _meter(registry)
    meter.heard(429, CIMultiDict())
    assert meter.usage().paused_until == NOW.replace(minute=minutes)


def test_a_token_service_that_is_busy_pauses_its_registry():
    meter, _ = _meter()
    meter.ask_token()
    meter.heard_token(429, CIMultiDict({"Retry-After": "90"}))
    with pytest.raises(Unasked, match="paused"):
        meter.ask(counts=False)


def test_three_silences_in_a_row_are_enough_and_one_answer_between_starts_afresh():
    meter, _ = _meter()
    meter.silent()
    meter.silent()
    _answer(meter)
    meter.silent()
    meter.silent()
    meter.ask(counts=False)
    meter.silent()
    with pytest.raises(Unasked, match="gave no answer 3 times in a row"):
        meter.ask(counts=False)
    assert "no answer" in meter.usage().reason


def test_a_token_service_that_answers_says_nothing_about_a_silent_registry():
    meter, _ = _meter()
    for _ in range(3):
        meter.ask_token()
        meter.heard_token(200, CIMultiDict())
        meter.silent()
    with pytest.raises(Unasked, match="gave no answer"):
        meter.ask_token()


def test_a_silent_token_service_closes_its_registry():
    meter, _ = _meter()
    for _ in range(3):
        meter.silent_token()
    with pytest.raises(Unasked, match="its token service gave no answer"):
        meter.ask(counts=False)


def test_a_dozen_failures_of_the_server_in_a_row_are_enough():
    meter, _ = _meter()
    for _ in range(11):
        _answer(meter, 500)
    _answer(meter, 404)
    for _ in range(12):
        _answer(meter, 502)
    with pytest.raises(Unasked, match="answered HTTP 502 12 times in a row"):
        meter.ask(counts=False)


def test_second_tries_are_five_and_one_for_twenty_requests():
    meter, _ = _meter()
    assert [meter.may_retry() for _ in range(6)] == [True] * 5 + [False]
    for _ in range(40):
        _answer(meter)
    assert [meter.may_retry() for _ in range(3)] == [True, True, False]
