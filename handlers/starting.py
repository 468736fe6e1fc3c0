"""Starting what a verdict waits for: runs, and the import of what the candidate is compared with."""

from dataclasses import replace

from handlers import comparing, importing, runs
from handlers.after import ON, REST, After, again, patiently
from handlers.recording import Subject, record
from shared.catalog import Catalog
from shared.errors import Misconfigured, Permanent
from shared.messages import CANDIDATES, LONGEST_DELAY, LookMessage, encode
from shared.policy.candidate import Decision, Stage, StartScan, StartTest, State
from shared.policy.facts import Facts
from shared.policy.precedence import is_backlog
from shared.services import Services

_COMPARED = "a candidate was to be compared with it"


def stage(
    services: Services, catalog: Catalog, facts: Facts, subject: Subject, action: Stage
) -> After:
    """Bring what base holds into staging: what the candidate is compared with, or the candidate itself."""
    of = replace(subject, digest=action.digest)
    is_new = not comparing.is_asked(services.ledger.rows(of.id))
    # What fixes something promoted is in a hurry to be compared; what is adopted is not.
    backlog = of == subject and is_backlog(facts, services.clock.now())
    progress = comparing.stage(
        services, catalog, facts.image, of.digest, action.tags, backlog=backlog
    )
    match progress.outcome:
        case importing.Outcome.DONE:
            return ON
        case importing.Outcome.FAILED if of == subject:
            reason = f"importing it from base failed: {progress.error}"
            record(services, subject, State.FAILED, (reason,))
            return REST
        case importing.Outcome.FAILED:
            return ON  # it is lost: there is nothing to compare with
        case importing.Outcome.RUNNING if is_new and of != subject:
            _see_to(services, of)
        case importing.Outcome.BUSY if progress.no_slot and backlog:
            return patiently(services)
    return again(services)


def start(
    services: Services, catalog: Catalog, facts: Facts, subject: Subject, decision: Decision
) -> After:
    """Start a run; look on at once if it has been started, else when there may be a slot."""
    record(services, subject, decision.state, decision.reasons, decision=decision)
    repository = catalog.staging.repository(facts.image.name)
    action, backlog = decision.action, is_backlog(facts, services.clock.now())
    started = False
    try:
        if isinstance(action, StartScan):
            of = replace(subject, digest=action.of or subject.digest)
            target = runs.Target(of, repository, action.platform, action.digest)
            started = runs.start_scan(services, target, action.attempt, backlog=backlog)
            if started and of != subject:
                _see_to(services, of)
        elif isinstance(action, StartTest):
            target = runs.Target(subject, repository, action.platform, action.digest)
            started = runs.start_test(
                services, target, facts.image, action.attempt, backlog=backlog
            )
    except (Permanent, Misconfigured) as error:
        # A platform no agent has, a script that is not there: said where people look for it.
        record(services, subject, State.FAILED, (f"no run could be started: {error}",))
        return REST
    if started:
        return ON
    # Many reports grow too old on one day: whoever has one already need not ask so often.
    return patiently(services) if decision.rule == "fresh" else again(services)


def _see_to(services: Services, of: Subject) -> None:
    """Have what a candidate is compared with looked at some time later, for its own sake.

    The candidate follows what was started for the comparison, but it may be denied or withdrawn meanwhile: then
    nobody would see the end, and the slot would be held until it expires.
    """
    message = LookMessage(of.image, str(of.digest), of.trace, _COMPARED)
    services.queues.send(CANDIDATES, encode(message), delay=LONGEST_DELAY)
