"""`/oauth2/exchange` and `/oauth2/token` (reference: Azure/acr, AAD-OAuth.md and Token-BasicAuth.md)."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from aiohttp import web

from local.acr.errors import RegistryError
from local.acr.http import refusal
from local.acr.tokens import Scope
from local.directory import ANONYMOUS, Principal

if TYPE_CHECKING:
    from local.acr.registry import Registry

Endpoint = Callable[[web.Request], Awaitable[web.StreamResponse]]
_EXCHANGES = ("access_token", "access_token_refresh_token")


def exchange(registry: "Registry") -> Endpoint:
    """Return the endpoint that takes an Entra token and gives a refresh token."""

    async def answer(request: web.Request) -> web.Response:
        form = _texts(await request.post())
        _check_service(registry, form)
        if form.get("grant_type") not in _EXCHANGES:
            raise _malformed("grant_type", "access_token", form)
        principal = registry.authority.by_entra_token(form.get("access_token", ""))
        if principal is None:
            raise _unauthorised("access_token is expired, forged or for another audience")
        return web.json_response({"refresh_token": registry.authority.refresh_token(principal)})

    return _guarded(registry, "acr.exchange", answer)


def by_post(registry: "Registry") -> Endpoint:
    """Return the endpoint that takes a refresh token, or a password, and gives an access token."""

    async def answer(request: web.Request) -> web.Response:
        posted = await request.post()
        form = _texts(posted)
        _check_service(registry, form)
        scopes = _scopes(str(each) for each in posted.getall("scope", []))
        return _access_token(registry, _by_form(registry, form), scopes)

    return _guarded(registry, "acr.token", answer)


def by_get(registry: "Registry") -> Endpoint:
    """Return the endpoint that takes Basic credentials, or none, and gives an access token."""

    async def answer(request: web.Request) -> web.Response:
        _check_service(registry, request.query)
        header = request.headers.get("Authorization", "")
        principal = registry.authority.by_basic(header) if header else _anonymous(registry)
        return _access_token(registry, principal, _scopes(request.query.getall("scope", [])))

    return _guarded(registry, "acr.token", answer)


def _by_form(registry: "Registry", form: Mapping[str, str]) -> Principal | None:
    grant, token = form.get("grant_type"), form.get("refresh_token", "")
    if grant == "refresh_token":
        return registry.authority.by_refresh_token(token)
    if grant == "password" and form.get("username"):
        return registry.authority.by_password(form["username"], form.get("password", ""))
    if grant == "password" and not token:
        return _anonymous(registry)  # how Azure's own SDK asks as nobody
    raise _malformed("grant_type", "refresh_token or password", form)


def _anonymous(registry: "Registry") -> Principal | None:
    return ANONYMOUS if registry.anonymous_pull else None


def _access_token(
    registry: "Registry", principal: Principal | None, scopes: list[Scope]
) -> web.Response:
    if principal is None:
        raise _unauthorised("invalid username, password or refresh token")
    return web.json_response({"access_token": registry.authority.access_token(principal, scopes)})


def _scopes(texts: Iterable[str]) -> list[Scope]:
    """Parse scopes, repeated or separated by spaces; what is none grants nothing."""
    parsed = (Scope.parse(text) for each in texts for text in each.split())
    return [scope for scope in parsed if scope is not None]


def _texts(posted: Mapping[str, object]) -> dict[str, str]:
    return {name: text for name, text in posted.items() if isinstance(text, str)}


def _check_service(registry: "Registry", values: Mapping[str, str]) -> None:
    if values.get("service", registry.login_server) != registry.login_server:
        raise _malformed("service", registry.login_server, values)


def _malformed(name: str, expected: str, values: Mapping[str, str]) -> RegistryError:
    message = f"{name}: expected {expected}, found {values.get(name, '')[:100]!r}"
    return RegistryError(400, "UNSUPPORTED", message)


def _unauthorised(reason: str) -> RegistryError:
    return RegistryError(401, "UNAUTHORIZED", f"authentication required: {reason}")


def _guarded(
    registry: "Registry",
    operation: str,
    answer: Callable[[web.Request], Awaitable[web.Response]],
) -> Endpoint:
    async def handle(request: web.Request) -> web.StreamResponse:
        async def answered() -> web.StreamResponse:
            try:
                return await answer(request)
            except RegistryError as error:
                return refusal(error)

        return await registry.faults.guard(request, operation, registry.name, answered)

    return handle
