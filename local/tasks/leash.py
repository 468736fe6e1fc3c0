"""A child in namespaces of its own that dies with us, and all it started with it."""

import ctypes
import os
import signal
import sys
from collections.abc import Callable
from types import FrameType

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def hold(namespaces: int, inside: Callable[[], None]) -> int:
    """Fork into new namespaces, be `inside` there, and return its exit code as a shell would.

    `inside` ends in an exec; what it raises ends the child with docker's own codes, 127 for a missing file and 125.
    Its pid namespace goes with it, and it goes with us, even when we are killed: `timeout -k` leaves nothing behind
    that holds a pipe. TERM and INT are passed on, as the docker client does.
    """
    os.unshare(namespaces | os.CLONE_NEWPID | os.CLONE_NEWNS)
    child = os.fork()
    if child == 0:
        _be(inside)

    def forward(number: int, _frame: FrameType | None) -> None:
        os.kill(child, number)

    signal.signal(signal.SIGTERM, forward)
    signal.signal(signal.SIGINT, forward)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def _be(inside: Callable[[], None]) -> None:
    """Be the child: never returns."""
    code = 125
    try:
        _libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        inside()
    except FileNotFoundError as error:
        code = 127
        print(
            f"docker: {error.filename or error}: not found in the image",
            file=sys.stderr,
            flush=True,
        )
    except BaseException as error:  # noqa: BLE001 - nothing of this process may outlive the fork
        print(f"docker: {error}", file=sys.stderr, flush=True)
    os._exit(code)
