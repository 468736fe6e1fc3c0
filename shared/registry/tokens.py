"""The registries' tokens: the requests that fetch them, and how long they last; no I/O."""

import base64
import json
import threading
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

from shared.errors import Permanent
from shared.registry.challenge import Challenge

# Registries whose tokens come from another host; every other realm must be the registry's own host.
_REALMS = {
    "registry-1.docker.io": "auth.docker.io",
    "registry.gitlab.com": "gitlab.com",
    "docker.elastic.co": "docker-auth.elastic.co",
    "lscr.io": "ghcr.io",
}
_UNSAID = (
    60.0  # seconds a token lasts that does not say (distribution, auth/token.md, "expires_in")
)
_REFRESH_LIFE = 3 * 3600.0  # seconds; ACR's refresh tokens (az acr login's documentation)
_EARLY = 30.0  # seconds before its end at which a token counts as expired
_JWT_PARTS = 3


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """A request for a token: GET without a form, else POST of the form."""

    url: str
    form: tuple[tuple[str, str], ...] = ()

    @property
    def method(self) -> str:
        """GET or POST."""
        return "POST" if self.form else "GET"


@dataclass(frozen=True, slots=True)
class Token:
    """A token and the time it ends, in seconds since 1970."""

    value: str
    expires: float


class TokenCache:
    """The tokens that are still good, by registry and scope; safe to share among threads."""

    def __init__(self) -> None:
        self._tokens: dict[tuple[str, str], Token] = {}
        self._lock = threading.Lock()

    def get(self, registry: str, scope: str, now: float) -> str | None:
        """Return a token that lasts a while yet."""
        with self._lock:
            token = self._tokens.get((registry, scope))
        return token.value if token and token.expires - _EARLY > now else None

    def put(self, registry: str, scope: str, token: Token) -> None:
        """Keep a token."""
        with self._lock:
            self._tokens[registry, scope] = token

    def drop(self, registry: str, scope: str) -> None:
        """Forget a token the registry refused."""
        with self._lock:
            self._tokens.pop((registry, scope), None)


def anonymous(challenge: Challenge, host: str, scope: str) -> TokenRequest:
    """Ask nobody's token of the realm a registry at `host` named. Raises Permanent."""
    realm = challenge.parameters.get("realm", "")
    try:
        parts = urlsplit(realm)
        named = (parts.hostname or "").lower()
    except ValueError as error:
        message = f"{host}: expected a token realm like https://…, found {realm[:100]!r}"
        raise Permanent(message) from error
    own = host.partition(":")[0].lower()
    if parts.scheme != "https" or parts.username is not None:
        message = f"{host}: expected a token realm like https://…, found {realm[:100]!r}"
        raise Permanent(message)
    if named not in (own, _REALMS.get(own)):
        message = f"{host}: its token realm is on {named[:100]!r}, a host not known to be its own"
        raise Permanent(message)
    asked = [("scope", challenge.parameters.get("scope") or scope)]
    if service := challenge.parameters.get("service"):
        asked.insert(0, ("service", service))
    query = "&".join(part for part in (parts.query, urlencode(asked)) if part)
    return TokenRequest(urlunsplit((parts.scheme, parts.netloc, parts.path, query, "")))


def exchange(registry: str, entra: str) -> TokenRequest:
    """Swap an Entra token for ACR's refresh token (Azure/acr, docs/AAD-OAuth.md)."""
    form = (("grant_type", "access_token"), ("service", registry), ("access_token", entra))
    return TokenRequest(f"https://{registry}/oauth2/exchange", form)


def access(registry: str, refresh: str, scope: str) -> TokenRequest:
    """Swap ACR's refresh token for an access token of one scope (Azure/acr, docs/AAD-OAuth.md)."""
    form = (
        ("grant_type", "refresh_token"),
        ("service", registry),
        ("scope", scope),
        ("refresh_token", refresh),
    )
    return TokenRequest(f"https://{registry}/oauth2/token", form)


def read(content: bytes, registry: str, now: float) -> Token:
    """Read a token response: `access_token`, `token` or `refresh_token`. Raises Permanent."""
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        body = None
    body = body if isinstance(body, dict) else {}
    for name in ("access_token", "token", "refresh_token"):
        value = body.get(name)
        if isinstance(value, str) and value.isascii() and value.isprintable() and value:
            return Token(value, now + _lifetime(body, value, name, now))
    message = f"{registry}: expected a token in JSON, found {len(content)} bytes without one"
    raise Permanent(message)


def _lifetime(body: dict[str, Any], value: str, name: str, now: float) -> float:
    """ACR says the end inside the token, others beside it."""
    seconds = body.get("expires_in")
    if isinstance(seconds, int | float) and seconds > 0:
        return float(seconds)
    ends = _claims(value).get("exp")
    if isinstance(ends, int | float):
        return float(ends) - now
    return _REFRESH_LIFE if name == "refresh_token" else _UNSAID


def _claims(token: str) -> dict[str, Any]:
    """Read a JWT's claims unchecked: only to know when to ask for a new one."""
    parts = token.split(".")
    if len(parts) != _JWT_PARTS:
        return {}
    try:
        found = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, RecursionError):  # binascii.Error is a ValueError
        return {}
    return found if isinstance(found, dict) else {}
