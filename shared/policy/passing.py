"""What a pass rests on: its reasons, and the grounds that the attached decision records."""

from collections.abc import Iterable, Iterator

from shared.catalog import Compare
from shared.policy import sentences
from shared.policy.actions import Grounds
from shared.policy.look import Look
from shared.policy.rules_besides import lost_test, unproven
from shared.policy.rules_reports import lost_scans, stale_reports, unreadable


def reasons(look: Look) -> tuple[str, ...]:
    """Return why the candidate may be promoted, in whole sentences; never empty."""
    return (
        *filter(None, (_found(look),)),
        *(look.judgement.notes if _judged(look) else ()),
        *_hastened(look),
        *_people(look),
        *_unexamined(look),
        *(each.reason for each in look.tags if each.eligible),
    )


def grounds(look: Look) -> Grounds:
    """Return the same as values: what was excused, compared, approved, left out, hastened."""
    judged = _judged(look)
    return Grounds(
        excused=look.judgement.excused if judged else (),
        deltas=look.judgement.deltas if judged else (),
        approval=look.approval if look.asks_approval or overridden(look) else None,
        unexamined=look.unexamined if _examines(look) else (),
        hastened=look.hastened,
        overridden=overridden(look),
        moving={
            each.tag: each.reason
            for each in look.tags
            if each.eligible and each.tag not in look.carried
        },
    )


def overridden(look: Look) -> tuple[str, ...]:
    """Say what is missing and stood in for by an override."""
    if look.override is None:
        return ()
    missing = (lost_scans, stale_reports, unreadable, unproven, lost_test)
    return tuple(reason for each in missing for reason in each(look))


def _found(look: Look) -> str:
    gate, parts = look.gate, []
    platforms = [each for each in look.image.platforms if each not in look.unreported]
    if look.asks_scans and platforms and not look.judgement.reasons:
        kind = " with a fix" if gate.fixable_only else ""
        versus = gate.compare is Compare.NOT_WORSE and bool(look.judgement.deltas)
        more = " that base does not hold already" if versus else ""
        more += " save what is excused" if look.judgement.excused else ""
        parts.append(f"nothing at or above {gate.block}{kind} on {_list(platforms)}{more}")
    if look.image.test is not None and look.facts.test is not None and look.facts.test.passed:
        parts.append("its test passed")
    if gate.age and look.ripe is None:
        parts.append(f"it has aged {sentences.lasting(gate.age)}")
    return ", ".join(parts)


def _hastened(look: Look) -> Iterator[str]:
    if look.hastened:
        age = sentences.lasting(look.gate.age)
        yield f"it need not age {age}: it fixes what blocks in all that base holds, and adds none"


def _people(look: Look) -> Iterator[str]:
    given, missing = look.approval, overridden(look)
    if given is None or not (look.asks_approval or missing):
        return
    why = f": {given.comment}" if given.comment else ""
    yield f"{given.by} approved it on {given.at:%Y-%m-%d}{why}"
    for each in missing:
        yield f"by override of {given.by}, although {each}"


def _unexamined(look: Look) -> Iterator[str]:
    platforms = grounds(look).unexamined
    if platforms:
        verb = "comes" if len(platforms) == 1 else "come"
        yield f"{_list(platforms)} {verb} along unexamined"


def _judged(look: Look) -> bool:
    return look.asks_scans and bool(look.reported or look.foregone)


def _examines(look: Look) -> bool:
    return look.asks_scans or look.image.test is not None


def _list(each: Iterable[object]) -> str:
    return " and ".join(map(str, each))
