"""Promotion, applied step by step in the order policy gives; any step may be repeated."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice

from handlers import gathering, rebuilding
from handlers.importing import Copy, Outcome, drive, pending
from handlers.recording import Subject, note
from shared.catalog import Catalog, Image
from shared.errors import Permanent
from shared.oci import media_types
from shared.oci.digest import Digest
from shared.oci.manifest import Descriptor, Manifest
from shared.oci.reference import Repository
from shared.oci.tags import unique_tag
from shared.policy import promotion
from shared.policy.facts import Facts
from shared.policy.promotion import (
    AskRebuilds,
    AttachDecision,
    Base,
    Collision,
    CopyImage,
    CopyReferrers,
    Lock,
    MoveTag,
    TagUnique,
)
from shared.policy.statement import statement
from shared.ports import Locks, Row
from shared.services import Services

_SLOT = timedelta(minutes=30)
_MOST_STEPS = 20
_IMAGE = "base"  # the ledger's key of the image's import into base
_MOST_REFERRERS = 50


@dataclass(frozen=True, slots=True)
class Promotion:
    """One candidate on its way into base, under these stable tags, for these reasons."""

    catalog: Catalog
    image: Image
    subject: Subject
    facts: Facts
    tags: tuple[str, ...]
    reasons: tuple[str, ...]

    @property
    def staging(self) -> Repository:
        """Where it comes from."""
        return self.catalog.staging.repository(self.image.name)

    @property
    def base(self) -> Repository:
        """Where it goes to."""
        return self.catalog.base.repository(self.image.name)


@dataclass(frozen=True, slots=True)
class Busy:
    """Not now: something is under way, or someone else is at it."""


@dataclass(frozen=True, slots=True)
class Judge:
    """A stable tag is to be moved: gather and decide once more, inside the lease."""

    tag: str


@dataclass(frozen=True, slots=True)
class Failed:
    """It cannot be promoted; the reason is the platform's own."""

    reason: str


@dataclass(frozen=True, slots=True)
class Complete:
    """Base is as it should be."""


type Advance = Busy | Judge | Failed | Complete


def advance(services: Services, task: Promotion, *, may_move: str = "") -> Advance:
    """Take every step that can be taken now; `may_move` is the tag whose lease is held."""
    until = services.clock.now() + _SLOT
    limit = services.settings.promotion_concurrency
    if not services.slots.take("promotions", task.subject.id, limit=limit, until=until):
        return Busy()
    try:
        outcome = _steps(services, task, may_move)
    except Permanent as error:
        outcome = Failed(str(error))  # a lock that someone else set, say: it explains itself
    except Exception:
        release(services, task.subject)
        raise
    if isinstance(outcome, (Failed, Complete)):
        release(services, task.subject)
    return outcome


def release(services: Services, subject: Subject) -> None:
    """Give the promotion's slot back; a candidate may stop being promoted half-way."""
    services.slots.free("promotions", subject.id)


def _steps(services: Services, task: Promotion, may_move: str) -> Advance:
    for _ in range(_MOST_STEPS):
        step = promotion.next_step(task.subject.digest, task.tags, _base(services, task))
        match step:
            case None:
                return Complete()
            case Collision(reason):
                return Failed(reason)
            case CopyImage(tags):
                stopped = _copy(services, task, _IMAGE, task.subject.digest, tags)
            case CopyReferrers(digests):
                stopped = _copy_all(services, task, digests)
            case MoveTag(tag) if tag != may_move:
                return Judge(tag)
            case _:
                stopped = None
                _apply(services, task, step)
        if stopped is not None:
            return stopped
    return Busy()


def _apply(
    services: Services,
    task: Promotion,
    step: TagUnique | AttachDecision | Lock | MoveTag | AskRebuilds,
) -> None:
    done: tuple[str, str]
    match step:
        case TagUnique(tag):
            services.data_plane.put_manifest(task.base, tag, _required(services, task))
            done = ("tagged", tag)
        case MoveTag(tag):
            # It may have been here before: the apps have to follow it back.
            services.ledger.delete(task.subject.id, f"rebuilds:{tag}")
            services.data_plane.put_manifest(task.base, tag, _required(services, task))
            done = ("tag moved", task.base.tagged(tag))
        case AttachDecision():
            done = ("decision attached", str(_attach(services, task)))
        case Lock(wanted):
            for reference, locks in wanted.items():
                services.data_plane.lock(task.base, reference, locks)
            done = ("locked", _locked(wanted))
        case AskRebuilds(tag):
            asked = rebuilding.ask(
                services, task.catalog, task.base, tag, task.subject.digest, task.subject.trace
            )
            services.ledger.upsert(Row(task.subject.id, f"rebuilds:{tag}", {"asked": asked}))
            done = ("rebuilds asked for", _asked(asked, tag))
    event, what = done
    once = f"{task.subject.id}|{task.subject.trace}|{event}|{what}"
    note(services, task.subject, event, (what,), once=once)


def _asked(asked: int, tag: str) -> str:
    apps = {0: "no app was", 1: "1 app was"}.get(asked, f"{asked} apps were")
    return f"{apps} built on another digest of {tag}"


def _locked(wanted: Mapping[str | Digest, Locks]) -> str:
    tags = sorted(each for each in wanted if isinstance(each, str))
    manifests = len(wanted) - len(tags)
    return " and ".join([*tags, *([f"{manifests} manifests"] if manifests else [])])


def _attach(services: Services, task: Promotion) -> Digest:
    content = statement(
        task.facts,
        base=task.base,
        tags=task.tags,
        reasons=task.reasons,
        catalog=task.catalog.digest_of_text,
    )
    return services.data_plane.attach(
        task.base,
        _required(services, task).descriptor,
        artifact_type=media_types.DECISION_ARTIFACT,
        media_type=media_types.DECISION,
        content=content,
        annotations={"io.breakwater.candidate": task.subject.id},
    )


def _copy(
    services: Services, task: Promotion, key: str, digest: Digest, tags: tuple[str, ...]
) -> Advance | None:
    progress = drive(services, Copy(task.subject.id, key, task.staging, digest, task.base, tags))
    match progress.outcome:
        case Outcome.DONE:
            return None
        case Outcome.FAILED:
            return Failed(f"importing {digest} into base failed: {progress.error}")
        case Outcome.BUSY | Outcome.RUNNING:
            return Busy()


def _copy_all(services: Services, task: Promotion, digests: tuple[Digest, ...]) -> Advance | None:
    stops = [_copy(services, task, _referrer_key(each), each, ()) for each in digests]
    failed = next((stop for stop in stops if isinstance(stop, Failed)), None)
    return failed or next((stop for stop in stops if stop is not None), None)


def _referrer_key(referrer: Digest) -> str:
    return f"{_IMAGE}:{referrer.short}"


def _required(services: Services, task: Promotion) -> Manifest:
    """Return the manifest's exact bytes from base, by digest."""
    manifest = services.data_plane.manifest(task.base, task.subject.digest)
    if manifest is None:
        manifest = services.data_plane.manifest(task.staging, task.subject.digest)
    if manifest is None:
        message = f"neither base nor staging holds {task.subject.digest}"
        raise LookupError(message)
    return manifest


def _base(services: Services, task: Promotion) -> Base:
    """Gather what base holds of the candidate."""
    digest, plane = task.subject.digest, services.data_plane
    unique = {tag: _entry(services, task.base, unique_tag(tag, digest)) for tag in task.tags}
    rows = services.ledger.rows(task.subject.id)
    if plane.manifest_entry(task.base, digest) is None or pending(rows, _IMAGE) is not None:
        return Base(holds=False, unique=unique)
    manifest = _required(services, task)
    parts = (digest, *(each.digest for each in manifest.manifests))
    there = {each.digest: each for part in parts for each in plane.referrers(task.base, part)}
    wanted = islice(_referrers_to_copy(services, task, parts), _MOST_REFERRERS)
    decision = gathering.decision(services, task.base, digest)
    return Base(
        holds=True,
        stable={tag: _entry(services, task.base, tag) for tag in task.tags},
        unique=unique,
        missing_referrers=tuple(
            each for each in wanted if each not in there or pending(rows, _referrer_key(each))
        ),
        decision=decision,
        kept=_locks(services, task, (*parts, *_own(there.values()))),
        rebuilds_asked=frozenset(
            row.key.removeprefix("rebuilds:") for row in rows if row.key.startswith("rebuilds:")
        ),
    )


def _entry(services: Services, repository: Repository, tag: str) -> tuple[Digest, Locks] | None:
    entry = services.data_plane.tag(repository, tag)
    return (entry.digest, entry.locks) if entry else None


def _referrers_to_copy(
    services: Services, task: Promotion, parts: tuple[Digest, ...]
) -> Iterator[Digest]:
    """Yield what staging's referrers base should have: upstream's, and our own proven ones."""
    proven = {scan.report_digest for scan in task.facts.scans}
    if task.facts.test is not None:
        proven.add(task.facts.test.result_digest)
    for part in parts:
        for each in services.data_plane.referrers(task.staging, part):
            if each.digest in proven or not each.artifact_type.startswith(media_types.OWN_PREFIX):
                yield each.digest


def _own(referrers: Iterable[Descriptor]) -> tuple[Digest, ...]:
    return tuple(
        each.digest for each in referrers if each.artifact_type.startswith(media_types.OWN_PREFIX)
    )


def _locks(services: Services, task: Promotion, digests: tuple[Digest, ...]) -> dict[Digest, Locks]:
    entries = {each: services.data_plane.manifest_entry(task.base, each) for each in digests}
    return {digest: entry.locks for digest, entry in entries.items() if entry is not None}
