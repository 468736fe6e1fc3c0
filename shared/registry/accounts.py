"""Who asks a registry, and what is known of their accounts from one visit to the next."""

from collections.abc import Callable
from dataclasses import dataclass, field

from shared.errors import Permanent
from shared.registry.doors import Door
from shared.registry.tokens import TokenCache
from shared.values import Credential


class RefusedUser(Permanent):
    """A token service answered 401: it does not know who asks, whatever is asked for."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who asks: nobody, a user, or the app itself (`entra` fetches its token for ACR's audience)."""

    name: str = ""
    credential: Credential | None = None
    entra: Callable[[], str] | None = None

    def __str__(self) -> str:
        return "the app's identity" if self.entra else self.name or "nobody"


@dataclass(slots=True)
class Known:
    """What one visit leaves to the next, by account (who asks, at which host); threads may share it."""

    tokens: TokenCache = field(default_factory=TokenCache)
    doors: dict[str, Door] = field(default_factory=dict)
    single: set[str] = field(default_factory=set)  # those that grant one scope in one token
