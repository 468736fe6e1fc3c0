"""ACR's tokens and scopes: what was asked for, what roles allow, what a request may do."""

import base64
import binascii
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from local.acr.errors import RegistryError
from local.directory import ANONYMOUS, Directory, Principal

NULL_USER = "00000000-0000-0000-0000-000000000000"  # its password is a refresh token
REFRESH_LIFETIME = 3 * 3600  # seconds
ACCESS_LIFETIME = 75 * 60  # seconds
REPOSITORY_ACTIONS = frozenset({"pull", "push", "delete", "metadata_read", "metadata_write"})
_ANONYMOUS_ACTIONS = frozenset({"pull", "metadata_read"})
_ENTRA_AUDIENCES = ("https://containerregistry.azure.net", "https://management.azure.com")
# The local Azure's ARM is itself an audience; its port is not known here.
_LOCAL_AUDIENCES = ("https://localhost:", "https://127.0.0.1:")


@dataclass(frozen=True, slots=True)
class Scope:
    """`repository:library/node:pull,push`, `registry:catalog:*`."""

    type: str
    name: str
    actions: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> "Scope | None":
        """Parse one scope; None if it is none, and then it grants nothing."""
        kind, _, rest = text.partition(":")
        name, _, actions = rest.rpartition(":")
        if not kind or not name:
            return None
        return cls(kind, name, tuple(action for action in actions.split(",") if action))

    def __str__(self) -> str:
        return f"{self.type}:{self.name}:{','.join(self.actions)}"


@dataclass(frozen=True, slots=True)
class Access:
    """Who makes a request, and what the token or password it came with lets it do."""

    principal: Principal
    scopes: tuple[Scope, ...]

    def allows(self, wanted: Scope) -> bool:
        """Tell whether every wanted action is granted."""
        granted = {
            action
            for scope in self.scopes
            if scope.type == wanted.type and scope.name in (wanted.name, "*")
            for action in scope.actions
        }
        return granted >= set(wanted.actions)


@dataclass(frozen=True, slots=True)
class Authority:
    """Issues and checks the tokens of one registry."""

    directory: Directory
    name: str
    login_server: str
    anonymous_pull: bool

    def refresh_token(self, principal: Principal) -> str:
        """Issue a refresh token; it lives three hours."""
        return self._issue(principal, "refresh_token", REFRESH_LIFETIME)

    def access_token(self, principal: Principal, scopes: Iterable[Scope]) -> str:
        """Issue an access token for what was asked and is allowed."""
        access = [
            {"type": scope.type, "name": scope.name, "actions": list(scope.actions)}
            for scope in self.granted(principal, scopes)
        ]
        return self._issue(principal, "access_token", ACCESS_LIFETIME, access=access)

    def _issue(self, principal: Principal, grant: str, lifetime: int, **claims: Any) -> str:  # noqa: ANN401 - JSON
        expires = int(time.time()) + lifetime
        return self.directory.token(
            principal, self.login_server, grant_type=grant, exp=expires, **claims
        )

    def granted(self, principal: Principal, scopes: Iterable[Scope]) -> tuple[Scope, ...]:
        """Return the asked scopes with only those actions that the principal's roles allow."""
        held = self.directory.actions(principal, self.name)
        if self.anonymous_pull:
            held |= _ANONYMOUS_ACTIONS
        found = []
        for scope in scopes:
            if scope.type == "repository":
                asked = REPOSITORY_ACTIONS if "*" in scope.actions else frozenset(scope.actions)
                allowed = asked & held & REPOSITORY_ACTIONS
            else:
                allowed = frozenset("*" if scope.name == "catalog" and "catalog" in held else "")
            if allowed:
                found.append(Scope(scope.type, scope.name, tuple(sorted(allowed))))
        return tuple(found)

    def by_refresh_token(self, token: str) -> Principal | None:
        """Return whose refresh token this is, or None."""
        read = self.directory.read(token, self.login_server)
        return read[0] if read and read[1].get("grant_type") == "refresh_token" else None

    def by_entra_token(self, token: str) -> Principal | None:
        """Return whose Entra token this is, if its audience is ACR's or ARM's."""
        read = self.directory.read(token)
        if read is None or read[0] == ANONYMOUS:
            return None
        audience = str(read[1].get("aud", "")).rstrip("/")
        known = audience in _ENTRA_AUDIENCES or audience.startswith(_LOCAL_AUDIENCES)
        return read[0] if known else None

    def by_password(self, user: str, password: str) -> Principal | None:
        """Return who logs in with a password, or with the null user and a refresh token."""
        if user == NULL_USER:
            return self.by_refresh_token(password)
        return self.directory.by_password(user, password)

    def by_basic(self, header: str) -> Principal | None:
        """Return who logs in with this `Authorization: Basic` header, or None."""
        try:
            text = base64.b64decode(header.removeprefix("Basic "), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            return None
        user, _, password = text.partition(":")
        return self.by_password(user, password)

    def authorise(self, header: str, wanted: Scope | None, realm: str) -> Access:
        """Return what the request may do; `wanted` None asks only who it is.

        Raises RegistryError: 401 with a challenge if another token would help, 403 if none would.
        """
        access = self._access(header, wanted)
        if access is None:
            raise self._challenge(wanted, realm, "authentication required")
        if wanted is None or access.allows(wanted):
            return access
        allowed = Access(access.principal, self.granted(access.principal, [wanted]))
        if access.principal == ANONYMOUS or allowed.allows(wanted):
            raise self._challenge(wanted, realm, "insufficient scope", "insufficient_scope")
        message = (
            f"{access.principal.name} may not {', '.join(wanted.actions)} on {wanted.name}: "
            "its roles at this registry do not allow it"
        )
        raise RegistryError(403, "DENIED", message, detail=_detail(wanted))

    def _access(self, header: str, wanted: Scope | None) -> Access | None:
        if header.startswith("Basic "):
            principal = self.by_basic(header)
            if principal is None:
                return None
            pull = [Scope("repository", "*", ("pull",))]  # what a mount's source asks besides
            return Access(principal, self.granted(principal, [wanted, *pull] if wanted else pull))
        if not header.startswith("Bearer "):
            return None
        read = self.directory.read(header.removeprefix("Bearer "), self.login_server)
        if read is None or read[1].get("grant_type") != "access_token":
            return None
        scopes = (
            Scope(str(each["type"]), str(each["name"]), tuple(each["actions"]))
            for each in read[1].get("access", [])
        )
        return Access(read[0], tuple(scopes))

    def _challenge(
        self, wanted: Scope | None, realm: str, message: str, error: str = ""
    ) -> RegistryError:
        challenge = f'Bearer realm="{realm}",service="{self.login_server}"'
        challenge += f',scope="{wanted}"' if wanted else ""
        challenge += f',error="{error}"' if error else ""
        headers = {"WWW-Authenticate": challenge}
        return RegistryError(401, "UNAUTHORIZED", message, detail=_detail(wanted), headers=headers)


def _detail(wanted: Scope | None) -> list[dict[str, str]]:
    if wanted is None:
        return []
    return [
        {"Type": wanted.type, "Name": wanted.name, "Action": action} for action in wanted.actions
    ]
