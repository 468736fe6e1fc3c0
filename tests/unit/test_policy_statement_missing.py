"""A decision in which something is missing, by an override or because the gate observes, is a decision of ours."""

import json
from dataclasses import replace

import pytest

from shared.oci.digest import Digest
from shared.oci.reference import Repository
from shared.policy import promotion
from shared.policy.facts import Facts
from shared.policy.statement import statement
from tests.builders import a_digest
from tests.candidates import DIGEST, REPORT, a_scan, a_test, some_facts

BASE = Repository("contosobase.azurecr.io", "base/node")
RESULT = a_digest(51)
LOST_SCAN = a_scan(report=None, report_digest=None, failures=3, error="no agent")
LOST_TEST = a_test(passed=None, result_digest=None, attempt=3, error="no agent")


@pytest.mark.parametrize(
    ("facts", "named"),
    [
        (some_facts(), (REPORT, RESULT)),
        (some_facts(scans=(LOST_SCAN,)), (RESULT,)),
        (some_facts(test=LOST_TEST), (REPORT,)),
        (some_facts(scans=(LOST_SCAN,), test=LOST_TEST), ()),
        (some_facts(scans=(), test=None), ()),
    ],
)
def test_what_is_missing_is_not_named_and_the_decision_is_recognised(
    facts: Facts, named: tuple[Digest, ...]
):
    content = statement(facts, base=BASE, tags=("x",), reasons=("y",), catalog=a_digest(9))

    assert promotion.named(content, BASE, DIGEST) == named
    assert b"None" not in content


@pytest.mark.parametrize("said", ["None", "x", None, 0, [], {}])
def test_a_report_that_is_named_must_be_named_by_its_digest(said: object):
    content = statement(
        replace(some_facts(), test=None), base=BASE, tags=(), reasons=(), catalog=a_digest(9)
    )
    body = json.loads(content)
    body["predicate"]["scans"][0]["report"] = said

    assert promotion.named(json.dumps(body).encode(), BASE, DIGEST) is None
