"""The local Azure: every part on its port in one process, with Azurite and the functions host beside it."""

import asyncio
import contextlib
import json
import secrets
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import aiohttp
from aiohttp import web

from local.acr.registry import RESOURCE_GROUP, SUBSCRIPTION, Registry, Switches
from local.arm.app import Arm
from local.arm.runs import Runner
from local.directory import Directory
from local.eventgrid.courier import Courier
from local.eventgrid.grid import EventGrid
from local.eventgrid.topic import Topic
from local.faults import Faults
from local.platform import azurite, ca, deployment, runs, settings, subscriptions
from local.platform.blob_reads import BlobReads
from local.platform.control import Control
from local.platform.host import FunctionsHost
from local.platform.identity import Identity
from local.platform.login import Login
from local.platform.ports import Ports
from local.platform.principals import (
    AUDIENCE,
    BASE,
    STAGING,
    UPSTREAM,
    Principals,
    populate,
    registry_ports,
)
from local.platform.servers import abandon_connections, serve
from local.platform.storage import ACCOUNT, Blobs, Storage

CHECKOUT = Path(__file__).resolve().parents[1]
TOPIC = (
    f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{RESOURCE_GROUP}"
    "/providers/Microsoft.EventGrid/topics/breakwater"
)


@dataclass
class LocalAzure:
    """Use it as an async context manager; everything runs inside the block and is gone after it.

    Raises Misconfigured, with what to do, when a part is not installed, a port taken, a handshake failed.
    """

    work: Path  # logs, certificates, runs' folders; made if absent
    app: Path = CHECKOUT  # the folder with function_app.py
    ports: Literal["fixed", "free"] | Ports = "free"
    catalog: str | None = None  # YAML text; None: the app's own catalog.yaml
    functions: bool = True  # start the functions host and subscribe it
    runs: bool = True  # probe a container engine and execute runs; else each run ends in Error
    engine: str = ""  # runc, crun or chroot instead of the first that works
    lease_seconds: float = 600.0  # how long a received queue message stays hidden
    retry_scale: float = 0.1  # of Event Grid's waits
    overrides: Mapping[str, str] = field(default_factory=dict)  # app settings
    aliases: Mapping[str, str] = field(default_factory=dict)  # docker.io -> localhost:PORT
    advisories: Path | None = None  # OSV files of the scanner's stand-in
    arm_options: Mapping[str, Any] = field(default_factory=dict)  # of local.arm.app.Arm
    switches: Switches = field(default_factory=Switches)
    faults: Faults = field(default_factory=Faults)
    topic_key: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    password: str = field(default_factory=lambda: secrets.token_urlsafe(18))

    directory: Directory = field(init=False, default_factory=Directory)
    registries: dict[str, Registry] = field(init=False, default_factory=dict)
    principals: Principals = field(init=False)
    authority: ca.Authority = field(init=False)
    storage: Storage = field(init=False)
    dead_letters: Blobs = field(init=False)
    grid: EventGrid = field(init=False)
    arm: Arm = field(init=False)
    identity: Identity = field(init=False)
    login: Login = field(init=False)
    host: FunctionsHost = field(init=False)
    session: aiohttp.ClientSession = field(init=False)
    engine_report: str = field(init=False, default="")
    tools_image: str = field(init=False, default="")
    _keys: dict[str, str] = field(init=False, default_factory=settings.new_keys)
    _stack: contextlib.AsyncExitStack = field(init=False, default_factory=contextlib.AsyncExitStack)

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._stack.aclose()

    # What a test or the demo does to it.

    async def start_host(self) -> None:
        """Start the functions host, and subscribe its Event Grid functions once they answer."""
        await self.host.start()
        await self._subscribe()

    async def adopt_host(self) -> None:
        """Wait for a functions host that somebody else starts (`func start`), and subscribe it."""
        while True:
            with contextlib.suppress(aiohttp.ClientError, ValueError):
                return await self._subscribe()
            await asyncio.sleep(1.0)

    async def _subscribe(self) -> None:
        await subscriptions.make(self.grid, self.host, self.registries, self.dead_letters)

    async def kill_host(self) -> None:
        """Kill the functions host and its worker at once; it is restarted by itself."""
        await self.host.kill()

    async def stop_host(self) -> None:
        """Stop the functions host in order; its subscriptions stay, and their deliveries fail."""
        await self.host.stop()

    async def run_function(self, name: str, text: str = "") -> None:
        """Run one function now, `text` being its input."""
        await self.host.run_function(name, text)

    def host_log(self) -> str:
        """Return everything the functions host has logged."""
        return self.host.text()

    def settings(self) -> dict[str, Any]:
        """Return the content of local.settings.json: the app settings, and the host's keys."""
        return {
            "IsEncrypted": False,
            "Values": self._values(),
            "Host": {"LocalHttpPort": self.port.functions, "Keys": dict(self._keys)},
        }

    @property
    def port(self) -> Ports:
        """The ports in use."""
        if not isinstance(self.ports, Ports):
            self.ports = Ports() if self.ports == "fixed" else Ports.free()
        return self.ports

    @property
    def login_servers(self) -> dict[str, str]:
        """Each registry's login server by its name."""
        return {name: registry.login_server for name, registry in self.registries.items()}

    @property
    def urls(self) -> dict[str, str]:
        """Every address of the local Azure by what answers there."""
        return settings.addresses(self.port, self.login_servers, self.storage)

    @property
    def function_key(self) -> str:
        """The key of HTTP functions (`x-functions-key`)."""
        return self._keys["function"]

    @property
    def master_key(self) -> str:
        """The key of the admin endpoints."""
        return self._keys["master"]

    def environment(self) -> dict[str, str]:
        """Return what a process needs to trust the local Azure and be the function app in it."""
        return self.authority.environment() | self.identity.environment(self.port.identity)

    def state(self) -> dict[str, Any]:
        """Return what `/_local/state` tells, secrets excepted."""
        return {
            "urls": self.urls,
            "engine": self.engine_report,
            "work": str(self.work),
            "host": {"pid": self.host.pid, "starts": self.host.starts},
            "events": {"published": len(self.grid.published), "given_up": len(self.grid.given_up)},
        }

    # How it is put together, in the order things need each other.

    async def _start(self) -> None:
        self._stack.push_async_callback(abandon_connections)
        self.port.check()
        self.work.mkdir(parents=True, exist_ok=True)
        self.authority = ca.create(self.work / "tls")
        self.principals = populate(self.directory, self.password)
        connector = aiohttp.TCPConnector(ssl=self.authority.client_context())
        self.session = await self._enter(aiohttp.ClientSession(connector=connector))
        runner, self.engine_report = await self._storage_and_runner()
        self._event_grid()
        await self._registries()
        await self._control_plane(runner)
        await self._deploy()
        await self._identity_and_host()
        if self.functions:
            await self.start_host()

    async def _storage_and_runner(self) -> tuple[Runner, str]:
        # The probe runs containers and Azurite is Node starting: together they take as long as one.
        probe = asyncio.create_task(self._runner())
        try:
            self.storage = await self._enter(
                azurite.running(self.port, self.authority, self.work / "azurite")
            )
            await self.storage.prepare()
            self.dead_letters = await self._enter(self.storage.container("dead-letters"))
        except BaseException:
            probe.cancel()
            await asyncio.wait([probe])
            raise
        return await probe

    async def _runner(self) -> tuple[Runner, str]:
        if not self.runs:
            return runs.NoRuns(), "none: runs end in Error"
        return await runs.runner(
            self.work, self.authority, forced=self.engine, advisories=self.advisories
        )

    def _event_grid(self) -> None:
        self.grid = EventGrid(Courier(self.faults, self.session), retry_scale=self.retry_scale)
        self._stack.push_async_callback(self.grid.close)

    async def _registries(self) -> None:
        tls = self.authority.server_context()
        for name, port in registry_ports(self.port).items():
            registry = Registry(
                name,
                f"localhost:{port}",
                self.directory,
                anonymous_pull=name == UPSTREAM,
                switches=self.switches,
                faults=self.faults,
            )
            registry.listeners.append(partial(self.grid.publish, registry.resource_id))
            self.registries[name] = registry
            await self._serve(registry.app(), port, tls)

    async def _control_plane(self, runner: Runner) -> None:
        tls = self.authority.server_context()
        mine = {name: each for name, each in self.registries.items() if name != UPSTREAM}
        self.arm = Arm(
            mine,
            self.directory,
            self.faults,
            await self._enter(self.storage.container("acr", reads=self._reads)),
            runner,
            aliases=self.aliases,
            ca_file=str(self.authority.bundle),
            **self.arm_options,
        )
        self._stack.push_async_callback(self.arm.close)
        await self._serve(self.arm.app(), self.port.arm, tls)
        topic = Topic(TOPIC, self.topic_key, self.grid, self.directory)
        app = topic.app()
        BlobReads(self.session, self.storage.blobs).add_to(app)
        await self._serve(app, self.port.topic, tls)
        self.login = Login(self.directory, self.urls["login"], AUDIENCE, self.faults)
        await self._serve(self.login.app(), self.port.login, tls)

    async def _deploy(self) -> None:
        staging, base = self.registries[STAGING], self.registries[BASE]
        self.tools_image = deployment.tool_image(base)
        token = self.directory.token(self.principals.operator, "https://management.azure.com")
        control = deployment.Control(self.session, self.urls["arm"], token)
        tasks = {
            settings.SCAN_TASK: self.principals.scan,
            settings.TEST_TASK: self.principals.test,
        }
        await deployment.tasks(control, CHECKOUT, tasks, self.tools_image, (staging, base))

    async def _identity_and_host(self) -> None:
        self.identity = Identity(
            self.directory, self.principals.breakwater, secrets.token_hex(16), self.faults
        )
        path = self.work / "local.settings.json"
        path.touch(mode=0o600)
        path.write_text(json.dumps(self.settings(), indent=2))
        self.host = FunctionsHost(
            app=self.app,
            port=self.port.functions,
            settings=path,
            keys=self._keys,
            log=self.work / "functions.log",
            environment=self.environment(),
            lease_seconds=self.lease_seconds,
            session=self.session,
        )
        self.faults.kill = self.kill_host
        app = self.identity.app()
        Control(self.faults, self.switches, self.state).add_to(app)
        await self._serve(app, self.port.identity)
        self._stack.push_async_callback(self.host.stop)

    @property
    def _reads(self) -> str:
        return f"https://localhost:{self.port.topic}/{ACCOUNT}"

    def _values(self) -> dict[str, str]:
        return settings.values(
            self.storage,
            environment=self.environment(),
            arm=self.urls["arm"],
            topic=self.urls["topic"],
            login=self.urls["login"],
            catalog=settings.catalog_url(self.work, self.catalog),
            client_id=self.principals.breakwater.client_id,
        ) | dict(self.overrides)

    async def _serve(
        self, app: web.Application, port: int, tls: ssl.SSLContext | None = None
    ) -> None:
        runner = await serve(app, port, tls)
        self._stack.push_async_callback(runner.cleanup)

    async def _enter[T](self, context: contextlib.AbstractAsyncContextManager[T]) -> T:
        return await self._stack.enter_async_context(context)
