"""The one decision about a candidate: from facts to the next action, with its reasons."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from shared.oci.platform import Platform
from shared.policy import passing, remedies
from shared.policy.actions import (
    Action,
    Decision,
    Enforced,
    Hold,
    Import,
    Promote,
    Rest,
    Stage,
    StartScan,
    StartTest,
    State,
    Wait,
)
from shared.policy.facts import Facts
from shared.policy.look import MAX_ATTEMPTS, Look
from shared.policy.rules_besides import aged, approved, required, tested
from shared.policy.rules_identity import (
    already_promoted,
    complete,
    demanding,
    denied,
    exact,
    in_staging,
    same_type,
    upstream,
)
from shared.policy.rules_reports import clean, compared, eol, foreign, fresh, scanned

__all__ = [
    "MAX_ATTEMPTS",
    "Action",
    "Decision",
    "Hold",
    "Import",
    "Promote",
    "Rest",
    "Stage",
    "StartScan",
    "StartTest",
    "State",
    "Wait",
    "decide",
    "platform_to_test",
]

type Rule = Callable[[Look], Decision | None]

_DEFAULT_TEST_PLATFORM = Platform("linux", "amd64")
_RULES: tuple[Rule, ...] = (
    upstream,
    denied,
    in_staging,
    already_promoted,
    same_type,
    demanding,
    complete,
    exact,
    scanned,
    fresh,
    compared,
    foreign,
    clean,
    eol,
    required,
    tested,
    aged,
    approved,
)
_IDENTITY: frozenset[Rule] = frozenset(
    {upstream, denied, in_staging, already_promoted, same_type, exact}
)  # what even `mode: observe` enforces
_JUDGED = frozenset(
    {clean, eol, required, tested, aged, approved}
)  # they answer once reports are in
_REFUSED = frozenset({State.HELD, State.REJECTED, State.FAILED})


def decide(facts: Facts, now: datetime) -> Decision:
    """Return the next action. Pure and total: every candidate gets exactly one, with reasons.

    Promotion is reached only past every rule before it; the first rule that has an answer gives it. Where the
    gate only observes, what else than a run would stop the candidate is kept, and the next rule is asked.
    """
    look = Look(facts, now)
    enforced: Enforced | None = None
    for rule in _RULES:
        decision = rule(look)
        if decision is None:
            continue
        if look.observes and rule not in _IDENTITY and decision.state in _REFUSED:
            enforced = enforced or Enforced(decision.state, decision.reasons)
            continue
        grounds = passing.grounds(look) if rule in _JUDGED else decision.grounds
        answer = replace(decision, rule=rule.__name__, grounds=grounds)
        return _by_others(look, answer) if rule is not denied else answer
    return _passed(look, enforced)


def _passed(look: Look, enforced: Enforced | None) -> Decision:
    reasons = passing.reasons(look)
    if enforced is not None:
        would = f"its gate only observes: enforced, it would be {enforced.state.value}"
        reasons = (would, *reasons)
    grounds = passing.grounds(look)
    return Decision(
        Promote(look.eligible), State.PROMOTING, reasons, grounds=grounds, enforced=enforced
    )


def _by_others(look: Look, decision: Decision) -> Decision:
    """Return the decision about what base held before Breakwater: refused, it stays what it is, promoted."""
    if not look.adopted or decision.state not in _REFUSED:
        return decision
    before = (
        f"promoted by others, before Breakwater: base's {' and '.join(look.carried)} is this digest"
    )
    would = f"the gate would say: {decision.state.value}"
    return replace(
        decision,
        state=State.PROMOTED,
        reasons=(before, f"{would}: {decision.reasons[0]}", *decision.reasons[1:]),
        remedies=(*decision.remedies, remedies.ADOPTED),
    )


def platform_to_test(platforms: tuple[Platform, ...]) -> Platform | None:
    """Return the platform an image is tested on: ACR's agents are amd64 (ACR Tasks overview)."""
    if _DEFAULT_TEST_PLATFORM in platforms:
        return _DEFAULT_TEST_PLATFORM
    return platforms[0] if platforms else None
