"""What a verdict says about its comparison with what is promoted."""

from collections.abc import Iterable, Sequence

from shared.catalog import Compare, Gate
from shared.oci.platform import Platform
from shared.policy import comparing, sentences
from shared.policy.actions import Delta
from shared.policy.facts import Promoted, Scan

_COUNTS = ", so every finding counts"


def told(
    scans: Sequence[Scan],
    others: Sequence[Promoted],
    deltas: Iterable[Delta],
    gate: Gate,
    unheld: Sequence[str] = (),
) -> tuple[str, ...]:
    """Say how the candidate differs from each digest promoted, and where there is nothing to compare with."""
    if not comparing.needed(gate):
        return ()
    counts = _COUNTS if gate.compare is Compare.NOT_WORSE else ""
    found = tuple(deltas)
    told = [_against(scans, each, found, counts) for each in others[: sentences.NAMED]]
    if len(others) > sentences.NAMED:
        told.append(f"and compared with {len(others) - sentences.NAMED} more that base holds")
    if unheld:
        told.append(
            f"nothing to compare with under {sentences.listed(unheld)}: base does not hold it yet{counts}"
        )
    elif not others:
        told.append(f"nothing to compare with: base holds nothing else under its tags{counts}")
    return tuple(told)


def _against(scans: Sequence[Scan], other: Promoted, deltas: Sequence[Delta], counts: str) -> str:
    """Say it of one promoted digest: the differences first, then what cannot be compared, and why."""
    name = sentences.promoted(other)
    parts = sentences.differs(each for each in deltas if each.promoted == other.digest)
    why: dict[str, list[Platform]] = {}
    for scan in scans:
        reason = comparing.incomparable(scan, other) if scan.report is not None else ""
        if reason:
            why.setdefault(reason, []).append(scan.platform)
    lacking = [
        f"nothing to compare with on {sentences.platforms(where)}{counts}: {reason}"
        for reason, where in why.items()
    ]
    return f"compared with {name}: {sentences.few([*parts, *lacking], '; ')}"
