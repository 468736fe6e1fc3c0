"""Saying in time that a waiver ends, that it has ended, and that a VEX document cannot be read."""

import hashlib
import json

from handlers import excuses
from handlers.recording import say
from shared.catalog import Catalog
from shared.errors import Misconfigured
from shared.policy.waiving import Expiring, expiring
from shared.services import Services
from shared.values import Row

_SUBJECT = "waivers"  # the ledger's rows of what has been said


def report(services: Services, catalog: Catalog, trace: str) -> None:
    """Journal and announce, once each, what is about to stop being excused, and what has stopped.

    Another day of expiry makes another waiver. A VEX document that cannot be read is said once a day: until it
    can be, nothing is judged. Dying in between announces again, and leaves no gap. Raises Transient.
    """
    now = services.clock.now()
    said = {row.key for row in services.ledger.rows(_SUBJECT)}
    for each in expiring(catalog.waivers, now):
        waiver = each.waiver
        image = waiver.image if catalog.image(waiver.image) is not None else ""
        which = (waiver.id, waiver.image, waiver.package, waiver.expires.isoformat())
        if each.expired:
            _tell(services, said, image, "waiver expired", _sentence(each), which, trace)
        else:
            _tell(services, said, image, "waiver expires soon", _sentence(each), which, trace)
    try:
        excuses.statements(services, catalog)
    except Misconfigured as error:
        once = (str(error), now.date().isoformat())
        _tell(services, said, "", "vex unreadable", str(error), once, trace)


def _sentence(ending: Expiring) -> str:
    waiver = ending.waiver
    where = f"{waiver.package} of {waiver.image}" if waiver.package else waiver.image
    when = "held until the end of" if ending.expired else "holds until the end of"
    then = (
        "the finding counts again"
        if ending.expired
        else "then the finding counts again; set a later day, or fix it"
    )
    return (
        f"the waiver of {waiver.id} in {where} ({waiver.reason}; {waiver.owner}) {when} "
        f"{waiver.expires.isoformat()} (UTC): {then}"
    )


def _tell(
    services: Services,
    said: set[str],
    image: str,
    event: str,
    sentence: str,
    once: tuple[str, ...],
    trace: str,
) -> None:
    key = hashlib.sha256(json.dumps([event, *once]).encode()).hexdigest()[:32]
    if key in said:
        return
    say(services, image, event, (sentence,), once=key, trace=trace, announce=True)
    services.ledger.insert(Row(_SUBJECT, key, {"event": event, "said": sentence[:500]}))
