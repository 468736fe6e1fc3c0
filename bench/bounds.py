"""What a number has to be, and whether it is."""

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bound:
    """A measured number, and the least or the most it may be."""

    name: str
    measured: float
    at_least: float = -math.inf
    at_most: float = math.inf

    @property
    def holds(self) -> bool:
        """Whether the number is what it has to be."""
        return self.at_least <= self.measured <= self.at_most

    def __str__(self) -> str:
        limit = f"at most {self.at_most:g}"
        if self.at_least > -math.inf:
            limit = f"at least {self.at_least:g}"
        verdict = "holds" if self.holds else "MISSED"
        return f"{self.measured:>10.2f}  {limit:<15} {verdict:<7} {self.name}"


def missed(bounds: Sequence[Bound]) -> int:
    """Print every bound; return how many do not hold."""
    print("Bounds")
    for each in bounds:
        print(each)
    return sum(not each.holds for each in bounds)
