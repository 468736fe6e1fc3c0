"""A call that may hang, waited for only so long."""

import threading
from collections.abc import Callable
from concurrent.futures import Future

from shared.errors import Transient


def within[T](seconds: float, call: Callable[[], T], what: str) -> T:
    """Return or raise what the call does. Raises Transient when that takes longer.

    Resolving a name, connecting to one address after the other and reading headers by the byte know no
    deadline of all of them together. What is late is left to its own thread, and its answer dropped.
    """
    done: Future[T] = Future()
    threading.Thread(target=_run, args=(done, call), daemon=True, name=what).start()
    try:
        return done.result(seconds)
    except TimeoutError:
        if done.done():  # the call's own
            raise
        message = f"{what}: no answer within {seconds:.0f} s"
        raise Transient(message) from None


def _run[T](done: "Future[T]", call: Callable[[], T]) -> None:
    try:
        done.set_result(call())
    except BaseException as error:  # noqa: BLE001 - it is raised again where it is waited for
        done.set_exception(error)
