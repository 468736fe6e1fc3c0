"""How long a test waits for what must come: far longer than it takes on a busy machine."""

import time
from collections.abc import Callable

PATIENCE = 60.0  # seconds; it costs nothing unless something is broken


def eventually(
    is_so: Callable[[], bool],
    seconds: float = PATIENCE,
    what: Callable[[], str] = lambda: "it",
) -> None:
    """Wait until it is so. Raises AssertionError after these many seconds."""
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, f"waited {seconds} s for {what()}"
        time.sleep(0.02)
