"""The managed-identity endpoint in App Service's form: local processes get their tokens as in Azure."""

import hmac
import time
from dataclasses import dataclass
from datetime import UTC, datetime

from aiohttp import web

from local.directory import LIFETIME, Directory, Principal
from local.faults import Faults

PATH = "/msi/token"
API_VERSION = "2019-08-01"


@dataclass(frozen=True, slots=True)
class Identity:
    """Answers `GET /msi/token?api-version=&resource=&client_id=` (learn: App Service, managed identity).

    `default` is who asks when no client id is given: the app's own identity.
    """

    directory: Directory
    default: Principal
    secret: str  # what IDENTITY_HEADER holds and X-IDENTITY-HEADER must repeat
    faults: Faults

    def app(self) -> web.Application:
        """Return the web application; it speaks plain HTTP, as Azure's endpoint does."""
        app = web.Application()
        app.router.add_get(PATH, self._handle)
        app.router.add_get("/MSI/token", self._handle)  # older SDKs spell it so
        return app

    def environment(self, port: int) -> dict[str, str]:
        """Return what a process needs so that DefaultAzureCredential finds the endpoint."""
        return {
            "IDENTITY_ENDPOINT": f"http://127.0.0.1:{port}{PATH}",
            "IDENTITY_HEADER": self.secret,
        }

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        detail = f"{request.query.get('resource', '')} {request.query.get('client_id', '')}"

        async def handle() -> web.StreamResponse:
            return self._token(request)

        return await self.faults.guard(request, "identity.token", detail, handle)

    def _token(self, request: web.Request) -> web.Response:
        if not hmac.compare_digest(request.headers.get("X-IDENTITY-HEADER", ""), self.secret):
            return _refused(401, "Unauthorized", "X-IDENTITY-HEADER is missing or wrong.")
        version = request.query.get("api-version", "")
        if version != API_VERSION:
            return _refused(
                400, "BadRequest", f"api-version: expected {API_VERSION}, found '{version}'."
            )
        resource = request.query.get("resource", "")
        if not resource:
            return _refused(400, "BadRequest", "The parameter 'resource' is missing.")
        principal = self._principal(request.query.get("client_id", ""))
        if principal is None:
            return _refused(400, "InvalidRequest", "No User Assigned identity found for client_id.")
        return web.json_response(
            {
                "access_token": self.directory.token(principal, resource),
                "expires_on": str(int(time.time()) + LIFETIME),
                "resource": resource,
                "token_type": "Bearer",
                "client_id": principal.client_id,
            }
        )

    def _principal(self, client_id: str) -> Principal | None:
        return self.directory.principals.get(client_id) if client_id else self.default


def _refused(status: int, code: str, message: str) -> web.Response:
    moment = datetime.now(UTC).strftime("%m/%d/%Y %H:%M:%S")
    body = {"statusCode": status, "code": code, "message": f"{message} ({moment} UTC)"}
    return web.json_response(body, status=status)
