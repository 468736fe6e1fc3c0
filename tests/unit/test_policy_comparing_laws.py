"""What holds of every comparison: it comes to an end, whatever scanners and databases do."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.policy import comparing
from shared.policy.actions import Stage, StartScan
from shared.policy.facts import Progress, Promoted, Scan, Staged
from tests.builders import a_digest
from tests.candidates import AMD64, ARM64, HOUR, a_report
from tests.fake_clock import START

ATTEMPTS = 3
PLATFORMS = (AMD64, ARM64)

type Database = Callable[[datetime, int], datetime | None]


class Scanning:
    """A candidate and two promoted digests, and what becomes of the scans that are asked for."""

    def __init__(self, database: Database, failing: Callable[[int], bool]) -> None:
        self._database = database
        self._failing = failing
        self._now = START
        self.runs = 0
        self.scans = tuple(self._scanned(self._fresh(1, number)) for number in (0, 1))
        self.promoted = tuple(Promoted(a_digest(of), (f"tag-{of}",)) for of in (2, 3))

    def settle(self, most: int) -> int:
        """Do what is asked for until nothing is; return how many steps that took."""
        for taken in range(most):
            step = comparing.step(self.scans, self.promoted, ATTEMPTS)
            if step is None:
                return taken
            self._do(step.action)
        raise AssertionError(f"after {most} steps there is still more to do")

    def comparable(self) -> bool:
        return not any(
            comparing.incomparable(scan, each) for scan in self.scans for each in self.promoted
        )

    def _fresh(self, of: int, number: int) -> Scan:
        return Scan(PLATFORMS[number], a_digest(10 * of + number))

    def _scanned(self, scan: Scan) -> Scan:
        self.runs += 1
        self._now += timedelta(minutes=5)
        again = replace(
            scan, progress=Progress.ENDED, attempt=scan.attempt + 1, recent=scan.recent + 1
        )
        if self._failing(self.runs):
            return replace(again, failures=scan.failures + 1, error="no agent")
        date = self._database(self._now, self.runs)
        report = a_report(subject=scan.digest, created_at=self._now, database_date=date)
        return replace(again, report=report, failures=0)

    def _do(self, action: object) -> None:
        match action:
            case Stage(digest):
                self.promoted = tuple(
                    self._staged(each) if each.digest == digest else each for each in self.promoted
                )
            case StartScan(platform, digest, of=None):
                self.scans = self._again(self.scans, platform, digest)
            case StartScan(platform, digest, of=of):
                self.promoted = tuple(
                    replace(each, scans=self._again(each.scans, platform, digest))
                    if each.digest == of
                    else each
                    for each in self.promoted
                )
            case _:
                raise AssertionError(f"nothing is under way, and yet: {action}")

    def _staged(self, promoted: Promoted) -> Promoted:
        of = 2 if promoted.digest == a_digest(2) else 3
        scans = tuple(self._fresh(of, number) for number in (0, 1))
        staged = Staged("", START, {each.platform: each.digest for each in scans})
        return replace(promoted, staged=staged, scans=scans)

    def _again(self, scans: tuple[Scan, ...], platform: object, digest: object) -> tuple[Scan, ...]:
        assert any((each.platform, each.digest) == (platform, digest) for each in scans)
        return tuple(self._scanned(each) if each.digest == digest else each for each in scans)


def never(run: int) -> bool:
    return False


def every_six_hours(now: datetime, run: int) -> datetime | None:
    return START + (now - START) // (6 * HOUR) * (6 * HOUR)


def at_every_scan(now: datetime, run: int) -> datetime | None:
    return now


def backwards(now: datetime, run: int) -> datetime | None:
    return START - run * HOUR


def not_at_all(now: datetime, run: int) -> datetime | None:
    return None


def by_two_mirrors(now: datetime, run: int) -> datetime | None:
    return START - (run % 2) * HOUR


def changed_in_between(now: datetime, run: int) -> datetime | None:
    return START if run < 5 else START + HOUR


@pytest.mark.parametrize(
    ("database", "comparable", "steps"),
    [
        (every_six_hours, True, 6),
        (changed_in_between, True, 12),
        (backwards, False, 12),
        (not_at_all, False, 0),
        (by_two_mirrors, True, 30),
        (at_every_scan, False, 90),
    ],
)
def test_comparing_comes_to_an_end_whatever_the_databases(
    database: Database, comparable: bool, steps: int
):
    world = Scanning(database, never)

    assert world.settle(most=steps + 1) <= steps
    assert world.comparable() is comparable


def test_scans_that_always_fail_are_given_up():
    world = Scanning(every_six_hours, lambda run: run > 2)

    assert world.settle(most=20) == 2 + 4 * ATTEMPTS
    assert not world.comparable()


@given(
    st.lists(st.none() | st.integers(-3, 3), min_size=1, max_size=20),
    st.lists(st.booleans(), min_size=1, max_size=20),
)
def test_comparing_comes_to_an_end_whatever_happens(offsets: list[int | None], failing: list[bool]):
    def database(now: datetime, run: int) -> datetime | None:
        offset = offsets[run % len(offsets)]
        return None if offset is None else now + offset * HOUR

    world = Scanning(database, lambda run: run > 2 and failing[run % len(failing)])

    world.settle(most=400)


@given(st.integers(0, 30))
def test_a_database_that_changes_once_in_between_still_lets_all_be_compared(change: int):
    world = Scanning(lambda now, run: START if run < change else START + HOUR, never)

    world.settle(most=40)

    assert world.comparable()
