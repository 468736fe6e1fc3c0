"""Looking at a candidate: gather, decide, apply, until something has to be waited for."""

import secrets
from datetime import datetime, timedelta

from handlers import catalogs, gathering, importing, promoting, starting
from handlers.after import ON, REST, After, again, busy, due_at, soon
from handlers.claims import claim
from handlers.recording import Subject, record
from shared.catalog import Catalog, Image
from shared.messages import (
    BACKLOG,
    CANDIDATES,
    IMPORTS,
    ImportMessage,
    LookMessage,
    encode,
)
from shared.oci.digest import Digest
from shared.policy.candidate import (
    Decision,
    Hold,
    Import,
    Promote,
    Rest,
    Stage,
    StartScan,
    StartTest,
    State,
    Wait,
    decide,
)
from shared.policy.facts import Facts, Progress
from shared.policy.precedence import is_backlog
from shared.services import Services
from shared.values import Row

_LONGEST = timedelta(seconds=15)  # no function waits longer than 20 s (design §2.6)
_MOST_STEPS = 30
AGAIN = "again"  # the ledger's key of whose turn the next look is
_UNDERWAY = "something was under way"


def look(services: Services, message: LookMessage) -> None:
    """Look at one candidate. Whoever is told twice, late or out of order does no harm."""
    catalog = catalogs.current(services)
    image = catalogs.image(services, catalog, message.image)
    if image is None:
        return  # the catalog has dropped it; what is in the registries stays as it is
    subject = Subject(image.name, Digest(message.digest), message.trace)
    with claim(services, f"look:{subject.id}") as claimed:
        after = _steps(services, catalog, image, subject) if claimed else busy()
    if after.delay is not None:
        _ask_again(services, message, subject, after.delay)
    else:
        promoting.release(services, subject)
        services.ledger.delete(subject.id, AGAIN)


def ask(services: Services, subject: Subject, why: str) -> None:
    """Ask for a look at the candidate, now."""
    message = LookMessage(subject.image, str(subject.digest), subject.trace, why)
    services.queues.send(CANDIDATES, encode(message))


def _ask_again(
    services: Services, message: LookMessage, subject: Subject, delay: timedelta
) -> None:
    """Ask for the next look, unless one is on its way already.

    A candidate that waits has one chain of looks: each message carries a turn, and the ledger says
    whose turn it is. Only that message goes on, so a doubled event starts no second chain; the
    turn before it may too, because its worker may have died before it sent the next. A chain
    that is overdue is anyone's.
    """
    row = next((each for each in services.ledger.rows(subject.id) if each.key == AGAIN), None)
    now = services.clock.now()
    if row is not None and message.turn not in (row.values["turn"], row.values["before"]):
        overdue = datetime.fromisoformat(str(row.values["at"])) + timedelta(
            seconds=services.settings.claim_seconds
        )
        if now < overdue:
            return
    turn = secrets.token_hex(8)
    values = {"turn": turn, "before": message.turn, "at": (now + delay).isoformat()}
    services.ledger.upsert(Row(subject.id, AGAIN, values))
    again = LookMessage(subject.image, str(subject.digest), subject.trace, _UNDERWAY, turn)
    services.queues.send(CANDIDATES, encode(again), delay=delay)


def _steps(services: Services, catalog: Catalog, image: Image, subject: Subject) -> After:
    started = services.clock.now()
    for _ in range(_MOST_STEPS):
        facts = gathering.facts(services, catalog, image, subject)
        decision = decide(facts, services.clock.now())
        after = _apply(services, catalog, facts, subject, decision)
        if after == REST and _is_running(facts):
            return again(services)  # nobody needs the run's result; its slot must come back
        if not after.again:
            return after
        if services.clock.now() - started > _LONGEST:
            break
    return After(delay=timedelta(seconds=1))


def _is_running(facts: Facts) -> bool:
    compared = (scan for each in facts.promoted for scan in each.scans)
    runs_known = (*facts.scans, *compared, *((facts.test,) if facts.test else ()))
    return any(each.progress is Progress.UNDERWAY for each in runs_known)


def _apply(
    services: Services, catalog: Catalog, facts: Facts, subject: Subject, decision: Decision
) -> After:
    match decision.action:
        case Promote(tags):
            return _promote(services, catalog, facts, subject, decision, tags)
        case StartScan() | StartTest():
            return starting.start(services, catalog, facts, subject, decision)
        case Hold(until):
            due = due_at(services, until)
            record(services, subject, decision.state, decision.reasons, due=due, decision=decision)
            return soon(services, until)
        case Import(tag):
            backlog = is_backlog(facts, services.clock.now())
            if not importing.asking(services, subject.id, urgent=not backlog):
                return REST  # its own message carries it on, and asks for a look when it is there
            message = ImportMessage(
                subject.image,
                tag,
                str(subject.digest),
                subject.trace,
                urgency=BACKLOG if backlog else "",
            )
            services.queues.send(IMPORTS, encode(message))
            importing.asked(services, subject.id)
            record(services, subject, decision.state, decision.reasons, decision=decision)
            return REST
        case Stage() as action:
            record(services, subject, decision.state, decision.reasons, decision=decision)
            return starting.stage(services, catalog, facts, subject, action)
        case Wait():
            record(services, subject, decision.state, decision.reasons, decision=decision)
            return again(services)
        case Rest():
            record(services, subject, decision.state, decision.reasons, decision=decision)
            return REST


def _promote(
    services: Services,
    catalog: Catalog,
    facts: Facts,
    subject: Subject,
    decision: Decision,
    tags: tuple[str, ...],
) -> After:
    if decision.state is State.PROMOTING:
        record(services, subject, State.PROMOTING, decision.reasons, decision=decision)
    task = _task(catalog, facts, subject, decision, tags)
    match promoting.advance(services, task):
        case promoting.Busy():
            return again(services)
        case promoting.Judge(tag):
            return _move(services, task, tag)
        case promoting.Failed(reason):
            record(services, subject, State.FAILED, (reason,))
            return REST
        case promoting.Complete():
            names = " and ".join(task.base.tagged(tag) for tag in tags)
            reasons = (f"{names} is this digest",)
            record(services, subject, State.PROMOTED, reasons, decision=decision)
            return REST


def _task(
    catalog: Catalog, facts: Facts, subject: Subject, decision: Decision, tags: tuple[str, ...]
) -> promoting.Promotion:
    return promoting.Promotion(
        catalog,
        facts.image,
        subject,
        facts,
        tags,
        decision.reasons,
        decision.grounds,
        decision.enforced,
    )


def _move(services: Services, task: promoting.Promotion, tag: str) -> After:
    """Move a stable tag: lease it, gather and decide once more inside the lease, then move."""
    with claim(services, f"tag:{task.base}:{tag}") as leased:
        if not leased:
            return again(services)
        facts = gathering.facts(services, task.catalog, task.image, task.subject, last=True)
        decision = decide(facts, services.clock.now())
        if not isinstance(decision.action, Promote) or tag not in decision.action.tags:
            return ON
        # Whatever changed since: what moves the tag is this verdict, and so is what says why.
        task = _task(task.catalog, facts, task.subject, decision, decision.action.tags)
        if decision.state is State.PROMOTING:
            record(services, task.subject, State.PROMOTING, decision.reasons, decision=decision)
        match promoting.advance(services, task, may_move=tag):
            case promoting.Busy():
                return again(services)
            case promoting.Failed(reason):
                record(services, task.subject, State.FAILED, (reason,))
                return REST
            case _:
                _moved_on(services, task.subject, facts.base.get(tag), tag)
                return ON


def _moved_on(services: Services, subject: Subject, before: Digest | None, tag: str) -> None:
    """Have the digest looked at that the tag pointed at before: it is superseded now."""
    if before is not None and before != subject.digest:
        old = Subject(subject.image, before, subject.trace)
        ask(services, old, f"base's {tag} moved on")
