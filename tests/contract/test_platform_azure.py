"""The local Azure put together: events reach the app, a killed host comes back, faults are asked for by HTTP."""

# mypy: allow-untyped-calls

import asyncio
import json
import os
import subprocess
import sys
import time

import pytest
from aiohttp import web

from local import images
from local.azure import LocalAzure
from local.faults import Fault, Kind
from local.platform.azurite import NotStarted
from local.platform.ports import Ports, PortTaken, taken
from local.platform.servers import serve
from tests.contract.waiting import PATIENCE

APP = """
import logging
import azure.functions as func

app = func.FunctionApp()

@app.event_grid_trigger(arg_name="event")
def on_staging_push(event: func.EventGridEvent) -> None:
    logging.info("pushed %s", event.subject)

@app.timer_trigger(arg_name="timer", schedule="%WATCH_SCHEDULE%")
def watch(timer: func.TimerRequest) -> None:
    logging.info("watched")
"""


@pytest.fixture
def app(tmp_path):
    folder = tmp_path / "app"
    folder.mkdir()
    (folder / "function_app.py").write_text(APP)
    bundle = {"id": "Microsoft.Azure.Functions.ExtensionBundle", "version": "[4.*, 5.0.0)"}
    (folder / "host.json").write_text(json.dumps({"version": "2.0", "extensionBundle": bundle}))
    return folder


def ship(azure: LocalAzure, repo: str) -> None:
    built = images.image(files={"/repo": repo.encode()})
    images.push(built, azure.registries["contosostaging"], repo, "1")


async def logged(azure: LocalAzure, text: str) -> bool:
    """Wait until the host has logged it: a start, and the retries of a delivery, take their time."""
    end = time.monotonic() + 2 * PATIENCE
    while time.monotonic() < end:
        if text in azure.host_log():
            return True
        await asyncio.sleep(0.05)
    return False


def test_pushes_reach_the_app_and_a_killed_host_comes_back(tmp_path, app):
    async def run():
        azure = LocalAzure(tmp_path / "work", app=app, runs=False, retry_scale=0.05)
        async with azure:
            ship(azure, "first")
            assert await logged(azure, "pushed first:1")
            await azure.run_function("watch")
            assert await logged(azure, "watched")

            before = azure.host.pid
            await azure.kill_host()
            ship(azure, "second")  # nobody listens: Event Grid has to come again
            await azure.host.running()
            assert azure.host.pid not in (None, before)
            assert azure.host.starts == 2
            assert await logged(azure, "pushed second:1")

            azure.faults.add(Fault("eventgrid.deliver", Kind.KILL, match="third:1"))
            ship(azure, "third")
            assert await logged(azure, "pushed third:1")
            assert azure.faults.unfired() == []
            assert azure.host.starts == 3

            with pytest.raises(NotStarted, match="nothing: expected 202, found 404"):
                await azure.run_function("nothing")
            await azure.stop_host()
            assert azure.host.pid is None
        return azure.port

    ports = asyncio.run(run())
    assert not any(taken(port) for port in (ports.arm, ports.blobs, ports.functions))


def test_an_app_that_cannot_be_loaded_stops_the_start_with_its_own_words(tmp_path, app):
    (app / "function_app.py").write_text("import no_such_module\n")

    async def run():
        async with LocalAzure(tmp_path / "work", app=app, runs=False):
            pass

    with pytest.raises(NotStarted, match="no_such_module"):
        asyncio.run(run())


def test_a_taken_port_stops_the_start_before_anything_is_started(tmp_path):
    async def run():
        ports = Ports.free()
        other = await serve(web.Application(), ports.arm)
        try:
            async with LocalAzure(tmp_path / "work", ports=ports, functions=False, runs=False):
                pass
        finally:
            await other.cleanup()

    with pytest.raises(PortTaken, match=r"\(arm\) is taken"):
        asyncio.run(run())


SDK = """
import os
from azure.identity import DefaultAzureCredential
from azure.mgmt.containerregistry import ContainerRegistryManagementClient

arm = os.environ["ARM_ENDPOINT"]
client = ContainerRegistryManagementClient(
    DefaultAzureCredential(), os.environ["AZURE_SUBSCRIPTION_ID"],
    base_url=arm, credential_scopes=["https://management.azure.com/.default"],
)
print(*sorted(registry.login_server for registry in client.registries.list()))
"""


def test_the_settings_are_all_a_process_needs_to_be_the_app(tmp_path):
    async def run():
        async with LocalAzure(tmp_path / "work", functions=False, runs=False) as azure:
            done = await asyncio.to_thread(
                subprocess.run,
                [sys.executable, "-c", SDK],
                env=os.environ | azure.settings()["Values"],
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stderr
            return done.stdout.split(), azure.login_servers

    found, logins = asyncio.run(run())
    assert found == sorted(login for name, login in logins.items() if name != "upstream")


def test_a_runs_log_is_read_as_from_azure(tmp_path):
    async def run():
        async with LocalAzure(tmp_path / "work", functions=False, runs=False) as azure:
            log = await azure.arm.runs.blobs.put_append("logs/a b/1")
            await log.append(b"hello")
            await log.complete("successful")
            url, found = log.sas_url(), []
            for method, range_ in (
                ("HEAD", None),
                ("GET", None),
                ("GET", "bytes=3-"),
                ("GET", "bytes=3-100"),
                ("GET", "bytes=5-"),
                ("GET", "bytes=6-"),
            ):
                headers = {"Range": range_} if range_ else {}
                async with azure.session.request(method, url, headers=headers) as response:
                    body = await response.read() if response.status < 400 else b""
                    complete = response.headers.get("x-ms-meta-Complete")
                    found.append((response.status, body, complete))
            assert (await azure.session.get(url.partition("?")[0])).status in (403, 404, 409)
            return found

    assert asyncio.run(run()) == [
        (200, b"", "successful"),
        (200, b"hello", "successful"),
        (206, b"lo", "successful"),
        (206, b"lo", "successful"),
        (416, b"", None),
        (416, b"", None),
    ]


def test_faults_and_switches_are_set_and_seen_by_http(tmp_path):
    async def run():
        async with LocalAzure(tmp_path / "work", functions=False, runs=False) as azure:
            faults, switches = (
                azure.urls["control"].replace("state", each) for each in ("faults", "switches")
            )
            fault = {"operation": "arm.registries.list", "kind": "fail", "status": 500}
            async with azure.session.post(faults, json=fault) as response:
                assert response.status == 201
            async with azure.session.put(switches, json={"import_raises_event": True}) as response:
                assert response.status == 200
            assert azure.switches.import_raises_event
            url = f"{azure.urls['arm']}/subscriptions/s/providers/Microsoft.ContainerRegistry"
            async with azure.session.get(f"{url}/registries?api-version=1") as response:
                assert response.status in (401, 500)
            async with azure.session.get(azure.urls["control"]) as response:
                state = await response.json()
            async with azure.session.post(faults, data=json.dumps(fault)) as response:
                assert response.status == 400  # a form any web page could send
            async with azure.session.post(faults, json={"operation": "x"}) as response:
                assert response.status == 400
            async with azure.session.delete(faults) as response:
                assert response.status == 204
            return state, azure

    state, azure = asyncio.run(run())
    assert [fault["operation"] for fault in state["faults"]] == ["arm.registries.list"]
    assert state["operations"]["arm.tasks.put"] == 2
    assert azure.password not in json.dumps(state)
    assert azure.function_key not in json.dumps(state)
    assert azure.faults.faults == []
