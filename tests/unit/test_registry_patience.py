"""Whoever waits too long is ended, and nobody else."""

import asyncio
import time

import pytest

from shared.registry.patience import Patience


async def ended_after(patience: Patience, seconds: float) -> float | None:
    """Wait; return after how long that was cut short, or None if it was not."""
    began = time.monotonic()
    try:
        with patience.wait():
            await asyncio.sleep(seconds)
    except TimeoutError:
        return time.monotonic() - began
    return None


def test_who_waits_too_long_is_ended_soon_after_and_the_others_are_not():
    async def run() -> list[float | None]:
        patience = Patience(0.1)
        waits = (ended_after(patience, seconds) for seconds in (5, 0.01, 5))
        return await asyncio.gather(*waits)

    late, early, also = asyncio.run(run())
    assert early is None
    assert late is not None
    assert also is not None
    assert 0.1 <= late < 0.5
    assert 0.1 <= also < 0.5


def test_a_task_may_wait_again_and_again_and_goes_on_after_it_was_ended():
    async def run() -> list[float | None]:
        patience = Patience(0.05)
        found = [await ended_after(patience, seconds) for seconds in (0.03, 0.03, 5, 0.03, 5)]
        await asyncio.sleep(0.1)  # longer than patience, outside it
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0
        return found

    assert [each is None for each in asyncio.run(run())] == [True, True, False, True, False]


def test_a_cancellation_from_elsewhere_stays_one():
    async def run() -> None:
        task = asyncio.create_task(ended_after(Patience(5), 10))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())


def test_a_deadline_around_it_that_ends_at_the_same_moment_is_not_swallowed():
    async def run() -> None:
        patience = Patience(0.05)

        async def waiting() -> None:
            async with asyncio.timeout(0.02):
                with patience.wait():
                    time.sleep(0.1)  # noqa: ASYNC251 both are late when the loop looks again
                    await asyncio.sleep(1)

        with pytest.raises(TimeoutError):
            await waiting()
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0

    asyncio.run(run())


def test_another_error_passes_through():
    async def run() -> None:
        with pytest.raises(ConnectionResetError), Patience(1).wait():
            raise ConnectionResetError

    asyncio.run(run())


def test_it_looks_at_nothing_once_nobody_waits_or_it_is_closed():
    async def run() -> None:
        patience = Patience(0.05)
        with patience.wait():
            pass
        await asyncio.sleep(0.02)
        assert patience._timer is None
        with patience.wait():
            patience.close()
            await asyncio.sleep(0.1)

    asyncio.run(run())
