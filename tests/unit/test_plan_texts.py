"""The plan in words: what the table shows, what it leaves out, and what JSON has."""

import dataclasses
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from handlers.plan_texts import as_json_text, as_table
from handlers.planning import Chosen, Line, Plan
from shared.oci.reference import Repository
from shared.policy.precedence import IMPORT_TIME
from shared.policy.watching import Change
from shared.values import Usage
from tests.builders import a_catalog, a_digest

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def a_line(number: int = 0, change: Change = Change.IMPORT, **given: Any) -> Line:
    new = a_digest(number)
    line = Line(
        image="node",
        source=Repository("docker.io", "library/node"),
        tag=f"{number}-alpine",
        change=change,
        reason="because",
        target=Repository("contosostaging.azurecr.io", "node"),
        upstream=new,
        writes=(f"{number}-alpine", "unique") if change is Change.IMPORT else (),
    )
    return dataclasses.replace(line, **given)


def a_plan(*lines: Line, **given: Any) -> Plan:
    plan = Plan(
        at=NOON,
        took=timedelta(seconds=12.34),
        catalog=a_catalog(),
        lines=lines,
        rules=(),
        failures={},
        unreached=(),
        usage={},
        concurrency=8,
    )
    return dataclasses.replace(plan, **given)


def test_what_is_unchanged_is_counted_and_shown_only_when_all_is():
    plan = a_plan(a_line(1), *(a_line(n, Change.UNCHANGED) for n in range(2, 2000)))
    assert "500-alpine" not in as_table(plan)
    assert "1,999 tags of 1 image: 1 import, 1,998 unchanged." in as_table(plan)
    assert "500-alpine" in as_table(plan, every=True)


def test_a_plan_without_changes_has_no_table():
    assert as_table(a_plan(a_line(1, Change.UNCHANGED))).startswith(
        "1 tag of 1 image: 1 unchanged."
    )


@pytest.mark.parametrize("change", [each for each in Change if each is not Change.UNCHANGED])
def test_every_other_change_is_shown_with_its_reason(change: Change):
    table = as_table(a_plan(a_line(1, change, reason="so that one knows")))
    assert f"node   1-alpine  {change.value}" in table
    assert "so that one knows" in table


def test_a_dead_registry_takes_few_rows():
    dead = [
        a_line(n, Change.UNREACHABLE, upstream=None, source=Repository("quay.io", "a/b"))
        for n in range(300)
    ]
    table = as_table(a_plan(*dead, a_line(1000)))
    assert table.count(" unreachable  ") == 5
    assert "… and 295 more tags of quay.io unreachable; --all shows them" in table
    assert "1000-alpine" in table
    assert as_table(a_plan(*dead), every=True).count(" unreachable  ") == 300


def test_reasons_are_wrapped_within_the_terminal_and_come_last():
    line = a_line(1, reason="a long sentence that goes on and on about " + "why " * 30)
    rows: list[str] = []
    for width in (60, 80, 120):
        heading, *rows = as_table(a_plan(line), width=width).split("\n\n")[0].splitlines()
        assert all(len(row) <= width for row in (heading, *rows))
        assert len(rows) > 1
        assert all(row.startswith("    ") for row in rows[1:])
    assert " ".join(" ".join(rows).split()).endswith("why why why")
    assert len(as_table(a_plan(line)).splitlines()[1]) > 120


def test_names_are_never_cut():
    line = a_line(1, image="team/" + "x" * 100, reason="why " * 10)
    assert "team/" + "x" * 100 in as_table(a_plan(line), width=60)


def test_each_registry_tells_requests_tokens_quota_and_pause():
    usage = {
        "quay.io": Usage(requests=7, paused_until=NOON, reason="429 Too Many Requests"),
        "docker.io": Usage(requests=1234, tokens=20, remaining=97, limit=100),
        "ghcr.io": Usage(requests=1, remaining=5),
    }
    table = as_table(a_plan(usage=usage)).split("\n\n")[0].splitlines()
    assert [row.split("  ")[0] for row in table] == ["REGISTRY", "docker.io", "ghcr.io", "quay.io"]
    assert table[1].split(maxsplit=3) == ["docker.io", "1234", "20", "97 of 100   -"]
    assert table[2].split() == ["ghcr.io", "1", "0", "5", "-"]
    assert table[3].endswith("until 12:00:00 UTC: 429 Too Many Requests")


def test_how_long_the_imports_take_is_an_estimate_with_its_assumption():
    fixes = [a_line(n, fix=True) for n in range(12)]
    plan = a_plan(*fixes, *(a_line(n) for n in range(100, 1928)))
    told = next(row for row in as_table(plan).splitlines() if row.startswith("1,840 imports"))
    assert "12 fixes first, then a backlog of 1,828; about 5 h 7 min, if each takes 1 min" in told
    assert "6 of the 8 that IMPORT_CONCURRENCY allows" in told


def test_tags_of_one_digest_are_one_import():
    plan = a_plan(a_line(1), a_line(1, tag="latest"), a_line(1, image="other"))
    assert plan.imports == 2


def test_an_import_that_would_not_be_asked_for_is_not_counted():
    assert a_plan(a_line(1, writes=())).imports == 0
    assert "import:" not in as_table(a_plan(a_line(1, writes=())))


def test_one_import_that_anything_promoted_waits_for_is_a_fix():
    plan = a_plan(a_line(1), a_line(1, tag="latest", fix=True))
    assert (plan.imports, plan.fixes) == (1, 1)
    assert "1 import: 1 fix first, then a backlog of 0; about 1 min" in as_table(plan)


def test_what_rules_found_is_told():
    many = tuple(f"1.{n}" for n in range(30))
    rules = (
        Chosen("node", ("24.1",), ("20.1", "20.2"), ("22.0",), ""),
        Chosen("python", many, (), (), "upstream lists 3 tags, 900 before"),
    )
    told = as_table(a_plan(rules=rules)).splitlines()
    assert "node: new upstream: 24.1" in told
    assert "node: gone upstream: 20.1, 20.2" in told
    assert "node: not chosen any more: 22.0" in told
    assert "python: list refused: upstream lists 3 tags, 900 before" in told
    assert any(row.endswith("1.8, 1.9 and 20 more") for row in told)


def test_images_that_were_not_watched_are_told_and_leave_the_plan_unanswered():
    plan = a_plan(failures={"node": "HTTP 500"}, unreached=("python", "go"))
    assert "node: not watched: HTTP 500" in as_table(plan)
    assert "no time was left for python, go; --within gives it more" in as_table(plan)
    assert not plan.answered
    assert not a_plan(failures={"node": "HTTP 500"}).answered
    assert not a_plan(unreached=("go",)).answered
    assert not a_plan(a_line(1, Change.UNREACHABLE)).answered
    assert a_plan(a_line(1, Change.GONE)).answered


def test_control_characters_of_a_registrys_answer_do_not_reach_the_terminal():
    evil = "\x1b[2Jowned\nIMAGE  forged\x9b"
    plan = a_plan(
        a_line(1, reason=evil),
        rules=(Chosen("node", (), (), (), evil),),
        failures={"node": evil},
        usage={"quay.io": Usage(paused_until=NOON, reason=evil)},
    )
    for width in (0, 40, 100):
        table = as_table(plan, width=width)
        assert "\x1b" not in table
        assert "\x9b" not in table
        assert "\nIMAGE  forged" not in table


def test_json_has_everything():
    usage = {"docker.io": Usage(requests=4, tokens=1, answered=3, failed=1, remaining=9, limit=10)}
    plan = a_plan(
        a_line(1, fix=True),
        a_line(2, Change.UNCHANGED),
        rules=(Chosen("node", ("24",), (), ("22",), "refused"),),
        failures={"go": "why"},
        unreached=("python",),
        usage=usage,
    )
    body = json.loads(as_json_text(plan))
    assert [line["change"] for line in body["lines"]] == ["import", "unchanged"]
    assert body["lines"][0]["fix"] is True
    assert body["seconds"] == 12.34
    assert body["counts"]["import"] == body["counts"]["unchanged"] == 1
    assert set(body["counts"]) == {each.value for each in Change}
    assert body["rules"] == [
        {
            "image": "node",
            "appeared": ["24"],
            "vanished": [],
            "dropped": ["22"],
            "refused": "refused",
        }
    ]
    assert (body["failures"], body["unreached"]) == ({"go": "why"}, ["python"])
    assert body["registries"]["docker.io"] == {
        "requests": 4,
        "tokens": 1,
        "answered": 3,
        "failed": 1,
        "pulls_left": 9,
        "pulls_limit": 10,
        "paused_until": None,
        "paused_because": None,
    }
    assert body["imports"] == {
        "count": 1,
        "fixes": 1,
        "backlog": 0,
        "concurrency": 8,
        "estimated_seconds": IMPORT_TIME.total_seconds(),
        "assumed_seconds_each": IMPORT_TIME.total_seconds(),
    }
