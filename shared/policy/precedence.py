"""Who goes first when slots are scarce: fixes for what is promoted, before a first-time backlog."""

from datetime import datetime, timedelta

from shared.policy.facts import Facts

# One import, from the message that starts it to the one that finds it verified. An assumption: no document and no
# peer publishes how long an import takes. It allows for a few hundred megabytes, copied inside Azure, and for one
# or two looks that are 10 s apart.
IMPORT_TIME = timedelta(seconds=60)

# A backlog that has been there for longer competes as a fix does: it must not starve for ever.
PATIENCE = timedelta(days=3)


def estimate(count: int, concurrency: int) -> timedelta:
    """Return about how long `count` first-time imports take, `concurrency` slots being there for imports.

    A backlog gets only its own share of the slots, and each import is taken to last IMPORT_TIME, its
    referrers not counted. Nothing to import takes no time.
    """
    slots = backlog_share(concurrency)
    rounds = -(-max(0, count) // slots)  # upwards
    return rounds * IMPORT_TIME


def backlog_share(limit: int) -> int:
    """Return how many of `limit` slots a backlog may use: the rest wait for fixes.

    About a quarter, and at least one, is kept free. Of a single slot nothing can be: there a fix waits until
    the slot is given back, and is then served first (`slots_for`).
    """
    if limit <= 1:
        return 1
    return limit - max(1, limit // 4)


def slots_for(limit: int, *, backlog: bool, fix_waits: bool) -> int:
    """Return how many of `limit` slots may be taken when this one takes one more.

    A fix may have the last. A backlog has its share, and takes none (0) while a fix waits for one; what it
    holds it keeps.
    """
    if not backlog:
        return limit
    return 0 if fix_waits else backlog_share(limit)


def is_backlog(facts: Facts, now: datetime) -> bool:
    """Tell whether nothing promoted waits for this candidate.

    So it is while base holds none of the image's tags, and with what base held before Breakwater: it is there
    already. What staging has held for longer than PATIENCE is no backlog any more.
    """
    by_others = facts.digest in facts.base.values() and not facts.decided
    if any(facts.base.values()) and not by_others:
        return False
    return facts.staged is None or is_patient(facts.staged.first_seen, now)


def is_patient(since: datetime, now: datetime) -> bool:
    """Tell whether what has waited since then may be kept waiting for fixes."""
    return now < since + PATIENCE
