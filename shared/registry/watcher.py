"""What upstream registries hold now: adapter of Upstreams, over aiohttp."""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

from shared.catalog import Upstream
from shared.errors import Misconfigured
from shared.registry.accounts import Identity, Known
from shared.registry.client import Client
from shared.registry.manners import manners_of
from shared.registry.transport import Transport
from shared.registry.visit import RegistryVisit
from shared.values import Credential

_SECONDS = 15.0  # one request, from connecting to the last byte


class UpstreamWatcher:
    """Upstreams over aiohttp: connections last for a visit, tokens and challenges from one to the next."""

    def __init__(
        self,
        credentials: Mapping[str, Credential] | None = None,
        *,
        concurrency: int = 4,
        entra: Callable[[], str] | None = None,
        now: Callable[[], float] = time.time,
        seconds: float = _SECONDS,
    ) -> None:
        """Take the users by name, and where the app's own token for ACR's audience comes from.

        Each registry gets `concurrency` requests at a time unless the catalog says more or less, each
        answered within these many seconds.
        """
        self._credentials = credentials or {}
        self._concurrency = concurrency
        self._entra, self._now, self._seconds = entra, now, seconds
        self._known = Known()
        self._trust: ssl.SSLContext | None = None

    @asynccontextmanager
    async def visit(
        self, upstreams: Mapping[str, Upstream], *, seconds: float
    ) -> AsyncIterator[RegistryVisit]:
        """Open a visit that answers within these many seconds; a registry not named gets the defaults.

        Raises Misconfigured when a credential that an upstream names is not in the settings.
        """
        identities = {registry: self._identity(each) for registry, each in upstreams.items()}
        until = asyncio.get_running_loop().time() + seconds
        self._trust = self._trust or ssl.create_default_context()  # 25 ms: not with every visit
        transport = Transport(self._seconds, self._trust)

        def client(registry: str) -> Client:
            upstream = upstreams.get(registry) or Upstream(registry)
            manners = manners_of(upstream, self._concurrency)
            identity = identities.get(registry) or Identity()
            return Client(manners, identity, transport, self._known, until=until, now=self._now)

        visit = RegistryVisit(client, seconds=seconds, until=until)
        try:
            yield visit
        finally:
            await visit.close()
            await transport.close()

    def _identity(self, upstream: Upstream) -> Identity:
        if upstream.entra:
            if self._entra is None:
                message = f"{upstream.registry}: the catalog wants the app's identity (entra), and it has none"
                raise Misconfigured(message)
            return Identity(entra=self._entra)
        if not upstream.credentials:
            return Identity()
        name = upstream.credentials.lower()
        if name not in self._credentials:
            setting = f"UPSTREAM_{name.upper()}_USERNAME and …_PASSWORD"
            message = (
                f"{upstream.registry}: expected settings {setting} for its credentials, found none"
            )
            raise Misconfigured(message)
        return Identity(name, self._credentials[name])
