"""What nobody gets past the one decision: a tag for free, a verdict on what cannot be read, a false excuse."""

import pytest

from shared.catalog import Mode
from shared.operators import RulingKind
from shared.policy.candidate import Promote, Rest, StartScan, State, decide
from shared.policy.facts import Facts, Span, Watched
from tests.builders import a_finding, a_gate, an_image
from tests.candidates import (
    DIGEST,
    HOUR,
    OTHER,
    TAG,
    a_foreign,
    a_ruling,
    a_scan,
    a_test,
    an_override,
    some_facts,
)
from tests.fake_clock import START

ANOTHER = "22-alpine"
BOTH = tuple(Watched(tag, (Span(DIGEST, START - 48 * HOUR),)) for tag in (TAG, ANOTHER))
LOST = a_scan(report=None, report_digest=None, attempt=3, failures=3, error="no agent")


@pytest.mark.parametrize("held", [None, OTHER])
def test_a_decision_under_one_tag_is_no_pass_for_another(held: object):
    base = {TAG: DIGEST, ANOTHER: held}
    promoted = some_facts(watched=BOTH, base=base, decided=True)

    assert decide(promoted, START).state is State.PROMOTING
    spoilt = decide(
        some_facts(watched=BOTH, base=base, decided=True, scans=(a_scan(a_finding()),)), START
    )
    assert (spoilt.state, spoilt.rule) == (State.REJECTED, "clean")
    unscanned = some_facts(watched=BOTH, base=base, decided=True, scans=(a_scan(report=None),))
    assert isinstance(decide(unscanned, START).action, StartScan)


@pytest.mark.parametrize("mode", Mode)
def test_what_nobody_can_read_fails_whatever_the_mode(mode: Mode):
    image = an_image(gate=a_gate(mode=mode), script="tests/node.sh")
    found = decide(
        some_facts(image=image, staged=None, scans=(), unreadable="a key twice in one object"),
        START,
    )

    assert (found.action, found.state, found.rule) == (Rest(), State.FAILED, "in_staging")
    assert found.reasons == ("what staging holds cannot be read: a key twice in one object",)
    assert found.enforced is None


def overridden(**changes: object) -> Facts:
    return some_facts(rulings=(an_override(),), **changes)


def test_an_override_does_without_our_report_and_not_without_what_others_found():
    foreign = (a_foreign(a_finding()),)

    clean = decide(overridden(scans=(LOST,)), START)
    spoilt = decide(overridden(scans=(a_scan(report=None, failures=3, foreign=foreign),)), START)

    assert isinstance(clean.action, Promote)
    assert (spoilt.state, spoilt.rule) == (State.REJECTED, "clean")


def test_an_override_is_not_said_to_stand_in_for_a_test_that_passed_at_last():
    found = decide(overridden(test=a_test(attempt=3, error="no agent before")), START)

    assert isinstance(found.action, Promote)
    assert not any("override" in reason for reason in found.reasons)


def test_a_denial_is_one_without_a_word_of_why_too():
    denied = some_facts(rulings=(a_ruling(RulingKind.DENY, comment=""),))

    assert (decide(denied, START).state, decide(denied, START).rule) == (State.REJECTED, "denied")
