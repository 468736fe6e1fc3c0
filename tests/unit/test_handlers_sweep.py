"""The sweep at scale: what is promoted and has not drifted costs tag pages, and ARM is asked once."""

from collections import Counter

import pytest

from handlers import sweep
from shared.errors import Transient
from shared.messages import LookMessage, RebuildMessage, candidate_id, decode
from shared.oci.digest import Digest
from shared.oci.manifest import Descriptor
from shared.oci.reference import Repository
from shared.oci.tags import unique_tag
from shared.values import Locks, Task
from tests.builders import a_digest
from tests.fake_registries import FakeRegistries
from tests.fake_tasks import FakeTasks
from tests.machine import APPS, BASE, CATALOG, STAGING, TAG, Machine

OTHER_APPS = "fabrikamapps.azurecr.io"


class Counting(FakeRegistries):
    """Registries that count the questions about referrers."""

    asked = 0

    def referrers(self, repository: Repository, digest: Digest) -> tuple[Descriptor, ...]:
        self.asked += 1
        return super().referrers(repository, digest)


def a_machine() -> tuple[Machine, Counting, Digest]:
    """A machine with one promoted candidate."""
    machine = Machine()
    registries = Counting(machine.world.clock)
    machine.world.registries = registries
    machine.world.imports._registries = registries
    digest = machine.upstream("white")
    machine.watch()
    machine.settle()
    assert machine.state(digest) == "promoted", machine.events()
    return machine, registries, digest


def looks(machine: Machine) -> list[str]:
    """Sweep, and return the digests that are to be looked at."""
    machine.sweep()
    sent = machine.world.queues.take("candidates")
    return [decode(each.text, LookMessage).digest for each in sent]


def test_what_is_promoted_and_has_not_drifted_costs_no_referrers():
    machine, registries, _ = a_machine()
    registries.asked = 0

    for _ in range(23):
        machine.sweep()
        machine.settle()
        machine.world.clock.advance(hours=1)

    assert registries.asked == 0


def test_what_is_promoted_is_looked_at_once_a_day_all_the_same():
    machine, _, digest = a_machine()

    asked: Counter[int] = Counter()
    for hour in range(72):
        machine.world.clock.advance(hours=1)
        asked[hour // 24] += len(looks(machine))

    assert asked == {0: 1, 1: 1, 2: 1}
    keys = {row.key for row in machine.world.ledger.rows(candidate_id("node", digest))}
    assert "swept" in keys


@pytest.mark.parametrize("tag", ["stable", "unique"])
def test_a_lock_that_somebody_took_away_is_put_back_by_the_next_sweep(tag: str):
    machine, registries, digest = a_machine()
    name = {"stable": TAG, "unique": unique_tag(TAG, digest)}[tag]
    entry = registries.tag(BASE, name)
    assert entry is not None
    registries.lock(BASE, name, Locks())

    machine.sweep()
    machine.settle()

    assert registries.tag(BASE, name) == entry
    assert looks(machine) == []


def test_a_manifests_lock_is_put_back_within_a_day():
    machine, registries, digest = a_machine()
    registries.lock(BASE, digest, Locks())

    for _ in range(24):
        machine.world.clock.advance(hours=1)
        machine.sweep()
        machine.settle()

    entry = registries.manifest_entry(BASE, digest)
    assert entry is not None
    assert not entry.locks.delete


def test_a_sweep_that_dies_before_it_wrote_down_that_it_asked_asks_again():
    machine, _, digest = a_machine()
    machine.world.clock.advance(hours=24)
    machine.sweep()
    machine.world.queues.take()
    machine.world.ledger.delete(candidate_id("node", digest), "swept")

    assert looks(machine) == [str(digest)]


class Listed(FakeTasks):
    """ACR Tasks that count how often each registry is listed; some cannot be."""

    def __init__(self) -> None:
        super().__init__()
        self.lists: Counter[str] = Counter()
        self.broken = ""

    def list(self, registry: str) -> tuple[Task, ...]:
        self.lists[registry] += 1
        if registry == self.broken:
            problem = f"tasks of {registry}: HTTP 503"
            raise Transient(problem)
        return super().list(registry)


def three_tags() -> tuple[Machine, Listed]:
    """Base holds three watched tags, and an app of each registry is built on another digest."""
    machine, tasks = Machine(), Listed()
    machine.world.catalog.text = CATALOG.replace(f"[{TAG}]", f"[{TAG}, '10', '11']").replace(
        f"[{APPS}]", f"[{APPS}, {OTHER_APPS}]"
    )
    machine.world.tasks = tasks
    for tag in (TAG, "10", "11"):
        machine.world.registries.push_index(BASE, tag, content=tag)
    for registry in (APPS, OTHER_APPS):
        tasks.add(Task(registry, "hello-world"))
        tasks.built_on(registry, "hello-world", BASE, TAG, a_digest(1))
    return machine, tasks


def rebuilds(machine: Machine) -> list[str]:
    sent = machine.world.queues.take("rebuilds")
    return [decode(each.text, RebuildMessage).registry for each in sent]


def test_each_apps_registry_is_listed_once_a_sweep_however_many_tags_there_are():
    machine, tasks = three_tags()

    machine.sweep()

    assert tasks.lists == {APPS: 1, OTHER_APPS: 1}
    assert rebuilds(machine) == [APPS, OTHER_APPS]


def test_an_apps_registry_that_cannot_be_listed_stops_nothing_else_and_is_still_an_error():
    machine, tasks = three_tags()
    tasks.broken = APPS
    digest = machine.world.registries.push_index(STAGING, TAG, content="new")

    with pytest.raises(Transient, match="HTTP 503"):
        sweep.handle(machine.services)

    assert rebuilds(machine) == [OTHER_APPS]
    looked = [decode(each.text, LookMessage) for each in machine.world.queues.take("candidates")]
    assert str(digest) in {each.digest for each in looked}
