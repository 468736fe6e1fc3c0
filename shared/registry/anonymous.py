"""Anonymous calls to registries we only read: challenges, tokens and redirects, over aiohttp."""

import asyncio
import ipaddress
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

import aiohttp
from multidict import CIMultiDictProxy

from shared.errors import Permanent, Transient
from shared.oci.reference import Repository
from shared.registry import challenge, tokens

_REDIRECTS = 5
_MOVED = frozenset({301, 302, 303, 307, 308})
_OK, _UNAUTHORIZED = 200, 401
_LARGEST_TOKEN = 64 * 1024  # bytes
_NAMES = {"docker.io": "registry-1.docker.io", "index.docker.io": "registry-1.docker.io"}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a registry answered, read whole."""

    status: int
    headers: CIMultiDictProxy[str]
    content: bytes


class Anonymous:
    """Sends requests as nobody, with one token for each repository a registry wants one for."""

    def __init__(
        self, session: aiohttp.ClientSession, *, now: Callable[[], float] = time.time
    ) -> None:
        """Borrow a session; its owner closes it."""
        self._session = session
        self._now = now
        self._tokens = tokens.TokenCache()
        self._locks: defaultdict[tuple[str, str], asyncio.Lock] = defaultdict(asyncio.Lock)

    async def send(
        self, method: str, repository: Repository, path: str, *, accept: str, limit: int
    ) -> Answer:
        """Return the answer, whatever its status, after at most five redirects.

        Raises Transient when nobody answers, Permanent for what no registry may ask of us.
        """
        url = f"https://{_NAMES.get(repository.registry, repository.registry)}{path}"
        try:
            for _ in range(_REDIRECTS):
                answer = await self._at(method, url, repository, accept, limit)
                target = answer.headers.get("Location")
                if answer.status not in _MOVED or not target:
                    return answer
                url = _followed(url, target)
        except TimeoutError as error:
            message = f"{repository.registry}: no answer in time"
            raise Transient(message) from error
        except (aiohttp.ClientError, OSError, ValueError, OverflowError) as error:
            # Besides its own errors aiohttp lets through what a bad host or port raises below it.
            message = f"{repository.registry}: no answer ({type(error).__name__})"
            raise Transient(message) from error
        message = f"{repository.registry}: more than {_REDIRECTS} redirects"
        raise Permanent(message)

    async def _at(
        self, method: str, url: str, repository: Repository, accept: str, limit: int
    ) -> Answer:
        """Ask one host, with its own token; a redirect's target may send its own challenge."""
        host, scope = urlsplit(url).netloc.lower(), f"repository:{repository.path}:pull"
        headers = {"Accept": accept, "Accept-Encoding": "identity"}
        known = self._tokens.get(host, scope, self._now())
        answer = await self._request(method, url, headers, known, limit)
        if answer.status != _UNAUTHORIZED:
            return answer
        token = await self._token(host, scope, answer, refused=known)
        return await self._request(method, url, headers, token, limit)

    async def _token(self, host: str, scope: str, answer: Answer, refused: str | None) -> str:
        async with self._locks[host, scope]:
            known = self._tokens.get(host, scope, self._now())
            if known and known != refused:
                return known
            try:
                asked = challenge.bearer(answer.headers.getall("WWW-Authenticate", []))
            except challenge.InvalidChallenge as error:
                message = f"{host}: {error}"
                raise Permanent(message) from error
            if asked is None:
                message = f"{host}: HTTP 401 without a Bearer challenge"
                raise Permanent(message)
            request = tokens.anonymous(asked, host, scope)
            reply = await self._request("GET", request.url, {}, None, _LARGEST_TOKEN)
            if reply.status != _OK:
                message = f"{host}: its token service answered HTTP {reply.status}"
                raise Transient(message)
            token = tokens.read(reply.content, host, self._now())
            self._tokens.put(host, scope, token)
            return token.value

    async def _request(
        self, method: str, url: str, headers: dict[str, str], token: str | None, limit: int
    ) -> Answer:
        if token:
            headers = headers | {"Authorization": f"Bearer {token}"}
        async with self._session.request(
            method, url, headers=headers, allow_redirects=False
        ) as response:
            content = bytearray()
            async for piece in response.content.iter_chunked(64 * 1024):
                content += piece
                if len(content) > limit:
                    host = urlsplit(url).netloc
                    message = f"{host}: expected at most {limit} bytes, found more"
                    raise Permanent(message)
            return Answer(response.status, response.headers, bytes(content))


def _followed(url: str, target: str) -> str:
    """Return where a redirect leads: https, and never to a bare address (no metadata service)."""
    host = urlsplit(url).netloc
    try:
        found = urljoin(url, target)
        parts = urlsplit(found)
    except ValueError as error:
        message = f"{host}: refused its redirect to {target[:100]!r}"
        raise Permanent(message) from error
    if parts.scheme != "https" or not parts.hostname or parts.username is not None:
        message = f"{host}: refused its redirect to {found[:100]!r}"
        raise Permanent(message)
    if parts.netloc != host and _is_address(parts.hostname):
        message = f"{host}: refused its redirect to the address {parts.hostname}"
        raise Permanent(message)
    return found


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
