"""A small, bounded YAML reader that remembers the line of everything it read."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import yaml

from shared.catalog_faults import Path, quoted

LARGEST = 1 << 20  # bytes of text; a catalog of 2,000 tags has about a tenth of that
_MOST_NODES = 200_000  # with every alias written out, so that a "billion laughs" stays small
_DEEPEST = 24

# YAML 1.2's core schema: `yes`, `on` and `12:30` are plain text, as most people expect.
_INTEGER = re.compile(r"[-+]?[0-9]{1,18}")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]{1,3})?")
_PLAIN: dict[str, bool | None] = {
    "": None,
    "~": None,
    "null": None,
    "Null": None,
    "NULL": None,
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
}

type Scalar = str | int | float | bool | None
type Plain = Scalar | list["Plain"] | dict[str, "Plain"]


@dataclass(frozen=True, slots=True)
class Node:
    """A value with its line, its text as written (scalars), and the line of each key (mappings)."""

    line: int
    value: "Scalar | list[Node] | dict[str, Node]"
    text: str = ""
    keys: dict[str, int] = field(default_factory=dict)
    size: int = 1
    depth: int = 1


@dataclass(frozen=True, slots=True)
class Doubled:
    """A mapping names one key twice."""

    line: int
    path: Path
    first: int


class Unreadable(Exception):
    """The text is no YAML a catalog may be written in."""

    def __init__(self, line: int, expected: str, found: str) -> None:
        """Say where (line counts from 1), what was expected and what was found."""
        super().__init__(f"line {line}: expected {expected}, found {found}")
        self.line, self.expected, self.found = line, expected, found


def read(text: str) -> tuple[Node, tuple[Doubled, ...]]:
    """Read one YAML document, and the keys it holds twice. Raises Unreadable."""
    size = len(text.encode())
    if size > LARGEST:
        raise Unreadable(1, f"at most {LARGEST} bytes", f"{size} bytes")
    reader = _Reader(text)
    try:
        return reader.document(), tuple(reader.doubled)
    except yaml.MarkedYAMLError as error:
        raise _unreadable(error, text) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1 if isinstance(error.position, int) else 1
        raise Unreadable(line, "printable text", f"{error.reason}") from None
    except yaml.YAMLError as error:
        raise Unreadable(1, "YAML", str(error)) from None


def _unreadable(error: yaml.MarkedYAMLError, text: str) -> Unreadable:
    """Put the parser's own words into ours: most of its errors are a tab, or a text that needs quotes."""
    mark = error.problem_mark or error.context_mark
    number, column = (mark.line, mark.column) if mark else (0, 0)
    here = (text.splitlines() or [""])[number : number + 1]
    letter = "".join(here)[column : column + 1]
    problem = error.problem or error.context or "something else"
    if letter == "\t":
        return Unreadable(number + 1, "spaces to indent with", "a tab")
    if problem == "found character that cannot start any token":
        expected = "text (what begins like this needs quotes)"
        return Unreadable(number + 1, expected, quoted(letter))
    if problem == "mapping values are not allowed in this context":
        return Unreadable(number + 1, "no `:` here (a text with one needs quotes)", "one")
    wanted = problem.partition("not find expected ")[2]
    if wanted:
        return Unreadable(number + 1, f"YAML ({wanted})", "something else")
    return Unreadable(number + 1, "YAML", problem.removeprefix("found "))


def plain(node: Node) -> Plain:
    """Return the values alone."""
    if isinstance(node.value, list):
        return [plain(each) for each in node.value]
    if isinstance(node.value, dict):
        return {key: plain(each) for key, each in node.value.items()}
    return node.value


def at(node: Node, path: Path) -> Node | None:
    """Return the node at a path, or None."""
    for step in path:
        value = node.value
        found: Node | None = None
        if isinstance(value, list) and isinstance(step, int):
            found = value[step] if step < len(value) else None
        elif isinstance(value, dict) and isinstance(step, str):
            found = value.get(step)
        if found is None:
            return None
        node = found
    return node


def line(node: Node, path: Path) -> int:
    """Return the line of a path: of its key in a mapping, else of the nearest thing around it."""
    for length in range(len(path), 0, -1):
        parent, step = at(node, path[: length - 1]), path[length - 1]
        if parent is None:
            continue
        if isinstance(step, str) and step in parent.keys:
            return parent.keys[step]
        found = at(parent, (step,))
        if found is not None:
            return found.line
    return node.line


class _Reader:
    """Builds nodes from the parser's events, counting as it goes."""

    def __init__(self, text: str) -> None:
        self._events: Iterator[yaml.Event] = yaml.parse(text, Loader=yaml.CSafeLoader)
        self._anchors: dict[str, Node | None] = {}
        self._last = 1
        self.doubled: list[Doubled] = []

    def document(self) -> Node:
        """Read the only document."""
        self._next()  # the start of the stream
        if isinstance(self._next(), yaml.StreamEndEvent):
            raise Unreadable(1, "a catalog", "nothing")
        root = self._node(self._next(), ())
        self._next()  # the end of the document
        if not isinstance(self._next(), yaml.StreamEndEvent):
            raise Unreadable(self._last, "one document", "a second one")
        return root

    def _next(self) -> yaml.Event:
        event = next(self._events)
        if event.start_mark is not None:
            self._last = event.start_mark.line + 1
        return event

    def _node(self, event: yaml.Event, path: Path) -> Node:
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event.anchor)
        if len(path) > _DEEPEST:
            raise self._too_deep()
        tag, anchor = getattr(event, "tag", None), getattr(event, "anchor", None)
        if tag is not None and tag != "!":
            raise Unreadable(self._last, "plain YAML without tags", quoted(tag))
        if anchor is not None:
            self._anchors[anchor] = None
        node = self._built(event, path)
        if node.size > _MOST_NODES:
            raise Unreadable(node.line, f"at most {_MOST_NODES} values, aliases included", "more")
        if node.depth > _DEEPEST:  # aliases of aliases nest without indenting
            raise self._too_deep()
        if anchor is not None:
            self._anchors[anchor] = node
        return node

    def _built(self, event: yaml.Event, path: Path) -> Node:
        if isinstance(event, yaml.SequenceStartEvent):
            return self._list(self._last, path)
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(self._last, path)
        if isinstance(event, yaml.ScalarEvent):
            plain_style = event.implicit[0] and not event.style
            value = _scalar(event.value) if plain_style else event.value
            return Node(self._last, value, event.value)
        raise Unreadable(self._last, "a value", type(event).__name__)

    def _alias(self, anchor: str | None) -> Node:
        node = self._anchors.get(anchor) if anchor else None
        if node is None:
            raise Unreadable(self._last, "an alias of something written above it", f"*{anchor}")
        return node

    def _list(self, start: int, path: Path) -> Node:
        items: list[Node] = []
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            items.append(self._node(event, (*path, len(items))))
        return Node(start, items, size=_size(items), depth=_depth(items))

    def _mapping(self, start: int, path: Path) -> Node:
        items: dict[str, Node] = {}
        keys: dict[str, int] = {}
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent):
                raise Unreadable(self._last, "a key that is plain text", "a list, mapping or alias")
            key, where = event.value, self._last
            value = self._node(self._next(), (*path, key))
            if key in items:
                self.doubled.append(Doubled(where, (*path, key), keys[key]))
                continue
            items[key], keys[key] = value, where
        return Node(start, items, "", keys, _size(items.values()), _depth(items.values()))

    def _too_deep(self) -> Unreadable:
        return Unreadable(self._last, f"at most {_DEEPEST} levels of nesting", "more")


def _size(nodes: Iterable[Node]) -> int:
    return 1 + sum(each.size for each in nodes)


def _depth(nodes: Iterable[Node]) -> int:
    return 1 + max((each.depth for each in nodes), default=0)


def _scalar(text: str) -> Scalar:
    if text in _PLAIN:
        return _PLAIN[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text
