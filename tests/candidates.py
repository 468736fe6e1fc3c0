"""A candidate that passes everything, to be spoilt by a test in one place."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from shared.oci import media_types
from shared.oci.digest import Digest
from shared.oci.platform import Platform
from shared.operators import Ruling, RulingKind
from shared.policy.facts import (
    Facts,
    Foreign,
    Progress,
    Promoted,
    Scan,
    Span,
    Staged,
    Tested,
    Watched,
)
from shared.policy.waiving import Excuse
from shared.reports.findings import Finding, Report
from tests.builders import a_digest, an_image
from tests.fake_clock import START

AMD64, ARM64 = Platform("linux", "amd64"), Platform("linux", "arm64")
DIGEST, OTHER = a_digest(1), a_digest(2)
CHILD, ARM_CHILD = a_digest(11), a_digest(12)
REPORT = a_digest(50)
TAG = "20-alpine"
HOUR = timedelta(hours=1)
DATABASE = START - 6 * HOUR
OTHER_CHILD, OTHER_ARM_CHILD = a_digest(21), a_digest(22)


def a_report(*findings: Finding, subject: Digest = CHILD, **changes: Any) -> Report:
    report = Report(
        "trivy", subject, START, frozenset(findings), ("os-pkgs: x",), DATABASE, "0.69.0"
    )
    return replace(report, **changes)


def a_scan(*findings: Finding, **changes: Any) -> Scan:
    scan = Scan(AMD64, CHILD, Progress.ENDED, 1, "r1", a_report(*findings), REPORT)
    return replace(scan, **changes)


def a_test(**changes: Any) -> Tested:
    test = Tested(AMD64, CHILD, Progress.ENDED, 1, "r2", passed=True, result_digest=a_digest(51))
    return replace(test, **changes)


def some_facts(**changes: Any) -> Facts:
    """A candidate that passes everything, ready to be promoted."""
    facts = Facts(
        image=an_image(script="tests/node.sh"),
        digest=DIGEST,
        watched=(Watched(TAG, (Span(DIGEST, START - 48 * HOUR),)),),
        staged=Staged(media_types.OCI_INDEX, START - 47 * HOUR, {AMD64: CHILD}),
        scans=(a_scan(),),
        test=a_test(),
        base={TAG: None},
    )
    return replace(facts, **changes)


def a_promoted(*findings: Finding, **changes: Any) -> Promoted:
    """What base holds under the tag, in staging and scanned like the candidate."""
    report = a_report(*findings, subject=OTHER_CHILD)
    scan = a_scan(digest=OTHER_CHILD, report=report)
    staged = Staged(media_types.OCI_INDEX, START - 400 * HOUR, {AMD64: OTHER_CHILD})
    return replace(Promoted(OTHER, (TAG,), staged, (scan,)), **changes)


def a_foreign(*findings: Finding, **changes: Any) -> Foreign:
    return replace(Foreign(a_digest(60), a_report(*findings)), **changes)


def a_ruling(kind: RulingKind, **changes: Any) -> Ruling:
    ruling = Ruling("node", DIGEST, kind, "jane", START - HOUR, "looked at it")
    return replace(ruling, **changes)


def an_override(**changes: Any) -> Ruling:
    return a_ruling(RulingKind.APPROVE, override=True, **changes)


def an_excuse(**changes: Any) -> Excuse:
    """Forgives the finding of `a_finding`."""
    return replace(Excuse("CVE-2025-0001", "not reachable", "us", "waiver"), **changes)
