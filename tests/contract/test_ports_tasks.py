"""Tasks: one suite over the fake and over ARM's SDK on the local ARM."""

import io
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from local.faults import Fault, Kind
from shared.errors import Misconfigured, Permanent, Transient
from shared.oci.digest import Digest
from shared.oci.platform import Platform
from shared.oci.reference import Repository
from shared.ports import Tasks
from shared.values import Log, RunState, ScanRequest, Task, TestRequest
from tests.contract.arm_adapters import put_task, tasks_of
from tests.contract.arm_world import World, world
from tests.fakes import FakeTasks

BOTH = pytest.mark.parametrize("kind", ["fake", "arm"])
NODE = Repository("docker.io", "library/node")


@pytest.fixture
def here(tmp_path, monkeypatch) -> Iterator[World]:
    with world(tmp_path, monkeypatch) as made:
        yield made


@dataclass
class Shop:
    """Tasks in a registry, and how their runs end."""

    tasks: Tasks
    registry: str
    hold: Callable[[], None]
    end: Callable[[str], None]

    def scan(self) -> ScanRequest:
        return ScanRequest(
            repository=Repository(self.registry, "library/node"),
            digest=Digest.of(b"white"),
            platform=Platform("linux", "amd64"),
            candidate="ab" * 16,
            timeout=600,
        )

    def state(self, run_id: str) -> RunState:
        run = self.tasks.run(self.registry, run_id)
        assert run is not None
        return run.state


@pytest.fixture
def shop(kind: str, request) -> Shop:
    if kind == "fake":
        fake = FakeTasks()
        fake.add(Task("contoso.azurecr.io", "hello-world"))
        log = "hello from here\nsecond line\n"
        return Shop(
            fake,
            "contoso.azurecr.io",
            lambda: None,
            lambda run_id: fake.finish("contoso.azurecr.io", run_id, log=log),
        )
    here = request.getfixturevalue("here")
    for name in ("breakwater-scan", "breakwater-test", "hello-world"):
        put_task(here, "contosostaging", name)

    def end(run_id: str) -> None:
        here.release()
        here.ended(here.staging, run_id)

    return Shop(tasks_of(here), here.staging.login_server, here.hold, end)


@BOTH
def test_a_run_goes_from_queued_to_its_end(shop: Shop):
    shop.hold()
    run_id = shop.tasks.start(shop.scan())
    assert shop.state(run_id) in (RunState.QUEUED, RunState.RUNNING)
    shop.end(run_id)
    assert shop.state(run_id) is RunState.SUCCEEDED
    log = shop.tasks.log(shop.registry, run_id)
    assert "second line" in log.text
    assert log.whole
    run = shop.tasks.run(shop.registry, run_id)
    assert run is not None
    assert run.finished is not None


@BOTH
def test_a_run_nobody_started_is_none(shop: Shop):
    assert shop.tasks.run(shop.registry, "nope") is None
    assert shop.tasks.log(shop.registry, "nope") == Log()


@BOTH
def test_a_value_that_breaks_out_starts_nothing(shop: Shop):
    scan = shop.scan()
    object.__setattr__(scan, "candidate", "'; touch x; '")
    with pytest.raises(Permanent, match="candidate"):
        shop.tasks.start(scan)
    assert shop.tasks.recent_runs(shop.registry, "breakwater-scan") == ()


@BOTH
def test_a_rebuild_is_the_newest_run_of_its_task(shop: Shop):
    first = shop.tasks.rebuild(shop.registry, "hello-world")
    second = shop.tasks.rebuild(shop.registry, "hello-world")
    runs = shop.tasks.recent_runs(shop.registry, "hello-world")
    assert [run.id for run in runs] == [second, first]
    assert runs[0].created is not None


@BOTH
def test_a_task_that_is_not_there_cannot_be_rebuilt(shop: Shop):
    assert shop.tasks.get(shop.registry, "goodbye-world") is None
    with pytest.raises(Misconfigured, match="goodbye-world does not exist"):
        shop.tasks.rebuild(shop.registry, "goodbye-world")


@BOTH
def test_tasks_are_listed(shop: Shop):
    (hello,) = [each for each in shop.tasks.list(shop.registry) if each.name == "hello-world"]
    assert hello == shop.tasks.get(shop.registry, "hello-world")
    assert hello == Task(shop.registry, "hello-world")


def test_a_test_carries_its_uploaded_context(here: World):
    put_task(here, "contosostaging", "breakwater-test")
    tasks, registry = tasks_of(here), here.staging.login_server
    context = tasks.upload(registry, _tar("test.sh", b"echo yes"))
    run_id = tasks.start(
        TestRequest(
            repository=Repository(registry, "library/node"),
            digest=Digest.of(b"white"),
            platform=Platform("linux", "amd64"),
            candidate="ab" * 16,
            timeout=600,
            context=context,
        )
    )
    here.ended(here.staging, run_id)
    assert here.runner.files == [{"test.sh": b"echo yes"}]
    (spec,) = here.runner.specs
    assert spec.values == {
        "repository": "library/node",
        "digest": str(Digest.of(b"white")),
        "platform": "linux/amd64",
        "candidate": "ab" * 16,
        "seconds": "600",
    }


def _tar(name: str, content: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        member = tarfile.TarInfo(name)
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def test_a_log_that_is_not_whole_yet_says_so_and_begins_with_a_whole_line(here: World):
    put_task(here, "contosostaging", "breakwater-scan")
    tasks, registry = tasks_of(here), here.staging.login_server
    run_id = tasks.rebuild(registry, "breakwater-scan")
    here.ended(here.staging, run_id)
    (name,) = here.blobs.complete
    assert tasks.log(registry, run_id).whole
    del here.blobs.complete[name]
    here.blobs.content[name] = b"test: breakwater-lost x\r\n" * 20_000
    log = tasks.log(registry, run_id)
    assert not log.whole
    assert 200_000 < len(log.text) <= 256 * 1024
    assert set(log.text.split("\r\n")) == {"test: breakwater-lost x", ""}


def test_a_start_that_arm_refuses_for_now_is_told_from_one_that_was_not_answered(here: World):
    put_task(here, "contosostaging", "hello-world")
    for status, refused in ((429, True), (503, False)):
        here.faults.add(Fault("arm.scheduleRun", Kind.FAIL, count=1, status=status))
        with pytest.raises(Transient) as caught:
            tasks_of(here).rebuild(here.staging.login_server, "hello-world")
        assert caught.value.refused is refused


def test_a_run_is_not_started_twice_after_a_503(here: World):
    put_task(here, "contosostaging", "hello-world")
    here.faults.add(Fault("arm.scheduleRun", Kind.FAIL_AFTER, count=1, status=503))
    with pytest.raises(Transient):
        tasks_of(here).rebuild(here.staging.login_server, "hello-world")
    assert here.faults.counts()["arm.scheduleRun"] == 1


def test_what_a_task_was_built_on_and_what_triggered_it_are_read(here: World):
    put_task(here, "contosoapps", "hello-world")
    task = here.arm.tasks.find(here.apps, "hello-world")
    assert task is not None
    white, red = Digest.of(b"white"), Digest.of(b"red")
    hub = {"type": "BuildTime", "registry": "Registry.hub.docker.com", "tag": "22"}
    shouted = here.base.login_server.upper()  # ARM's spelling is whoever made the task's
    base = {"type": "RunTime", "registry": shouted, "tag": "9-alpine"}
    task.built_on(
        [
            base | {"repository": "base/node", "digest": str(white)},
            hub | {"repository": "library/python"},
            {"type": "RunTime", "registry": "", "repository": "Not A Repository"},
        ]
    )
    node = Repository(here.base.login_server, "base/node")
    trigger = {"images": [{**base, "repository": "base/node", "digest": str(red)}]}
    here.loop.do(here.arm.scheduling.start, task, {}, trigger=trigger)
    tasks, registry = tasks_of(here), here.apps.login_server
    (listed,) = tasks.list(registry)
    assert [(each.repository, each.tag, each.digest) for each in listed.dependencies] == [
        (node, "9-alpine", white),
        (Repository("docker.io", "library/python"), "22", None),
    ]
    assert listed.enabled
    task.properties["status"] = "Disabled"
    assert [each.enabled for each in tasks.list(registry)] == [False]
    (run,) = tasks.recent_runs(registry, "hello-world")
    assert run.updated == ((node, "9-alpine", red),)


def test_a_list_of_tasks_is_one_request_and_only_one_task_is_asked_for_details(here: World):
    for name in ("hello-world", "hello-moon"):
        put_task(here, "contosoapps", name)
    tasks, registry = tasks_of(here), here.apps.login_server

    assert {each.name for each in tasks.list(registry)} == {"hello-world", "hello-moon"}
    assert here.faults.counts()["arm.tasks.list"] == 1
    assert here.faults.counts()["arm.tasks.details"] == 0

    assert tasks.get(registry, "hello-world") == Task(registry, "hello-world")
    assert here.faults.counts()["arm.tasks.details"] == 1


def test_a_name_that_breaks_out_of_the_filter_is_refused(here: World):
    for name in ("x' or Status eq 'Failed", "", "a/b", "a\n"):
        with pytest.raises(Permanent, match="expected the name"):
            tasks_of(here).recent_runs(here.staging.login_server, name)
