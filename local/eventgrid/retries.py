"""What follows a failed delivery: another attempt and when, or the end and why.

Rules: learn, Event Grid "Delivery and retry". Azure adds a small jitter and delays unhealthy endpoints; we do not.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

# Seconds between attempts; the last one repeats.
SCHEDULE = (10, 30, 60, 300, 600, 1800, 3600, 10800, 21600, 43200)
# Waits that particular answers enforce, in seconds.
AT_LEAST = {404: 300, 408: 120, 503: 30}
NEVER_AGAIN = frozenset({400, 401, 403, 413})
SUCCESS = frozenset({200, 201, 202, 203, 204})
DEAD_LETTER_DELAY = 300  # seconds after the last attempt

# What Event Grid calls an answer in dead letters.
_OUTCOMES = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    408: "TimedOut",
    413: "PayloadTooLarge",
    503: "Busy",
}


_ATTEMPTS, _MINUTES = range(1, 31), range(1, 1441)  # what Azure accepts


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how long Event Grid tries; whichever ends first."""

    attempts: int = 30  # 1 to 30
    minutes: int = 1440  # time to live, 1 to 1440

    def __post_init__(self) -> None:
        if self.attempts not in _ATTEMPTS:
            message = f"maxDeliveryAttempts: expected 1 to 30, found {self.attempts}"
            raise ValueError(message)
        if self.minutes not in _MINUTES:
            message = f"eventTimeToLiveInMinutes: expected 1 to 1440, found {self.minutes}"
            raise ValueError(message)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one attempt ended: an HTTP status, or none when nobody answered."""

    status: int | None
    name: str

    @classmethod
    def of(cls, status: int) -> "Outcome":
        """Name an HTTP answer as Event Grid does."""
        return cls(
            status, "Delivered" if status in SUCCESS else _OUTCOMES.get(status, "GenericError")
        )

    @property
    def delivered(self) -> bool:
        """Say whether the event has arrived."""
        return self.status in SUCCESS


TIMED_OUT = Outcome(None, "TimedOut")
NOBODY = Outcome(None, "SocketError")


@dataclass(frozen=True, slots=True)
class Again:
    """Try once more after so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class GiveUp:
    """No further attempt; the event is dead-lettered or dropped, for this reason."""

    reason: str


def after_failure(
    policy: RetryPolicy, *, attempts: int, published: datetime, now: datetime, outcome: Outcome
) -> Again | GiveUp:
    """Decide what follows attempt number `attempts`, which ended in `outcome`."""
    if outcome.status in NEVER_AGAIN:
        return GiveUp(f"UndeliverableDueToHttp{outcome.name}")
    if attempts >= policy.attempts:
        return GiveUp("MaxDeliveryAttemptsExceeded")
    planned = SCHEDULE[min(attempts, len(SCHEDULE)) - 1]
    seconds = max(planned, AT_LEAST.get(outcome.status or 0, 10))
    if now + timedelta(seconds=seconds) > published + timedelta(minutes=policy.minutes):
        return GiveUp("TimeToLiveExceeded")
    return Again(seconds)
