"""Which candidates a sweep looks at again."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.policy.candidate import State

_SETTLED = frozenset({State.PROMOTED.value, State.SUPERSEDED.value, State.REJECTED.value})


@dataclass(frozen=True, slots=True)
class Known:
    """What the ledger and the tag pages say; `state` is "" for what no event ever mentioned."""

    state: str
    since: datetime | None
    current: bool


def worth_a_look(known: Known, now: datetime, forgiven: timedelta) -> bool:
    """Tell whether to look: at what is undecided, and at what is current, whatever its state.

    What is current may have drifted, its gate may have changed, and upstream may have moved back to
    it. What failed gets new attempts after `forgiven`.
    """
    if known.state == State.FAILED.value:
        return known.since is None or now >= known.since + forgiven
    return known.current or known.state not in _SETTLED
