"""A directory behind TLS, the app's own operators over it, and what an attacker makes of tokens."""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from local.directory import TENANT, Directory, Principal, new_key
from local.faults import Faults
from local.platform.login import Login
from local.platform.principals import AUDIENCE, Principals, populate
from shared.entra.directory import EntraOperators
from shared.operators import Operator, Role, Stranger
from tests.contract.serving import ca_path, free_port, serve
from tests.fake_clock import FakeClock

ATTACKER = new_key()


@dataclass
class World:
    """The directory's people, its sign-in address, and operators as the app makes them."""

    directory: Directory
    login: Login
    everybody: Principals
    clock: FakeClock = field(default_factory=lambda: FakeClock(datetime.now(UTC)))

    def __post_init__(self) -> None:
        self.operators = self.app()

    def app(self, **changed: str) -> EntraOperators:
        """Return operators as another process of the app would have them."""
        settings = {"tenant": TENANT, "audience": AUDIENCE, "authority": self.login.authority}
        return EntraOperators(**settings | changed, clock=self.clock)

    def person(self, name: str) -> Principal:
        (found,) = (each for each in self.directory.principals.values() if each.name == name)
        return found

    def signs_in(self, name: str, *roles: Role) -> str:
        """Let somebody have these roles and sign in; return their Authorization header."""
        person = self.directory.add(name)
        self.directory.assign(person, *(role.value for role in roles))
        return f"Bearer {self.login.token(person)}"

    def claims(self, **changed: Any) -> dict[str, Any]:
        """Return the claims of Alice's token, changed; what is None is left out."""
        alice = self.login.token(self.person("alice@contoso.com"))
        said: dict[str, Any] = jwt.decode(alice, options={"verify_signature": False})
        return {name: value for name, value in (said | changed).items() if value is not None}

    def token(self, **changed: Any) -> str:
        """Return a token like Alice's, signed by the directory, whatever it says."""
        return self.directory.sign(self.claims(**changed))

    def forged(
        self,
        algorithm: str = "RS256",
        key: rsa.RSAPrivateKey = ATTACKER,
        claims: Mapping[str, Any] | None = None,
        **headers: Any,
    ) -> str:
        """Return a token like Alice's that somebody else signed, by default under the directory's key id."""
        return jwt.encode(
            dict(claims or self.claims()),
            key,
            algorithm=algorithm,
            headers={"kid": self.directory.kid} | headers,
        )

    def symmetric(self, secret: bytes, algorithm: str = "HS256") -> str:
        """Return a token signed with a secret that anybody can know: the published key."""
        header = {"alg": algorithm, "typ": "JWT", "kid": self.directory.kid}
        signed = f"{_part(header)}.{_part(self.claims())}"
        mac = hmac.new(secret, signed.encode(), hashlib.sha256).digest()
        return f"{signed}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"

    def unsigned(self, algorithm: str = "none", signature: str = "") -> str:
        header = {"alg": algorithm, "typ": "JWT", "kid": self.directory.kid}
        return f"{_part(header)}.{_part(self.claims())}.{signature}"

    def identify(self, token: str) -> Operator | Stranger:
        return self.operators.identify(f"Bearer {token}")

    def refused(self, token: str) -> str:
        """Return why a token names nobody."""
        found = self.identify(token)
        assert isinstance(found, Stranger), found
        return found.reason


def _part(value: Mapping[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@contextmanager
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Serve a directory over TLS, which requests trusts meanwhile."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(ca_path()))
    directory, port = Directory(), free_port()
    everybody = populate(directory, "password")
    login = Login(directory, f"https://localhost:{port}", AUDIENCE, Faults())
    with serve(login.app(), port=port):
        yield World(directory, login, everybody)
