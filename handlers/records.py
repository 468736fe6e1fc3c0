"""What the ledger keeps of an image's upstream: each watched tag's history, and what its rule chose."""

import json
from collections.abc import Iterable
from datetime import datetime

from shared.errors import Permanent
from shared.oci.digest import Digest
from shared.policy.facts import Span, Watched
from shared.policy.selection import Chosen
from shared.values import Row

CHOSEN = "!tags"  # no tag: a tag begins with a letter, a digit or an underscore
_ROOM = 20_000  # characters of one row; a table's text holds 32,000, escaped once more


def subject(image: str) -> str:
    """Return the ledger's subject for an image's watched tags."""
    return f"watch:{image}"


def watched(tag: str, row: Row | None) -> Watched:
    """Read a tag's record; without a row, nothing was ever seen of it."""
    if row is None:
        return Watched(tag)
    return Watched(
        tag,
        tuple(
            Span(
                Digest(digest),
                datetime.fromisoformat(start),
                datetime.fromisoformat(end) if end else None,
            )
            for digest, start, end in json.loads(str(row.values["spans"]))
        ),
        tuple(Digest(each) for each in str(row.values.get("same", "")).split()),
        str(row.values.get("required", "")),
    )


def checked(rows: tuple[Row, ...]) -> tuple[Row, ...]:
    """Return the rows as they are. Raises Permanent naming one that does not hold what it ought to."""
    for row in rows:
        try:
            if row.key.startswith(CHOSEN):
                chosen((row,))
            else:
                watched(row.key, row)
        except (ValueError, KeyError, TypeError) as error:
            message = f"ledger, {row.subject} {row.key}: expected a record, found {str(error)[:100]!r}; delete it"
            raise Permanent(message) from error
    return rows


def watched_row(image: str, record: Watched) -> Row:
    """Return the ledger's row for one watched tag."""
    spans = [
        [str(span.digest), span.start.isoformat(), span.end.isoformat() if span.end else ""]
        for span in record.spans
    ]
    values = {
        "spans": json.dumps(spans),
        "same": " ".join(map(str, record.same)),
        "required": record.required,
    }
    return Row(subject(image), record.tag, values)


def chosen(rows: Iterable[Row]) -> Chosen | None:
    """Read what the image's rule chose; None if it never did, or if a part of it is missing.

    A part is missing when a worker died between writing two rows: what was chosen is then chosen anew.
    """
    parts = {row.key: row.values for row in rows if row.key.startswith(CHOSEN)}
    first = parts.get(CHOSEN)
    if first is None:
        return None
    wanted = [parts.get(_key(number)) for number in range(int(first["parts"]))]
    texts = [str(part["tags"]) for part in wanted if part and part["mark"] == first["mark"]]
    if len(texts) != len(wanted):
        return None
    return Chosen(tuple(" ".join(texts).split()), int(first["count"]), str(first["rule"]))


def chosen_rows(image: str, found: Chosen) -> tuple[Row, ...]:
    """Return the ledger's rows for what a rule chose, the first one last: it says that they are whole."""
    texts = list(_packed(found.tags))
    mark = str(Digest.of(" ".join(found.tags).encode()).short)
    rows = [
        Row(subject(image), _key(number), {"mark": mark, "tags": text})
        for number, text in enumerate(texts)
    ]
    head: dict[str, str | int] = {"parts": len(texts), "count": found.count, "rule": found.rule}
    return (*rows[1:], Row(subject(image), CHOSEN, {**rows[0].values, **head}))


def mark(rows: Iterable[Row]) -> str:
    """Return what tells one choice from the next: an event about it is journalled once."""
    return next((row.version for row in rows if row.key == CHOSEN), "")


def _packed(tags: tuple[str, ...]) -> Iterable[str]:
    text = ""
    for tag in tags:
        if len(text) + len(tag) >= _ROOM:
            yield text
            text = ""
        text = f"{text} {tag}" if text else tag
    yield text


def _key(number: int) -> str:
    return f"{CHOSEN}:{number}" if number else CHOSEN
