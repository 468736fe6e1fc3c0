"""The attached decision: what it says, the same every time, and no time in it."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from shared.oci.platform import Platform
from shared.oci.reference import Repository
from shared.policy.facts import Facts, Progress, Scan, Span, Staged, Tested, Watched
from shared.policy.statement import PREDICATE, statement
from tests.builders import a_digest, a_gate, an_image
from tests.fake_clock import START

AMD64 = Platform("linux", "amd64")
DIGEST, CHILD, REPORT, RESULT, CATALOG = map(a_digest, range(5))
BASE = Repository("contosobase.azurecr.io", "base/node")
FACTS = Facts(
    image=an_image(gate=a_gate(age=timedelta(hours=24)), script="tests/node.sh"),
    digest=DIGEST,
    watched=(Watched("20-alpine", (Span(DIGEST, START),)),),
    staged=Staged("", START, {AMD64: CHILD}),
    scans=(Scan(AMD64, CHILD, Progress.ENDED, 1, "r1", report_digest=REPORT),),
    test=Tested(AMD64, CHILD, Progress.ENDED, 1, "r2", passed=True, result_digest=RESULT),
)


def written(facts: Facts = FACTS, **changes: Any) -> bytes:
    given = {"tags": ("20-alpine",), "reasons": ("it passed",), **changes}
    return statement(facts, base=BASE, catalog=CATALOG, **given)


def test_it_is_an_in_toto_statement_about_the_promoted_digest():
    body = json.loads(written())

    assert body["_type"] == "https://in-toto.io/Statement/v1"
    assert body["subject"] == [{"name": str(BASE), "digest": {"sha256": DIGEST.hex}}]
    assert body["predicateType"] == PREDICATE


def test_it_says_on_what_grounds():
    said = json.loads(written())["predicate"]

    assert said["verdict"] == "promote"
    assert said["source"] == f"docker.io/library/node@{DIGEST}"
    assert said["reasons"] == ["it passed"]
    assert said["scans"] == [
        {"platform": "linux/amd64", "digest": str(CHILD), "report": str(REPORT), "run": "r1"}
    ]
    assert said["tests"] == [
        {"platform": "linux/amd64", "digest": str(CHILD), "result": str(RESULT), "run": "r2"}
    ]
    assert said["gate"]["block"] == "high"
    assert said["gate"]["test"] == "tests/node.sh"
    assert said["catalog"] == {"sha256": CATALOG.hex}


def test_what_was_not_tested_names_no_test():
    said = json.loads(written(replace(FACTS, test=None)))["predicate"]

    assert said["tests"] == []


def test_the_order_of_tags_changes_no_byte():
    assert written(tags=("a", "b")) == written(tags=("b", "a"))


def test_it_knows_no_time():
    later = replace(
        FACTS,
        watched=(Watched("20-alpine", (Span(DIGEST, START + timedelta(days=9)),)),),
        staged=Staged("", START + timedelta(days=9), {AMD64: CHILD}),
    )

    assert written(later) == written()
    assert b"2026" not in written()


@given(st.lists(st.text(), max_size=4))
def test_any_reason_at_all_is_valid_json_in_ascii(reasons: list[str]):
    raw = written(reasons=reasons)

    assert raw.isascii()
    assert json.loads(raw)["predicate"]["reasons"] == reasons
    assert raw == written(reasons=reasons)
