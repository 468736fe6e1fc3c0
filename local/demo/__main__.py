"""`make demo` starts here: quickly, so that Ctrl-C is clean from the first moment."""

import signal
import sys


def _stop(number: int, _frame: object) -> None:
    sys.exit(128 + number)


if __name__ == "__main__":
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, _stop)  # until there is something to stop

    from local.demo.cli import main

    sys.exit(main())
