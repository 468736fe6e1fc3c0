"""The data plane's routes on one page."""

from typing import TYPE_CHECKING

from aiohttp import web

from local.acr import attributes, blobs, listing, manifests, oauth, referrers, uploads
from local.acr.http import absent, endpoint

if TYPE_CHECKING:
    from local.acr.registry import Registry

# In this order: a repository's name may hold slashes, so the longer paths go first.
ROUTES = (
    *listing.ROUTES,
    *uploads.ROUTES,
    *blobs.ROUTES,
    *manifests.ROUTES,
    *referrers.ROUTES,
    *attributes.ROUTES,
)


def application(registry: "Registry") -> web.Application:
    """Return a registry's web application; what is not there answers 501."""
    app = web.Application(client_max_size=0)
    app.router.add_get("/oauth2/token", oauth.by_get(registry))
    app.router.add_post("/oauth2/token", oauth.by_post(registry))
    app.router.add_post("/oauth2/exchange", oauth.exchange(registry))
    for route in ROUTES:
        app.router.add_route(route.method, route.path, endpoint(registry, route))
    app.router.add_route("*", "/{tail:.*}", absent)
    return app
