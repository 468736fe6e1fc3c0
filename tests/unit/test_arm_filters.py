"""The OData filter of runs.list."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.arm.filters import InvalidFilter, Value, parse

RUN: dict[str, Value] = {
    "RunId": "cf4",
    "RunType": "QuickRun",
    "Status": "Failed",
    "CreateTime": datetime(2026, 11, 23, 6, 0, tzinfo=UTC),
    "FinishTime": None,
    "OutputImageManifests": "base/node@sha256:aa,base/node@sha256:bb",
    "IsArchiveEnabled": False,
    "TaskName": "o'scan",
    "AgentPoolName": None,
}


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("Status eq 'Failed'", True),
        ("status EQ 'failed'", True),
        ("Status ne 'Failed'", False),
        ("TaskName eq 'o''scan' and Status eq 'Failed'", True),
        ("TaskName eq 'x' and Status eq 'Failed' or RunId eq 'cf4'", True),
        ("TaskName eq 'x' and (Status eq 'Failed' or RunId eq 'cf4')", False),
        ("contains(OutputImageManifests, 'node@sha256:bb')", True),
        ("contains(OutputImageManifests,'node@sha256:cc')", False),
        ("CreateTime gt 2026-11-23T05:00:00Z", True),
        ("CreateTime lt 2026-11-23T05:00:00Z", False),
        ("CreateTime ge '2026-11-23T06:00:00Z'", True),
        ("CreateTime le 2026-11-23T06:00:00", True),
        ("FinishTime eq null", True),
        ("FinishTime gt 2026-11-23T05:00:00Z", False),
        ("IsArchiveEnabled eq false", True),
        ("AgentPoolName ne null", False),
    ],
)
def test_a_filter_holds_for_the_runs_it_describes(text: str, holds: bool) -> None:
    assert parse(text)(RUN) is holds


@pytest.mark.parametrize(
    "text",
    [
        "Colour eq 'red'",
        "not Status eq 'Failed'",
        "Status has 'Failed'",
        "Status eq Failed",
        "Status eq 'Failed' Status",
        "Status eq",
        "(Status eq 'Failed'",
        "startswith(Status, 'F')",
        "contains(Status, Failed)",
        "CreateTime gt yesterday",
        "IsArchiveEnabled eq 'no'",
        "Status eq 'Failed",
        "(" * 40 + "Status eq 'Failed'" + ")" * 40,
        "",
    ],
)
def test_what_acr_does_not_document_is_refused(text: str) -> None:
    with pytest.raises(InvalidFilter, match=r"^\$filter: "):
        parse(text)


@given(st.text(max_size=60))
def test_a_filter_is_parsed_or_refused_and_never_anything_else(text: str) -> None:
    try:
        result = parse(text)(RUN)
    except InvalidFilter:
        return
    assert result in (True, False)
