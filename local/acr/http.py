"""What every route of the data plane shares: who asks, limits, faults, and OCI's error answers."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp import web

from local.acr import errors
from local.acr.errors import RegistryError
from local.acr.tokens import Access, Scope
from shared.oci.reference import is_path

if TYPE_CHECKING:
    from local.acr.registry import Registry

API_VERSION = {"Docker-Distribution-Api-Version": "registry/2.0"}


@dataclass(frozen=True, slots=True)
class Call:
    """One authorised request: the registry, who asks, and the repository and reference in the path."""

    registry: "Registry"
    request: web.Request
    access: Access
    repo: str
    reference: str


Handler = Callable[[Call], Awaitable[web.Response]]


@dataclass(frozen=True, slots=True)
class Route:
    """A method and path, the operation's name for faults, and the actions a token must grant.

    No actions: any token will do. `{name}` is the repository, `{reference}` whatever follows.
    """

    method: str
    path: str
    operation: str
    handler: Handler
    actions: tuple[str, ...] = ()

    def scope(self, repo: str) -> Scope | None:
        """Return what a token must grant."""
        if self.operation == "acr.catalog.list":
            return Scope("registry", "catalog", ("*",))
        return Scope("repository", repo, self.actions) if self.actions else None


def endpoint(
    registry: "Registry", route: Route
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """Return the aiohttp handler: authorise, limit, then run the operation under its faults."""

    async def handle(request: web.Request) -> web.StreamResponse:
        repo = request.match_info.get("name", "")
        reference = request.match_info.get("reference", "")
        try:
            access = _admit(registry, route, request, repo)
        except RegistryError as error:
            return refusal(error)
        call = Call(registry, request, access, repo, reference)
        return await registry.faults.guard(
            request,
            route.operation,
            detail(registry.name, repo, reference),
            lambda: _answered(route.handler, call),
        )

    return handle


def _admit(registry: "Registry", route: Route, request: web.Request, repo: str) -> Access:
    if repo and not is_path(repo):
        raise errors.name_invalid(repo)
    access = registry.authority.authorise(
        request.headers.get("Authorization", ""), route.scope(repo), realm(registry, request)
    )
    identity = access.principal.client_id
    if request.method in ("GET", "HEAD"):
        registry.limit("read", identity, registry.switches.requests_per_minute)
    if route.operation == "acr.referrers.list":
        registry.limit("ListReferrers", identity, registry.switches.referrers_per_minute)
    return access


async def _answered(handler: Handler, call: Call) -> web.StreamResponse:
    try:
        response = await handler(call)
    except RegistryError as error:
        return refusal(error)
    response.headers.update(API_VERSION)
    return response


def refusal(error: RegistryError) -> web.Response:
    """Return the error as OCI's document."""
    return web.json_response(
        error.body(), status=error.status, headers=dict(error.headers) | API_VERSION
    )


def detail(registry: str, repo: str, reference: str) -> str:
    """Return what faults match on: registry, repository and reference."""
    if not reference:
        return f"{registry} {repo}".strip()
    return f"{registry} {repo}{'@' if ':' in reference else ':'}{reference}"


def realm(registry: "Registry", request: web.Request) -> str:
    """Return where tokens are had; https wherever the registry is served over TLS."""
    return f"{request.scheme}://{registry.login_server}/oauth2/token"


def answer(
    request: web.Request, content: bytes, headers: dict[str, str], status: int = 200
) -> web.Response:
    """Return content to a GET, and to a HEAD its length alone."""
    if request.method == "HEAD":
        length = {"Content-Length": str(len(content))}
        return web.Response(status=status, headers=headers | length)
    return web.Response(status=status, body=content, headers=headers)


async def read_body(request: web.Request, limit: int | None = None) -> bytes:
    """Read the request's body, at most `limit` bytes. Raises RegistryError beyond."""
    content = bytearray()
    async for chunk in request.content.iter_any():
        content += chunk
        if limit is not None and len(content) > limit:
            raise errors.too_large(limit)
    return bytes(content)


async def absent(request: web.Request) -> web.Response:
    """Answer 501 for what this emulator does not have, never something plausible."""
    message = f"the local ACR does not implement {request.method} {request.path}"
    return refusal(RegistryError(501, "UNSUPPORTED", message))
