"""An Authorization header: the one bearer token in it, and what that says of its own signature."""

import base64
import binascii
import json
import re
from dataclasses import dataclass

from shared.operators import Stranger

_LARGEST = 16 * 1024  # characters; Entra leaves out groups long before that (200 of them in a JWT)
_LONGEST_KEY = 200  # characters of a key's id; Entra's have 27
_PART = "[A-Za-z0-9_-]+"
_BEARER = re.compile(rf"bearer +({_PART}\.{_PART}\.{_PART})", re.IGNORECASE | re.ASCII)
_TYPES = frozenset({"jwt", "at+jwt"})  # RFC 7519 §5.1, RFC 9068 §2.1


@dataclass(frozen=True, slots=True)
class Token:
    """A token nobody has checked yet, and the id of the key that is said to have signed it."""

    text: str
    key: str


def read(authorization: str) -> Token | Stranger:
    """Read the header; anything but one JWT that claims RS256 and a key is a stranger's.

    Only `alg`, `typ`, `crit` and `kid` are read: a key, or a place to get one, that the token brings along
    (`jwk`, `jku`, `x5u`, `x5c`) is nothing to go by (RFC 8725 §3.10).
    """
    if not authorization:
        return Stranger("the request has no Authorization header")
    if len(authorization) > _LARGEST:
        return Stranger(f"the Authorization header is longer than {_LARGEST} characters")
    match = _BEARER.fullmatch(authorization)
    if match is None:
        return Stranger("the Authorization header is not one bearer token in JWT form")
    header = _header(match[1].partition(".")[0])
    if header is None:
        return Stranger("the token's header cannot be read")
    if header.get("alg") != "RS256":  # not none, and not HS256, whose secret anybody could compute
        return Stranger("the token is not signed with RS256")
    if str(header.get("typ", "JWT")).lower() not in _TYPES or "crit" in header:
        return Stranger("the token is of a kind that is not known here")
    key = header.get("kid")
    if not isinstance(key, str) or not 0 < len(key) <= _LONGEST_KEY:
        return Stranger("the token does not name the key it is signed with")
    return Token(match[1], key)


def _header(part: str) -> dict[str, object] | None:
    try:
        found = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
