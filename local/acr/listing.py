"""The ping, the catalog and a repository's tags, in both dialects."""

from aiohttp import web

from local.acr.http import Call, Route
from local.acr.paging import page


async def ping(_call: Call) -> web.Response:
    """Answer that this is a registry and the token is good."""
    return web.json_response({})


async def catalog(call: Call) -> web.Response:
    """List the repositories that are not hidden by a lock."""
    repositories = call.registry.store.repositories
    names = sorted(name for name, each in repositories.items() if each.attributes.list)
    found, headers = page(names, call.request.path, call.request.query)
    return web.json_response({"repositories": found}, headers=headers)


async def tags(call: Call) -> web.Response:
    """List the names of the repository's tags that are not hidden by a lock."""
    repository = call.registry.store.repository(call.repo)
    names = sorted(name for name, each in repository.tags.items() if each.attributes.list)
    found, headers = page(names, call.request.path, call.request.query)
    return web.json_response({"name": call.repo, "tags": found}, headers=headers)


ROUTES = (
    Route("GET", "/v2/", "acr.ping", ping),
    Route("GET", "/v2", "acr.ping", ping),
    Route("HEAD", "/v2/", "acr.ping", ping),
    Route("GET", "/v2/_catalog", "acr.catalog.list", catalog),
    Route("GET", "/acr/v1/_catalog", "acr.catalog.list", catalog),
    Route("GET", "/v2/{name:.+}/tags/list", "acr.tags.list", tags, ("pull",)),
)
