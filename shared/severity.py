"""How bad a finding is, in one order for every scanner's words."""

from enum import IntEnum


class Severity(IntEnum):
    """The severities of a finding, mildest first; what nobody understands is the worst."""

    LOW = 1
    MEDIUM = 2
    HIGH = 3
    CRITICAL = 4
    UNKNOWN = 5  # above critical: an unknown severity reaches every threshold (design §2.4)

    @classmethod
    def of(cls, word: str) -> "Severity":
        """Return the severity a scanner's word means, in any case; UNKNOWN for a word nobody knows."""
        return _WORDS.get(word.strip().lower(), cls.UNKNOWN)

    @property
    def label(self) -> str:
        """The severity as people and the catalog write it: `high`."""
        return self.name.lower()

    def __str__(self) -> str:
        return self.label


_WORDS = {each.label: each for each in Severity}
