"""Everything a watch reads of upstreams, staging and ledger, all at once and within its time; it changes nothing."""

import asyncio
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from handlers import catalogs, lanes, records
from shared.catalog import Catalog, Image, Upstream
from shared.errors import BreakwaterError, Misconfigured, Transient
from shared.oci.digest import Digest
from shared.oci.manifest import Manifest
from shared.oci.media_types import INDEXES
from shared.oci.reference import Repository
from shared.policy.facts import Watched
from shared.policy.selection import Chooser, Discovery, discover
from shared.policy.watching import (
    Observation,
    Platforms,
    Staging,
    asks_for_content,
    observe,
)
from shared.ports import Visit
from shared.services import Services
from shared.values import Listed, Resolved, Row, Unresolved, Usage

_THREADS = 16  # calls to staging and tables at a time; each waits, none computes

type _Tag = tuple[Repository, str]
type _Listing = Listed | Unresolved | None


@dataclass(frozen=True, slots=True)
class Watch:
    """One image, with its tags of now, as upstream and staging have them.

    `rows` is what the ledger knew of it; `discovery` what its rule makes of upstream's list, if it has one.
    """

    image: Image
    before: tuple[Watched, ...]
    observations: tuple[Observation, ...]
    discovery: Discovery | None = None
    rows: tuple[Row, ...] = ()


@dataclass(frozen=True, slots=True)
class Round:
    """One look at many images. `failures` by image; `unreached` are images there was no time or leave for."""

    watches: tuple[Watch, ...] = ()
    usage: Mapping[str, Usage] = field(default_factory=dict)
    failures: Mapping[str, BreakwaterError] = field(default_factory=dict)
    unreached: tuple[str, ...] = ()


def gather(
    services: Services,
    catalog: Catalog,
    images: tuple[Image, ...],
    *,
    seconds: float,
    upstreams: Mapping[str, Upstream] | None = None,
) -> Round:
    """Look at these images; one bad image or registry never stops the rest.

    `upstreams` are those that may be asked, all by default; images of any other are not reached, nor are
    those of a registry that wants a pause.
    """
    sources = dict.fromkeys(image.source.registry for image in images)
    paused = lanes.pauses(services, sources)
    allowed = {each: catalog.upstream(each) for each in sources} if upstreams is None else upstreams
    asked = {name: each for name, each in allowed.items() if name not in paused}
    broken = {name: why for name, each in asked.items() if (why := _unusable(services, each))}
    sight = _Sight(services, catalog)
    for image in images:
        registry = image.source.registry
        if registry in broken:
            sight.failures[image.name] = broken[registry]
        elif registry not in asked:
            sight.unreached[image.name] = None
        else:
            sight.images[image.name] = image
    usable = {name: each for name, each in asked.items() if name not in broken}
    usage = asyncio.run(sight.look(usable, seconds))
    watches = tuple(sight.watch(image) for image in sight.left())
    return Round(watches, {**paused, **usage}, sight.failures, (*sight.unreached, *sight.late))


def _unusable(services: Services, upstream: Upstream) -> Misconfigured | None:
    """Say what is missing before this registry can be asked: it must not stop the other registries."""
    name = upstream.credentials
    if not name or name in services.settings.credentials:
        return None
    wanted = f"UPSTREAM_{name.upper()}_USERNAME and UPSTREAM_{name.upper()}_PASSWORD"
    return Misconfigured(f"{upstream.registry}: expected the settings {wanted}, found neither")


@dataclass(frozen=True, slots=True)
class _Known:
    """What the ledger and staging know of an image."""

    rows: tuple[Row, ...]
    staged: Mapping[str, Digest]


@dataclass(slots=True)
class _Sight:
    """What is learnt in one look, image by image; `unreached` keeps the order."""

    services: Services
    catalog: Catalog
    images: dict[str, Image] = field(default_factory=dict)
    known: dict[str, _Known] = field(default_factory=dict)
    discoveries: dict[str, Discovery] = field(default_factory=dict)
    failures: dict[str, BreakwaterError] = field(default_factory=dict)
    unreached: dict[str, None] = field(default_factory=dict)
    until: float = 0.0
    late: dict[str, None] = field(default_factory=dict)  # reached, but not all of their tags
    seen: dict[_Tag, Resolved | Unresolved] = field(default_factory=dict)
    offered: dict[tuple[Repository, Digest], Platforms] = field(default_factory=dict)
    before: dict[tuple[str, Digest], Platforms] = field(default_factory=dict)

    def left(self) -> list[Image]:
        """Return the images nothing has gone wrong with, with their tags of now."""
        out = self.failures.keys() | self.unreached.keys()
        return [each for name, each in self.images.items() if name not in out]

    async def look(self, upstreams: Mapping[str, Upstream], seconds: float) -> Mapping[str, Usage]:
        """Ask upstreams, staging and the ledger, all at the same time where nothing waits for an answer."""
        self.until = time.monotonic() + seconds
        with ThreadPoolExecutor(_THREADS, thread_name_prefix="watch") as pool:
            async with self.services.upstreams.visit(upstreams, seconds=seconds) as visit:
                named = [(each.source, tag) for each in self.left() for tag in each.tags]
                known = asyncio.gather(*(self._know(pool, each) for each in self.left()))
                lists = asyncio.gather(*(self._list(visit, each) for each in self.left()))
                answers, _, listed = await asyncio.gather(visit.resolve(named), known, lists)
                self.seen.update(answers)
                for image, found in listed:
                    self._choose(image, found)
                chosen = [(each.source, tag) for each in self.left() for tag in each.tags]
                more = [each for each in chosen if each not in self.seen]
                self.seen.update(await visit.resolve(more))
                self._pass_over()
                await self._compare(visit, pool)
                return visit.usage()

    def watch(self, image: Image) -> Watch:
        """Return what was seen of an image, compared with what is known of it."""
        known, now = self.known[image.name], self.services.clock.now()
        held = frozenset(known.staged.values())
        reached = [
            each
            for each in _watched(image, known)
            if _is_reached(self.seen[image.source, each.tag])
        ]
        observations: list[Observation] = []
        for each in reached:
            seen = self.seen[image.source, each.tag]
            old = self.before.get((image.name, each.current)) if each.current else None
            staging = Staging(known.staged.get(each.tag), held, old)
            digest = (
                seen.descriptor.digest if isinstance(seen, Resolved) and seen.descriptor else None
            )
            offered = self.offered.get((image.source, digest)) if digest else None
            observations.append(observe(image, each, seen, staging, now, offered))
        discovery = self.discoveries.get(image.name)
        return Watch(image, tuple(reached), tuple(observations), discovery, known.rows)

    async def _know(self, pool: ThreadPoolExecutor, image: Image) -> None:
        def read() -> _Known | None:
            if time.monotonic() >= self.until:
                return None
            rows = records.checked(self.services.ledger.rows(records.subject(image.name)))
            staging = self.catalog.staging.repository(image.name)
            tags = self.services.data_plane.tags(staging)
            return _Known(rows, {entry.name: entry.digest for entry in tags})

        try:
            found = await _threaded(pool, read)
        except BreakwaterError as error:
            self.failures[image.name] = error
        else:
            if found is None:  # staging is slow: it comes first next time
                self.unreached[image.name] = None
            else:
                self.known[image.name] = found

    async def _list(self, visit: Visit, image: Image) -> tuple[Image, _Listing]:
        if image.rule is None:
            return image, None
        found = await visit.tags(image.source, Chooser(image.rule).keep)
        return image, found or Unresolved(f"{image.source}: upstream has no such repository")

    def _choose(self, image: Image, listed: _Listing) -> None:
        """Let the rule choose; a list that did not come leaves everything as it was."""
        if image.rule is None or listed is None or image.name not in self.known:
            return
        before = records.chosen(self.known[image.name].rows)
        if isinstance(listed, Listed):
            found = discover(image.rule, before, listed)
        elif not listed.reached:
            self.unreached[image.name] = None
            return
        elif before is None:
            if image.tags:  # those the catalog names can be watched meanwhile
                self.late[image.name] = None
            else:
                self.failures[image.name] = Transient(listed.reason)
            return
        else:
            found = Discovery(before, refusal=listed.reason)
        self.discoveries[image.name] = found
        self.images[image.name] = catalogs.with_chosen(image, found.chosen)

    def _pass_over(self) -> None:
        """Remember each image of which a tag was not asked about: it comes first next time."""
        for image in self.left():
            answers = (self.seen[image.source, tag] for tag in image.tags)
            if not all(map(_is_reached, answers)):
                self.late[image.name] = None

    async def _compare(self, visit: Visit, pool: ThreadPoolExecutor) -> None:
        """Read what tells whether a move changed anything: upstream's new index, staging's old one."""
        moved = [
            (image, each, seen.descriptor)
            for image in self.left()
            for each in _watched(image, self.known[image.name])
            if isinstance(seen := self.seen[image.source, each.tag], Resolved)
            and seen.descriptor is not None
            and asks_for_content(image, each, seen, self.known[image.name].staged.values())
        ]
        indexes = [
            (image.source, new.digest) for image, _, new in moved if new.media_type in INDEXES
        ]
        answers = await visit.manifests(indexes)
        self.offered |= {
            where: _platforms(found)
            for where, found in answers.items()
            if isinstance(found, Manifest)
        }
        await asyncio.gather(*(self._read(pool, image, each) for image, each, _ in moved))

    async def _read(self, pool: ThreadPoolExecutor, image: Image, watched: Watched) -> None:
        digest = watched.current
        if digest is None or digest not in self.known[image.name].staged.values():
            return
        staging = self.catalog.staging.repository(image.name)
        try:
            found = await _threaded(
                pool, lambda: self.services.data_plane.manifest(staging, digest)
            )
        except BreakwaterError as error:
            self.failures[image.name] = error
            return
        if found is not None and found.is_index:
            self.before[image.name, digest] = _platforms(found)


async def _threaded[T](pool: ThreadPoolExecutor, call: Callable[[], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(pool, call)


def _is_reached(seen: Resolved | Unresolved) -> bool:
    return isinstance(seen, Resolved) or seen.reached


def _watched(image: Image, known: _Known) -> tuple[Watched, ...]:
    rows = {row.key: row for row in known.rows}
    return tuple(records.watched(tag, rows.get(tag)) for tag in image.tags)


def _platforms(index: Manifest) -> Platforms:
    return {platform: each.digest for platform, each in index.platforms().items()}
