"""Timer schedules of the functions host."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.functions_host.ncrontab import parse_schedule
from local.functions_host.timers import Status, StatusStore, missed
from local.functions_host.timespan import timespan, written

MONDAY = datetime(2026, 11, 23, 7, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "following"),
    [
        ("* * * * * *", "2026-11-23T07:00:01"),
        ("0 * * * * *", "2026-11-23T07:01:00"),
        ("* * * * *", "2026-11-23T07:01:00"),
        ("*/15 * * * *", "2026-11-23T07:15:00"),
        ("*/10 * * * * *", "2026-11-23T07:00:10"),
        ("5/20 * * * * *", "2026-11-23T07:00:05"),
        ("30 5,10 8-9 * * *", "2026-11-23T08:05:30"),
        ("0 0 7 * * *", "2026-11-24T07:00:00"),
        ("0 0 0 1 * *", "2026-12-01T00:00:00"),
        ("0 0 0 * jan *", "2027-01-01T00:00:00"),
        ("0 0 9 * * Sun", "2026-11-29T09:00:00"),
        ("0 0 9 * * 0", "2026-11-29T09:00:00"),
        ("0 0 9 * * MON-FRI", "2026-11-23T09:00:00"),
        ("0 0 9 * * tuesday", "2026-11-24T09:00:00"),
        ("0 0 0 29 2 *", "2028-02-29T00:00:00"),
        ("0 0 0 13 * fri", "2027-08-13T00:00:00"),  # both must hold, unlike cron
        ("00:05:00", "2026-11-23T07:05:00"),
        ("1.00:00:00", "2026-11-24T07:00:00"),
    ],
)
def test_a_schedule_fires_next_at(text, following):
    assert parse_schedule(text).next(MONDAY) == datetime.fromisoformat(following + "+00:00")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("* * * *", "expected 5 or 6 fields or a TimeSpan, found 4"),
        ("60 * * * * *", "second: expected 0 to 59, found '60'"),
        ("0 0 0 * * 7", "day of week: expected 0 to 6, found '7'"),
        ("0 0 0 * monday *", "month: expected 1 to 12, found 'monday'"),
        ("*/0 * * * * *", "second: expected"),
        ("0 9-8 * * * *", "minute: expected a range that rises, found '9-8'"),
        ("0 0 0 31 2 *", "expected a schedule that fires"),
        ("@daily", "expected a TimeSpan"),
        ("00:00:00", "expected an interval above zero"),
        ("", "found 0"),
        ("0 0 0 ¹ * *", "day: expected"),
    ],
)
def test_what_is_no_schedule_says_why(text, said):
    with pytest.raises(ValueError, match=said.replace("*", r"\*")):
        parse_schedule(text)


@given(
    st.datetimes(datetime.fromisoformat("2000-01-01"), datetime.fromisoformat("2090-01-01")),
    st.sampled_from(["*/7 * * * * *", "0 1/9 3,5 * * *", "30 59 23 31 * *", "0 0 0 * feb mon"]),
)
def test_the_next_moment_is_later_and_nothing_lies_between(after, text):
    schedule = parse_schedule(text)
    found = schedule.next(after)
    assert found > after
    assert schedule.next(found - timedelta(seconds=1)) == found
    assert schedule.next(after + (found - after) / 2) == found


def test_a_schedule_within_the_minute_keeps_no_status():
    assert parse_schedule("*/30 * * * * *").more_often_than_every_minute(MONDAY)
    assert not parse_schedule("0 * * * * *").more_often_than_every_minute(MONDAY)


def test_a_run_is_missed_only_on_the_same_schedule():
    due = Status("x", "2026-11-23T06:00:00+00:00", "x", "0 0 6 * * *")
    assert missed(due, "0 0 6 * * *", MONDAY)
    assert not missed(due, "0 0 5 * * *", MONDAY)
    assert not missed(due, "0 0 6 * * *", MONDAY - timedelta(hours=2))
    assert not missed(None, "0 0 6 * * *", MONDAY)


def test_statuses_survive_in_their_file(tmp_path):
    status = Status("a", "b", "c", "d")
    StatusStore(tmp_path / "s.json").put("f", status)
    assert StatusStore(tmp_path / "s.json").get("f") == status


@given(st.integers(0, 10**7))
def test_a_time_span_reads_back_what_was_written(seconds):
    assert timespan(written(seconds)) == timedelta(seconds=seconds)
