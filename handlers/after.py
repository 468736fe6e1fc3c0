"""What follows a look: another at once, another after a delay, or none."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from handlers.jitter import spread
from shared.messages import LONGEST_DELAY
from shared.services import Services

_PATIENT = 6  # times LOOK_AGAIN_SECONDS: less than a fix's word is good for (handlers/turns.py)
_BUSY = 3.0  # seconds until a candidate is looked at again that someone else is looking at


@dataclass(frozen=True, slots=True)
class After:
    """What follows a step: look on at once, look again after a delay, or rest."""

    again: bool = False
    delay: timedelta | None = None


ON = After(again=True)
REST = After()


def again(services: Services) -> After:
    """Look again at what is under way."""
    return After(delay=timedelta(seconds=_jitter(services.settings.look_again_seconds)))


def patiently(services: Services) -> After:
    """Look again, about a minute later, at what waits for a slot and can."""
    return After(delay=timedelta(seconds=_jitter(_PATIENT * services.settings.look_again_seconds)))


def busy() -> After:
    """Look again at what someone else is looking at."""
    return After(delay=timedelta(seconds=_jitter(_BUSY)))


def due_at(services: Services, until: datetime | None) -> datetime | None:
    """Return the time to write down as due; None where a message can wait for it, or nothing is to come."""
    if until is None or until - services.clock.now() <= LONGEST_DELAY:
        return None
    return until


def soon(services: Services, until: datetime | None) -> After:
    """Look again then, if a message can wait for it; else it is for whoever reads due times."""
    if until is None or due_at(services, until) is not None:
        return REST
    return After(delay=max(until - services.clock.now(), timedelta(seconds=1)))


def _jitter(seconds: float) -> float:
    return spread(seconds, 0.8, 1.2)
