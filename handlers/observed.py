"""What observing gates let pass: once a day, how many promotions enforcing would have stopped."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from handlers.recording import PROMOTIONS, STATE, enforced, say
from shared.catalog import Catalog, Mode
from shared.policy.candidate import State
from shared.services import Services
from shared.values import Row

_DAY = timedelta(days=1)
_REPORTED = "observed"  # the ledger's subject of the day that has its line: the status is not scanned twice for it
_PASSED = frozenset({"", "already_promoted"})  # rules of what was promoted by us
_MOST = 40  # images named one by one; the journal keeps 50 sentences


def report(services: Services, catalog: Catalog, trace: str) -> None:
    """Add the day's line to the journal, once there is something to say: a gate observes, and something was promoted.

    It counts what was promoted within the last 24 hours and still is; each promotion that enforcing would have
    stopped has an entry of its own besides (`would have stopped`).
    """
    now = services.clock.now()
    today = f"{now:%Y-%m-%d}"
    if any(row.values["day"] == today for row in services.ledger.rows(_REPORTED)):
        return
    observing = {each.name for each in catalog.images if each.gate.mode is Mode.OBSERVE}
    promotions = services.ledger.rows(PROMOTIONS) if observing else ()
    if not any(_is_counted(row.key, row.values["at"], now, observing) for row in promotions):
        return  # to learn that from the candidates would be to read them all, at every sweep
    recent = [row for row in services.ledger.all(STATE) if _is_recent(row, now, observing)]
    if not recent:
        return
    stopped = sorted(_would_have_stopped(recent))
    first = (
        f"with mode: enforce, {len(stopped)} of {_promotions(len(recent))} would have been stopped"
    )
    more = (f"and {len(stopped) - _MOST} more",) if len(stopped) > _MOST else ()
    reasons = (first, *stopped[:_MOST], *more)
    say(services, "", "observed", reasons, once=today, trace=trace)
    services.ledger.upsert(Row(_REPORTED, "day", {"day": today}))


def _is_recent(row: Row, now: datetime, observing: set[str]) -> bool:
    values = row.values
    if values["state"] != State.PROMOTED.value or values.get("rule", "") not in _PASSED:
        return False  # or a rule refuses it: others promoted it, before Breakwater
    return _is_counted(values["image"], values.get("told") or values["since"], now, observing)


def _is_counted(image: object, at: object, now: datetime, observing: set[str]) -> bool:
    return image in observing and datetime.fromisoformat(str(at)) > now - _DAY


def _would_have_stopped(rows: list[Row]) -> Iterator[str]:
    for row in rows:
        values, would = row.values, enforced(row)
        if would is not None:
            why = f": {'; '.join(would.reasons)}" if would.reasons else ""
            yield f"{values['image']}@{values['digest']} would be {would.state.value}{why}"


def _promotions(count: int) -> str:
    return (
        "the 1 promotion of the last day"
        if count == 1
        else f"the {count} promotions of the last day"
    )
