"""Azurite, and the app's own Azure SDK calls against it and the identity endpoint, unmodified."""

# mypy: allow-untyped-calls

import asyncio
import contextlib
import os
import subprocess
import sys
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from local.directory import Directory
from local.faults import Fault, Faults, Kind
from local.platform import azurite, ca
from local.platform.identity import Identity
from local.platform.ports import Ports, taken
from local.platform.storage import QUEUES, TABLES
from tests.contract.waiting import eventually

APP = """
import os
from azure.identity import DefaultAzureCredential
from azure.storage.queue import QueueServiceClient, TextBase64DecodePolicy
from azure.data.tables import TableServiceClient

credential = DefaultAzureCredential()
queues = QueueServiceClient(os.environ["AzureWebJobsStorage__queueServiceUri"], credential=credential)
print("queues", *sorted(q.name for q in queues.list_queues()))
imports = queues.get_queue_client("imports", message_decode_policy=TextBase64DecodePolicy())
for message in imports.receive_messages():
    print("message", message.content)
tables = TableServiceClient(os.environ["AzureWebJobsStorage__tableServiceUri"], credential=credential)
print("tables", *sorted(t.name for t in tables.list_tables()))
tables.get_table_client("ledger").create_entity({"PartitionKey": "p", "RowKey": "r"})
print("row", tables.get_table_client("ledger").get_entity("p", "r")["RowKey"])
"""


@contextlib.asynccontextmanager
async def serving(app, port):
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield
    finally:
        await runner.cleanup()


async def in_python(code: str, environment: dict[str, str]) -> str:
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", code],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def authority(tmp_path):
    return ca.create(tmp_path / "tls")


def test_the_apps_sdk_calls_run_as_in_azure(tmp_path, authority):
    async def run():
        ports = Ports.free()
        directory = Directory()
        identity = Identity(directory, directory.add("breakwater"), "secret", Faults())
        async with (
            azurite.running(ports, authority, tmp_path / "azurite") as storage,
            serving(identity.app(), ports.identity),
        ):
            await storage.prepare()
            await storage.prepare()  # a second time changes nothing
            await storage.send("imports", "hello")
            environment = (
                authority.environment() | storage.settings() | identity.environment(ports.identity)
            )
            said = await in_python(APP, environment | {"AZURE_TOKEN_CREDENTIALS": "prod"})
        return said, identity.faults.counts(), ports

    said, counts, ports = asyncio.run(run())
    assert said.splitlines() == [
        f"queues {' '.join(sorted(QUEUES))}",
        "message hello",
        f"tables {' '.join(sorted(TABLES))}",
        "row r",
    ]
    assert counts["identity.token"] >= 1
    assert not taken(ports.blobs)  # nothing is left listening


def test_a_log_blob_grows_is_read_in_ranges_and_says_when_it_is_complete(tmp_path, authority):
    async def run():
        connector = aiohttp.TCPConnector(ssl=authority.client_context())
        async with (
            azurite.running(Ports.free(), authority, tmp_path / "azurite") as storage,
            storage.container("logs") as blobs,
            aiohttp.ClientSession(connector=connector) as session,
        ):
            log = await blobs.put_append("staging/ca1")
            await log.append(b"hello\r\n")
            url = log.sas_url()
            found: list[tuple[object, object]] = []
            for start in (0, 2, 8):
                async with session.get(url, headers={"Range": f"bytes={start}-"}) as response:
                    body = await response.read()
                    found.append((response.status, body if response.status == 206 else b""))
            async with session.head(url) as response:
                found.append((response.status, response.headers.get("x-ms-meta-Complete")))
            await log.append(b"bye")
            await log.complete("successful")
            async with session.head(url) as response:
                found.append((response.status, response.headers.get("x-ms-meta-Complete")))
            async with session.get(url) as response:
                found.append((response.status, await response.read()))
            async with session.get(url.partition("?")[0]) as response:
                found.append((response.status in (403, 404, 409), None))
            async with session.put(url, data=b"x", headers={"x-ms-blob-type": "BlockBlob"}) as put:
                found.append((put.status, None))
        return found

    assert asyncio.run(run()) == [
        (206, b"hello\r\n"),
        (206, b"llo\r\n"),
        (416, b""),
        (200, None),
        (200, "successful"),
        (200, b"hello\r\nbye"),
        (True, None),
        (403, None),
    ]


def test_an_upload_url_writes_and_reads_nothing(tmp_path, authority):
    async def run():
        connector = aiohttp.TCPConnector(ssl=authority.client_context())
        async with (
            azurite.running(Ports.free(), authority, tmp_path / "azurite") as storage,
            storage.container("contexts") as blobs,
            aiohttp.ClientSession(connector=connector) as session,
        ):
            url = await blobs.upload_url("source/a.tar.gz")
            async with session.put(url, data=b"x", headers={"x-ms-blob-type": "BlockBlob"}) as put:
                assert put.status == 201
            async with session.get(url) as response:
                assert response.status == 403
            assert await blobs.get("source/a.tar.gz") == b"x"
            assert await blobs.names("source/") == ["source/a.tar.gz"]
            with pytest.raises(LookupError, match=r"no blob 'other' in the container 'contexts'"):
                await blobs.get("other")

    asyncio.run(run())


def test_azurite_that_is_not_installed_says_what_to_run(tmp_path, authority, monkeypatch):
    async def run():
        async with azurite.running(Ports.free(), authority, tmp_path):
            pass

    monkeypatch.setattr(azurite, "SCRIPT", tmp_path / "azurite.js")
    with pytest.raises(azurite.NotInstalled, match="run `make up`"):
        asyncio.run(run())


def test_azurite_that_ends_at_once_says_why(tmp_path, authority, monkeypatch):
    async def run():
        async with azurite.running(Ports.free(), authority, tmp_path / "azurite"):
            pass

    script = tmp_path / "azurite.js"
    script.write_text("console.error('no room'); process.exit(3)")
    monkeypatch.setattr(azurite, "SCRIPT", script)
    with pytest.raises(azurite.NotStarted, match="no room"):
        asyncio.run(run())


STARTER = """
import asyncio, sys
from pathlib import Path
from local.platform import azurite, ca
from local.platform.ports import Ports

async def main():
    work = Path(sys.argv[1])
    ports = Ports.free()
    async with azurite.running(ports, ca.create(work / "tls"), work):
        print(ports.blobs, flush=True)
        await asyncio.sleep(600)

asyncio.run(main())
"""


def test_azurite_dies_with_us_even_when_we_are_killed(tmp_path):
    command = [sys.executable, "-c", STARTER, str(tmp_path)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
    ) as ours:
        assert ours.stdout is not None
        port = int(ours.stdout.readline())
        assert taken(port)
        ours.kill()
    eventually(lambda: not taken(port))


GOOD = {"api-version": "2019-08-01", "resource": "https://storage.azure.com"}


@pytest.mark.parametrize(
    ("query", "secret", "status", "said"),
    [
        (GOOD, "secret", 200, "access_token"),
        (GOOD, "wrong", 401, "X-IDENTITY-HEADER"),
        ({"resource": "r"}, "secret", 400, "api-version: expected 2019-08-01, found ''"),
        ({"api-version": "2019-08-01"}, "secret", 400, "'resource' is missing"),
        (GOOD | {"client_id": "nobody"}, "secret", 400, "No User Assigned identity found"),
    ],
)
def test_the_identity_endpoint_answers_and_refuses_as_app_services(query, secret, status, said):
    async def run():
        port = Ports.free().identity
        directory = Directory()
        identity = Identity(directory, directory.add("breakwater"), "secret", Faults())
        async with serving(identity.app(), port), aiohttp.ClientSession() as session:
            url, headers = f"http://127.0.0.1:{port}/msi/token", {"X-IDENTITY-HEADER": secret}
            async with session.get(url, params=query, headers=headers) as response:
                return response.status, await response.text()

    found, text = asyncio.run(run())
    assert found == status
    assert said in text


def test_a_client_id_gets_the_token_of_its_own_principal():
    async def run():
        port = Ports.free().identity
        directory = Directory()
        scan = directory.add("scan")
        identity = Identity(directory, directory.add("breakwater"), "secret", Faults())
        async with serving(identity.app(), port), aiohttp.ClientSession() as session:
            query = GOOD | {"client_id": scan.client_id}
            headers = {"X-IDENTITY-HEADER": "secret"}
            url = f"http://127.0.0.1:{port}/msi/token"
            async with session.get(url, params=query, headers=headers) as response:
                answer = await response.json()
        return directory.read(answer["access_token"], "https://storage.azure.com"), scan

    carried, scan = asyncio.run(run())
    assert carried is not None
    assert carried[0] == scan


def test_a_fault_on_the_identity_endpoint_fires():
    async def run():
        port = Ports.free().identity
        directory, faults = Directory(), Faults()
        faults.add(Fault("identity.token", Kind.FAIL, match="storage.azure.com"))
        identity = Identity(directory, directory.add("breakwater"), "secret", faults)
        async with serving(identity.app(), port), aiohttp.ClientSession() as session:
            url, headers = f"http://127.0.0.1:{port}/msi/token", {"X-IDENTITY-HEADER": "secret"}
            statuses = []
            for _ in range(2):
                async with session.get(url, params=GOOD, headers=headers) as response:
                    statuses.append(response.status)
        return statuses, faults.unfired()

    assert asyncio.run(run()) == ([503, 200], [])
