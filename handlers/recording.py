"""A candidate's state in the ledger, and each change of it in the journal."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from handlers import announcing
from handlers.plain import plain, sentences
from shared.messages import candidate_id
from shared.oci.digest import Digest
from shared.policy.actions import Enforced
from shared.policy.candidate import Decision, Promote, State
from shared.services import Services
from shared.values import Entry, Row

STATE = "state"
PROMOTIONS = "promotions"  # the ledger's subject of when each image had its last promotion
_KEPT = 1_500  # characters of what else a row says in sentences: it has to hold the reasons too
_ANNOUNCED = frozenset({State.PROMOTED, State.REJECTED, State.FAILED, State.HELD})
# A scan that is done again and brings the same verdict is no news, nor is what staging lost and got back.
_LASTING = {State.REJECTED, State.HELD, State.PROMOTED, State.FAILED}
# Rules whose reason is another each time: the date of a database that stays old, the run that left nothing again.
_VARYING = {"fresh", "scanned", "tested"}
_ARRIVING = {State.DETECTED, State.IMPORTING}
_ASKING = {*_ARRIVING, State.SCANNING, State.TESTING}

type _Value = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Subject:
    """The candidate an entry is about, and the trace of what led here."""

    image: str
    digest: Digest
    trace: str

    @property
    def id(self) -> str:
        """The candidate's id."""
        return candidate_id(self.image, self.digest)


def record(
    services: Services,
    subject: Subject,
    state: State,
    reasons: tuple[str, ...],
    *,
    due: datetime | None = None,
    decision: Decision | None = None,
) -> None:
    """Write the state down; a change of state, or of a verdict's reasons, goes into the journal.

    The journal comes first and its entry's id is made of the change, so that dying in between
    leaves neither a gap nor a double. A `decision` adds the rule that answered and what enforce would have said.
    """
    reasons = sentences(reasons)
    before = known(services, subject.id)
    old = before.values if before else {}
    said = json.dumps(reasons)
    verdict = _verdict(state, decision, old)
    _would_have_stopped(services, subject, decision, verdict, old)
    same = old.get("state") == state.value and old.get("reasons") == said
    what = decision.rule if decision is not None and decision.rule in _VARYING else said
    announced = _id(f"{state.value}|{what}") if state in _ANNOUNCED else ""
    if old.get("state") != state.value or (old.get("reasons") != said and state in _ANNOUNCED):
        change = f"{subject.id}|{before.version if before else ''}|{state.value}|{said}"
        news = bool(announced) and not (state in _LASTING and old.get("announced") == announced)
        note(services, subject, state.value, reasons, once=change, announce=news)
    elif before is not None and before.due == due and verdict.items() <= old.items():
        return
    now = services.clock.now().isoformat()
    since = str(old["since"]) if same and "since" in old else now
    told = _told(state, announced, old, since)
    if state is State.PROMOTED and told["told"] == now:
        # Before the row itself: who asks when there is something to count must not miss it.
        services.ledger.upsert(Row(PROMOTIONS, subject.image, {"at": now}))
    values = {
        "image": subject.image,
        "digest": str(subject.digest),
        "state": state.value,
        "reasons": said,
        "since": since,
        "trace": subject.trace,
    }
    services.ledger.upsert(Row(subject.id, STATE, values | told | verdict, due=due))


def _told(state: State, announced: str, old: Mapping[str, _Value], since: str) -> dict[str, str]:
    """Return which verdict was announced last and when, also while what goes on may only bring it again.

    Rows from before it was kept say neither: what they say was told when it began.
    """
    before = {name: str(old.get(name, "")) for name in ("announced", "told")}
    if state in _ASKING or (state in _LASTING and announced and before["announced"] == announced):
        return before
    return {"announced": announced, "told": since if announced else ""}


def _verdict(state: State, decision: Decision | None, old: Mapping[str, _Value]) -> dict[str, str]:
    """Return what the row says of the verdict besides its state and its reasons.

    Why it passed, and what enforce would have said, stay with what was promoted: looks after that ask no gate, nor
    when staging has lost it and it comes back.
    """
    found = {name: str(old.get(name, "")) for name in ("enforced", "enforced_reasons", "passed")}
    would = _enforced(decision)
    if would is not None:
        found |= {"enforced": would.state.value, "enforced_reasons": _kept(would.reasons)}
    elif state not in (State.PROMOTED, State.SUPERSEDED, State.FAILED, *_ARRIVING):
        found |= {"enforced": "", "enforced_reasons": "", "passed": ""}
    if decision is not None and decision.state is State.PROMOTING:
        found["passed"] = _kept(decision.reasons)
    return found | {"rule": decision.rule if decision else ""}


def _kept(reasons: tuple[str, ...]) -> str:
    return json.dumps(sentences(tuple(plain(each, 300) for each in reasons), _KEPT))


def _enforced(decision: Decision | None) -> Enforced | None:
    """Return what enforce would have said of a promotion; until it is promoted nothing was let through."""
    promotes = decision is not None and isinstance(decision.action, Promote)
    return decision.enforced if decision is not None and promotes else None


def _would_have_stopped(
    services: Services,
    subject: Subject,
    decision: Decision | None,
    verdict: Mapping[str, str],
    old: Mapping[str, _Value],
) -> None:
    """Announce once what enforce says of what is promoted although it would have stopped it."""
    would = _enforced(decision)
    if would is None or all(
        old.get(name) == verdict[name] for name in ("enforced", "enforced_reasons")
    ):
        return
    once = f"would have stopped|{subject.id}|{json.dumps(would.reasons)}"
    reasons = (f"enforce would have said {would.state.value}", *would.reasons)
    note(services, subject, "would have stopped", reasons, once=once, announce=True)


def note(
    services: Services,
    subject: Subject,
    event: str,
    reasons: tuple[str, ...],
    *,
    once: str,
    announce: bool = False,
) -> None:
    """Add a journal entry; the same `once` is the same entry."""
    _add(
        services,
        Entry(
            at=services.clock.now(),
            image=subject.image,
            digest=str(subject.digest),
            event=event,
            reasons=sentences(reasons),
            trace=subject.trace,
            id=_id(once),
        ),
        announce=announce,
    )


def say(
    services: Services,
    image: str,
    event: str,
    reasons: tuple[str, ...],
    *,
    once: str,
    trace: str,
    announce: bool = False,
) -> None:
    """Add a journal entry that is about no candidate: about an image, or with "" about a registry."""
    said, at = sentences(reasons), services.clock.now()
    entry = Entry(at, image, "", event, said, trace, _id(f"{event}|{once}"))
    _add(services, entry, announce=announce)


def known(services: Services, candidate: str) -> Row | None:
    """Return the candidate's state row, if it has been looked at before."""
    return next((row for row in services.ledger.rows(candidate) if row.key == STATE), None)


def enforced(row: Row) -> Enforced | None:
    """Return what the state's row says that `mode: enforce` would have said, where that is another thing."""
    state = str(row.values.get("enforced", ""))
    if not state:
        return None
    return Enforced(State(state), tuple(json.loads(str(row.values["enforced_reasons"]))))


def _add(services: Services, entry: Entry, *, announce: bool) -> None:
    services.journal.add(entry)
    if announce:
        announcing.announce(services, entry)


def _id(once: str) -> str:
    return hashlib.sha256(once.encode()).hexdigest()[:32]
