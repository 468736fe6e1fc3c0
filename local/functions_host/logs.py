"""The host's log: one line an event on stdout, with levels by category as host.json sets them."""

import logging
import sys
from collections.abc import Mapping
from datetime import UTC, datetime

# .NET's names for levels.
_LEVELS = {
    "trace": logging.DEBUG,
    "debug": logging.DEBUG,
    "information": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "critical": logging.CRITICAL,
    "none": logging.CRITICAL + 1,
}


class _Format(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        level = f" {record.levelname}:" if record.levelno >= logging.WARNING else ""
        source = " [worker]" if record.name == "Worker.Output" else ""
        return f"[{at.replace('+00:00', 'Z')}]{source}{level} {super().format(record)}"


def log_to_stdout(levels: Mapping[str, str]) -> None:
    """Set logging up. `levels` is host.json's logging.logLevel; unknown level names are Information."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(_Format())
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    for name in ("azure", "aiohttp", "asyncio"):
        logging.getLogger(name).setLevel(logging.WARNING)
    for category, written in levels.items():
        level = _LEVELS.get(written.lower(), logging.INFO)
        logger = root if category.lower() == "default" else logging.getLogger(category)
        logger.setLevel(level)
