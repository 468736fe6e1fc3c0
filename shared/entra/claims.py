"""What the claims of a token say, once its signature is known to be the directory's."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from shared.operators import Operator, Role, Stranger

LEEWAY = 60.0  # seconds that two clocks may differ
_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE | re.ASCII)
_NAMES = ("preferred_username", "upn", "unique_name", "name")
_CLIENT = ("azp", "appid")  # who an application is, and only what a person signed in with
_LONGEST_NAME = 200  # characters
_ROLES = {role.value: role for role in Role}


@dataclass(frozen=True, slots=True)
class Expected:
    """Whose tokens are taken: one tenant's, for one API."""

    tenant: str
    issuers: frozenset[str]
    audiences: frozenset[str]


def audiences(setting: str) -> frozenset[str]:
    """Return what `aud` may be: tokens of version 1 name api://ID, those of version 2 the ID alone."""
    name = setting.removeprefix("api://")
    if not _ID.fullmatch(name):  # an address of the organisation's own choice
        return frozenset({setting})
    return frozenset({name.lower(), f"api://{name.lower()}"})


def operator(
    claims: Mapping[str, object], expected: Expected, now: datetime
) -> Operator | Stranger:
    """Return whom the claims name, or why nobody.

    The claims are those of Entra's access tokens (learn: access token claims reference).
    """
    fault = (
        _of_another(claims, expected) or _out_of_time(claims, now.timestamp()) or _no_access(claims)
    )
    if fault:
        return Stranger(fault)
    found = claims.get("oid")
    if not isinstance(found, str) or not _ID.fullmatch(found):
        return Stranger("the token names nobody by an object id")
    return Operator(_name(claims) or found, found.lower(), _roles(claims.get("roles")))


def _of_another(claims: Mapping[str, object], expected: Expected) -> str:
    # One value each: Entra never sends a list, and a list could hold ours beside another's.
    if not _is_one_of(claims.get("iss"), expected.issuers):
        return "the token is of another issuer than ENTRA_TENANT_ID's directory"
    if claims.get("tid") != expected.tenant:
        return "the token is of another tenant than ENTRA_TENANT_ID"
    audience = claims.get("aud")
    if isinstance(audience, str) and _ID.fullmatch(audience.removeprefix("api://")):
        audience = audience.lower()
    if not _is_one_of(audience, expected.audiences):
        return "the token is for another audience than ENTRA_AUDIENCE"
    return ""


def _is_one_of(value: object, expected: frozenset[str]) -> bool:
    return isinstance(value, str) and value in expected


def _out_of_time(claims: Mapping[str, object], now: float) -> str:
    until, since = _moment(claims.get("exp")), _moment(claims.get("nbf"))
    if until is None or since is None:
        return "the token does not say when it holds"
    if now >= until + LEEWAY:
        return "the token has expired"
    if now < since - LEEWAY:
        return "the token does not hold yet"
    return ""


def _moment(value: object) -> float | None:
    """Return seconds since 1970, or None for anything that is no such number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:  # an int of hundreds of digits
        return None


def _no_access(claims: Mapping[str, object]) -> str:
    """Tell an access token from an id token, which says who signed in and grants nothing.

    An access token names the client it was issued to (`azp`, version 1: `appid`), and either what
    that client may do for a user (`scp`) or that it acts for itself: then subject and object are one.
    """
    if "cnf" in claims:  # RFC 7800: whoever sends it has to show a key, which nobody does here
        return "the token is bound to a key, and no bearer's"
    client = claims.get("azp") or claims.get("appid")
    scope, subject = claims.get("scp"), claims.get("sub")
    acts_for_somebody = isinstance(scope, str) and bool(scope.strip())
    acts_for_itself = isinstance(subject, str) and subject == claims.get("oid")
    if isinstance(client, str) and (acts_for_somebody or acts_for_itself):
        return ""
    return "the token is no access token"


def _roles(claim: object) -> frozenset[Role]:
    """Return the app roles that are known here; others are another version's, or another app's."""
    named = claim if isinstance(claim, list) else []
    return frozenset(_ROLES[each] for each in named if isinstance(each, str) and each in _ROLES)


def _name(claims: Mapping[str, object]) -> str:
    """Return the first name there is, fit to be shown and kept; the object id is who it is."""
    for each in _NAMES if "scp" in claims else (*_NAMES, *_CLIENT):
        value = claims.get(each)
        if isinstance(value, str) and value.strip():
            return "".join(
                letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}"
                for letter in value.strip()[:_LONGEST_NAME]
            )
    return ""
