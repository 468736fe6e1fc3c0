"""The functions host's queue trigger and queue outputs, against Azurite."""

# mypy: allow-untyped-calls

import asyncio
import base64
import contextlib
import json
import signal
from pathlib import Path

import pytest
from aiohttp import web
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.queue import QueueClient

from local.directory import Directory
from local.faults import Faults
from local.platform import azurite, ca
from local.platform.identity import Identity
from local.platform.ports import Ports
from tests.contract.host_world import BUNDLE, Host, ended, held_open, host
from tests.contract.waiting import PATIENCE, eventually

APP = """
import json, logging, os, signal, sys, time, typing
from pathlib import Path
import azure.functions as func

app = func.FunctionApp()
here = Path(os.environ["NOTES"])

def note(text):
    with (here / "notes.txt").open("a") as notes:
        notes.write(text + "\\n")

@app.queue_trigger(arg_name="msg", queue_name="%JOBS%", connection="AzureWebJobsStorage")
def job(msg: func.QueueMessage):
    text = msg.get_body().decode()
    note(f"job {text[:20]} {len(text)} {msg.dequeue_count} {msg.id}")
    logging.info("working on %s", text[:20])
    if text == "bad":
        raise ValueError("bad message")
    if text == "stop" and msg.dequeue_count == 1:
        time.sleep(0.3)
        sys.exit(3)
    if text == "kill":
        if msg.dequeue_count == 1:
            time.sleep(600)
    if text in ("beside", "brief", "long"):
        seconds = {"beside": 600, "brief": 1, "long": 9}[text]  # nothing but a death ends the first
        time.sleep(seconds if msg.dequeue_count == 1 else 0)
        note(f"finished {text}")

@app.queue_trigger(arg_name="msg", queue_name="fan-in", connection="AzureWebJobsStorage")
@app.queue_output(arg_name="many", queue_name="fan-out", connection="AzureWebJobsStorage")
@app.queue_output(arg_name="one", queue_name="next", connection="AzureWebJobsStorage")
def fan(msg: func.QueueMessage, many: func.Out[typing.List[str]], one: func.Out[bytes]):
    many.set(["a", "b"])
    one.set(b'{"raw": 1}')

@app.queue_trigger(arg_name="msg", queue_name="next", connection="AzureWebJobsStorage")
async def after(msg: func.QueueMessage):
    note("next " + msg.get_body().decode())
"""
HOST = BUNDLE | {"extensions": {"queues": {"maxDequeueCount": 2, "maxPollingInterval": "00:00:02"}}}


class World:
    """A storage account, and one host at a time on it."""

    def __init__(self, storage, folder: Path) -> None:
        self.storage, self.folder, self.count = storage, folder, 0

    def queue(self, name: str) -> QueueClient:
        return QueueClient.from_connection_string(
            self.storage.connection_string(),
            name,
            connection_verify=str(self.storage.authority.bundle),
        )

    def put(self, name: str, text: str) -> None:
        self.put_raw(name, base64.b64encode(text.encode()).decode())

    def put_raw(self, name: str, raw: str) -> None:
        with self.queue(name) as queue:
            queue.send_message(raw)

    def peek(self, name: str) -> list[str]:
        with self.queue(name) as queue, contextlib.suppress(ResourceNotFoundError):
            return [str(message.content) for message in queue.peek_messages(32)]
        return []

    @contextlib.contextmanager
    def running(self, *arguments: str, host_json=HOST, **values: str):
        self.count += 1
        folder = self.folder / str(self.count)
        folder.mkdir()
        self.notes = folder / "notes.txt"
        self.notes.touch()
        self.jobs = f"jobs-{self.count}"
        with self.queue(self.jobs) as queue:
            queue.create_queue()
        settings = {
            "AzureWebJobsStorage": self.storage.connection_string(),
            "JOBS": self.jobs,
            "NOTES": str(folder),
        } | values
        environment = self.storage.authority.environment()
        with host(
            folder,
            APP,
            *arguments,
            values=settings,
            host_json=host_json,
            environment=environment,
        ) as started:
            yield started

    def noted(self, text: str, seconds: float = PATIENCE) -> str:
        def lines() -> list[str]:
            return [x for x in self.notes.read_text().splitlines() if x.startswith(text)]

        eventually(lambda: bool(lines()), seconds, lambda: f"{text!r}: {self.notes.read_text()}")
        return lines()[-1]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("queues")
    authority = ca.create(folder / "tls")
    with held_open(azurite.running(Ports.free(), authority, folder / "azurite")) as storage:
        yield World(storage, folder)


@pytest.fixture(scope="module")
def steady(world: World):
    """A host for the tests that leave it as it was."""
    with world.running() as started:
        yield started.ready()


def test_a_message_runs_its_function_and_is_gone(world: World, steady: Host):
    world.put(world.jobs, "hello")
    assert world.noted("job hello").split()[2:4] == ["5", "1"]
    steady.sees(f"(Reason='New queue message detected on '{world.jobs}'.', Id=")
    steady.sees("Trigger Details: MessageId: ")
    steady.sees("working on hello")
    eventually(lambda: world.peek(world.jobs) == [])


def test_48_kib_pass(world: World, steady: Host):
    world.put(world.jobs, "x" * 49152)
    world.noted("job xxxxxxxxxxxxxxxxxxxx 49152")


def test_a_message_that_fails_is_tried_again_and_ends_in_poison(world: World, steady: Host):
    world.put(world.jobs, "bad")
    poison = f"{world.jobs}-poison"
    eventually(lambda: len(world.peek(poison)) > 0)
    assert base64.b64decode(world.peek(poison)[-1]) == b"bad"
    attempts = [x.split()[3] for x in world.notes.read_text().splitlines() if "job bad" in x]
    assert attempts == ["1", "2"]
    steady.sees(f"Message has reached MaxDequeueCount of 2. Moving message to queue '{poison}'.")
    steady.sees("ValueError: bad message", times=2)


def test_a_message_that_is_not_base64_goes_to_poison_unseen(world: World, steady: Host):
    world.put_raw(world.jobs, "{plain text}")
    poison = f"{world.jobs}-poison"
    eventually(lambda: "{plain text}" in world.peek(poison))
    assert "plain" not in world.notes.read_text()
    steady.sees("Message decoding has failed! Check MessageEncoding settings. MessageId=")


def test_properties_of_the_payload_override_the_messages_own(world: World, steady: Host):
    world.put(world.jobs, json.dumps({"id": "mine", "dequeueCount": 99}))
    assert world.noted('job {"id": "mine", "dequ').endswith(" 99 mine")


def test_an_operator_runs_a_queue_function_with_a_text(world: World, steady: Host):
    steady.run_now("job", "by hand")
    world.noted("job by hand 7 0")


def test_outputs_are_written_verbatim_and_wake_their_listener(world: World, steady: Host):
    with world.queue("fan-in") as queue:
        queue.create_queue()
    world.put("fan-in", "go")
    assert world.noted("next ") == 'next {"raw": 1}'
    # Both outputs are written at once: the other may come after this one.
    eventually(lambda: sorted(map(base64.b64decode, world.peek("fan-out"))) == [b"a", b"b"])


def test_a_worker_that_ends_fails_what_ran_and_it_comes_back_at_once(world: World):
    with world.running() as started:
        world.put(world.jobs, "beside")
        started.ready()
        world.noted("job beside")
        world.put(world.jobs, "stop")
        world.noted("job stop 4 2")  # the lease is ten minutes: it was released
        world.noted("finished beside")
        assert started.log.count("Exception: python exited with code 3") == 2
        assert started.log.count("Language Worker Process exited: python, code 3") == 1
        started.sees("[worker] the worker ends: SystemExit(3)")


def test_a_killed_host_takes_its_worker_along_and_its_message_comes_back(world: World):
    with world.running("--lease-seconds", "8") as started:
        started.ready()
        world.put(world.jobs, "kill")
        world.noted("job kill 4 1")
        workers = started.workers()
        assert len(workers) == 1
        started.process.kill()
        started.process.wait()
        eventually(lambda: not started.workers())
        jobs = world.jobs
    with world.running("--lease-seconds", "8", JOBS=jobs) as started:
        world.noted("job kill 4 2")


def test_a_lease_is_renewed_while_the_function_runs(world: World):
    with world.running("--lease-seconds", "8") as started:
        started.ready()
        world.put(world.jobs, "long")
        world.noted("finished long")
        eventually(lambda: world.peek(world.jobs) == [])
        assert world.notes.read_text().count("job long") == 1


def test_a_host_that_is_told_to_stop_lets_its_functions_finish(world: World):
    with world.running() as started:
        started.ready()
        world.put(world.jobs, "brief")
        world.noted("job brief")
        started.process.send_signal(signal.SIGTERM)
        assert ended(started) == 0
        world.noted("finished brief")
        assert world.peek(world.jobs) == []
        assert started.workers() == []


def test_what_does_not_finish_in_time_is_released(world: World):
    with world.running("--drain-seconds", "0.2") as started:
        started.ready()
        world.put(world.jobs, "kill")
        world.noted("job kill 4 1")
        started.process.send_signal(signal.SIGTERM)
        assert ended(started) == 0
        assert [base64.b64decode(x) for x in world.peek(world.jobs)] == [b"kill"]  # not hidden


def test_the_hosts_own_identity_reads_queues(world: World):
    async def run() -> int:
        directory, ports = Directory(), Ports.free()
        identity = Identity(directory, directory.add("breakwater"), "secret", Faults())
        runner = web.AppRunner(identity.app())
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", ports.identity).start()
        values = identity.environment(ports.identity) | {"AZURE_TOKEN_CREDENTIALS": "prod"}
        try:
            await asyncio.to_thread(with_identity, values)
        finally:
            await runner.cleanup()
        return identity.faults.counts()["identity.token"]

    def with_identity(values: dict[str, str]) -> None:
        service = world.storage.settings() | {"AzureWebJobsStorage": ""}
        with world.running(**values, **service) as started:
            started.ready()
            world.put(world.jobs, "hello")
            world.noted("job hello")

    assert asyncio.run(run()) == 1


def test_a_refused_credential_stops_the_host(world: World):
    wrong = world.storage.connection_string().replace("AccountKey=E", "AccountKey=F")
    with world.running(AzureWebJobsStorage=wrong) as started:
        assert ended(started) == 1
        assert "An unhandled exception has occurred. Host is shutting down." in started.log
        assert "The listener for function 'Functions." in started.log
