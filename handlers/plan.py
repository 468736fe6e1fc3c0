"""What a watch would do to the registries now, told and not done: `python -m handlers.plan`."""

import argparse
import json
import logging
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from handlers import catalogs, importing, watch_upstreams
from handlers.watch_upstreams import Watch
from shared.catalog import Catalog, CatalogInvalid, Image
from shared.errors import BreakwaterError, Misconfigured
from shared.messages import candidate_id
from shared.oci.digest import Digest
from shared.oci.reference import Repository
from shared.oci.tags import unique_tag
from shared.policy.watching import Change, Observation
from shared.services import Services, services

OK, UNANSWERED, INVALID = 0, 1, 2  # exit codes
_EPILOG = """\
exit codes: 0 every registry answered; 1 a registry or the storage account could not be asked;
2 the catalog, a setting or a role is wrong, or the arguments are
"""
_HEADINGS = ("IMAGE", "TAG", "CHANGE", "FROM", "TO", "WHY")


@dataclass(frozen=True, slots=True)
class Line:
    """One watched tag: what staging holds, what upstream has, and what a watch would make of it.

    `writes` are the tags of `target` that an import or a retagging would set.
    """

    image: str
    source: Repository
    tag: str
    change: Change
    reason: str
    target: Repository
    staged: Digest | None = None
    upstream: Digest | None = None
    writes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """Every watched tag of the catalog, in its order."""

    at: datetime
    catalog: Catalog
    lines: tuple[Line, ...]

    @property
    def counts(self) -> Mapping[Change, int]:
        """How many tags there are of each change."""
        return Counter(line.change for line in self.lines)

    @property
    def exit_code(self) -> int:
        """0, or 1 if a registry could not be asked."""
        return UNANSWERED if self.counts.get(Change.UNREACHABLE) else OK


def gather(services: Services) -> Plan:
    """Look at every watched tag; reads only. Raises what reading raises."""
    catalog = catalogs.current(services)
    watches = watch_upstreams.gather(services, catalog)
    lines = tuple(line for watch in watches for line in _lines(services, catalog, watch))
    return Plan(services.clock.now(), catalog, lines)


def main(arguments: Sequence[str] | None = None, connect: Callable[[], Services] = services) -> int:
    """Print the plan, or what stands in its way, and return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m handlers.plan",
        description="Prints what a watch would do to the registries, and does nothing.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    given = parser.parse_args(arguments)
    # What the SDKs would log beside it is said again, and shorter, by the error that is printed.
    logging.basicConfig(level=logging.CRITICAL)
    try:
        plan = gather(connect())
    except BreakwaterError as error:
        return _refuse(error, as_json=given.json)
    print(as_json_text(plan) if given.json else as_table(plan))
    return plan.exit_code


def as_table(plan: Plan) -> str:
    """Return the plan for people: a table, what it adds up to, and the catalog's notes."""
    rows = [_HEADINGS, *(_cells(line) for line in plan.lines)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    table = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    notes = [f"note: {_shown(note)}" for note in plan.catalog.notes]
    return "\n".join([*table, "", _summary(plan), *notes])


def as_json_text(plan: Plan) -> str:
    """Return the plan for programs, as JSON."""
    body = {
        "at": plan.at.isoformat(),
        "catalog": {"place": plan.catalog.place, "digest": str(plan.catalog.digest_of_text)},
        "lines": [_fields(line) for line in plan.lines],
        "counts": {change.value: plan.counts.get(change, 0) for change in Change},
        "notes": plan.catalog.notes,
    }
    return json.dumps(body, indent=2)


def _lines(services: Services, catalog: Catalog, watch: Watch) -> list[Line]:
    image, target = watch.image, catalog.staging.repository(watch.image.name)
    staged: Mapping[str, Digest] = {}
    if any(each.change is not Change.UNCHANGED for each in watch.observations):
        # An observation does not carry what staging's tag points at; one more page does.
        staged = {entry.name: entry.digest for entry in services.data_plane.tags(target)}
    return [_line(services, image, target, each, staged) for each in watch.observations]


def _line(
    services: Services,
    image: Image,
    target: Repository,
    seen: Observation,
    staged: Mapping[str, Digest],
) -> Line:
    reason = seen.reason
    writes: tuple[str, ...] = ()
    match seen.change, seen.digest:
        case Change.IMPORT, Digest() as digest:
            rows = services.ledger.rows(candidate_id(image.name, digest))
            if importing.pending(rows, "import") is not None:
                reason += "; an import of it is recorded already, none would be asked for"
            else:
                writes = (seen.tag, unique_tag(seen.tag, digest))
        case Change.RETAG, _:
            writes = (seen.tag,)
    return Line(
        image=image.name,
        source=image.source,
        tag=seen.tag,
        change=seen.change,
        reason=reason,
        target=target,
        staged=seen.digest if seen.change is Change.UNCHANGED else staged.get(seen.tag),
        upstream=seen.digest,
        writes=writes,
    )


def _refuse(error: BreakwaterError, *, as_json: bool) -> int:
    """Print everything that stands in the way, and return the exit code."""
    faults = str(error).splitlines()
    if isinstance(error, CatalogInvalid):
        faults = [str(fault) for fault in error.faults]  # its text alone stops at a hundred
    if as_json:
        print(json.dumps({"faults": faults}, indent=2))
    else:
        print(*map(_shown, faults), sep="\n", file=sys.stderr)
    return INVALID if isinstance(error, Misconfigured) else UNANSWERED


def _cells(line: Line) -> tuple[str, ...]:
    unknown = "?" if line.change is Change.UNREACHABLE else "-"
    return (
        line.image,
        line.tag,
        line.change.value,
        line.staged.short if line.staged else "-",
        line.upstream.short if line.upstream else unknown,
        _shown(line.reason),
    )


def _summary(plan: Plan) -> str:
    told = [f"{count} {each.value}" for each in Change if (count := plan.counts.get(each))]
    images = len({line.image for line in plan.lines})
    tags = f"{_number(len(plan.lines), 'tag')} of {_number(images, 'image')}"
    return f"{tags}: {', '.join(told) or 'nothing to watch'}. Nothing was done."


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _shown(text: str) -> str:
    """Return text on one line without control characters: some of it came from a registry."""
    return "".join(each if each.isprintable() else " " for each in text)


def _fields(line: Line) -> dict[str, Any]:
    return {
        "image": line.image,
        "source": str(line.source),
        "tag": line.tag,
        "change": line.change.value,
        "from": str(line.staged) if line.staged else None,
        "to": str(line.upstream) if line.upstream else None,
        "why": line.reason,
        "target": str(line.target),
        "writes": line.writes,
    }


if __name__ == "__main__":
    sys.exit(main())
