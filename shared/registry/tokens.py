"""The registries' tokens: the requests that fetch them, and how long they last; no I/O."""

import base64
import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, urlencode, urlsplit, urlunsplit

from shared.errors import Permanent
from shared.registry.addresses import host_of
from shared.registry.challenge import Challenge
from shared.values import Credential

_UNSAID = (
    60.0  # seconds a token lasts that does not say (distribution, auth/token.md, "expires_in")
)
_REFRESH_LIFE = 3 * 3600.0  # seconds; ACR's refresh tokens (az acr login's documentation)
_EARLY = 30.0  # seconds before its end at which a token counts as expired
_LONGEST_LIFE = 24 * 3600.0  # seconds; no more is believed
_MOST_TOKENS = 20_000
_JWT_PARTS = 3


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """A request for a token: GET without a form, else POST of the form; whose it is, if anybody's."""

    url: str
    form: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    authorization: str = field(default="", repr=False)

    @property
    def method(self) -> str:
        """GET or POST."""
        return "POST" if self.form else "GET"


@dataclass(frozen=True, slots=True)
class Token:
    """A token and the time it ends, in seconds since 1970; `early` seconds before, it counts as ended."""

    value: str = field(repr=False)
    expires: float
    early: float = _EARLY

    @property
    def until(self) -> float:
        """The time from which another one should be used."""
        return self.expires - self.early


class TokenCache:
    """The tokens that are still good, by registry and scope; safe to share among threads."""

    def __init__(self) -> None:
        self._tokens: dict[tuple[str, str], Token] = {}
        self._lock = threading.Lock()

    def get(self, registry: str, scope: str, now: float) -> str | None:
        """Return a token that lasts a while yet."""
        token = self.token(registry, scope, now)
        return token.value if token else None

    def token(self, registry: str, scope: str, now: float) -> Token | None:
        """Return a token that lasts a while yet, with its end."""
        with self._lock:
            token = self._tokens.get((registry, scope))
        return token if token and token.until > now else None

    def put(self, registry: str, scope: str, token: Token) -> None:
        """Keep a token."""
        with self._lock:
            if len(self._tokens) >= _MOST_TOKENS:
                self._tokens.clear()  # forgetting costs no more than asking again
            self._tokens[registry, scope] = token

    def drop(self, registry: str, scope: str) -> None:
        """Forget a token the registry refused."""
        with self._lock:
            self._tokens.pop((registry, scope), None)


def asked(
    challenge: Challenge,
    host: str,
    scopes: Sequence[str],
    *,
    realms: Sequence[str] = (),
    credential: Credential | None = None,
) -> TokenRequest:
    """Ask the realm that a registry at `host` named for one token of these scopes.

    A realm is followed only over https, to the registry's own host or one of `realms` (`host`, any port, or
    `host:port`). Several scopes are several parameters (distribution, auth/token.md). Raises Permanent.
    """
    parts = _realm(challenge.parameters.get("realm", ""), host, realms)
    wanted = [("scope", each) for each in scopes]
    if service := challenge.parameters.get("service"):
        wanted.insert(0, ("service", service))
    query = "&".join(part for part in (parts.query, urlencode(wanted)) if part)
    url = urlunsplit((parts.scheme, parts.netloc, parts.path, query, ""))
    return TokenRequest(url, authorization=basic(credential) if credential else "")


def basic(credential: Credential) -> str:
    """Return the Authorization header of a user (RFC 7617)."""
    pair = f"{credential.username}:{credential.password}".encode()
    return f"Basic {base64.b64encode(pair).decode()}"


def granted(token: str) -> frozenset[str] | None:
    """Return the repositories that a token says may be pulled from; None where it does not say.

    That is its claim `access` (distribution, auth/jwt.md), which Docker Hub, ACR, Quay and others write.
    """
    entries = _claims(token).get("access")
    if not isinstance(entries, list):
        return None
    return frozenset(
        each["name"]
        for each in entries
        if isinstance(each, dict)
        and each.get("type") == "repository"
        and isinstance(each.get("name"), str)
        and isinstance(each.get("actions"), list)
        and ("pull" in each["actions"] or "*" in each["actions"])
    )


def _realm(realm: str, host: str, realms: Sequence[str]) -> SplitResult:
    try:
        parts = urlsplit(realm)
        named, port = (parts.hostname or "").lower(), parts.port
    except ValueError as error:
        message = f"{host}: expected a token realm like https://…, found no URL"
        raise Permanent(message) from error
    if parts.scheme != "https" or not named or parts.username is not None:
        shown = f"{parts.scheme}://{named}"[:100]  # what stands around it may be a secret
        message = f"{host}: expected a token realm like https://…, found {shown!r}"
        raise Permanent(message)
    own = host_of(host)
    if named != own and not {named, f"{named}:{port or 443}"} & {each.lower() for each in realms}:
        message = f"{host}: its token realm is on {named[:100]!r}, a host not known to be its own"
        raise Permanent(message)
    return parts


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
            life = _lifetime(body, value, name, now)
            return Token(value, now + life, min(_EARLY, life / 2))
    message = f"{registry}: expected a token in JSON, found {len(content)} bytes without one"
    raise Permanent(message)


def _lifetime(body: dict[str, Any], value: str, name: str, now: float) -> float:
    """ACR says the end inside the token, others beside it."""
    seconds = body.get("expires_in")
    if isinstance(seconds, int | float) and seconds > 0:
        return float(min(seconds, _LONGEST_LIFE))
    ends = _claims(value).get("exp")
    if isinstance(ends, int | float) and ends > now:
        return float(min(ends - now, _LONGEST_LIFE))
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
