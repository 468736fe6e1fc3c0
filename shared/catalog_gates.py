"""What one key alone cannot tell about gates: that they demand something, and contradict nobody."""

from collections.abc import Iterator
from datetime import timedelta

from shared.catalog_faults import Path
from shared.catalog_parts import Keys, Problem, at, repeated
from shared.catalog_texts import duration
from shared.catalog_yaml import Node, Plain

# Without a scan there are no findings and no reports for these to speak of.
_OF_SCANS = (
    "block",
    "fixable_only",
    "compare",
    "max_age",
    "max_database_age",
    "suppressed",
    "foreign",
    "eol",
    "skip_age_for_fixes",
)


def gate_problems(root: Node, document: Keys, path: Path) -> Iterator[Problem]:
    """Find what is wrong within one gate as it is written, the defaults' or an image's."""
    gate = at(document, path)
    if not isinstance(gate, dict):
        return
    if gate.get("scan") == "none" and "reason" not in gate:
        yield (*path, "scan"), "a `reason` beside `scan: none`", "none"
    yield from repeated(root, document, (*path, "require"), "a requirement named once")


def image_gate_problems(document: Keys, place: Path) -> Iterator[Problem]:
    """Find what is wrong with an image's gate over the defaults'."""
    gate = _merged(document, place)
    if gate.get("scan") == "none":
        yield from _speechless(document, place)
        yield from _undemanding(document, place, gate)


def _speechless(document: Keys, place: Path) -> Iterator[Problem]:
    # Only what the image itself says: the defaults are for those that are scanned.
    own = at(document, (*place, "gate"))
    if not isinstance(own, dict):
        return
    where = "beside" if "scan" in own else "under the defaults'"
    for key in _OF_SCANS:
        if key in own:
            expected = f"no `{key}` {where} `scan: none`, which leaves nothing it could apply to"
            yield (*place, "gate", key), expected, "it"


def _undemanding(document: Keys, place: Path, gate: Keys) -> Iterator[Problem]:
    holders = (at(document, path) for path in (("defaults",), place))
    tested = any("test" in each for each in holders if isinstance(each, dict))
    age = gate.get("age")
    try:
        aged = not isinstance(age, str) or duration(age) > timedelta()
    except ValueError:
        return  # the schema says so
    if not (tested or aged or gate.get("approval") == "manual"):
        where = place if at(document, (*place, "gate")) is None else (*place, "gate")
        yield where, "a gate that demands something: scan, test, approval or age", "none of them"


def _merged(document: Keys, place: Path) -> dict[str, Plain]:
    gates = (at(document, (*path, "gate")) for path in (("defaults",), place))
    return {key: value for gate in gates if isinstance(gate, dict) for key, value in gate.items()}
