"""How long the SDKs may wait and try again: no function waits longer than 20 seconds (design §2.6)."""

from typing import Any

# The SDKs' own timeouts are five minutes.
_TIMEOUTS = {"connection_timeout": 5, "read_timeout": 15}  # seconds

# Statuses are not tried again: the SDK would obey a Retry-After of any length; the queue waits instead.
ARM: dict[str, Any] = {
    **_TIMEOUTS,
    "retry_total": 2,
    "retry_status": 0,
    "retry_backoff_factor": 0.5,
}
TABLES: dict[str, Any] = {**_TIMEOUTS, "retry_total": 2, "retry_backoff_factor": 0.5}
TOPICS = TABLES
# The storage SDK's own first retry comes after 15 seconds.
QUEUES: dict[str, Any] = {
    **_TIMEOUTS,
    "retry_total": 2,
    "initial_backoff": 1,
    "increment_base": 2,
}
