"""What one registry was asked during one visit, and whether it may be asked again."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from shared.errors import Transient
from shared.registry import limits
from shared.registry.limits import Quota
from shared.registry.manners import Manners
from shared.values import Usage

_NO_ANSWERS = 3  # in a row, each after its second try: the registry is not asked again
_SERVER_ERRORS = 12  # HTTP 5xx in a row, likewise
_SERVER_ERROR = 500
_RETRIES, _REQUESTS_A_RETRY = 5, 20


class Unasked(Transient):
    """The registry was not asked at all: paused, not answering, out of quota, or no time was left."""


class Meter:
    """Counts and refuses; one event loop's, so nothing is locked."""

    def __init__(self, manners: Manners, now: Callable[[], float]) -> None:
        """Start with nothing known."""
        self._manners, self._now = manners, now
        self._requests = self._tokens = self._answered = self._failed = self._retries = 0
        self._quota: Quota | None = None
        self._counted = 0  # requests on their way that will lower the quota
        self._paused_until = 0.0
        self._pause = self._closed = ""  # why it is left alone: for a while, for the rest
        self._silent = self._tokens_silent = self._errors = 0  # in a row

    def usage(self) -> Usage:
        """Return it all as a value."""
        quota, until = self._quota, self._paused_until
        return Usage(
            requests=self._requests,
            tokens=self._tokens,
            answered=self._answered,
            failed=self._failed,
            remaining=quota.remaining if quota else None,
            limit=quota.limit if quota else None,
            paused_until=datetime.fromtimestamp(until, UTC) if until else None,
            reason=self._pause or self._closed or self._reserved(0),
        )

    def ask(self, *, counts: bool) -> None:
        """Count a request that is about to go. Raises Unasked when it must not."""
        self._raise_if_closed()
        if counts and (reason := self._reserved(self._counted)):
            message = f"{self._manners.registry}: {reason}"
            raise Unasked(message)
        self._counted += counts
        self._requests += 1

    def ask_token(self) -> None:
        """Count a request for a token. Raises Unasked when it must not be sent."""
        self._raise_if_closed()
        self._tokens += 1

    def back(self, *, counts: bool) -> None:
        """Take note that a request is no more on its way, whether it was answered or not."""
        self._counted -= counts

    def heard(self, status: int, headers: Mapping[str, str]) -> None:
        """Take note of what the registry's answer says about limits."""
        self._silent = 0
        self._errors = self._errors + 1 if status >= _SERVER_ERROR else 0
        if self._errors == _SERVER_ERRORS:
            self._closed = f"answered HTTP {status} {_SERVER_ERRORS} times in a row"
        now = self._now()
        if found := limits.quota(headers, now):
            self._quota = found
        self._heed(status, headers, now)

    def heard_token(self, status: int, headers: Mapping[str, str]) -> None:
        """Take note of what the token service's answer says about limits."""
        self._tokens_silent = 0
        self._heed(status, headers, self._now())

    def silent(self) -> None:
        """Take note that the registry did not answer, twice if that was worth it."""
        self._silent += 1
        if self._silent == _NO_ANSWERS:
            self._closed = f"gave no answer {_NO_ANSWERS} times in a row"

    def silent_token(self) -> None:
        """Take note that the token service did not answer."""
        self._tokens_silent += 1
        if self._tokens_silent == _NO_ANSWERS:
            self._closed = f"its token service gave no answer {_NO_ANSWERS} times in a row"

    def may_retry(self) -> bool:
        """Tell whether a second try is among those granted: five, and one for twenty requests."""
        granted = (
            not self._closed and self._retries < _RETRIES + self._requests // _REQUESTS_A_RETRY
        )
        self._retries += granted
        return granted

    def count(self, *, answered: bool) -> None:
        """Count a question that got its answer, or did not."""
        self._answered += answered
        self._failed += not answered

    def _reserved(self, underway: int) -> str:
        """Return why nothing that counts may be asked, or "" if it may: a quota that has a reset ends with it."""
        quota, reserve = self._quota, self._manners.reserve
        if quota is None or (quota.reset is not None and quota.reset <= self._now()):
            return ""
        left = max(quota.remaining - underway, 0)
        if left > reserve:
            return ""
        return f"{left} pulls are left, and {reserve} are kept in reserve"

    def _heed(self, status: int, headers: Mapping[str, str], now: float) -> None:
        wanted = limits.pause(status, headers, self._manners.pause, now)
        if wanted is not None and now + wanted > self._paused_until:
            self._paused_until = now + wanted
            until = datetime.fromtimestamp(self._paused_until, UTC)
            self._pause = f"paused until {until:%H:%M:%S} UTC after HTTP {status}"

    def _raise_if_closed(self) -> None:
        if self._paused_until > self._now():
            message = f"{self._manners.registry}: {self._pause}"
            raise Unasked(message)
        if self._closed:
            message = f"{self._manners.registry}: {self._closed}"
            raise Unasked(message)
