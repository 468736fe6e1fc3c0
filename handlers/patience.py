"""What the world refuses for now comes back later, by a message of its own, instead of as poison."""

import logging
from collections.abc import Callable
from datetime import timedelta

from handlers.jitter import spread
from shared.errors import Transient
from shared.services import Services

_log = logging.getLogger("breakwater.patience")

_PAUSE = 45.0  # seconds, unless the other side names a time
_LONGEST = 15 * 60.0  # seconds; what a queue carries


def patiently(services: Services, queue: str, text: str, handle: Callable[[], None]) -> None:
    """Handle a message; what fails for now is sent again after a pause.

    Throttling lasts longer than the five tries a queue gives, and a message that is poison by then
    would wait for the next sweep.
    """
    try:
        handle()
    except Transient as error:
        pause = spread(error.retry_after or _PAUSE, 1.0, 1.3)
        pause = min(pause, _LONGEST)
        _log.warning("again in %.0f s, because for now: %s", pause, error)
        services.queues.send(queue, text, delay=timedelta(seconds=pause))
