"""The directory's signing keys, kept: fetched when they are needed, once for all who wait."""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from shared.entra.metadata import Published
from shared.errors import BreakwaterError, Transient
from shared.ports import Clock

_FRESH = timedelta(days=1)  # then they are fetched anew, though no unknown key asks for it
_PAUSE = timedelta(minutes=1)  # between two fetches, so that nobody can make us flood the directory
_AFTER_FAILURE = timedelta(seconds=10)  # while there is no key at all
_SOON = 5.0  # seconds; a directory that answers does so in less


class Keys:
    """The keys by their ids; `fetch` asks the directory and raises what stands in its way."""

    def __init__(self, fetch: Callable[[], Published], clock: Clock) -> None:
        """Fetch nothing yet."""
        self._fetch, self._clock = fetch, clock
        self._lock = threading.Lock()
        self._published: Published | None = None
        self._fetched: datetime | None = None
        self._tried: datetime | None = None
        self._failure: BreakwaterError | None = None

    def find(self, key: str) -> tuple[str, RSAPublicKey] | None:
        """Return the issuer and its key of this id, or None where the directory publishes none.

        Raises what the last fetch raised where that leaves it open, Transient while another one fetches.
        Keys that are known go on while the directory cannot be reached.
        """
        known = self._known(key)
        if known is None:
            known = self._found(key)
        elif self._is_old() and self._lock.acquire(blocking=False):
            try:  # the others go on with what is known
                self._refresh()
            finally:
                self._lock.release()
            known = self._known(key)
        return known

    def _found(self, key: str) -> tuple[str, RSAPublicKey] | None:
        if self._is_due():
            # Once there are keys, one alone waits for others: strangers' would else hold every thread.
            if not self._lock.acquire(blocking=self._published is None):
                message = "the directory's keys are being read"
                raise Transient(message, retry_after=_SOON)
            try:
                self._refresh()
            finally:
                self._lock.release()
        known = self._known(key)
        if known is None and self._failure is not None:
            raise self._failure.with_traceback(None)  # else each raise would add to it
        return known

    def _known(self, key: str) -> tuple[str, RSAPublicKey] | None:
        published = self._published
        found = published.keys.get(key) if published else None
        return (published.issuer, found) if published and found else None

    def _is_old(self) -> bool:
        return self._fetched is not None and self._clock.now() - self._fetched >= _FRESH

    def _is_due(self) -> bool:
        pause = _PAUSE if self._published else _AFTER_FAILURE
        return self._tried is None or self._clock.now() - self._tried >= pause

    def _refresh(self) -> None:
        """Fetch, unless that was tried a moment ago: whoever waited may find it done."""
        if not self._is_due():
            return
        now = self._clock.now()
        try:
            self._published, self._fetched, self._failure = self._fetch(), now, None
        except BreakwaterError as error:
            self._failure = error
        finally:  # its end, as whoever waited for it is not to start the next
            self._tried = self._clock.now()
