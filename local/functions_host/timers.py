"""The timer trigger: when it fires, and the status from which a restart sees that it missed a run."""

import asyncio
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from local.functions_host.calls import PROGRAMMATIC, Call, Function, Outcome
from local.functions_host.encodings import timer_data
from local.functions_host.ncrontab import Schedule, parse_schedule
from local.functions_host.protocol import Data

_log = logging.getLogger("Host.Triggers.Timer")
_NEVER = "0001-01-01T00:00:00"  # how .NET writes "has not run yet"
_LONGEST_SLEEP = 60.0  # seconds; a clock that is set meanwhile is noticed after that


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Status:
    """Azure's ScheduleStatus, with the schedule it was computed for."""

    last: str
    next: str
    updated: str
    schedule: str

    def shown(self) -> dict[str, str]:
        """Return what the function sees of it."""
        return {"Last": self.last, "Next": self.next, "LastUpdated": self.updated}


@dataclass
class StatusStore:
    """Statuses by function: in memory, and in a file if there is one (Azure: a blob each)."""

    path: Path | None = None
    statuses: dict[str, Status] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.path is not None and self.path.exists():
            written = json.loads(self.path.read_text())
            self.statuses = {name: Status(**fields) for name, fields in written.items()}

    def get(self, function: str) -> Status | None:
        """Return the function's status."""
        return self.statuses.get(function)

    def put(self, function: str, status: Status) -> None:
        """Keep the function's status."""
        self.statuses[function] = status
        if self.path is not None:
            written = {
                name: {
                    "last": status.last,
                    "next": status.next,
                    "updated": status.updated,
                    "schedule": status.schedule,
                }
                for name, status in self.statuses.items()
            }
            new = self.path.with_suffix(".new")
            new.write_text(json.dumps(written, indent=1))
            new.replace(self.path)


@dataclass
class TimerListener:
    """Fires one function on its schedule, in UTC, never twice at a time."""

    function: Function
    start: Callable[[Call], asyncio.Task[Outcome]]
    store: StatusStore
    now: Callable[[], datetime] = _utc_now

    async def run(self) -> None:
        """Fire until cancelled."""
        text = self.function.trigger.text("schedule")
        schedule = parse_schedule(text)
        monitored = self._monitored(schedule)
        status = self.store.get(self.function.name) if monitored else None
        if missed(status, text, self.now()):
            await self._fire(schedule, monitored=monitored, missed_at=status.next if status else "")
        elif self.function.trigger.flag("runOnStartup", default=False):
            await self._fire(schedule, monitored=monitored)
        elif monitored and (status is None or status.schedule != text):
            self._note(schedule, last=_NEVER)
        due = schedule.next(self.now())
        while True:
            await self._sleep_until(due)
            await self._fire(schedule, monitored=monitored)
            # What came due meanwhile fires once, now; what lies in between is skipped.
            due = max(schedule.next(due), self.now())

    async def _sleep_until(self, due: datetime) -> None:
        while (left := (due - self.now()).total_seconds()) > 0:  # noqa: ASYNC110 - the clock sets no event
            await asyncio.sleep(min(left, _LONGEST_SLEEP))

    def _monitored(self, schedule: Schedule) -> bool:
        wanted = self.function.trigger.flag("useMonitor", default=True)
        return wanted and not schedule.more_often_than_every_minute(self.now())

    async def _fire(self, schedule: Schedule, *, monitored: bool, missed_at: str = "") -> None:
        at = self.now().isoformat()
        status = self.store.get(self.function.name) if monitored else None
        data = timer_data(status.shown() if status else None, past_due=bool(missed_at))
        details = (
            f"UnscheduledInvocationReason: IsPastDue, OriginalSchedule: {missed_at}"
            if missed_at
            else ""
        )
        run = self.start(Call(self.function, f"Timer fired at {at}", data, details=details))
        if monitored:
            # The run outlives its listener when the host stops, and its status with it.
            run.add_done_callback(partial(self._succeeded, schedule, at))
        outcome = await asyncio.shield(run)
        if monitored and outcome.error:  # a failed run counts, unless the host ended it by stopping
            self._note(schedule, last=at)

    def _succeeded(self, schedule: Schedule, at: str, run: asyncio.Task[Outcome]) -> None:
        if not run.cancelled() and run.exception() is None and not run.result().error:
            self._note(schedule, last=at)

    def _note(self, schedule: Schedule, *, last: str) -> None:
        now = self.now()
        following = schedule.next(now).isoformat()
        text = self.function.trigger.text("schedule")
        try:
            self.store.put(self.function.name, Status(last, following, now.isoformat(), text))
        except OSError as error:  # best effort, as in Azure
            _log.warning("The status of %s was not kept: %s", self.function.name, error)


def missed(status: Status | None, schedule: str, now: datetime) -> bool:
    """Say whether a run came due while no host ran; a changed schedule misses nothing."""
    return (
        status is not None
        and status.schedule == schedule
        and now > datetime.fromisoformat(status.next)
    )


def programmatic_call(function: Function, _input: str = "") -> Call:
    """Return the call an operator makes."""
    data: Data = timer_data(None, past_due=False)
    return Call(function, PROGRAMMATIC, data)
