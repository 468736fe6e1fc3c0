"""A candidate's state in the ledger, and each change of it in the journal."""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime

from handlers import announcing
from handlers.plain import sentences
from shared.messages import candidate_id
from shared.oci.digest import Digest
from shared.policy.candidate import State
from shared.ports import Entry, Row
from shared.services import Services

STATE = "state"
_ANNOUNCED = frozenset({State.PROMOTED, State.REJECTED, State.FAILED, State.HELD})


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
) -> None:
    """Write the state down; a change of state, or of a verdict's reasons, goes into the journal.

    The journal comes first and its entry's id is made of the change, so that dying in between
    leaves neither a gap nor a double.
    """
    reasons = sentences(reasons)
    before = known(services, subject.id)
    old = before.values if before else {}
    said = json.dumps(reasons)
    if old.get("state") != state.value or (old.get("reasons") != said and state in _ANNOUNCED):
        change = f"{subject.id}|{before.version if before else ''}|{state.value}|{said}"
        note(services, subject, state.value, reasons, once=change, announce=state in _ANNOUNCED)
    elif before is not None and before.due == due:
        return
    services.ledger.upsert(
        Row(
            subject.id,
            STATE,
            {
                "image": subject.image,
                "digest": str(subject.digest),
                "state": state.value,
                "reasons": said,
                "since": services.clock.now().isoformat(),
                "trace": subject.trace,
            },
            due=due,
        )
    )


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


def _add(services: Services, entry: Entry, *, announce: bool) -> None:
    services.journal.add(entry)
    if announce:
        announcing.announce(services, entry)


def _id(once: str) -> str:
    return hashlib.sha256(once.encode()).hexdigest()[:32]
