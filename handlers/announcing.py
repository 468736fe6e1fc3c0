"""Telling whoever listens; nothing waits for it, and nothing fails by it."""

import logging

from shared.errors import BreakwaterError
from shared.services import Services
from shared.values import Entry

_log = logging.getLogger("breakwater.announcements")


def announce(services: Services, entry: Entry) -> None:
    """Publish a journal entry. A topic that is down must not stop a promotion: the journal has it."""
    try:
        services.announcements.publish(entry)
    except BreakwaterError as error:
        _log.warning("%s of %s was not announced: %s", entry.event, entry.image, error)
