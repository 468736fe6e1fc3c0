"""The sign-in endpoint: a tenant's OpenID metadata and keys, and tokens for the people of contoso.com."""

import time
import uuid
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from local.directory import ISSUER, TENANT, Directory, Principal
from local.faults import Faults
from local.platform.principals import DOMAIN

LIFETIME = 3600  # seconds; Entra's users' tokens live 60 to 90 minutes
_CLIENT = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"  # the Azure CLI's, which people sign in with
_V1, _V2 = "1.0", "2.0"


@dataclass(frozen=True, slots=True)
class Login:
    """Answers what the app asks of `login.microsoftonline.com`; `audience` is api:// and the application's id.

    There are no passwords: `GET /_local/token?user=alice` is answered with Alice's token.
    """

    directory: Directory
    authority: str  # its own address
    audience: str
    faults: Faults

    def app(self) -> web.Application:
        """Return the web application; it is to be served over TLS, so that no web page can pose as it."""
        app = web.Application()
        app.router.add_get("/{tenant}/v2.0/.well-known/openid-configuration", self._metadata)
        app.router.add_get("/{tenant}/discovery/v2.0/keys", self._keys)
        app.router.add_get("/_local/token", self._token)
        return app

    @property
    def issuer(self) -> str:
        """The issuer of tokens of version 2."""
        return f"{self.authority}/{TENANT}/v2.0"

    def token(self, person: Principal, version: str = _V2, **claims: Any) -> str:  # noqa: ANN401 - a claim is any JSON
        """Issue somebody's access token for Breakwater; `claims` say otherwise."""
        return self.directory.sign(self._claims(person, version) | claims)

    def _claims(self, person: Principal, version: str) -> dict[str, Any]:
        now = int(time.time())
        subject = uuid.uuid5(uuid.NAMESPACE_URL, f"{self.audience} {person.client_id}")
        shared = {
            "iat": now,
            "nbf": now,
            "exp": now + LIFETIME,
            "tid": TENANT,
            "oid": person.client_id,
            "sub": str(subject),  # pairwise: another one for each application
            "name": person.name.partition("@")[0].title(),
            "scp": "user_impersonation",
            "ver": version,
        }
        roles = self.directory.app_roles.get(person.client_id, ())
        if roles:
            shared["roles"] = list(roles)
        if version == _V1:
            names = {"upn": person.name, "unique_name": person.name}
            return shared | names | {"iss": ISSUER, "aud": self.audience, "appid": _CLIENT}
        own = {"iss": self.issuer, "aud": self.audience.removeprefix("api://"), "azp": _CLIENT}
        return shared | own | {"preferred_username": person.name}

    async def _metadata(self, request: web.Request) -> web.StreamResponse:
        async def answer() -> web.StreamResponse:
            return _unknown(request) or web.json_response(
                {
                    "issuer": self.issuer,
                    "jwks_uri": f"{self.authority}/{TENANT}/discovery/v2.0/keys",
                    "authorization_endpoint": f"{self.authority}/{TENANT}/oauth2/v2.0/authorize",
                    "token_endpoint": f"{self.authority}/{TENANT}/oauth2/v2.0/token",
                    "response_types_supported": ["code"],
                    "subject_types_supported": ["pairwise"],
                    "id_token_signing_alg_values_supported": ["RS256"],
                }
            )

        return await self.faults.guard(request, "login.metadata", request.path, answer)

    async def _keys(self, request: web.Request) -> web.StreamResponse:
        async def answer() -> web.StreamResponse:
            published = {"keys": [self.directory.published_key(self.issuer)]}
            return _unknown(request) or web.json_response(published)

        return await self.faults.guard(request, "login.keys", request.path, answer)

    async def _token(self, request: web.Request) -> web.StreamResponse:
        name, version = request.query.get("user", ""), request.query.get("version", _V2)
        full = name if "@" in name else f"{name}@{DOMAIN}"
        people = {
            each.name: each
            for each in self.directory.principals.values()
            if each.client_id in self.directory.app_roles
        }
        if full not in people or version not in (_V1, _V2):
            expected = f"user: expected one of {', '.join(sorted(people))}; version: {_V1} or {_V2}"
            return web.json_response({"error": expected}, status=404)
        return web.json_response(
            {
                "access_token": self.token(people[full], version),
                "token_type": "Bearer",
                "expires_in": LIFETIME,
            },
            headers={"Cache-Control": "no-store"},
        )


def _unknown(request: web.Request) -> web.Response | None:
    """Answer as Entra does where there is no such tenant."""
    tenant = request.match_info["tenant"]
    if tenant.lower() == TENANT:
        return None
    body = {
        "error": "invalid_tenant",
        "error_description": f"AADSTS90002: Tenant '{tenant[:100]}' not found.",
        "error_codes": [90002],
    }
    return web.json_response(body, status=400)
