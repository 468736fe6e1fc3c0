"""The reading end of an import: manifests and blobs of another registry, over HTTP or next door."""

import asyncio
import base64
import json
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Protocol
from urllib.parse import quote

import aiohttp

from local.acr.registry import Registry
from shared.oci import media_types
from shared.oci.digest import Digest

LARGEST_MANIFEST = 4 * 1024 * 1024  # bytes; distribution-spec asks registries for at least this
LARGEST_BLOB = 2 * 1024 * 1024 * 1024
_LARGEST_ANSWER = 1024 * 1024
_HUB = {"docker.io": "registry-1.docker.io", "index.docker.io": "registry-1.docker.io"}
_PARAMETER = re.compile(r'([A-Za-z_]+)="([^"]*)"')
_NULL_USER = "00000000-0000-0000-0000-000000000000"
_ATTEMPTS = 2  # as we are, then with a token


class CopyFailed(Exception):
    """The source did not give what was asked for; the text is the source's own where it has one."""


@dataclass(frozen=True, slots=True)
class Content:
    """A manifest's exact bytes and the media type they were served with."""

    media_type: str
    raw: bytes


class Source(Protocol):
    """One repository that is copied from."""

    async def manifest(self, reference: str) -> Content:
        """Read a manifest by tag or digest text. Raises CopyFailed."""
        ...

    async def blob(self, digest: str, size: int) -> bytes:
        """Read a blob of this size, unchecked. Raises CopyFailed."""
        ...


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A repository of a registry of this local Azure, named by its resource id."""

    registry: Registry
    repo: str

    async def manifest(self, reference: str) -> Content:
        """Read a manifest."""
        stored = self.registry.manifest(self.repo, reference)
        if stored is None:
            name = f"{self.repo}@{reference}" if ":" in reference else f"{self.repo}:{reference}"
            message = (
                f"MANIFEST_UNKNOWN manifest {name} is not found in {self.registry.login_server}."
            )
            raise CopyFailed(message)
        return Content(stored.media_type, stored.raw)

    async def blob(self, digest: str, size: int) -> bytes:
        """Read a blob."""
        content = self.registry.blob(self.repo, digest)
        if content is None or len(content) != size:
            message = f"Error copying blobs. BLOB_UNKNOWN {self.repo}@{digest} of {size} bytes."
            raise CopyFailed(message)
        return content


@dataclass
class Distant:
    """A repository of any registry, over HTTP: the challenge is answered once per repository.

    `host` is where it really is; plain HTTP is tried only on this machine, when TLS is refused.
    """

    session: aiohttp.ClientSession
    host: str
    repo: str
    username: str = ""
    password: str = field(default="", repr=False)
    scheme: str = "https"
    _authorization: str = field(default="", repr=False)
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def manifest(self, reference: str) -> Content:
        """Read a manifest; a digest header that disagrees with the bytes is an error."""
        path = f"manifests/{reference}"
        headers, raw = await self._get(path, LARGEST_MANIFEST, {"Accept": media_types.ACCEPT})
        claimed = headers.get("Docker-Content-Digest", "")
        if claimed.startswith("sha256:") and claimed != Digest.of(raw).text:
            message = (
                f"Digest mismatch: {self.host} says {claimed}, the content is {Digest.of(raw)}."
            )
            raise CopyFailed(message)
        return Content(headers.get("Content-Type", "").partition(";")[0].strip(), raw)

    async def blob(self, digest: str, size: int) -> bytes:
        """Read a blob; no more than `size` bytes are taken from the wire."""
        _, raw = await self._get(f"blobs/{digest}", size, {})
        if len(raw) != size:
            message = (
                f"Error copying blobs. Unexpected length of body: {digest}: {len(raw)} of {size}."
            )
            raise CopyFailed(message)
        return raw

    async def _get(
        self, path: str, limit: int, headers: Mapping[str, str]
    ) -> tuple[Mapping[str, str], bytes]:
        for attempt in range(1, _ATTEMPTS + 1):
            url = f"{self.scheme}://{self.host}/v2/{self.repo}/{path}"
            sent = {**headers, "Accept-Encoding": "identity"}
            used = self._authorization
            if used:
                sent["Authorization"] = used
            try:
                async with self.session.get(url, headers=sent) as answer:
                    if answer.status == HTTPStatus.OK:
                        return answer.headers, await _bounded(answer, limit)
                    text = (await answer.content.read(2000)).decode(errors="replace")
                    challenge = answer.headers.get("WWW-Authenticate", "")
                    status, reason = answer.status, answer.reason
            except (aiohttp.ClientSSLError, aiohttp.ServerDisconnectedError) as error:
                if self.scheme == "https" and self.host.partition(":")[0] in (
                    "localhost",
                    "127.0.0.1",
                ):
                    self.scheme = "http"
                    return await self._get(path, limit, headers)
                message = f"{self.host}: {error}"
                raise CopyFailed(message) from error
            except (aiohttp.ClientError, TimeoutError) as error:
                message = f"{self.host}: {type(error).__name__} {error}"
                raise CopyFailed(message) from error
            if status != HTTPStatus.UNAUTHORIZED or attempt == _ATTEMPTS:
                raise CopyFailed(_refusal(status, reason or "", text))
            await self._authorize(challenge, used)
        raise AssertionError(path)  # pragma: no cover: the loop returns or raises

    async def _authorize(self, challenge: str, refused: str) -> None:
        async with self._lock:
            if self._authorization == refused:  # nobody else got a new one meanwhile
                self._authorization = await self._answer(challenge)

    async def _answer(self, challenge: str) -> str:
        bearer = (
            challenge[challenge.lower().find("bearer ") :] if "bearer " in challenge.lower() else ""
        )
        if not bearer:
            return _basic(self.username, self.password)
        parameters = dict(_PARAMETER.findall(bearer))
        realm = parameters.get("realm", "")
        if not realm.startswith(("https://", "http://")):
            message = f"{self.host}: expected a challenge with a realm, found {challenge[:200]!r}"
            raise CopyFailed(message)
        query = {"scope": parameters.get("scope") or f"repository:{self.repo}:pull"}
        if parameters.get("service"):
            query["service"] = parameters["service"]
        headers = {}
        if self.password:
            user, word = self.username, self.password
            if not user:  # an Entra access token: ACR exchanges it for a refresh token first
                user, word = _NULL_USER, await self._exchange(realm, query.get("service", ""))
            headers["Authorization"] = _basic(user, word)
        encoded = "&".join(f"{name}={quote(value, safe='')}" for name, value in query.items())
        body = await self._json("GET", f"{realm}?{encoded}", headers=headers)
        return f"Bearer {body.get('token') or body.get('access_token') or ''}"

    async def _exchange(self, realm: str, service: str) -> str:
        form = {"grant_type": "access_token", "service": service, "access_token": self.password}
        url = realm.removesuffix("/token") + "/exchange"
        return str((await self._json("POST", url, data=form)).get("refresh_token") or "")

    async def _json(self, method: str, url: str, **options: Any) -> dict[str, Any]:  # noqa: ANN401 aiohttp's own
        try:
            async with self.session.request(method, url, **options) as answer:
                text = await _bounded(answer, _LARGEST_ANSWER)
                if answer.status != HTTPStatus.OK:
                    raise CopyFailed(
                        _refusal(
                            answer.status, answer.reason or "", text[:2000].decode(errors="replace")
                        )
                    )
                body = json.loads(text)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            message = f"{self.host}: no token: {type(error).__name__} {error}"
            raise CopyFailed(message) from error
        return body if isinstance(body, dict) else {}


def trust(ca_file: str) -> ssl.SSLContext:
    """Return what an import trusts: the system's authorities, and those in `ca_file` ("" = none)."""
    context = ssl.create_default_context()
    if ca_file:
        context.load_verify_locations(cafile=ca_file)
    return context


def host_of(registry_uri: str, aliases: Mapping[str, str]) -> str:
    """Return the host and port a registryUri means; aliases come before Docker Hub's own name."""
    return aliases.get(registry_uri) or _HUB.get(registry_uri) or registry_uri


async def _bounded(answer: aiohttp.ClientResponse, limit: int) -> bytes:
    parts = bytearray()
    async for chunk in answer.content.iter_chunked(1 << 16):
        parts += chunk
        if len(parts) > limit:
            message = (
                f"Unexpected length of body: expected at most {limit} bytes from {answer.url.host}."
            )
            raise CopyFailed(message)
    return bytes(parts)


def _basic(username: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()


def _refusal(status: int, reason: str, text: str) -> str:
    if status == HTTPStatus.UNAUTHORIZED:
        return f"Invalid message Unauthorized {reason} {text}"
    return f"Unexpected response status code {status} {reason}. {text}"
