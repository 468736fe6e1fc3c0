"""Token services as registries have them: distribution's GET, and ACR's exchange of an Entra token."""

import base64
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import jwt
from aiohttp import web

_KEY = "no secret, thirty-two bytes long, for HS256"


@dataclass(frozen=True, slots=True)
class Grant:
    """What one issued token opens, and until when."""

    scopes: frozenset[str]
    until: float


@dataclass
class ScriptedTokens:
    """A token service; its manners are its fields.

    `many`: one token for all the scopes asked for, else for the first alone. `claims`: tokens are JWTs that
    name what they open. `lasts`: seconds until the registry refuses them, whatever `expires_in` says.
    """

    host: str
    path: str = "/token"
    service: str = ""
    names: tuple[str, ...] = ("token",)
    expires_in: int | None = 300
    lasts: float = 300.0
    many: bool = False
    claims: bool = False
    users: Mapping[str, str] = field(default_factory=dict)
    issued: dict[str, Grant] = field(default_factory=dict)

    @property
    def realm(self) -> str:
        return f"https://{self.host}{self.path}"

    def opens(self, token: str, scope: str) -> bool:
        """Tell whether the token opens the scope now."""
        grant = self.issued.get(token)
        return grant is not None and scope in grant.scopes and time.time() < grant.until

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if request.method != "GET" or request.path != self.path:
            return web.Response(status=404)
        if not self._known(request.headers.get("Authorization", "")):
            return web.json_response({"details": "incorrect username or password"}, status=401)
        asked = " ".join(request.query.getall("scope", [])).split()
        if request.query.get("service", "") != self.service:
            return web.json_response({"details": "unknown service"}, status=400)
        return web.json_response(self.body(self.issue(asked if self.many else asked[:1])))

    def issue(self, scopes: list[str]) -> str:
        """Issue a token for these scopes."""
        value = f"opaque-{len(self.issued)}"
        if self.claims:
            parts = [scope.split(":") for scope in scopes]
            access = [{"type": t, "name": n, "actions": a.split(",")} for t, n, a in parts]
            value = jwt.encode({"jti": value, "access": access}, _KEY, algorithm="HS256")
        self.issued[value] = Grant(frozenset(scopes), time.time() + self.lasts)
        return value

    def body(self, token: str) -> dict[str, str | int]:
        lifetime = {} if self.expires_in is None else {"expires_in": self.expires_in}
        return dict.fromkeys(self.names, token) | lifetime

    def _known(self, authorization: str) -> bool:
        return not authorization or authorization in [
            basic(name, word) for name, word in self.users.items()
        ]


@dataclass
class EntraTokens(ScriptedTokens):
    """ACR's own two steps: Entra's token for a refresh token, that for an access token."""

    entra: str = "entra"

    async def answer(self, request: web.Request) -> web.StreamResponse:
        form = await request.post()
        kind, scope = form.get("grant_type"), str(form.get("scope", ""))
        if request.method != "POST" or form.get("service") != self.host:
            return web.Response(status=400)
        if request.path == "/oauth2/exchange" and form.get("access_token") == self.entra:
            return web.json_response({"refresh_token": "refresh"})
        refreshed = kind == "refresh_token" and form.get("refresh_token") == "refresh"
        if request.path == "/oauth2/token" and refreshed:
            return web.json_response({"access_token": self.issue([scope])})
        return web.json_response({"errors": [{"code": "UNAUTHORIZED"}]}, status=401)


def basic(name: str, word: str) -> str:
    """Return the Authorization header of RFC 7617."""
    return "Basic " + base64.b64encode(f"{name}:{word}".encode()).decode()
