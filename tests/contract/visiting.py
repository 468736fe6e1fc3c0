"""Visits from a test: one question, its answer, and what it cost."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from shared.catalog import Upstream
from shared.oci.reference import Repository
from shared.ports import Upstreams, Visit
from shared.registry.watcher import UpstreamWatcher
from shared.values import Resolved, Unresolved, Usage
from tests.contract.waiting import PATIENCE

type Question[T] = Callable[[Visit], Awaitable[T]]
type Tag = tuple[Repository, str]


@dataclass(frozen=True)
class Answered[T]:
    """An answer, and by registry what it cost."""

    found: T
    usage: Mapping[str, Usage]


def watcher() -> UpstreamWatcher:
    return UpstreamWatcher({}, seconds=PATIENCE)


def visit[T](
    question: Question[T],
    *upstreams: Upstream,
    seconds: float = PATIENCE,
    by: Upstreams | None = None,
) -> Answered[T]:
    """Ask within one visit, in an event loop of its own."""

    async def asked() -> Answered[T]:
        named = {each.registry: each for each in upstreams}
        async with (by or watcher()).visit(named, seconds=seconds) as here:
            return Answered(await question(here), here.usage())

    return asyncio.run(asked())


def resolve(
    *tags: Tag,
    upstreams: tuple[Upstream, ...] = (),
    seconds: float = PATIENCE,
    by: Upstreams | None = None,
) -> list[Resolved | Unresolved]:
    """Resolve tags; the answers are in the tags' order."""
    found = visit(lambda here: here.resolve(tags), *upstreams, seconds=seconds, by=by).found
    assert set(found) == set(tags)
    return [found[each] for each in tags]


def reason(found: object) -> str:
    """Return why it is Unresolved; it must be."""
    assert isinstance(found, Unresolved), found
    return found.reason


def reached(found: object) -> bool:
    """Tell whether it was asked about; it must be Unresolved."""
    assert isinstance(found, Unresolved), found
    return found.reached
