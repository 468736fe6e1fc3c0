"""A look at a candidate was asked for."""

from handlers import looking
from handlers.patience import patiently
from shared.messages import CANDIDATES, LookMessage, decode
from shared.services import Services


def handle(services: Services, text: str) -> None:
    """Look at the candidate the message names."""
    message = decode(text, LookMessage)
    patiently(services, CANDIDATES, text, lambda: looking.look(services, message))
