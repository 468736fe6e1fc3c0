"""What a look writes fits into the table: a text column holds 32 Ki characters, whatever others wrote into it."""

import json

import pytest

from handlers.recording import STATE, Subject, record
from shared.policy.actions import Decision, Enforced, Promote
from shared.policy.candidate import State
from tests.builders import a_digest
from tests.fakes import world

LONGEST = 32 * 1024  # characters, as UTF-16: 64 KiB


@pytest.mark.parametrize("length", [40, 150, 290, 900, 2000])
@pytest.mark.parametrize("character", ['"', "\\", "é", "a"])
def test_the_row_of_a_verdict_with_many_long_reasons_is_no_longer_than_a_column(
    character: str, length: int
):
    services = world().services
    subject = Subject("library/" + "n" * 247, a_digest(1), "ab" * 8)
    many = (character * length,) * 400
    decision = Decision(
        Promote(("1",)),
        State.PROMOTING,
        many,
        enforced=Enforced(State.REJECTED, many),
        rule="clean",
    )

    record(services, subject, State.PROMOTING, many, decision=decision)

    (row,) = (each for each in services.ledger.rows(subject.id) if each.key == STATE)
    # The ledger writes the values as JSON, in which the reasons are JSON already.
    assert len(json.dumps(dict(row.values), sort_keys=True)) < LONGEST
    assert json.loads(str(row.values["reasons"]))
