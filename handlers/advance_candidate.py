"""A look at a candidate was asked for."""

from handlers import looking
from shared.messages import LookMessage, decode
from shared.services import Services


def handle(services: Services, text: str) -> None:
    """Look at the candidate the message names."""
    looking.look(services, decode(text, LookMessage))
