"""How a host lets us in, as its 401 says: with which scheme, and with what scopes."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from shared.registry.challenge import Challenge, InvalidChallenge, parse


class Scheme(Enum):
    """What a host wants of each request."""

    OPEN = "nothing"
    BASIC = "a user and a password"
    BEARER = "a token"


@dataclass(frozen=True, slots=True)
class Door:
    """What a host wants; `wide` is a scope that opens all of it, `prefix` stands before paths in its scopes."""

    scheme: Scheme
    challenge: Challenge | None = None
    prefix: str = ""
    wide: str = ""

    def scope(self, path: str) -> str:
        """Return the scope to ask for, to read this repository."""
        return self.wide or f"repository:{self.prefix}{path}:pull"


def learnt(headers: Iterable[str], path: str) -> Door:
    """Read the WWW-Authenticate headers of the 401 that a question about `path` got.

    Bearer is taken before Basic, because Quay offers both and its Basic is not for pulls. Only pull is
    ever asked for, whatever else the challenge names; a scope of another kind (`aws` at ECR Public) is
    asked for as it is and serves for everything. Raises InvalidChallenge.
    """
    found = parse(headers)
    bearer = next((each for each in found if each.scheme == "bearer"), None)
    if bearer is None:
        if not any(each.scheme == "basic" for each in found):
            schemes = ", ".join(each.scheme[:20] for each in found[:5]) or "none"
            message = f"HTTP 401: expected a Bearer or Basic challenge, found {schemes}"
            raise InvalidChallenge(message)
        return Door(Scheme.BASIC)
    scope = bearer.parameters.get("scope", "").strip()
    if not scope.startswith("repository"):
        return Door(Scheme.BEARER, bearer, wide=scope)
    name = scope.partition(":")[2].rpartition(":")[0]
    prefix = name.removesuffix(path) if name.endswith(f"/{path}") else ""
    return Door(Scheme.BEARER, bearer, prefix=prefix)
