"""The directory that issues operators' tokens: its keys, read when they are needed."""

import functools
from collections.abc import Mapping
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from shared.entra import bearer, claims
from shared.entra.keys import Keys
from shared.entra.metadata import fetch
from shared.entra.within import within
from shared.errors import Misconfigured
from shared.operators import Operator, Stranger
from shared.ports import Clock

_LONGEST = 12.0  # seconds for the metadata and the keys; no function waits over 20
_NOT_PROVED = Stranger("the token's signature is not the directory's")


class EntraOperators:
    """Operators over Entra's OpenID Connect metadata; safe to share between threads."""

    def __init__(self, *, tenant: str, audience: str, authority: str, clock: Clock) -> None:
        """Take the settings; nothing is asked until somebody sends a token."""
        self._tenant, self._audience, self._clock = tenant.lower(), audience, clock
        asking = functools.partial(fetch, authority.rstrip("/"), self._tenant)
        self._keys = Keys(lambda: within(_LONGEST, asking, f"the directory {authority}"), clock)

    def identify(self, authorization: str) -> Operator | Stranger:
        """Return who sent this header: a person or an application with an access token of the tenant for us.

        Raises Misconfigured without a tenant and an audience, or where the directory does not know the
        tenant; Transient when its keys cannot be read.
        """
        self._check_settings()
        token = bearer.read(authorization)
        if isinstance(token, Stranger):
            return token
        found = self._keys.find(token.key)
        if found is None:
            return _NOT_PROVED
        issuer, key = found
        said = _proved(token.text, key)
        if said is None:
            return _NOT_PROVED
        return claims.operator(said, self._expected(issuer), self._clock.now())

    def _check_settings(self) -> None:
        if not self._tenant:
            message = "setting ENTRA_TENANT_ID: expected a tenant's id, found nothing"
            raise Misconfigured(message)
        if not self._audience:
            message = "setting ENTRA_AUDIENCE: expected the application's id, found nothing"
            raise Misconfigured(message)

    def _expected(self, issuer: str) -> claims.Expected:
        # Which version a token is of depends on the application's manifest, not on who asks.
        return claims.Expected(
            tenant=self._tenant,
            issuers=frozenset({issuer, f"https://sts.windows.net/{self._tenant}/"}),
            audiences=claims.audiences(self._audience),
        )


def _proved(token: str, key: RSAPublicKey) -> Mapping[str, Any] | None:
    """Return the claims if this key signed them; what they say is not looked at yet."""
    try:
        found: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=["RS256"],
            options={
                "verify_signature": True,
                "verify_exp": False,  # by the port's clock, as everything about time
                "verify_nbf": False,
                "verify_iat": False,
                "verify_aud": False,
                "verify_iss": False,
                "verify_sub": False,
                "verify_jti": False,
            },
        )
    except (jwt.InvalidTokenError, RecursionError):
        return None
    return found
