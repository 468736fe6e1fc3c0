"""Faults on demand: what goes wrong, where, how often, and whether it really did."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import Enum

from aiohttp import web


class Kind(Enum):
    """What can go wrong with one operation."""

    FAIL = "fail"  # answer an error, do nothing
    FAIL_AFTER = "fail-after"  # do it, then answer an error
    DELAY = "delay"  # wait, then do it
    DROP = "drop"  # close the connection, do nothing
    DROP_AFTER = "drop-after"  # do it, then close the connection without an answer
    KILL = "kill"  # kill the functions host, do nothing
    KILL_AFTER = "kill-after"  # do it, then kill the functions host before it hears of it
    DOUBLE = "double"  # events only: deliver twice
    LOSE = "lose"  # events only: never deliver
    REORDER = "reorder"  # events only: deliver after the next one


@dataclass(slots=True)
class Fault:
    """One fault: the next `count` calls of `operation` whose detail contains `match`."""

    operation: str
    kind: Kind
    count: int = 1
    match: str = ""
    status: int = 503
    seconds: float = 0.0
    fired: int = 0


@dataclass
class Faults:
    """Every fault asked for, and a log of every operation the emulators were asked to do."""

    kill: Callable[[], Awaitable[None]] | None = None
    faults: list[Fault] = field(default_factory=list)
    operations: list[tuple[str, str]] = field(default_factory=list)

    def add(self, fault: Fault) -> Fault:
        """Ask for a fault."""
        self.faults.append(fault)
        return fault

    def clear(self) -> None:
        """Forget every fault; the log of operations stays."""
        self.faults.clear()

    def unfired(self) -> list[Fault]:
        """Return the faults that have fired less often than asked: a test that has one fails."""
        return [fault for fault in self.faults if fault.fired < fault.count]

    def counts(self) -> Counter[str]:
        """Count the operations seen so far, by name."""
        return Counter(name for name, _ in self.operations)

    def take(self, operation: str, detail: str = "") -> Fault | None:
        """Log the operation and return the fault that fires on it, if one does."""
        self.operations.append((operation, detail))
        for fault in self.faults:
            if fault.operation == operation and fault.match in detail and fault.fired < fault.count:
                fault.fired += 1
                return fault
        return None

    async def guard(
        self,
        request: web.Request,
        operation: str,
        detail: str,
        handle: Callable[[], Awaitable[web.StreamResponse]],
    ) -> web.StreamResponse:
        """Run one HTTP operation, unless a fault says otherwise."""
        fault = self.take(operation, detail)
        if fault is None:
            return await handle()
        if fault.kind is Kind.DELAY:
            await asyncio.sleep(fault.seconds)
            return await handle()
        if fault.kind in (Kind.FAIL_AFTER, Kind.DROP_AFTER, Kind.KILL_AFTER):
            await handle()
        if fault.kind in (Kind.KILL, Kind.KILL_AFTER) and self.kill is not None:
            await self.kill()
        if fault.kind in (Kind.FAIL, Kind.FAIL_AFTER):
            body = {
                "error": {
                    "code": "InjectedFault",
                    "message": f"a fault was asked for on {operation}",
                }
            }
            return web.json_response(body, status=fault.status)
        if request.transport is not None:
            request.transport.close()
        return web.Response(status=500)
