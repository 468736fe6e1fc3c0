"""What in the catalog would let pass what has findings that block: only what would, and as it is written there."""

from collections.abc import Iterator
from dataclasses import replace

from shared.catalog import Compare
from shared.policy import remedies, sentences
from shared.policy.look import Look
from shared.severity import Severity

_NOT_WORSE = "`compare: not-worse`, as far as what base holds has the same findings"


def keys(look: Look) -> tuple[str, ...]:
    """Return the sentence that names the laxer keys; none where no key alone would do."""
    found = (*_keys(look),)
    return (remedies.keys(look, *found),) if found else ()


def renewed(look: Look) -> tuple[str, ...]:
    """Name the waivers that ended, and would let findings through that block now."""
    ended = [each for each in look.facts.excuses if each.until and each.until <= look.now]
    endless = [replace(each, until=None) for each in ended]
    used = look.judged(look.gate, endless).excused if endless else ()
    told = {
        f"renew the waiver of {sentences.clipped(each.excuse.id)} by {sentences.clipped(each.excuse.owner)},"
        " which has expired"
        for each in used
    }
    return (f"{sentences.few(sorted(told), '; ')}, if the reason still holds",) if told else ()


def _keys(look: Look) -> Iterator[str]:
    gate, excuses = look.gate, look.facts.excuses
    for block in (each for each in Severity if gate.block < each <= Severity.CRITICAL):
        if not look.judged(replace(gate, block=block), excuses).reasons:
            yield f"`block: {block}`"
            break
    if not look.judged(replace(gate, fixable_only=True), excuses).reasons:
        yield "`fixable_only: true`"
    if gate.compare is not Compare.NOT_WORSE and _comparable(look):
        yield _NOT_WORSE


def _comparable(look: Look) -> bool:
    """Tell whether base holds another digest under each tag that the candidate would get."""
    held = [look.facts.base.get(tag) for tag in look.eligible]
    return bool(held) and all(each not in (None, look.facts.digest) for each in held)
