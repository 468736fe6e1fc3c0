"""Due times that have come become messages."""

from dataclasses import replace

from shared.messages import CANDIDATES, LookMessage, encode
from shared.services import Services


def handle(services: Services) -> int:
    """Ask for a look at everything that is due; return how many."""
    asked = 0
    for row in services.ledger.due(services.clock.now()):
        values = row.values
        message = LookMessage(
            str(values["image"]), str(values["digest"]), str(values["trace"]), "its time has come"
        )
        services.queues.send(CANDIDATES, encode(message))
        # The message first: dying in between asks twice, which is harmless. Someone who has
        # changed the row meanwhile knows better.
        services.ledger.replace(replace(row, due=None))
        asked += 1
    return asked
