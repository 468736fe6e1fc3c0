"""The port to every report format: bytes and an artifact type in, one Report out."""

from collections.abc import Mapping
from typing import Protocol

from shared.oci.digest import Digest
from shared.reports import cyclonedx, grype, sarif, trivy
from shared.reports.findings import InvalidReport, Report

__all__ = ["FOREIGN", "LARGEST", "OWN", "parse"]

LARGEST = trivy.LARGEST  # bytes


class _Parser(Protocol):
    def __call__(self, raw: bytes, *, subject: Digest | None, limit: int) -> Report: ...


# What Breakwater's own runs attach. The same types on what came from upstream prove nothing (design §2.4).
OWN: Mapping[str, _Parser] = {
    "application/vnd.breakwater.report.trivy.v1+json": trivy.parse,
    "application/vnd.breakwater.report.grype.v1+json": grype.parse,
    "application/vnd.breakwater.report.sarif.v1+json": sarif.parse,
    "application/vnd.breakwater.report.cyclonedx.v1+json": cyclonedx.parse,
}

# What other people's pipelines attach: the registered media types of SARIF and of CycloneDX (IANA). Trivy's
# and Grype's own JSON have none.
FOREIGN: Mapping[str, _Parser] = {
    "application/sarif+json": sarif.parse,
    "application/vnd.cyclonedx+json": cyclonedx.parse,
}


def parse(raw: bytes, *, kind: str, subject: Digest, limit: int = LARGEST) -> Report:
    """Parse a report of at most `limit` bytes with the artifact type `kind` about one manifest.

    `subject` is the manifest that the artifact's OCI subject names, which the caller has checked; the
    report's own claim must be the same. SARIF has no field for it: there `Report.subject` is None
    unless its properties name one. Raises InvalidReport, naming the place, what was expected and
    what found; nothing that is not whole is ever a report without findings.
    """
    name = kind.partition(";")[0].strip().lower()
    parser = OWN.get(name) or FOREIGN.get(name)
    if parser is None:
        known = ", ".join((*OWN, *FOREIGN))
        message = f"artifact type: expected one of {known}, found {kind[:100]!r}"
        raise InvalidReport(message)
    return parser(raw, subject=subject, limit=limit)
