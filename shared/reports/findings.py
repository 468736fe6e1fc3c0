"""What a scanner says about one image, in one shape whatever the scanner."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from shared.oci.digest import Digest
from shared.severity import Severity

__all__ = ["Finding", "InvalidReport", "NothingExamined", "Report", "Severity", "merged"]


class InvalidReport(ValueError):
    """The bytes are no report that can be trusted to be whole; never to be read as "clean"."""


class NothingExamined(InvalidReport):
    """It is whole, names no finding, and does not show that anything was examined: nothing to add, nothing proven."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing a scanner found; `fixed` is empty while there is no fix.

    `suppressed`: the scanner was told to leave it out (an ignore rule, a VEX statement). It is a
    finding all the same; whether it counts is for the catalog to say.
    `target` is where in the image: the operating system's packages, or a file. Text is printable
    and bounded, and still not to be trusted: a publisher chooses package names.
    """

    id: str
    package: str
    installed: str
    fixed: str
    severity: Severity
    title: str = ""
    target: str = ""
    suppressed: bool = False


@dataclass(frozen=True, slots=True)
class Report:
    """A scanner's output about one manifest.

    `subject` is the digest that the report itself claims to be about, None if it names none.
    `covers` says what was examined: a report is silent about everything else. Times are UTC.
    """

    scanner: str
    subject: Digest | None
    created_at: datetime | None
    findings: frozenset[Finding]
    covers: tuple[str, ...]
    database_date: datetime | None = None
    scanner_version: str = ""
    operating_system: str = ""
    end_of_life: bool = False


def merged(own: Report, foreign: Iterable[Report]) -> Report:
    """Return our own report with the findings of foreign ones added, and nothing else of theirs.

    They cannot take a finding away or excuse it (one that both have, suppressed there and not here,
    stays in both forms), count as coverage, or make anything younger.
    """
    added = (finding for report in foreign for finding in report.findings)
    return replace(own, findings=own.findings.union(added))
