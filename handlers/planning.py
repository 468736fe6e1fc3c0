"""What a watch would do to the registries now, gathered by reading alone."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from handlers import catalogs, importing, observing
from handlers.observing import Round, Watch
from shared.catalog import Catalog, Image
from shared.errors import BreakwaterError, Misconfigured
from shared.messages import candidate_id
from shared.oci.digest import Digest
from shared.oci.reference import Repository
from shared.oci.tags import unique_tag
from shared.policy.precedence import estimate
from shared.policy.watching import Change, Observation
from shared.services import Services
from shared.values import Row, Usage

_LEFT_ALONE = "an import of it is under way, or failed within the hour: none would be asked for"


@dataclass(frozen=True, slots=True)
class Line:
    """One watched tag: what staging holds, what upstream has, and what a watch would make of it.

    `writes` are the tags of `target` that an import or a retagging would set; `fix` tells that base holds the
    tag already, so that something promoted waits for it.
    """

    image: str
    source: Repository
    tag: str
    change: Change
    reason: str
    target: Repository
    staged: Digest | None = None
    upstream: Digest | None = None
    writes: tuple[str, ...] = ()
    fix: bool = False


@dataclass(frozen=True, slots=True)
class Chosen:
    """What an image's rule makes of the tags upstream lists now; a `refusal` says why the list is not believed."""

    image: str
    appeared: tuple[str, ...]
    vanished: tuple[str, ...]
    dropped: tuple[str, ...]
    refusal: str


@dataclass(frozen=True, slots=True)
class Plan:
    """Every watched tag of the images asked for, in the catalog's order, and what it took to learn it.

    `failures` are images that could not be looked at, and why; `unreached` those there was no time for.
    """

    at: datetime
    took: timedelta
    catalog: Catalog
    lines: tuple[Line, ...]
    rules: tuple[Chosen, ...]
    failures: Mapping[str, BreakwaterError]
    unreached: tuple[str, ...]
    usage: Mapping[str, Usage]
    concurrency: int

    @property
    def counts(self) -> Mapping[Change, int]:
        """How many tags there are of each change."""
        return Counter(line.change for line in self.lines)

    @property
    def answered(self) -> bool:
        """Whether every registry said what it was asked."""
        return not (self.failures or self.unreached or self.counts.get(Change.UNREACHABLE))

    @property
    def misconfigured(self) -> bool:
        """Whether a setting or a role stands in the way of an image."""
        return any(isinstance(each, Misconfigured) for each in self.failures.values())

    @property
    def imports(self) -> int:
        """How many imports would be asked for: tags that point at one digest share one."""
        return len({_copied(line) for line in self.lines if _is_import(line)})

    @property
    def fixes(self) -> int:
        """How many of those go first."""
        return len({_copied(line) for line in self.lines if _is_import(line) and line.fix})

    @property
    def duration(self) -> timedelta:
        """About how long all the imports take, nothing else being under way."""
        return estimate(self.imports, self.concurrency)


def gather(services: Services, names: Iterable[str] = (), *, seconds: float) -> Plan:
    """Look at every image, or only those named; reads only. Raises what reading raises."""
    start = services.clock.now()
    catalog = catalogs.current(services)
    wanted = frozenset(names) or {each.name for each in catalog.images}
    images = tuple(each for each in catalog.images if each.name in wanted)
    found = observing.gather(services, catalog, images, seconds=seconds)
    return Plan(
        at=start,
        took=services.clock.now() - start,
        catalog=catalog,
        lines=_lines(services, catalog, found),
        rules=tuple(each for watch in found.watches if (each := _chosen(watch))),
        failures=found.failures,
        unreached=found.unreached,
        usage=found.usage,
        concurrency=services.settings.import_concurrency,
    )


def _lines(services: Services, catalog: Catalog, found: Round) -> tuple[Line, ...]:
    changes = {seen.change for watch in found.watches for seen in watch.observations}
    # One reading of all imports: on a first day there are as many as there are tags.
    recorded = services.ledger.all("import") if Change.IMPORT in changes else ()
    under_way = {row.subject: row for row in recorded}
    return tuple(
        _line(services, catalog, watch.image, seen, promoted, under_way)
        for watch in found.watches
        for promoted in [_promoted(services, catalog, watch)]
        for seen in watch.observations
    )


def _promoted(services: Services, catalog: Catalog, watch: Watch) -> frozenset[str]:
    """Return the tags that base holds of an image, where something would be imported."""
    if all(seen.change is not Change.IMPORT for seen in watch.observations):
        return frozenset()
    base = catalog.base.repository(watch.image.name)
    return frozenset(entry.name for entry in services.data_plane.tags(base))


def _line(
    services: Services,
    catalog: Catalog,
    image: Image,
    seen: Observation,
    promoted: frozenset[str],
    under_way: Mapping[str, Row],
) -> Line:
    reason = seen.reason
    writes: tuple[str, ...] = ()
    match seen.change, seen.digest:
        case Change.IMPORT, Digest() as digest:
            row = under_way.get(candidate_id(image.name, digest))
            if row is not None and importing.left_alone(row, services.clock.now()):
                reason += f"; {_LEFT_ALONE}"
            else:
                writes = (seen.tag, unique_tag(seen.tag, digest))
        case Change.RETAG, _:
            writes = (seen.tag,)
    return Line(
        image=image.name,
        source=image.source,
        tag=seen.tag,
        change=seen.change,
        reason=reason,
        target=catalog.staging.repository(image.name),
        staged=seen.staged,
        upstream=seen.digest,
        writes=writes,
        fix=seen.tag in promoted,
    )


def _chosen(watch: Watch) -> Chosen | None:
    found = watch.discovery
    if found is None or not (found.appeared or found.vanished or found.dropped or found.refusal):
        return None
    return Chosen(watch.image.name, found.appeared, found.vanished, found.dropped, found.refusal)


def _is_import(line: Line) -> bool:
    return line.change is Change.IMPORT and bool(line.writes)


def _copied(line: Line) -> tuple[str, Digest | None]:
    return line.image, line.upstream
