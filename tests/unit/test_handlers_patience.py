"""What fails for now stops nothing: throttled messages come back, and a silent topic is passed by."""

import json
from datetime import timedelta

from handlers import advance_candidate, api_status
from shared.errors import Transient
from shared.messages import CANDIDATES, LookMessage, encode
from shared.values import Entry
from tests.builders import a_digest
from tests.fakes import FakeAnnouncements, FakeLedger, world
from tests.machine import CATALOG, Machine


class DeafTopic(FakeAnnouncements):
    """A topic that nobody can publish to."""

    def publish(self, entry: Entry) -> None:
        problem = "the topic answers 503"
        raise Transient(problem)


class BusyLedger(FakeLedger):
    """A table that is throttled."""

    def rows(self, subject: str):
        problem = "too many requests"
        raise Transient(problem, retry_after=120)


def test_a_topic_that_is_down_does_not_stop_a_promotion():
    machine = Machine()
    machine.world.announcements = DeafTopic()
    digest = machine.upstream("white")

    machine.watch()
    machine.settle()

    assert machine.state(digest) == "promoted"


def test_a_throttled_look_comes_back_after_the_pause_it_was_told():
    made = world(CATALOG)
    made.ledger = BusyLedger()
    message = encode(LookMessage("node", str(a_digest()), "0123456789abcdef"))

    advance_candidate.handle(made.services, message)

    (sent,) = made.queues.take(CANDIDATES)
    assert sent.text == message
    assert timedelta(seconds=120) <= sent.delay <= timedelta(minutes=15)


def test_the_status_says_what_is_wrong_with_the_catalog_and_shows_the_candidates():
    machine = Machine()
    machine.upstream("white")
    machine.watch()
    machine.settle()
    machine.world.catalog.text = CATALOG.replace("block: high", "block: hihg")

    status = json.loads(api_status.handle(machine.services))

    (fault,) = status["catalog"]["faults"]
    assert fault.startswith("catalog.yaml:6: defaults.gate.block: expected")
    assert [each["state"] for each in status["candidates"]] == ["promoted"]
