"""ARM, its registries and an upstream over TLS on one loop; the real SDKs; a runner and a storage that are fakes."""

import asyncio
import functools
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiohttp import web
from azure.core.credentials import AccessToken
from azure.core.exceptions import HttpResponseError
from azure.mgmt.containerregistry import ContainerRegistryManagementClient
from azure.mgmt.containerregistrytasks import ContainerRegistryTasksMgmtClient

from local.acr.records import StoredManifest
from local.acr.registry import Registry, Switches
from local.arm.app import Arm
from local.directory import Directory
from local.faults import Faults
from local.images import Built, image
from local.platform.ports import free
from tests.contract.arm_fakes import FakeBlobs, FakeRunner
from tests.contract.waiting import PATIENCE, eventually

SUBSCRIPTION = "00000000-0000-0000-0000-0000000000bb"
GROUP = "breakwater"
ROLES = {
    "operator": ("Owner", "Owner", "Owner"),
    "breakwater": ("Importer", "Importer", "TasksContributor"),
    "importer": ("Reader", "Importer"),
    "pusher": ("AcrPush", "AcrPush", "AcrPush"),
    "stranger": (),
}
NAMES = ("contosostaging", "contosobase", "contosoapps")


@functools.cache
def authority() -> trustme.CA:
    return trustme.CA()


@functools.cache
def server_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority().issue_cert("localhost").configure_cert(context)
    return context


def free_port() -> int:
    """Return a port on localhost that nobody listens on now."""
    return free(1)[0]


class Loop:
    """An event loop in a thread that serves applications until it is closed."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()
        self.runners: list[web.AppRunner] = []

    def call(self, awaitable: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(awaitable, self.loop).result(timeout=PATIENCE)

    def do(self, function: Any, *arguments: Any, **more: Any) -> Any:
        async def there() -> Any:
            return function(*arguments, **more)

        return self.call(there())

    def serve(self, app: web.Application, port: int, *, tls: bool) -> None:
        async def start() -> Any:
            runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
            await runner.setup()
            context = server_context() if tls else None
            await web.TCPSite(runner, "127.0.0.1", port, ssl_context=context).start()
            self.runners.append(runner)

        self.call(start())

    def close(self) -> None:
        async def stop() -> Any:
            for runner in self.runners:
                await runner.cleanup()
            for transport in list(self.loop._transports.values()):  # type: ignore[attr-defined] # no public list
                transport.abort()
            left = asyncio.all_tasks() - {asyncio.current_task()}
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)

        self.call(stop())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(timeout=PATIENCE)
        self.loop.close()


@dataclass(frozen=True)
class TestCredential:
    """A credential of one principal, as azure-core asks for it."""

    __test__ = False

    directory: Directory
    name: str

    def get_token(self, *scopes: Any, **_options: Any) -> Any:
        audience = scopes[0].removesuffix("/.default")
        principal = self.directory.add(self.name)
        return AccessToken(self.directory.token(principal, audience), int(time.time()) + 3600)


@dataclass
class World:
    """Everything, and the SDK clients of any principal."""

    loop: Loop
    arm: Arm
    url: str
    ca: Path
    directory: Directory
    registries: dict[str, Registry]
    upstream: Registry
    blobs: FakeBlobs
    runner: FakeRunner
    faults: Faults

    @property
    def staging(self) -> Registry:
        return self.registries["contosostaging"]

    @property
    def base(self) -> Registry:
        return self.registries["contosobase"]

    @property
    def apps(self) -> Registry:
        return self.registries["contosoapps"]

    def acr(self, who: str = "operator") -> Any:
        return ContainerRegistryManagementClient(
            TestCredential(self.directory, who),
            SUBSCRIPTION,
            self.url,
            credential_scopes=[f"{self.url}/.default"],
        )

    def tasks(self, who: str = "operator") -> Any:
        return ContainerRegistryTasksMgmtClient(
            TestCredential(self.directory, who),
            SUBSCRIPTION,
            self.url,
            credential_scopes=[f"{self.url}/.default"],
        )

    def hold(self) -> None:
        """Let no run end until released."""
        self.loop.do(self.runner.free.clear)

    def release(self) -> None:
        self.loop.do(self.runner.free.set)

    def token(self, who: str = "operator") -> str:
        return str(TestCredential(self.directory, who).get_token(f"{self.url}/.default").token)

    def ended(self, registry: Registry, run_id: str) -> Any:
        """Wait for a run's end and return it as the SDK sees it."""
        ends = ("Succeeded", "Failed", "Canceled", "Error", "Timeout")
        runs, found = self.tasks().runs, []

        def has_ended() -> bool:
            found.append(runs.get(GROUP, registry.name, run_id).properties)
            return found[-1].status in ends

        eventually(has_ended, what=lambda: f"the end of {run_id}")
        return found[-1]

    def log(self, registry: Registry, run_id: str) -> str:
        return self.blobs.content[f"logs/{registry.name}/{run_id}/rawtext.log"].decode()


def an_image(text: str = "one", platforms: Any = ("linux/amd64", "linux/arm64")) -> Built:
    """A small image; another text is another digest."""
    return image(platforms=platforms, files={"/text": text.encode()}, busybox=b"no program")


def told(caught: pytest.ExceptionInfo[HttpResponseError]) -> Any:
    """Return ARM's error as the SDK read it: code and message."""
    return caught.value.error


def stored(registry: Registry, repo: str, reference: str) -> StoredManifest:
    found = registry.manifest(repo, reference)
    assert found is not None
    return found


@contextmanager
def world(folder: Path, monkeypatch: pytest.MonkeyPatch, **options: Any) -> Iterator[World]:
    """Serve everything; the SDKs trust the CA through the environment, as everywhere."""
    ca = folder / "ca.crt"
    authority().cert_pem.write_to_path(ca)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(ca))
    directory, faults, switches = Directory(), Faults(), Switches()
    ports = {name: free_port() for name in (*NAMES, "upstream")}
    made = {
        name: Registry(
            name,
            f"localhost:{port}",
            directory,
            anonymous_pull=name == "upstream",
            switches=switches,
            faults=faults,
        )
        for name, port in ports.items()
    }
    for who, roles in ROLES.items():
        principal = directory.add(who)
        directory.allow_password(who, "secret", principal)
        for name, role in zip(NAMES, roles, strict=False):
            directory.grant(principal, name, role)
    storage, port = free_port(), free_port()
    blobs, runner, loop = FakeBlobs(f"http://localhost:{storage}"), FakeRunner(), Loop()
    named = {name: made[name] for name in NAMES}
    aliases = {"docker.io": made["upstream"].login_server}

    def build() -> Any:
        given = {"import_seconds": 0.05, "retry_after": 0, **options}
        return Arm(
            named, directory, faults, blobs, runner, aliases=aliases, ca_file=str(ca), **given
        )

    runner.free.set()
    arm = loop.do(build)
    for name, registry in made.items():
        loop.serve(registry.app(), ports[name], tls=True)
    loop.serve(blobs.app(), storage, tls=False)
    loop.serve(arm.app(), port, tls=True)
    try:
        yield World(
            loop,
            arm,
            f"https://localhost:{port}",
            ca,
            directory,
            named,
            made["upstream"],
            blobs,
            runner,
            faults,
        )
    finally:
        loop.call(arm.close())
        loop.close()
