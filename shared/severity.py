"""How bad a finding is, in one order for every scanner's words."""

from collections.abc import Mapping
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
        """Return the severity a scanner's word means, in any case; UNKNOWN for a word nobody knows.

        There is nothing below LOW: what a scanner calls negligible, informational or none is LOW.
        """
        return _WORDS.get(word.strip().lower(), cls.UNKNOWN)

    @classmethod
    def of_score(cls, score: float) -> "Severity":
        """Return the severity of a CVSS score (CVSS v3.1 §5 and v4.0 §6, "Qualitative Severity Rating Scale").

        What the scale calls none (0.0) is LOW; what is no CVSS score is UNKNOWN. A score between
        two bands, which the standard's one decimal leaves no room for, belongs to the higher one.
        """
        if not _MOST >= score >= 0:
            return cls.UNKNOWN
        return next((severity for above, severity in _BANDS if score > above), cls.LOW)

    @property
    def label(self) -> str:
        """The severity as people and the catalog write it: `high`."""
        return self.name.lower()

    def __str__(self) -> str:
        return self.label


_MOST = 10.0
_BANDS = ((8.9, Severity.CRITICAL), (6.9, Severity.HIGH), (3.9, Severity.MEDIUM))

# Whose words: Trivy, Snyk, Defender, OSV and CycloneDX say low to critical, and:
_WORDS: Mapping[str, Severity] = {
    **{each.label: each for each in Severity},
    "none": Severity.LOW,  # CVSS, CycloneDX, Red Hat, SARIF's level
    "info": Severity.LOW,  # CycloneDX
    "informational": Severity.LOW,  # Defender
    "negligible": Severity.LOW,  # Grype, Ubuntu, Aqua
    "unimportant": Severity.LOW,  # Debian
    "note": Severity.LOW,  # SARIF's level, and the next two
    "warning": Severity.MEDIUM,
    "error": Severity.CRITICAL,  # scanners say it of high and of critical: the worse one counts
    "moderate": Severity.MEDIUM,  # Red Hat, SUSE, GitHub, Microsoft
    "important": Severity.HIGH,  # Red Hat, SUSE, Amazon, Microsoft
}
