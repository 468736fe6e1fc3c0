"""What all instances share about an upstream registry: its lanes, its pause and its outage."""

import logging
import secrets
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta

from handlers.recording import say
from shared.catalog import Catalog, Upstream
from shared.services import Services
from shared.values import Row, Usage

_log = logging.getLogger("breakwater.watch")

_PAUSE, _OUTAGE = "pause", "outage"
_MANY = 10  # checks: so many failures in a row are an outage, whatever images they are about


def pauses(services: Services, registries: Iterable[str]) -> dict[str, Usage]:
    """Return the registries that want no requests now, with what they said and until when."""
    now = services.clock.now()
    found: dict[str, Usage] = {}
    for registry in registries:
        for row in services.ledger.rows(_subject(registry)):
            if row.key != _PAUSE:
                continue
            until = datetime.fromisoformat(str(row.values["until"]))
            if now < until:
                found[registry] = Usage(paused_until=until, reason=str(row.values["reason"]))
    return found


@contextmanager
def taken(
    services: Services, catalog: Catalog, registries: Iterable[str]
) -> Iterator[dict[str, Upstream]]:
    """Take as many lanes to each registry as are free, and give them back in the end.

    A lane is one request at a time. Yields the upstreams with as many lanes as were got; one of which
    all lanes are taken is left out. A worker that dies keeps its lanes until a watch would have ended.
    """
    owner = secrets.token_hex(8)
    settings = services.settings
    longest = timedelta(seconds=settings.watch_seconds + settings.claim_seconds)
    until = services.clock.now() + longest
    lanes: list[tuple[str, str]] = []
    try:
        upstreams: dict[str, Upstream] = {}
        for registry in dict.fromkeys(registries):
            upstream = catalog.upstream(registry)
            limit = upstream.concurrency or services.settings.upstream_concurrency
            got = 0
            for number in range(limit):
                lane = (_subject(registry), f"{owner}:{number}")
                if not services.slots.take(*lane, limit=limit, until=until):
                    break
                lanes.append(lane)
                got += 1
            if got:
                # Lanes are shared among instances, and so is the rate that goes with them.
                rate = upstream.rate * got / limit
                upstreams[registry] = replace(upstream, concurrency=got, rate=rate)
        yield upstreams
    finally:
        for lane in lanes:
            services.slots.free(*lane)


def remember(
    services: Services, usage: Mapping[str, Usage], whole: Collection[str], trace: str
) -> None:
    """Write down which registries want a pause, and which are out or back again.

    `whole` are those of which every image was looked at: one broken image alone is no outage.
    """
    for registry, used in usage.items():
        if used.paused_until is not None and used.requests:
            _pause(services, registry, used.paused_until, used.reason)
        if used.failed and not used.answered:
            if registry in whole or used.failed >= _MANY:
                _out(services, registry, used, trace)
        elif used.answered:
            _back(services, registry, trace)


def _pause(services: Services, registry: str, until: datetime, reason: str) -> None:
    """Keep the longer of two pauses: several instances may have been told to wait."""
    known = pauses(services, (registry,)).get(registry)
    if known is None or known.paused_until is None or known.paused_until < until:
        values = {"until": until.isoformat(), "reason": reason}
        services.ledger.upsert(Row(_subject(registry), _PAUSE, values))


def _out(services: Services, registry: str, used: Usage, trace: str) -> None:
    now = services.clock.now().isoformat()
    # The row first: it says since when, so that the journal's entry is the same one each time.
    first = services.ledger.insert(Row(_subject(registry), _OUTAGE, {"since": now}))
    row = _outage(services, registry)
    since = str(row.values["since"]) if row else now
    why = f": {used.reason}" if used.reason else ""
    reason = f"{registry}: all {used.failed} checks failed{why}"
    _log.error("%s", reason)
    once = f"{registry}|{since}"
    say(services, "", "registry unreachable", (reason,), once=once, trace=trace, announce=first)


def _back(services: Services, registry: str, trace: str) -> None:
    row = _outage(services, registry)
    if row is None:
        return
    since = str(row.values["since"])
    reason = f"{registry}: it answers again; since {since} nothing had been answered"
    say(
        services,
        "",
        "registry answers again",
        (reason,),
        once=f"{registry}|{since}|back",
        trace=trace,
    )
    services.ledger.delete(_subject(registry), _OUTAGE)


def _outage(services: Services, registry: str) -> Row | None:
    rows = services.ledger.rows(_subject(registry))
    return next((each for each in rows if each.key == _OUTAGE), None)


def _subject(registry: str) -> str:
    return f"upstream:{registry}"
