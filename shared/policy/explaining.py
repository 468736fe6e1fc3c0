"""Explaining: why a candidate is where it is, on what evidence, and what would change that."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from shared.policy import evidence
from shared.policy.actions import Decision, Hold, State
from shared.policy.facts import Facts, Promoted, Scan
from shared.reports.findings import Report

_HEADLINES: Mapping[State, str] = {
    State.DETECTED: "it waits to be imported into staging",
    State.IMPORTING: "it is being imported into staging",
    State.STAGED: "it is in staging, and waits for its turn",
    State.SCANNING: "it waits for its scans",
    State.TESTING: "it waits for its test",
    State.HELD: "it is held",
    State.PROMOTING: "it passes, and is being promoted",
    State.PROMOTED: "it is promoted",
    State.SUPERSEDED: "it is superseded",
    State.REJECTED: "it is rejected",
    State.FAILED: "it could not be judged, or not be promoted",
}

_SWEPT: Mapping[State, str] = {
    State.PROMOTED: "by a sweep, once a day or when its tags or locks in base were changed",
    State.FAILED: "by the first sweep an hour after it failed",
}


@dataclass(frozen=True, slots=True)
class Explanation:
    """The answer in sentences, and the evidence as JSON."""

    state: str
    why: tuple[str, ...]
    would_change: tuple[str, ...]
    looked_at_again: str
    evidence: Mapping[str, Any]


def explain(
    facts: Facts, decision: Decision, now: datetime, *, due: datetime | None, sweeps: bool
) -> Explanation:
    """Explain a decision.

    `due` is when a look is certain to come, by the ledger (None: none is on its way); `sweeps` tells whether
    sweeps look at what is in this state.
    """
    return Explanation(
        state=decision.state.value,
        why=(_headline(decision), *decision.reasons, *_observed(decision)),
        would_change=decision.remedies,
        looked_at_again=_again(decision, now, due, sweeps=sweeps),
        evidence={
            "platforms": [_platform(each, now) for each in facts.scans],
            "test": _test(facts),
            **evidence.grounds(decision.grounds),
            "rulings": [evidence.ruled(each) for each in facts.rulings],
            "compared_with": [_promoted(each) for each in facts.promoted],
            "first_seen": evidence.date(facts.staged.first_seen if facts.staged else None),
            "staged": facts.staged is not None,
            "base": sorted(tag for tag, held in facts.base.items() if held == facts.digest),
            "upstream": sorted(each.tag for each in facts.watched if each.current == facts.digest),
        },
    )


def _headline(decision: Decision) -> str:
    said = _HEADLINES[decision.state]
    if isinstance(decision.action, Hold) and decision.action.until is not None:
        said = f"{said}, until {decision.action.until:%Y-%m-%d %H:%M} UTC"
    return f"{said} (rule {decision.rule})" if decision.rule else said


def _observed(decision: Decision) -> Iterator[str]:
    if decision.enforced is not None:
        state, reasons = decision.enforced.state.value, "; ".join(decision.enforced.reasons)
        yield f"its gate only observes: with mode: enforce it would be {state}: {reasons}"


def _again(decision: Decision, now: datetime, due: datetime | None, *, sweeps: bool) -> str:
    times = [due] if due is not None else []
    if isinstance(decision.action, Hold) and decision.action.until is not None:
        times.append(decision.action.until)
    said = []
    if times:
        first = min(times)
        said.append(f"at {first:%Y-%m-%d %H:%M:%S} UTC" if first > now else "any moment now")
    if sweeps:
        said.append(_SWEPT.get(decision.state, "by the next sweep"))
    said.append("when it is pushed, ruled on, or upstream points at it")
    return ", or ".join(said)


def _platform(scan: Scan, now: datetime) -> dict[str, Any]:
    body = evidence.scanned(scan) | {
        "progress": scan.progress.value,
        "attempt": scan.attempt,
        "error": scan.error,
        "unreadable": [
            {"digest": str(each.digest), "error": each.error} for each in scan.foreign if each.error
        ],
    }
    return body if scan.report is None else body | _report(scan.report, now)


def _report(report: Report, now: datetime) -> dict[str, Any]:
    worst = max((each.severity for each in report.findings), default=None)
    return {
        "count": len(report.findings),
        "worst": worst.label if worst else "",
        "age": _age(report.created_at, now),
        "database_age": _age(report.database_date, now),
        "end_of_life": report.end_of_life,
    }


def _age(at: datetime | None, now: datetime) -> str:
    """Return how long ago it was in days and hours, as a person would say it."""
    if at is None:
        return "unknown"
    past = now - at
    if past < timedelta():
        return "in the future"
    hours = past.seconds // 3600
    return f"{past.days} d {hours} h" if past.days else f"{hours} h"


def _promoted(each: Promoted) -> dict[str, Any]:
    return {
        "digest": str(each.digest),
        "tags": list(each.tags),
        "staged": each.staged is not None,
        "scanned": [str(scan.platform) for scan in each.scans if scan.report is not None],
        "lost": each.lost,
    }


def _test(facts: Facts) -> dict[str, Any] | None:
    test = facts.test
    if test is None:
        return None
    return {
        "platform": str(test.platform),
        "progress": test.progress.value,
        "passed": test.passed,
        "attempt": test.attempt,
        "result": str(test.result_digest) if test.result_digest else "",
        "run": test.run_id,
        "error": test.error,
    }
