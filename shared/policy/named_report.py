"""The one line of a scan run's own log that proves which report is its own."""

import re

from shared.oci.digest import Digest
from shared.oci.platform import Platform

_LINE = re.compile(
    r"breakwater-report (?P<report>sha256:[0-9a-f]{64})"
    r" (?P<subject>sha256:[0-9a-f]{64}) (?P<platform>[a-z0-9_/-]{3,60})"
)


def named_report(log: str, subject: Digest, platform: Platform) -> Digest | str:
    """Return the report's digest, or the sentence that says why there is none.

    The log can be written by the run alone; annotations can be written by anyone with push
    (design §4), so this line is the only proof.
    """
    lines = {line.strip() for line in log.split("\n") if line.startswith("breakwater-report ")}
    if not lines:
        return "the scan's log names no report"
    if len(lines) > 1:
        return f"the scan's log names {len(lines)} reports; expected one"
    match = _LINE.fullmatch(lines.pop())
    if match is None:
        return "the scan's log names a report in a form nobody understands"
    if match["subject"] != str(subject) or match["platform"] != str(platform):
        return (
            f"the scan's log names a report about {match['subject'][:100]} on {match['platform']};"
            f" expected {subject} on {platform}"
        )
    return Digest(match["report"])
