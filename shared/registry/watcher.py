"""What upstream tags point at now: thousands of HEADs at once, one bad registry stopping nobody."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp

from shared.errors import BreakwaterError, Transient
from shared.oci import media_types
from shared.oci.digest import Digest, InvalidDigest
from shared.oci.manifest import Descriptor, InvalidManifest, parse
from shared.oci.reference import Repository, is_tag
from shared.ports import Resolved, Unresolved
from shared.registry.anonymous import Anonymous, Answer
from shared.registry.artifacts import fallback_tag

_SECONDS = 15.0  # one request, from connecting to the last byte
_ALL_SECONDS = 120.0  # one round over every tag
_REFERRERS_SECONDS = 10.0  # every question about one image's referrers
_LARGEST_MANIFEST = 4 * 1024 * 1024  # bytes; distribution-spec 1.1, "Pushing Manifests"
_KINDS = media_types.INDEXES | media_types.MANIFESTS
_OK, _NOT_FOUND = 200, 404

type Found = Resolved | Unresolved


@dataclass(slots=True)
class _Shared:
    """A client for calls that overlap, and how many of them there are."""

    client: Anonymous
    session: aiohttp.ClientSession
    gate: asyncio.Semaphore
    users: int = 0


class UpstreamWatcher:
    """Upstreams over aiohttp; a session lives as long as one call, or calls that overlap."""

    def __init__(
        self,
        *,
        concurrency: int = 4,
        seconds: float = _SECONDS,
        all_seconds: float = _ALL_SECONDS,
        referrers_seconds: float = _REFERRERS_SECONDS,
    ) -> None:
        """Ask each registry about `concurrency` tags at a time, within these many seconds."""
        self._concurrency = concurrency
        self._seconds = seconds
        self._all_seconds = all_seconds
        self._referrers_seconds = referrers_seconds
        self._shared: dict[asyncio.AbstractEventLoop, _Shared] = {}

    async def resolve(
        self, tags: Sequence[tuple[Repository, str]]
    ) -> Mapping[tuple[Repository, str], Found]:
        """Resolve every tag; what was not answered in time is Unresolved."""
        gates = {
            repository.registry: asyncio.Semaphore(self._concurrency) for repository, _ in tags
        }
        found: dict[tuple[Repository, str], Found] = {}

        async def ask(client: Anonymous, repository: Repository, tag: str) -> None:
            async with gates[repository.registry]:
                found[repository, tag] = await _resolve(client, repository, tag)

        async with self._session() as session:
            client = Anonymous(session)
            try:
                async with asyncio.timeout(self._all_seconds), asyncio.TaskGroup() as group:
                    for repository, tag in dict.fromkeys(tags):
                        group.create_task(ask(client, repository, tag))
            except TimeoutError:
                pass  # whatever was answered counts; the rest is named below
        return {each: found.get(each) or _late(each[0], self._all_seconds) for each in tags}

    async def referrers(self, repository: Repository, digest: Digest) -> tuple[Descriptor, ...]:
        """List referrers by the API, else by the fallback tag; empty where there is neither.

        Anything but an OCI index counts as "has no such API", because registries without one
        answer 303, 400, 406 or 200 with a page. Raises Transient or Permanent when nothing was
        listed and one of the two questions got no answer. Calls that are made together share one
        session, and so each other's token, and end together.
        """
        try:
            async with (
                asyncio.timeout(self._referrers_seconds),
                self._together() as shared,
                shared.gate,
            ):
                return await _referrers(shared.client, repository, digest)
        except TimeoutError as error:
            message = f"{repository}: no referrers within {self._referrers_seconds:g} s"
            raise Transient(message) from error

    @asynccontextmanager
    async def _together(self) -> AsyncIterator[_Shared]:
        """Open a session for whoever comes first; whoever leaves last closes it."""
        loop = asyncio.get_running_loop()  # each worker thread has its own, and so its own session
        if loop not in self._shared:
            session = self._session()
            self._shared[loop] = _Shared(
                Anonymous(session), session, asyncio.Semaphore(self._concurrency)
            )
        shared = self._shared[loop]
        shared.users += 1
        try:
            yield shared
        finally:
            shared.users -= 1
            if not shared.users:
                del self._shared[loop]
                await shared.session.close()

    def _session(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=ssl.create_default_context()),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=self._seconds),
            headers={"User-Agent": "breakwater"},
        )


async def _resolve(client: Anonymous, repository: Repository, tag: str) -> Found:
    if not is_tag(tag):
        return Unresolved(f"{repository}: expected a tag, found {tag[:140]!r}")
    try:
        answer = await _ask(client, "HEAD", repository, tag)
        if answer.status == _OK and (found := _described(answer)):
            return Resolved(found)
        if answer.status == _OK:
            answer = await _ask(client, "GET", repository, tag)
    except BreakwaterError as error:
        return Unresolved(f"{repository.tagged(tag)}: {error}")
    if answer.status == _NOT_FOUND:
        return Resolved(None)
    if answer.status != _OK:
        return Unresolved(f"{repository.tagged(tag)}: HTTP {answer.status}")
    try:
        kind = answer.headers.get("Content-Type", "")
        read = parse(answer.content, kind)
        return Resolved(Descriptor(read.media_type, read.digest, len(read.raw)))
    except InvalidManifest as error:
        return Unresolved(f"{repository.tagged(tag)}: {error}")


async def _ask(client: Anonymous, method: str, repository: Repository, tag: str) -> Answer:
    return await client.send(
        method,
        repository,
        f"/v2/{repository.path}/manifests/{tag}",
        accept=media_types.ACCEPT,
        limit=_LARGEST_MANIFEST,
    )


def _described(answer: Answer) -> Descriptor | None:
    """Read a HEAD; the digest header is optional (distribution-spec 1.1), so it may be missing."""
    kind = answer.headers.get("Content-Type", "").partition(";")[0].strip()
    try:
        digest = Digest(answer.headers.get("Docker-Content-Digest", ""))
        size = int(answer.headers.get("Content-Length", "0"))
    except (InvalidDigest, ValueError):
        return None
    return Descriptor(kind, digest, size) if kind in _KINDS else None


async def _referrers(
    client: Anonymous, repository: Repository, digest: Digest
) -> tuple[Descriptor, ...]:
    failure: BreakwaterError | None = None
    for path in (f"referrers/{digest}", f"manifests/{fallback_tag(digest)}"):
        try:
            answer = await client.send(
                "GET",
                repository,
                f"/v2/{repository.path}/{path}",
                accept=media_types.OCI_INDEX,
                limit=_LARGEST_MANIFEST,
            )
        except BreakwaterError as error:
            failure = failure or error
            continue
        found = _index(answer)
        if found is not None:
            return found
    if failure is not None:
        raise failure
    return ()


def _index(answer: Answer) -> tuple[Descriptor, ...] | None:
    if answer.status != _OK:
        return None
    try:
        read = parse(answer.content, media_types.OCI_INDEX)
    except InvalidManifest:
        return None
    return read.manifests if read.media_type == media_types.OCI_INDEX else None


def _late(repository: Repository, seconds: float) -> Unresolved:
    return Unresolved(f"{repository.registry}: not all tags were answered within {seconds:g} s")
