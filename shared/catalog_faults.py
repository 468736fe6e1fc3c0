"""What is wrong with a catalog: every fault at once, each with its line and path."""

from collections.abc import Iterable
from dataclasses import dataclass

from shared.errors import Misconfigured

type Path = tuple[str | int, ...]

_LONGEST_FOUND = 80
_MOST_TOLD = 100  # in the text; `faults` has all


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: where (line counts from 1), what was expected there, and what was found."""

    place: str
    line: int
    path: str
    expected: str
    found: str

    def __str__(self) -> str:
        where = f"{self.path}: " if self.path else ""
        return f"{self.place}:{self.line}: {where}expected {self.expected}, found {self.found}"


class CatalogInvalid(Misconfigured):
    """The catalog cannot be used; `faults` holds everything that is wrong, in order of line."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        """Keep the faults in order; the text is one line for each of the first hundred."""
        self.faults = tuple(sorted(set(faults), key=lambda each: (each.line, each.path, str(each))))
        lines = [str(each) for each in self.faults[:_MOST_TOLD]]
        if len(self.faults) > _MOST_TOLD:
            lines.append(f"… and {len(self.faults) - _MOST_TOLD} more")
        super().__init__("\n".join(lines))


def written(path: Path) -> str:
    """Return a path as `images[1].gate.age`."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += f".{step}" if text else step
    return text


def quoted(value: object) -> str:
    """Return a value as a fault shows it: quoted, printable, and not too long."""
    text = repr(value)
    return text if len(text) <= _LONGEST_FOUND else f"{text[:_LONGEST_FOUND]}…"
