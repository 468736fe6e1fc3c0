"""Who there is and what they may do: principals, the tokens they carry, the roles they hold."""

import base64
import hashlib
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

TENANT = "00000000-0000-0000-0000-0000000000aa"
ISSUER = f"https://sts.windows.net/{TENANT}/"
LIFETIME = 24 * 3600  # seconds; Entra's managed-identity tokens live that long

# ACR's built-in roles as the token actions and ARM actions they allow (reference: ACR docs, RBAC).
ROLES: dict[str, frozenset[str]] = {
    "AcrPull": frozenset({"pull", "metadata_read"}),
    "AcrPush": frozenset({"pull", "push", "metadata_read", "metadata_write"}),
    "AcrDelete": frozenset({"delete"}),
    "Importer": frozenset({"pull", "metadata_read", "read", "import"}),
    "Reader": frozenset({"read"}),
    "TasksContributor": frozenset({"read", "tasks"}),
    "Owner": frozenset(
        {
            "pull",
            "push",
            "delete",
            "metadata_read",
            "metadata_write",
            "read",
            "import",
            "tasks",
            "catalog",
        }
    ),
}


@dataclass(frozen=True, slots=True)
class Principal:
    """An identity: a user-assigned managed identity, a user, or nobody (anonymous)."""

    name: str
    client_id: str


ANONYMOUS = Principal("anonymous", "")


def new_key() -> rsa.RSAPrivateKey:
    """Make a key to sign tokens with, of the size Entra uses."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@dataclass
class Directory:
    """The local Entra: issues and reads tokens, and keeps role assignments per registry name and app roles."""

    key: rsa.RSAPrivateKey = field(default_factory=new_key, repr=False)
    principals: dict[str, Principal] = field(default_factory=dict)  # by client id
    assignments: set[tuple[str, str, str]] = field(
        default_factory=set
    )  # (client id, registry, role)
    passwords: dict[tuple[str, str], str] = field(
        default_factory=dict
    )  # (user, password) -> client id
    app_roles: dict[str, tuple[str, ...]] = field(
        default_factory=dict
    )  # of operators, by client id

    def add(self, name: str) -> Principal:
        """Make a principal of this name; its client id depends on the name alone."""
        principal = Principal(name, str(uuid.uuid5(uuid.NAMESPACE_URL, f"breakwater-local:{name}")))
        self.principals[principal.client_id] = principal
        return principal

    def allow_password(self, user: str, password: str, principal: Principal) -> None:
        """Let the user log in with a password (`docker login`)."""
        self.passwords[user, password] = principal.client_id

    def by_password(self, user: str, password: str) -> Principal | None:
        """Return who logs in so, or None."""
        client_id = self.passwords.get((user, password))
        return self.principals.get(client_id) if client_id else None

    def grant(self, principal: Principal, registry: str, role: str) -> None:
        """Assign a role at the registry of this (ARM) name."""
        if role not in ROLES:
            message = f"expected one of {', '.join(ROLES)}, found {role!r}"
            raise ValueError(message)
        self.assignments.add((principal.client_id, registry.lower(), role))

    def assign(self, principal: Principal, *roles: str) -> None:
        """Assign app roles of Breakwater's own application; without any, nothing but the sign-in."""
        self.app_roles[principal.client_id] = roles

    def actions(self, principal: Principal, registry: str) -> frozenset[str]:
        """Return everything the principal may do at this registry."""
        held = (
            ROLES[role]
            for client_id, name, role in self.assignments
            if client_id == principal.client_id and name == registry.lower()
        )
        return frozenset().union(*held)

    def token(self, principal: Principal, audience: str, **claims: Any) -> str:  # noqa: ANN401 - a claim is any JSON
        """Issue a token for the audience, as an application's own."""
        now = int(time.time())
        body = {
            "aud": audience,
            "iss": ISSUER,
            "iat": now,
            "nbf": now - 60,
            "exp": now + LIFETIME,
            "oid": principal.client_id,
            "sub": principal.client_id,
            "appid": principal.client_id,
            "tid": TENANT,
            "jti": str(uuid.uuid4()),
        } | claims
        return self.sign(body)

    def sign(self, claims: Mapping[str, Any]) -> str:
        """Sign any claims as this directory, with RS256 as Entra does."""
        headers = {"kid": self.kid, "x5t": self.kid}
        return jwt.encode(dict(claims), self.key, algorithm="RS256", headers=headers)

    @property
    def kid(self) -> str:
        """The key's id: Entra's is a certificate's thumbprint, this one the public key's."""
        public = self.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return base64.urlsafe_b64encode(hashlib.sha256(public).digest()[:20]).decode().rstrip("=")

    def published_key(self, issuer: str) -> dict[str, str]:
        """Return the key as its set publishes it: a JWK, and whose tokens it signs."""
        jwk = jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
        return {
            "kty": "RSA",
            "use": "sig",
            "kid": self.kid,
            "x5t": self.kid,
            "n": str(jwk["n"]),
            "e": str(jwk["e"]),
            "issuer": issuer,
        }

    def read(
        self, token: str, audience: str | None = None
    ) -> tuple[Principal, dict[str, Any]] | None:
        """Return who carries this token and its claims; None if it is expired, forged or for another audience."""
        try:
            claims = jwt.decode(
                token,
                self.key.public_key(),
                algorithms=["RS256"],
                audience=audience,
                options={"verify_aud": audience is not None},
            )
        except jwt.InvalidTokenError:
            return None
        principal = self.principals.get(str(claims.get("oid")), ANONYMOUS)
        return principal, claims

    def docker_auth(self, principal: Principal, login_server: str) -> str:
        """Return the `auth` of a docker config entry: ACR's null user with a refresh token."""
        refresh = self.token(principal, login_server, grant_type="refresh_token")
        return base64.b64encode(f"00000000-0000-0000-0000-000000000000:{refresh}".encode()).decode()
