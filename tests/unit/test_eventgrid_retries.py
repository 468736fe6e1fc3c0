"""What follows a failed delivery."""

from datetime import UTC, datetime, timedelta

import pytest

from local.eventgrid.retries import (
    NOBODY,
    TIMED_OUT,
    Again,
    GiveUp,
    Outcome,
    RetryPolicy,
    after_failure,
)

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


DEFAULT = RetryPolicy()
AT_ONCE = timedelta()


def decide(
    attempts: int = 1,
    outcome: Outcome = NOBODY,
    policy: RetryPolicy = DEFAULT,
    after: timedelta = AT_ONCE,
) -> Again | GiveUp:
    return after_failure(
        policy, attempts=attempts, published=NOON, now=NOON + after, outcome=outcome
    )


@pytest.mark.parametrize("status", [200, 201, 202, 203, 204])
def test_200_to_204_are_delivered(status):
    assert Outcome.of(status).delivered


@pytest.mark.parametrize("status", [205, 302, 404, 500, 503])
def test_nothing_else_is_delivered(status):
    assert not Outcome.of(status).delivered


def test_nobody_and_a_timeout_are_not_delivered():
    assert not NOBODY.delivered
    assert not TIMED_OUT.delivered


@pytest.mark.parametrize(
    ("attempts", "seconds"),
    [
        (1, 10),
        (2, 30),
        (3, 60),
        (4, 300),
        (5, 600),
        (6, 1800),
        (7, 3600),
        (8, 10800),
        (9, 21600),
        (10, 43200),
    ],
)
def test_the_waits_grow_as_azure_documents(attempts, seconds):
    assert decide(attempts) == Again(seconds)


def test_the_longest_wait_repeats_until_the_event_is_too_old():
    assert decide(11, after=timedelta(hours=2)) == Again(43200)
    assert decide(11, after=timedelta(hours=13)) == GiveUp("TimeToLiveExceeded")


@pytest.mark.parametrize(("status", "seconds"), [(404, 300), (408, 120), (503, 30), (500, 10)])
def test_some_answers_enforce_a_longer_first_wait(status, seconds):
    assert decide(outcome=Outcome.of(status)) == Again(seconds)


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (400, "UndeliverableDueToHttpBadRequest"),
        (401, "UndeliverableDueToHttpUnauthorized"),
        (403, "UndeliverableDueToHttpForbidden"),
        (413, "UndeliverableDueToHttpPayloadTooLarge"),
    ],
)
def test_an_answer_that_retrying_cannot_help_ends_it_at_once(status, reason):
    assert decide(outcome=Outcome.of(status)) == GiveUp(reason)


def test_the_last_attempt_allowed_is_the_last():
    policy = RetryPolicy(attempts=3)
    assert decide(2, policy=policy) == Again(30)
    assert decide(3, policy=policy) == GiveUp("MaxDeliveryAttemptsExceeded")


def test_an_event_too_old_for_the_next_attempt_is_given_up():
    policy = RetryPolicy(minutes=1)
    assert decide(1, policy=policy) == Again(10)
    assert decide(2, policy=policy, after=timedelta(seconds=31)) == GiveUp("TimeToLiveExceeded")


@pytest.mark.parametrize(
    "wrong", [{"attempts": 0}, {"attempts": 31}, {"minutes": 0}, {"minutes": 1441}]
)
def test_a_policy_outside_azures_bounds_is_refused(wrong):
    with pytest.raises(ValueError, match="expected 1 to"):
        RetryPolicy(**wrong)
