"""Whoever waits too long is ended, and nobody else; on a loop whose time passes at once, whatever the machine does."""

import asyncio
import selectors
from collections.abc import Coroutine

import pytest

from shared.registry.patience import Patience


class Hurried(selectors.DefaultSelector):
    """A selector that never waits: where nothing is to be read, the time to wait has passed."""

    now = 0.0  # seconds

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        found = super().select(0)
        self.now += 0 if found else timeout or 0
        return found


class Loop(asyncio.SelectorEventLoop):
    """An event loop by the selector's time."""

    def __init__(self) -> None:
        self.hurried = Hurried()
        super().__init__(self.hurried)

    def time(self) -> float:
        return self.hurried.now


def run[T](coroutine: Coroutine[object, object, T]) -> T:
    return asyncio.run(coroutine, loop_factory=Loop)


async def ended_after(patience: Patience, seconds: float) -> float | None:
    """Wait; return after how long that was cut short, or None if it was not."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    try:
        with patience.wait():
            await asyncio.sleep(seconds)
    except TimeoutError:
        return loop.time() - began
    return None


def test_who_waits_too_long_is_ended_soon_after_and_the_others_are_not():
    async def three() -> list[float | None]:
        patience = Patience(1)
        waits = (ended_after(patience, seconds) for seconds in (50, 0.99, 50))
        return await asyncio.gather(*waits)

    late, early, also = run(three())
    assert early is None
    assert late is not None
    assert also is not None
    assert 1 <= late <= 1.2
    assert 1 <= also <= 1.2


def test_a_long_patience_is_not_exceeded_by_more_than_half_a_second():
    async def one() -> float | None:
        return await ended_after(Patience(20.2), 50)

    ended = run(one())
    assert ended is not None
    assert 20.2 <= ended <= 20.8


def test_a_task_may_wait_again_and_again_and_goes_on_after_it_was_ended():
    async def again() -> list[float | None]:
        patience = Patience(0.5)
        found = [await ended_after(patience, seconds) for seconds in (0.3, 0.3, 5, 0.3, 5)]
        await asyncio.sleep(1)  # longer than patience, outside it
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0
        return found

    assert [each is None for each in run(again())] == [True, True, False, True, False]


def test_a_cancellation_from_elsewhere_stays_one():
    async def cancelled() -> None:
        task = asyncio.create_task(ended_after(Patience(5), 10))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(cancelled())


def test_a_deadline_around_it_that_ends_at_the_same_moment_is_not_swallowed():
    async def both() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, Loop)
        patience = Patience(0.05)

        async def waiting() -> None:
            async with asyncio.timeout(0.02):
                with patience.wait():
                    loop.hurried.now += 0.1  # both are late when the loop looks again
                    await asyncio.sleep(1)

        with pytest.raises(TimeoutError):
            await waiting()
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0

    run(both())


def test_another_error_passes_through():
    async def reset() -> None:
        with pytest.raises(ConnectionResetError), Patience(1).wait():
            raise ConnectionResetError

    run(reset())


def test_it_looks_at_nothing_once_nobody_waits_or_it_is_closed():
    async def closed() -> None:
        patience = Patience(0.5)
        with patience.wait():
            pass
        await asyncio.sleep(0.2)
        assert patience._timer is None
        with patience.wait():
            patience.close()
            await asyncio.sleep(1)

    run(closed())
