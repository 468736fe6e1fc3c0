"""Reads a SARIF 2.1.0 log of an image scanner: Snyk, Defender, Aqua, Trivy, Grype and others."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from shared.oci.digest import Digest
from shared.reports.fields import (
    document,
    entries,
    flag,
    mapping,
    moment,
    number,
    present,
    text,
    texts,
)
from shared.reports.findings import Finding, InvalidReport, NothingExamined, Report
from shared.reports.sarif_results import finding
from shared.reports.sarif_rules import rules_of
from shared.reports.subjects import claimed, digests

# Shapes: OASIS SARIF 2.1.0 (section numbers below are its); Trivy's pkg/report/sarif.go, Grype's
# grype/presenter/sarif, Snyk's cli/lib/formatters.
_NO_RESULT = frozenset({"pass", "notApplicable"})
_KINDS = _NO_RESULT | {"fail", "open", "review", "informational", ""}


def parse(raw: bytes, *, subject: Digest | None = None, limit: int) -> Report:
    """Parse a log; where it names the image's digest, that must be the `subject`.

    SARIF has no field for the image: Trivy's `properties.repoDigests` and the like are read, and
    where there is none `Report.subject` is None, and only the OCI subject says what it is about.
    It has none for the scanner's database either. A run that failed, kept its results elsewhere or its
    levels apart from them is an error, and so is a log none of whose runs shows that it examined anything.
    What a scanner does not say about a fix counts as fixable. Raises InvalidReport, naming the place, what
    was expected and what found.
    """
    body = document(raw, limit)
    if (version := text(body, "version", "")) != "2.1.0":
        message = f"version: expected 2.1.0, found {version[:60]!r}"
        raise InvalidReport(message)
    if body.get("inlineExternalProperties"):  # §3.13.5: runs may keep their results there
        message = "inlineExternalProperties: expected all in the runs, found some there"
        raise InvalidReport(message)
    runs = list(entries(body, "runs", ""))
    findings: set[Finding] = set()
    for run, place in runs:
        findings.update(_findings(run, place))
    times = [time for run, place in runs for time in _times(run, place)]
    covers = sorted(_name(run, place) for run, place in runs if _examined(run, place))
    if not covers:
        message = (
            "runs: expected results or a sign of what was examined, found neither (a scanner that writes "
            "none for a clean image can attach its own JSON or CycloneDX instead)"
        )
        raise NothingExamined(message) if runs and not findings else InvalidReport(message)
    drivers = [mapping(mapping(run, "tool", at), "driver", f"{at}tool.") for run, at in runs]
    versions = {text(driver, "version", "runs[].tool.driver.") for driver in drivers}
    return Report(
        scanner=", ".join(sorted({_name(run, place) for run, place in runs})),
        subject=_subject(runs, subject),
        created_at=min(times, default=None),
        findings=frozenset(findings),
        covers=tuple(covers),
        scanner_version=versions.pop() if len(versions) == 1 else "",
    )


def _name(run: Mapping[str, Any], place: str) -> str:
    driver = mapping(mapping(run, "tool", place), "driver", f"{place}tool.")
    return text(driver, "name", f"{place}tool.driver.", required=True)


def _findings(run: Mapping[str, Any], place: str) -> Iterator[Finding]:
    for key in mapping(run, "externalPropertyFileReferences", place):
        message = (
            f"{place}externalPropertyFileReferences: expected all in one file, found {key[:60]!r}"
        )
        raise InvalidReport(message)
    rules = rules_of(run, place)
    # §3.14.23: an empty list means nothing was found, none at all that nothing was looked for.
    for result, where in entries(present(run, "results", place), "results", place):
        kind = text(result, "kind", where)
        if kind not in _KINDS:
            message = f"{where}kind: expected a kind of SARIF's, found {kind[:60]!r}"
            raise InvalidReport(message)
        if kind in _NO_RESULT and text(result, "level", where) in {"", "none"}:
            continue
        yield finding(result, where, rules)


def _times(run: Mapping[str, Any], place: str) -> Iterator[datetime]:
    """Yield when the run ended, once it is known that it ended well (§3.20)."""
    for each, where in entries(run, "invocations", place):
        present(each, "executionSuccessful", where)
        died = any(
            text(each, key, where) for key in ("exitSignalName", "processStartFailureMessage")
        )
        if died or not flag(each, "executionSuccessful", where):
            message = f"{where}executionSuccessful: expected true and no failure: the scan failed"
            raise InvalidReport(message)
        if each.get("ruleConfigurationOverrides"):  # §3.20.5: they may make a level worse
            message = f"{where}ruleConfigurationOverrides: expected levels in rules and results, found more"
            raise InvalidReport(message)
        for key in ("toolExecutionNotifications", "toolConfigurationNotifications"):
            for note, at in entries(each, key, where):
                if text(note, "level", at) == "error":
                    message = f"{at}level: expected no error of the scanner, found one"
                    raise InvalidReport(message)
        time = moment(each, "endTimeUtc", where) or moment(each, "startTimeUtc", where)
        if time is not None:
            yield time


def _examined(run: Mapping[str, Any], place: str) -> bool:
    """Tell whether a run found something, or says what it looked at."""
    driver = mapping(mapping(run, "tool", place), "driver", f"{place}tool.")
    count = number(
        mapping(driver, "properties", f"{place}tool.driver."),
        "artifactsScanned",  # Snyk's
        f"{place}tool.driver.properties.",
    )
    if count is not None:
        return count > 0
    properties, where = mapping(run, "properties", place), f"{place}properties."
    named = text(properties, "imageName", where) or text(properties, "pullString", where)
    shown = ("results", "artifacts", "invocations")
    return bool(named) or any(True for key in shown for _ in entries(run, key, place))


def _subject(runs: list[tuple[dict[str, Any], str]], expected: Digest | None) -> Digest | None:
    """Return what all runs are about that name a digest; each that names one must name the same."""
    found: set[Digest | None] = set()
    for run, place in runs:
        properties, where = mapping(run, "properties", place), f"{place}properties."
        details = mapping(run, "automationDetails", place)
        named = (
            text(properties, "imageName", where),
            text(properties, "imageDigest", where),
            text(properties, "digest", where),  # Sysdig's, and the next
            text(properties, "pullString", where),
            text(details, "id", f"{place}automationDetails."),
        )
        listed = texts(properties, "repoDigests", where)
        if digests((*named, *listed)):
            found.add(claimed(named, listed, expected, f"{place}properties"))
    if len(found) > 1:
        message = "runs: expected all to be about one image, found several"
        raise InvalidReport(message)
    return found.pop() if found else None
