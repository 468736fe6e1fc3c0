"""One visit to upstream registries: many questions at once, each registry within its own limits."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping

from shared.errors import BreakwaterError, Transient
from shared.oci import media_types
from shared.oci.digest import Digest
from shared.oci.manifest import Descriptor, Manifest
from shared.oci.reference import Repository, is_tag
from shared.registry import answers, listing
from shared.registry.artifacts import fallback_tag
from shared.registry.client import Client
from shared.registry.meter import Unasked
from shared.values import Listed, Resolved, Unresolved, Usage

_LARGEST_MANIFEST = 4 * 1024 * 1024  # bytes; distribution-spec 1.1, "Pushing Manifests"


class RegistryVisit:
    """Visit over HTTP; it ends when its time does, whatever is still unanswered."""

    def __init__(self, client: Callable[[str], Client], *, seconds: float, until: float) -> None:
        """`client` makes a registry's client; `until` is the event loop's clock."""
        self._make = client
        self._clients: dict[str, Client] = {}
        self._seconds, self._until = seconds, until

    async def resolve(
        self, tags: Iterable[tuple[Repository, str]]
    ) -> Mapping[tuple[Repository, str], Resolved | Unresolved]:
        """Resolve every tag by HEAD; one bad registry never stops the rest."""
        return await self._all(tags, _resolve)

    async def manifests(
        self, digests: Iterable[tuple[Repository, Digest]]
    ) -> Mapping[tuple[Repository, Digest], Manifest | Unresolved]:
        """Read manifests of at most 4 MiB, their bytes checked against their digests."""
        return await self._all(digests, _manifest)

    async def tags(
        self, repository: Repository, keep: Callable[[str], bool]
    ) -> Listed | Unresolved | None:
        """List the repository's tags, keeping what `keep` says; the whole list, or Unresolved."""
        client = self._client(repository.registry)
        if self._is_over():
            return Unresolved(f"{repository}: {self._late()}", reached=False)
        try:
            async with asyncio.timeout_at(self._until):
                found = await listing.tags(client, repository, keep)
        except Unasked as error:
            return Unresolved(f"{repository}: {error}", reached=False)
        except (BreakwaterError, TimeoutError) as error:
            found = Unresolved(str(error) or self._late())
        client.meter.count(answered=not isinstance(found, Unresolved))
        return (
            Unresolved(f"{repository}: {found.reason}") if isinstance(found, Unresolved) else found
        )

    async def referrers(self, repository: Repository, digest: Digest) -> tuple[Descriptor, ...]:
        """List referrers by the API, else by the fallback tag; empty where there is neither.

        Anything but an OCI index counts as "has no such API", because registries without one
        answer 303, 400, 406 or 200 with a page. Raises Transient or Permanent when nothing was
        listed and one of the two questions got no answer.
        """
        client = self._client(repository.registry)
        answered = False
        try:
            async with asyncio.timeout_at(self._until):
                found = await _referrers(client, repository, digest)
            answered = True
        except TimeoutError as error:
            message = f"{repository}: no referrers within {self._seconds:g} s"
            raise Transient(message) from error
        finally:
            client.meter.count(answered=answered)
        return found

    def usage(self) -> Mapping[str, Usage]:
        """Return, by registry, what was asked so far and what it said about its limits."""
        return {registry: client.meter.usage() for registry, client in self._clients.items()}

    async def close(self) -> None:
        """Stop what still runs."""
        for client in self._clients.values():
            await client.close()

    def _client(self, registry: str) -> Client:
        if registry not in self._clients:
            self._clients[registry] = self._make(registry)
        return self._clients[registry]

    async def _all[Key: tuple[Repository, str] | tuple[Repository, Digest], Found](
        self,
        questions: Iterable[Key],
        ask: Callable[[Client, Key], Awaitable[Found | Unresolved]],
    ) -> dict[Key, Found | Unresolved]:
        """Ask each registry with as many workers as it allows; what had no turn was not reached."""
        asked = tuple(dict.fromkeys(questions))
        found: dict[Key, Found | Unresolved] = {}
        current: dict[int, Key] = {}  # by worker: what it asks now
        numbers = itertools.count()
        queues: dict[str, list[Key]] = {}
        for each in asked:
            queues.setdefault(each[0].registry, []).append(each)
        try:
            async with asyncio.timeout_at(self._until), asyncio.TaskGroup() as group:
                for registry, queue in () if self._is_over() else queues.items():
                    client, turns = self._client(registry), iter(queue)
                    client.want(list(dict.fromkeys(each[0].path for each in queue)))
                    for _ in range(min(client.manners.concurrency, len(queue))):
                        group.create_task(_work(client, turns, ask, found, current, next(numbers)))
        except TimeoutError:
            pass  # whatever was answered counts; the rest is named below
        cut = set(current.values())
        for repository, _ in cut:
            self._client(repository.registry).meter.count(answered=False)
        late = {each: f"{each}: {self._late()}" for each in queues}
        return {
            each: found.get(each) or Unresolved(late[each[0].registry], reached=each in cut)
            for each in asked
        }

    def _is_over(self) -> bool:
        return asyncio.get_running_loop().time() >= self._until

    def _late(self) -> str:
        return f"no answer within the {self._seconds:g} s of the visit"


async def _work[Key: tuple[Repository, str] | tuple[Repository, Digest], Found](
    client: Client,
    turns: Iterator[Key],
    ask: Callable[[Client, Key], Awaitable[Found | Unresolved]],
    found: dict[Key, Found | Unresolved],
    current: dict[int, Key],
    number: int,
) -> None:
    """Take questions until there are none; one question at a time."""
    for each in turns:
        current[number] = each
        try:
            answer = await ask(client, each)
        except Unasked as error:
            found[each] = Unresolved(str(error), reached=False)
            continue
        except BreakwaterError as error:
            answer = Unresolved(str(error))
        if isinstance(answer, Unresolved):
            answer = Unresolved(f"{_named(each)}: {answer.reason}")
        client.meter.count(answered=not isinstance(answer, Unresolved))
        found[each] = answer
    current.pop(number, None)


def _named(question: tuple[Repository, str] | tuple[Repository, Digest]) -> str:
    repository, what = question
    return repository.at(what) if isinstance(what, Digest) else repository.tagged(what[:140])


async def _resolve(client: Client, question: tuple[Repository, str]) -> Resolved | Unresolved:
    repository, tag = question
    if not is_tag(tag):
        return Unresolved(f"expected a tag, found {tag[:140]!r}")
    path, rest = repository.path, f"manifests/{tag}"
    found = answers.pointed_at(await client.send("HEAD", path, rest))
    if found is None:
        answer = await client.send("GET", path, rest, limit=_LARGEST_MANIFEST)
        found = answers.hashed(answer)
    return found


async def _manifest(client: Client, question: tuple[Repository, Digest]) -> Manifest | Unresolved:
    repository, digest = question
    answer = await client.send(
        "GET", repository.path, f"manifests/{digest}", limit=_LARGEST_MANIFEST
    )
    return answers.exactly(answer, digest)


async def _referrers(
    client: Client, repository: Repository, digest: Digest
) -> tuple[Descriptor, ...]:
    failure: BreakwaterError | None = None
    for rest in (f"referrers/{digest}", f"manifests/{fallback_tag(digest)}"):
        try:
            answer = await client.send(
                "GET",
                repository.path,
                rest,
                accept=media_types.OCI_INDEX,
                limit=_LARGEST_MANIFEST,
            )
        except BreakwaterError as error:
            failure = failure or error
            continue
        found = answers.index(answer)
        if found is not None:
            return found
    if failure is not None:
        raise failure
    return ()
