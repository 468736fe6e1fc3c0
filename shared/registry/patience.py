"""Ends what takes too long, with one timer for all: one for each request costs 7 % of a HEAD's CPU."""

import asyncio
from types import TracebackType

_LOOK = 0.5  # seconds between looks: nothing is ended later than that
_LOOKS = 10  # at least, before anything is ended: a short patience is looked after more often


class Patience:
    """Raises TimeoutError in tasks that wait longer than so many seconds; one event loop's."""

    def __init__(self, seconds: float) -> None:
        """Look at nothing until somebody waits."""
        self._loop = asyncio.get_running_loop()
        self._seconds, self._look = seconds, min(_LOOK, seconds / _LOOKS)
        self._waits: dict[Wait, float] = {}  # since when, longest first
        self._timer: asyncio.TimerHandle | None = None

    def wait(self) -> "Wait":
        """Return what to wait in: `with patience.wait(): await …`."""
        return Wait(self)

    def begin(self, wait: "Wait") -> None:
        """Look after this wait."""
        self._waits[wait] = self._loop.time()
        if self._timer is None:
            self._timer = self._loop.call_later(self._look, self._end_late)

    def end(self, wait: "Wait") -> None:
        """Look after it no more."""
        self._waits.pop(wait, None)

    def close(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()

    def _end_late(self) -> None:
        """Cancel those that have waited too long; without any left, stop looking."""
        before = self._loop.time() - self._seconds
        late = []
        for wait, since in self._waits.items():
            if since > before:
                break
            late.append(wait)
        for wait in late:
            del self._waits[wait]
            wait.cancel()
        self._timer = None
        if self._waits:
            self._timer = self._loop.call_later(self._look, self._end_late)


class Wait:
    """One wait of one task; as asyncio.timeout, but looked after with others."""

    __slots__ = ("_cancelling", "_is_late", "_patience", "_task")

    def __init__(self, patience: Patience) -> None:
        """Belong to the task that runs now."""
        self._patience = patience
        self._is_late = False

    def __enter__(self) -> None:
        """Begin."""
        task = asyncio.current_task()
        if task is None:
            message = "expected a task to wait in"
            raise RuntimeError(message)
        self._task, self._cancelling = task, task.cancelling()
        self._patience.begin(self)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End. Raises TimeoutError if this took too long, unless somebody else cancelled the task too."""
        self._patience.end(self)
        if not self._is_late or self._task.uncancel() > self._cancelling:
            return
        if kind is not None and issubclass(kind, asyncio.CancelledError):
            raise TimeoutError from error

    def cancel(self) -> None:
        """End it from outside."""
        self._is_late = True
        self._task.cancel()
