"""The plan in words: a table for people, JSON for programs."""

import json
import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from typing import Any

from handlers.planning import Line, Plan
from shared.policy.precedence import IMPORT_TIME, backlog_share
from shared.policy.watching import Change
from shared.values import Usage

_HEADINGS = ("IMAGE", "TAG", "CHANGE", "FROM", "TO", "WHY")
_OF_REGISTRIES = ("REGISTRY", "REQUESTS", "TOKENS", "PULLS LEFT", "PAUSED")
_ALIKE = 5  # tags of one registry that cannot be asked, one by one; the rest are counted
_NARROW = 30  # columns below which a reason has a line of its own


def as_table(plan: Plan, *, every: bool = False, width: int = 0) -> str:
    """Return the plan for people: what would change, what each registry was asked, what it adds up to.

    `every` shows unchanged tags too; a `width` in columns (0: any) wraps the reasons, which come last.
    """
    told = list(_told(plan.lines, every=every))
    parts = [
        "\n".join(_table(_HEADINGS, [*map(_cells, told)], width)) if told else "",
        "\n".join(_left_out(plan, told)),
        "\n".join(_rules(plan)),
        "\n".join(_unseen(plan)),
        "\n".join(_registries(plan, width)),
        "\n".join([*_imports(plan), _summary(plan), *(f"note: {_shown(n)}" for n in _notes(plan))]),
    ]
    return "\n\n".join(part for part in parts if part)


def as_json_text(plan: Plan) -> str:
    """Return the plan for programs, as JSON: everything there is."""
    body = {
        "at": plan.at.isoformat(),
        "seconds": round(plan.took.total_seconds(), 3),
        "catalog": {"place": plan.catalog.place, "digest": str(plan.catalog.digest_of_text)},
        "lines": [_fields(line) for line in plan.lines],
        "counts": {change.value: plan.counts.get(change, 0) for change in Change},
        "rules": [
            {
                "image": each.image,
                "appeared": each.appeared,
                "vanished": each.vanished,
                "dropped": each.dropped,
                "refused": each.refusal or None,
            }
            for each in plan.rules
        ],
        "failures": {name: str(why) for name, why in plan.failures.items()},
        "unreached": plan.unreached,
        "registries": {name: _used(usage) for name, usage in sorted(plan.usage.items())},
        "imports": {
            "count": plan.imports,
            "fixes": plan.fixes,
            "backlog": plan.imports - plan.fixes,
            "concurrency": plan.concurrency,
            "estimated_seconds": round(plan.duration.total_seconds()),
            "assumed_seconds_each": round(IMPORT_TIME.total_seconds()),
        },
        "notes": plan.catalog.notes,
    }
    return json.dumps(body, indent=2)


def _told(lines: Iterable[Line], *, every: bool) -> Iterator[Line]:
    """Leave out what is unchanged, and all but the first of what one registry leaves unanswered."""
    unanswered: Counter[str] = Counter()
    for line in lines:
        if not every and line.change is Change.UNCHANGED:
            continue
        if not every and line.change is Change.UNREACHABLE:
            unanswered[line.source.registry] += 1
            if unanswered[line.source.registry] > _ALIKE:
                continue
        yield line


def _left_out(plan: Plan, told: Sequence[Line]) -> Iterator[str]:
    """Count what `_told` left out of the unanswered."""
    missing = Counter(each.source.registry for each in plan.lines if _is_unanswered(each))
    missing.subtract(each.source.registry for each in told if _is_unanswered(each))
    for registry, count in sorted((+missing).items()):
        yield f"… and {_number(count, 'more tag')} of {registry} unreachable; --all shows them"


def _is_unanswered(line: Line) -> bool:
    return line.change is Change.UNREACHABLE


def _rules(plan: Plan) -> Iterator[str]:
    """Tell what rules chose anew, lost and dropped, and which lists were not believed."""
    for each in plan.rules:
        for word, tags in (
            ("new upstream", each.appeared),
            ("gone upstream", each.vanished),
            ("not chosen any more", each.dropped),
        ):
            if tags:
                yield f"{each.image}: {word}: {_some(tags)}"
        if each.refusal:
            yield f"{each.image}: list refused: {_shown(each.refusal)}"


def _unseen(plan: Plan) -> Iterator[str]:
    """Tell which images could not be looked at at all."""
    for name, why in plan.failures.items():
        yield f"{name}: not watched: {_shown(str(why))}"
    if plan.unreached:
        yield f"no time was left for {_some(plan.unreached)}; --within gives it more"


def _registries(plan: Plan, width: int) -> Iterator[str]:
    """Tell what each registry was asked, and what it said about its limits."""
    rows = [
        (name, str(used.requests), str(used.tokens), _left(used), _pause(used))
        for name, used in sorted(plan.usage.items())
    ]
    if rows:
        yield from _table(_OF_REGISTRIES, rows, width)


def _left(used: Usage) -> str:
    if used.remaining is None:
        return "-"
    return f"{used.remaining} of {used.limit}" if used.limit is not None else str(used.remaining)


def _pause(used: Usage) -> str:
    if used.paused_until is None:
        return "-"
    return f"until {used.paused_until:%H:%M:%S} UTC: {_shown(used.reason)}"


def _imports(plan: Plan) -> Iterator[str]:
    """Estimate how long the imports will take, and say on what it rests."""
    if not plan.imports:
        return
    behind = plan.imports - plan.fixes
    yield (
        f"{_number(plan.imports, 'import')}: {_number(plan.fixes, 'fix')} first, then a backlog of {behind:,}; "
        f"about {_span(plan.duration)}, if each takes {_span(IMPORT_TIME)} and "
        f"{backlog_share(plan.concurrency)} of the {plan.concurrency} that IMPORT_CONCURRENCY allows run at a time."
    )


def _summary(plan: Plan) -> str:
    told = [f"{count:,} {each.value}" for each in Change if (count := plan.counts.get(each))]
    images = len({line.image for line in plan.lines})
    tags = f"{_number(len(plan.lines), 'tag')} of {_number(images, 'image')}"
    took = f"Looked for {plan.took.total_seconds():.1f} s. Nothing was done."
    return f"{tags}: {', '.join(told) or 'nothing to watch'}. {took}"


def _notes(plan: Plan) -> Sequence[str]:
    return plan.catalog.notes


def _table(headings: tuple[str, ...], rows: Sequence[tuple[str, ...]], width: int) -> Iterator[str]:
    """Yield lines of columns as wide as they need to be; the last one is wrapped within the width."""
    all_rows = [headings, *rows]
    widths = [max(map(len, column)) for column in zip(*all_rows, strict=True)][:-1]
    indent = sum(widths) + 2 * len(widths)
    for row in all_rows:
        start = "".join(f"{cell:<{room}}  " for cell, room in zip(row, widths, strict=False))
        last = row[-1]
        if not width or len(start) + len(last) <= width:
            yield (start + last).rstrip()
        elif width - indent < _NARROW:
            yield start.rstrip()
            yield from _wrapped(last, max(width, _NARROW), "    ", 4)
        else:
            yield from _wrapped(last, width, start, indent)


def _wrapped(text: str, width: int, start: str, indent: int) -> list[str]:
    return textwrap.wrap(
        text,
        width,
        initial_indent=start,
        subsequent_indent=" " * indent,
        break_on_hyphens=False,  # a tag stays one word
    )


def _cells(line: Line) -> tuple[str, ...]:
    unknown = "?" if _is_unanswered(line) else "-"
    return (
        line.image,
        line.tag,
        line.change.value,
        line.staged.short if line.staged else "-",
        line.upstream.short if line.upstream else unknown,
        _shown(line.reason),
    )


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
        "fix": line.fix,
    }


def _used(usage: Usage) -> dict[str, Any]:
    return {
        "requests": usage.requests,
        "tokens": usage.tokens,
        "answered": usage.answered,
        "failed": usage.failed,
        "pulls_left": usage.remaining,
        "pulls_limit": usage.limit,
        "paused_until": usage.paused_until.isoformat() if usage.paused_until else None,
        "paused_because": usage.reason or None,
    }


def _some(names: Sequence[str], most: int = 10) -> str:
    """Return the first names on one line, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return _shown(", ".join(names[:most])) + more


def _number(count: int, noun: str) -> str:
    plural = f"{noun}es" if noun.endswith("x") else f"{noun}s"
    return f"{count:,} {noun if count == 1 else plural}"


def _span(time: timedelta) -> str:
    """Return a time in the two units that matter: `5 h 7 min`."""
    minutes, seconds = divmod(round(time.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    units = ((days, "d"), (hours, "h"), (minutes, "min"), (seconds, "s"))
    told = [f"{count} {unit}" for count, unit in units if count]
    return " ".join(told[:2]) or "no time"


def _shown(text: str) -> str:
    """Return text on one line without control characters: some of it came from a registry."""
    return "".join(each if each.isprintable() else " " for each in text)
