"""The candidates an operator asks for, as JSON."""

import re
from collections.abc import Mapping
from typing import Any

from handlers import api_status
from handlers.asked import expected, query
from handlers.recording import STATE, enforced
from handlers.signed_in import Answer, answered
from shared.oci.reference import is_path
from shared.operators import Operator, Role
from shared.policy import evidence
from shared.policy.candidate import State
from shared.services import Services
from shared.values import Row

_USUAL, _MOST = 100, 1000  # candidates in one answer
_NUMBER = re.compile(r"[1-9][0-9]{0,3}")
_PARAMETERS = ("state", "image", "observed", "limit")


def handle(services: Services, parameters: Mapping[str, str], headers: Mapping[str, str]) -> Answer:
    """List candidates, newest change first, as the filters of the query say.

    `observed=1`: those that `mode: observe` let through and `mode: enforce` would not have.
    """

    def act(_who: Operator) -> Answer:
        filters = query(parameters, _PARAMETERS)
        limit = _checked(filters)
        found = [_shown(row) for row in services.ledger.all(STATE) if _matches(row, filters)]
        found.sort(key=lambda each: str(each["since"]), reverse=True)
        left_out = max(len(found) - limit, 0)
        told = ["1 candidate" if len(found) == 1 else f"{len(found)} candidates"]
        if left_out:
            told[0] += f"; the {limit} that changed last are shown, and limit may be up to {_MOST}"
        told += [_sentence(each) for each in found[:limit]]
        return Answer(200, {"told": told, "candidates": found[:limit], "left_out": left_out})

    return answered(services, headers, Role.READER, act)


def _checked(filters: Mapping[str, str]) -> int:
    """Return the limit. Raises Refused naming the parameter that says what it may not."""
    states = [each.value for each in State]
    if "state" in filters and filters["state"] not in states:
        raise expected("state", f"one of {', '.join(states)}", filters["state"])
    if "image" in filters and not is_path(filters["image"]):
        raise expected("image", "an image's name", filters["image"])
    if filters.get("observed", "1") != "1":
        raise expected("observed", "1 or nothing", filters["observed"])
    limit = filters.get("limit", str(_USUAL))
    if not _NUMBER.fullmatch(limit) or int(limit) > _MOST:
        raise expected("limit", f"a number from 1 to {_MOST}", limit)
    return int(limit)


def _matches(row: Row, filters: Mapping[str, str]) -> bool:
    values = row.values
    return (
        filters.get("state", values["state"]) == values["state"]
        and filters.get("image", values["image"]) == values["image"]
        and ("observed" not in filters or bool(values.get("enforced")))
    )


def _shown(row: Row) -> dict[str, Any]:
    """Describe a candidate as the status does, and what `mode: enforce` would have said of it."""
    shown = api_status.candidate(row)
    would = evidence.enforced(enforced(row))
    return shown | {"enforced": would} if would else shown


def _sentence(shown: dict[str, Any]) -> str:
    since = shown["since"][:16].replace("T", " ")
    said = f"{shown['image']}@{shown['digest']} is {shown['state']} since {since} UTC"
    reasons = "; ".join(shown["reasons"])
    would = shown.get("enforced")
    if would:
        why = "; ".join(would["reasons"])
        reasons += f"; with mode: enforce it would be {would['state']}: {why}"
    return f"{said}: {reasons}"
