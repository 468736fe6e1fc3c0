"""Promotion, applied step by step in the order policy gives; any step may be repeated."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from handlers import gathering, keeping, rebuilding, turns
from handlers.importing import Copy, Outcome, drive, forget, pending
from handlers.inventory import IMAGE, Inventory, referrer_key
from handlers.recording import Subject, note
from shared.catalog import Catalog, Image
from shared.errors import Permanent
from shared.messages import candidate_id
from shared.oci import media_types
from shared.oci.digest import Digest
from shared.oci.reference import Repository
from shared.oci.tags import unique_tag
from shared.operators import RulingKind
from shared.policy import promotion, vulns
from shared.policy.actions import Enforced, Grounds
from shared.policy.facts import Facts
from shared.policy.precedence import is_backlog
from shared.policy.promotion import (
    AskRebuilds,
    AttachDecision,
    Collision,
    CopyImage,
    CopyReferrers,
    Lock,
    MoveTag,
    TagHeld,
    TagUnique,
)
from shared.policy.statement import PREDICATE, statement
from shared.services import Services
from shared.values import Layer, Locks, Row

_SLOT = timedelta(minutes=30)
_MOST_STEPS = 20
_LONGEST = timedelta(seconds=10)  # no function waits longer than 20 s (design §2.6)


@dataclass(frozen=True, slots=True)
class Promotion:
    """One candidate on its way into base, under these stable tags, for these reasons, on these grounds.

    `enforced` is what `mode: enforce` would have said.
    """

    catalog: Catalog
    image: Image
    subject: Subject
    facts: Facts
    tags: tuple[str, ...]
    reasons: tuple[str, ...]
    grounds: Grounds = field(default_factory=Grounds)
    enforced: Enforced | None = None

    @property
    def staging(self) -> Repository:
        """Where it comes from."""
        return self.catalog.staging.repository(self.image.name)

    @property
    def base(self) -> Repository:
        """Where it goes to."""
        return self.catalog.base.repository(self.image.name)

    @property
    def is_done(self) -> bool:
        """Whether base holds it under all its tags with a decision of ours: no verdict was passed to get here."""
        held = all(self.facts.base.get(tag) == self.subject.digest for tag in self.tags)
        return held and self.facts.decided


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
    now, limit = services.clock.now(), services.settings.promotion_concurrency
    backlog = is_backlog(task.facts, now)
    owner, until = task.subject.id, now + _SLOT
    if not turns.take(services, "promotions", owner, limit=limit, until=until, backlog=backlog):
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
    inventory = Inventory(
        services,
        task.subject,
        task.facts,
        task.tags,
        task.staging,
        task.base,
        task.grounds.approval,
        b"" if task.is_done else _statement(task),
    )
    until = services.clock.now() + _LONGEST
    for _ in range(_MOST_STEPS):
        step = promotion.next_step(task.subject.digest, task.tags, inventory.take())
        match step:
            case None:
                _forget_copies(services, task)
                return Complete()
            case Collision(reason):
                return Failed(reason)
            case CopyImage(tags):
                stopped = _refused(services, task) or _copy(
                    services, task, IMAGE, task.subject.digest, tags
                )
            case CopyReferrers(digests):
                stopped = _copy_all(services, task, inventory, digests)
            case MoveTag(tag) if tag != may_move:
                return Judge(tag)
            case MoveTag() if _denied(services, task):
                return Busy()  # since it was judged: the next look rejects it
            case _:
                stopped = None
                _apply(services, task, inventory, step)
        if stopped is not None:
            return stopped
        # A move is brought to its end: whoever asked for it then sees to what the tag has left.
        if not may_move and services.clock.now() >= until:
            break
    return Busy()


def _denied(services: Services, task: Promotion) -> bool:
    """Tell whether an operator has denied it by now: nothing else could still stop the tag."""
    said = services.rulings.of(task.image.name, task.subject.digest)
    return any(each.kind is RulingKind.DENY for each in said)


def _forget_copies(services: Services, task: Promotion) -> None:
    """Let go of copies that nothing waits for: of a report, say, that was made again while it was on its way."""
    for row in services.ledger.rows(task.subject.id):
        if row.key.startswith(f"{IMAGE}:"):
            forget(services, row.subject, row.key)


def _refused(services: Services, task: Promotion) -> Failed | None:
    """Refuse an image that would bring along into base what poses as ours or as another image's."""
    if pending(services.ledger.rows(task.subject.id), IMAGE) is not None:
        return None  # it was looked through before its import was started
    found = gathering.contents(services, task.staging, task.subject.digest)
    reason = found if isinstance(found, str) else promotion.refusal(found)
    return Failed(reason) if reason else None


def _apply(
    services: Services,
    task: Promotion,
    inventory: Inventory,
    step: TagUnique | TagHeld | AttachDecision | Lock | MoveTag | AskRebuilds,
) -> None:
    done: tuple[str, str]
    match step:
        case TagUnique(tag):
            services.data_plane.put_manifest(task.base, tag, inventory.manifest())
            inventory.moved(tag)
            done = ("tagged", tag)
        case TagHeld(tag, held):
            keeping.apply(services, task.base, step)
            inventory.moved(tag)
            stable = (each for each in task.tags if unique_tag(each, held) == tag)
            values = {"by": gathering.OTHERS, "tags": " ".join(stable)}
            services.ledger.insert(
                Row(candidate_id(task.image.name, held), gathering.ADOPTED, values)
            )
            done = ("kept", f"{tag}, which is {held}")
        case MoveTag(tag):
            # It may have been here before: the apps have to follow it back.
            services.ledger.delete(task.subject.id, f"rebuilds:{tag}")
            services.data_plane.put_manifest(task.base, tag, inventory.manifest())
            inventory.moved(tag)
            done = ("tag moved", task.base.tagged(tag))
        case AttachDecision():
            decision = _attach(services, task, inventory)
            inventory.attached(decision)
            done = ("decision attached", str(decision))
        case Lock(wanted):
            keeping.apply(services, task.base, step)
            inventory.locked(wanted)
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


def _attach(services: Services, task: Promotion, inventory: Inventory) -> Digest:
    found = vulns.statements(task.facts, task.base)
    said = [(PREDICATE, _statement(task)), *((vulns.PREDICATE, each) for each in found)]
    return services.data_plane.attach_layers(
        task.base,
        inventory.manifest().descriptor,
        artifact_type=media_types.DECISION_ARTIFACT,
        layers=[
            # The annotation that BuildKit gives its attestations' layers; verifiers choose by it.
            Layer(media_types.DECISION, each, {"in-toto.io/predicate-type": predicate})
            for predicate, each in said
        ],
        annotations={"io.breakwater.candidate": task.subject.id},
    )


def _statement(task: Promotion) -> bytes:
    return statement(
        task.facts,
        base=task.base,
        tags=task.tags,
        reasons=task.reasons,
        catalog=task.catalog.digest_of_text,
        grounds=task.grounds,
        enforced=task.enforced,
    )


def _copy(
    services: Services, task: Promotion, key: str, digest: Digest, tags: tuple[str, ...]
) -> Advance | None:
    backlog = is_backlog(task.facts, services.clock.now())
    copy = Copy(task.subject.id, key, task.staging, digest, task.base, tags, backlog=backlog)
    progress = drive(services, copy)
    match progress.outcome:
        case Outcome.DONE:
            return None
        case Outcome.FAILED:
            return Failed(f"importing {digest} into base failed: {progress.error}")
        case Outcome.BUSY | Outcome.RUNNING:
            return Busy()


def _copy_all(
    services: Services, task: Promotion, inventory: Inventory, digests: tuple[Digest, ...]
) -> Advance | None:
    stops: list[Advance] = []
    for each in digests:
        stop = _copy(services, task, referrer_key(each), each, ())
        if stop is None:
            inventory.arrived(each)
        else:
            stops.append(stop)
    return next((stop for stop in stops if isinstance(stop, Failed)), next(iter(stops), None))
