"""Runs: lost, refused, endless, unreadable; each is said in a sentence, and gives its slot back."""

import json
from dataclasses import dataclass

import pytest

from handlers import advance_candidate
from handlers.following import conclusion
from shared.errors import Permanent, Transient
from shared.messages import LookMessage, encode
from shared.oci import media_types
from shared.oci.digest import Digest
from shared.oci.reference import Repository
from shared.values import Run, RunState, ScanRequest, TestRequest
from tests import builders
from tests.fake_registries import FakeRegistries
from tests.fake_tasks import FakeTasks
from tests.fakes import index
from tests.machine import STAGING, TAG, Machine
from tests.telling import AMD64, Telling, looked_at


class Lossy(FakeRegistries):
    """Registries that have lost every blob."""

    lost = True

    def blob(self, repository: Repository, digest: Digest, limit: int) -> bytes:
        if self.lost:
            problem = f"{repository}: there is no blob {digest}"
            raise Permanent(problem)
        return super().blob(repository, digest, limit)


def lossy() -> tuple[Machine, Lossy]:
    machine = Machine()
    registries = Lossy(machine.world.clock)
    machine.world.registries = registries
    machine.world.imports._registries = registries
    return machine, registries


def test_a_report_whose_content_is_gone_is_an_attempt_that_failed_and_no_poison():
    machine, _ = lossy()

    digest = looked_at(machine)

    assert machine.state(digest) == "failed"
    assert "there is no blob" in machine.reasons(digest)[0]
    assert machine.world.slots.held() == []


def test_an_image_whose_configuration_is_gone_lacks_its_platform_and_is_no_poison():
    machine, registries = lossy()
    single = index("white")[0]
    registries.push(STAGING, single, TAG)
    machine.world.upstreams.content.push(Repository("docker.io", "library/node"), single, TAG)
    machine.watch()
    machine.sweep()

    machine.settle()

    assert machine.state(single.digest) == "held"
    assert machine.reasons(single.digest) == ["it lacks linux/amd64, linux/arm64"]


class Unanswering(FakeTasks):
    """ACR Tasks that start nothing and say so or not."""

    error: Exception | None = None

    def start(self, request: ScanRequest | TestRequest) -> str:
        if self.error is not None:
            raise self.error
        return super().start(request)


def unanswering(error: Exception) -> tuple[Machine, Unanswering]:
    machine = Machine()
    tasks = Unanswering(machine.world.clock)
    tasks.error = error
    machine.world.tasks = tasks
    return machine, tasks


def pump(machine: Machine, rounds: int = 60) -> None:
    """Deliver messages; what raises comes back, as a queue would bring it."""
    for _ in range(rounds):
        for message in machine.world.queues.take():
            try:
                machine._deliver(message.queue, message.text)
            except Transient:
                machine.world.queues.send(message.queue, message.text)
        machine._end_runs()
        machine.world.clock.advance(seconds=15)


def test_runs_whose_start_was_never_answered_are_failed_with_the_reason_and_forgiven_later():
    machine, tasks = unanswering(Transient("HTTP 504 from ARM"))
    digest = machine.upstream("white")
    machine.watch()
    pump(machine)
    assert machine.state(digest) == "failed"
    assert "HTTP 504 from ARM" in machine.reasons(digest)[0]
    assert machine.world.slots.held() == []

    tasks.error = None
    machine.world.clock.advance(hours=1)
    machine.sweep()
    machine.settle()

    assert machine.state(digest) == "promoted"


def test_a_start_that_was_refused_for_now_burns_no_attempt_and_holds_no_slot():
    machine, tasks = unanswering(Transient("HTTP 429 from ARM", retry_after=17, refused=True))
    digest = machine.upstream("white")
    machine.watch()
    pump(machine)
    assert machine.state(digest) not in ("failed", "promoted")
    assert machine.world.slots.held() == []
    assert list(machine.world.ledger.all("scan:linux-amd64:1")) == []

    tasks.error = None
    machine.settle()

    assert machine.state(digest) == "promoted"
    assert list(machine.world.ledger.all("scan:linux-amd64:2")) == []


class Clogged(FakeTasks):
    """ACR Tasks that take no uploads for now."""

    clogged = True

    def upload(self, registry: str, archive: bytes) -> str:
        if self.clogged:
            problem = "storage answered HTTP 503"
            raise Transient(problem)
        return super().upload(registry, archive)


def test_a_script_that_could_not_be_uploaded_burns_no_attempt():
    machine = Machine()
    tasks = Clogged(machine.world.clock)
    machine.world.tasks = tasks
    digest = machine.upstream("white")
    machine.watch()
    pump(machine)
    assert machine.state(digest) not in ("failed", "promoted")
    assert machine.world.slots.held() == []

    tasks.clogged = False
    machine.settle()

    assert machine.state(digest) == "promoted"


def test_a_run_that_can_never_start_is_failed_with_the_reason_and_no_poison():
    machine, _ = unanswering(Permanent("task value platform: expected linux/…, no run"))

    digest = looked_at(machine)

    assert machine.state(digest) == "failed"
    assert "task value platform: expected linux" in machine.reasons(digest)[0]
    assert machine.world.slots.held() == []


def test_a_test_script_that_is_missing_is_said_in_the_candidates_reasons():
    machine = Machine()
    del machine.world.catalog.files["image-tests/node.sh"]

    digest = looked_at(machine)

    assert machine.state(digest) == "failed"
    assert "image-tests/node.sh" in machine.reasons(digest)[0]
    assert machine.world.slots.held() == []


@dataclass
class Endless(Machine):
    """A machine whose runs do not end."""

    endless: bool = True

    def _end_runs(self) -> None:
        if not self.endless:
            super()._end_runs()


def test_a_run_that_never_ends_is_given_up_after_an_hour_and_its_slot_comes_back():
    machine = Endless()
    digest = machine.upstream("white")
    machine.watch()
    for _ in range(100):
        for message in machine.world.queues.take():
            machine._deliver(message.queue, message.text)
        machine.world.clock.advance(minutes=1)
        if machine.world.tasks.requests and len(machine.world.tasks.requests) > 2:
            break
    machine.endless = False
    machine.settle()

    assert any("did not end within" in " ".join(e.reasons) for e in machine.world.journal.entries)
    assert machine.state(digest) == "promoted"
    assert machine.world.slots.held() == []


def test_a_candidate_that_is_replaced_while_it_is_scanned_gives_its_slots_back():
    machine = Endless()
    machine.upstream("old")
    machine.watch()
    for _ in range(6):
        for message in machine.world.queues.take():
            machine._deliver(message.queue, message.text)
        machine.world.clock.advance(seconds=15)
    assert "runs" in {kind for kind, _ in machine.world.slots.held()}
    new = machine.upstream("new")
    machine.watch()
    for _ in range(6):
        for message in machine.world.queues.take():
            machine._deliver(message.queue, message.text)
        machine.world.clock.advance(seconds=15)

    machine.endless = False
    machine.settle()

    assert machine.state(new) == "promoted"
    assert machine.world.slots.held() == []


class Vanishing(FakeTasks):
    """A registry that forgets its runs."""

    def run(self, registry: str, run_id: str) -> Run | None:
        return None


def test_runs_the_registry_does_not_know_are_lost_and_said_so():
    machine = Machine()
    machine.world.tasks = Vanishing(machine.world.clock)

    digest = looked_at(machine)

    assert machine.state(digest) == "failed"
    assert "the registry knows no run" in machine.reasons(digest)[0]
    assert machine.world.slots.held() == []


def test_a_run_that_failed_says_so_in_the_platforms_words_made_plain():
    machine = Machine()

    class Failing(FakeTasks):
        def run(self, registry: str, run_id: str) -> Run | None:
            return Run(run_id, RunState.FAILED, "Error", error="no\x1b[31m agent\nleft")

    machine.world.tasks = Failing(machine.world.clock)
    digest = looked_at(machine)

    assert machine.state(digest) == "failed"
    assert "no [31m agent left" in machine.reasons(digest)[0]


def test_a_test_that_the_platform_broke_off_is_no_verdict():
    machine = Endless()
    digest = machine.upstream("white")
    machine.watch()
    cancelled = 0
    for _ in range(60):
        for message in machine.world.queues.take():
            machine._deliver(message.queue, message.text)
        for run_id, request in machine.world.tasks.requests.items():
            run = machine.world.tasks.run(STAGING.registry, run_id)
            if run is None or run.state is not RunState.QUEUED:
                continue
            if isinstance(request, TestRequest) and not cancelled:
                machine.world.tasks.finish(STAGING.registry, run_id, RunState.CANCELED)
                cancelled += 1
            else:
                machine._end(run_id, request)
        machine.world.clock.advance(seconds=15)

    assert cancelled == 1
    assert machine.state(digest) == "promoted"
    assert machine.events().count("test started") == 2


@pytest.mark.parametrize(
    ("log", "said"),
    [
        ("", ""),
        (
            "2026/11/23 12:00:00 Launching container\ntest: it is red\nRun ID: x failed\n",
            "it is red",
        ),
        ("pulling\nno such manifest\n", "pulling / no such manifest"),
        ("test: a\ntest: b\ntest: c\nother\n", "b / c"),
        ("test: \x1b[31mred\x1b[0m\x07\u202e\n", "[31mred [0m"),
    ],
)
def test_what_a_failed_run_said_last_is_kept_on_one_plain_line(log: str, said: str):
    assert conclusion(log) == said


def test_a_very_long_last_line_is_cut():
    assert len(conclusion("x" * 100_000)) == 400


def test_the_result_attached_to_what_was_tested_is_the_runs_tail_without_control_characters():
    machine = Telling()
    machine.tests_say = "\x1b[2J" + "\n".join(f"line {number}" for number in range(50))
    looked_at(machine)

    registries = machine.world.registries
    (result,) = (
        each
        for each in registries.referrers(STAGING, AMD64)
        if each.artifact_type == media_types.TEST_RESULT
    )
    manifest = registries.manifest(STAGING, result.digest)
    assert manifest is not None
    body = json.loads(registries.blob(STAGING, manifest.layers[0].digest, 10_000))
    assert body["log"][0] == "line 30"
    assert len(body["log"]) == 20
    assert body["status"] == "Succeeded"


def test_a_candidate_of_an_image_the_catalog_dropped_is_left_as_it_is():
    machine = Machine()
    message = LookMessage("gone", str(builders.a_digest(1)), "ab" * 8)

    advance_candidate.handle(machine.services, encode(message))

    assert machine.world.queues.sent == []
    assert machine.world.journal.entries == []
