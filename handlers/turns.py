"""Slots taken by precedence: while a fix waits for one, a first-time backlog takes none."""

from datetime import datetime, timedelta

from shared.policy.precedence import slots_for
from shared.services import Services
from shared.values import Row

_WAITING = "precedence"  # the ledger's subject; a row for each kind of slot that a fix waits for
_COMES_BACK = 9  # times LOOK_AGAIN_SECONDS: by then whoever waits has asked for a slot once more


def take(
    services: Services, kind: str, owner: str, *, limit: int, until: datetime, backlog: bool
) -> bool:
    """Take one of `limit` slots until then, or keep the one the owner holds.

    A fix that finds none leaves word; its word is good until it ought to have come back. It is a hint:
    lost or stale it costs time, nothing else.
    """
    waits = backlog and _fix_waits(services, kind)
    allowed = slots_for(limit, backlog=backlog, fix_waits=waits)
    taken = services.slots.take(kind, owner, limit=allowed, until=until)
    if not taken and not backlog:
        seconds = _COMES_BACK * services.settings.look_again_seconds
        good = services.clock.now() + timedelta(seconds=seconds)
        services.ledger.upsert(Row(_WAITING, kind, {"until": good.isoformat()}))
    return taken


def _fix_waits(services: Services, kind: str) -> bool:
    now = services.clock.now()
    return any(
        now < datetime.fromisoformat(str(row.values["until"]))
        for row in services.ledger.rows(_WAITING)
        if row.key == kind
    )
