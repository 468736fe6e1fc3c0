"""Who asks, whether they may, and the answers an operator gets."""

import json
import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from handlers.plain import plain
from shared.errors import Misconfigured, Permanent, Transient
from shared.operators import Operator, Role, Stranger
from shared.services import Services

_log = logging.getLogger("breakwater.operators")

_PAUSE = 10.0  # seconds until it is worth asking again, unless the other side names a time
_LONGEST_PAUSE = 3600.0  # seconds


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer: a status, a body that becomes JSON, and headers beside its type."""

    status: int
    body: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=lambda: {"Cache-Control": "no-store"})

    @property
    def text(self) -> str:
        """The body as JSON text."""
        return json.dumps(self.body, indent=2)


class Refused(Exception):
    """What was asked cannot be done: the status to answer with, and one sentence that says why."""

    def __init__(self, status: int, sentence: str) -> None:
        """Keep both."""
        super().__init__(sentence)
        self.status = status


def error(status: int, sentence: str, **headers: str) -> Answer:
    """Return an answer that says what is wrong; `WWW_Authenticate` is the header WWW-Authenticate."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, {"error": sentence}, {"Cache-Control": "no-store", **named})


def signed_in(services: Services, authorization: str, role: Role) -> Operator | Answer:
    """Return who sent this Authorization header if they have the role, else what to answer.

    A function key is nobody: it opens no lock here, because it says nothing about who turns it.
    """
    try:
        found = services.operators.identify(authorization)
    except (Transient, Misconfigured) as problem:
        return _unavailable(problem)
    if isinstance(found, Stranger):
        why = plain(found.reason)
        _log.warning("nobody was let in: %s", why)
        return error(401, f"expected an operator's token: {why}", WWW_Authenticate="Bearer")
    return lacking(found, role) or found


def lacking(who: Operator, role: Role, doing: str = "this") -> Answer | None:
    """Return the answer to somebody without the role, which is named; None for those who have it."""
    if who.may(role):
        return None
    held = ", ".join(each.value for each in Role if each in who.roles) or "none"
    name = plain(who.name)
    _log.warning("%s (%s) lacks the role %s", name, plain(who.id), role.value)
    return error(403, f"{doing} needs the role {role.value}; {name} has {held}")


def answered(
    services: Services,
    headers: Mapping[str, str],
    role: Role,
    act: Callable[[Operator], Answer],
) -> Answer:
    """Let an operator with the role act, and say in the answer what stopped it, if anything did."""
    given = header(headers, "authorization")
    try:
        who = signed_in(services, given, role)
        return who if isinstance(who, Answer) else act(who)
    except Refused as refused:
        return error(refused.status, str(refused))
    except (Transient, Misconfigured) as problem:
        return _unavailable(problem)
    except Permanent as problem:
        _log.exception("an operator's request failed")
        return error(500, _in_words(problem))


def header(headers: Mapping[str, str], name: str) -> str:
    """Return the header of this name in lower case, "" if there is none."""
    return next((value for key, value in headers.items() if key.lower() == name), "")


def _unavailable(problem: Transient | Misconfigured) -> Answer:
    _log.warning("an operator's request cannot be answered: %s", problem)
    if isinstance(problem, Misconfigured):
        return error(503, _in_words(problem))
    seconds = math.ceil(min(problem.retry_after or _PAUSE, _LONGEST_PAUSE))
    return error(503, f"for now: {_in_words(problem)}", Retry_After=str(seconds))


def _in_words(problem: Exception) -> str:
    return "; ".join(plain(line) for line in str(problem).splitlines() if line.strip())
