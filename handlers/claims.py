"""Claims: one worker at a time on a candidate or a tag, for a short while."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from shared.services import Services


@contextmanager
def claim(services: Services, what: str) -> Iterator[bool]:
    """Claim something; yields False when someone else is at it.

    A worker that dies keeps its claim for CLAIM_SECONDS. A claim only saves work: what is done
    under it is safe to do twice.
    """
    owner = secrets.token_hex(8)
    until = services.clock.now() + timedelta(seconds=services.settings.claim_seconds)
    if not services.slots.take(what, owner, limit=1, until=until):
        yield False
        return
    try:
        yield True
    finally:
        services.slots.free(what, owner)
