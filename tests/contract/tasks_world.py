"""A registry, two identities and a runner: what the tests of the task runner share."""

import asyncio
import json
import os
import socket
import ssl
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import trustme
from aiohttp import web

from local.acr.registry import Registry, Switches
from local.directory import Directory
from local.faults import Faults
from local.images import image, push
from local.tasks.engine import Engine
from local.tasks.probe import choose
from local.tasks.runner import Runner, RunResult, RunSpec

TOOLS = Path(__file__).resolve().parents[2] / "local/tools"


@dataclass
class World:
    """A registry that holds `base/node:9-alpine` and `tools` images by name only, and a runner beside it."""

    registry: Registry
    runner: Runner
    engine: Engine
    folder: Path
    base_digest: str
    push_config: dict[str, Any]
    pull_config: dict[str, Any]
    lines: list[str] = field(default_factory=list)
    run_id: str = f"ct{os.getpid()}"  # another worker's runs are told from ours

    @property
    def server(self) -> str:
        return self.registry.login_server

    @property
    def tools_image(self) -> str:
        return f"{self.server}/tools/cssc:1"

    async def run(
        self,
        yaml: str,
        values: Mapping[str, str] | None = None,
        *,
        context: Mapping[str, str] | None = None,
        config: dict[str, Any] | None = None,
        timeout: int = 240,  # noqa: ASYNC109 - the run's own limit
    ) -> RunResult:
        """Run a task; its log lands in `lines`."""
        self.lines.clear()

        async def log(line: str) -> None:
            self.lines.append(line)

        folder = None
        if context is not None:
            folder = Path(tempfile.mkdtemp(dir=self.folder, prefix="context-"))
            for name, text in context.items():
                (folder / name).write_text(text, "utf-8")
        spec = RunSpec(
            run_id=self.run_id,
            registry=self.server,
            registry_name="contosostaging",
            task_name="demo",
            yaml=yaml.replace("TOOLS", self.tools_image),
            values=values or {},
            context=folder,
            docker_config=self.push_config if config is None else config,
            timeout=timeout,
        )
        return await self.runner.run(spec, log)

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


def in_world(test: Callable[[World], Awaitable[None]], *, engine: str = "") -> None:
    """Build a world, run the test in it, take it down, and check that no run left anything."""

    async def play() -> None:
        with tempfile.TemporaryDirectory(prefix="bw-tasks-") as name:
            folder = Path(name)
            directory = Directory()
            server, runner_site = await _serve(folder, directory)
            try:
                world = await _world(folder, directory, server, engine)
                await test(world)
                assert_nothing_left(world)
            finally:
                await runner_site.cleanup()

    asyncio.run(play())


async def _serve(folder: Path, directory: Directory) -> tuple[Registry, web.AppRunner]:
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost")
    (folder / "ca.pem").write_bytes(authority.cert_pem.bytes())
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate.configure_cert(tls)
    listener = socket.create_server(("localhost", 0))
    port = listener.getsockname()[1]
    registry = Registry(
        "contosostaging", f"localhost:{port}", directory, switches=Switches(), faults=Faults()
    )
    runner = web.AppRunner(registry.app(), access_log=None)
    await runner.setup()
    await web.SockSite(runner, listener, ssl_context=tls).start()
    return registry, runner


async def _world(folder: Path, directory: Directory, registry: Registry, engine: str) -> World:
    pusher, puller = directory.add("scan"), directory.add("test")
    directory.grant(pusher, registry.name, "AcrPush")
    directory.grant(puller, registry.name, "AcrPull")
    built = image(env={"BACKGROUND_COLOR": "white"}, cmd=("sh", "-c", "echo $BACKGROUND_COLOR"))
    digest = push(built, registry, "base/node", "9-alpine")
    chosen = await choose(forced=engine)
    work = folder / "work"
    work.mkdir()
    (folder / "secret.txt").write_text("of the host", "utf-8")
    runner = Runner(chosen, folder / "ca.pem", TOOLS, work, {"LOCALE": "C"})

    def config(principal: Any) -> dict[str, Any]:
        auth = directory.docker_auth(principal, registry.login_server)
        return {"auths": {registry.login_server: {"auth": auth}}}

    return World(registry, runner, chosen, folder, str(digest), config(pusher), config(puller))


def assert_nothing_left(world: World) -> None:
    """No process, no mount, no folder and no cgroup of any run."""
    assert list((world.folder / "work").iterdir()) == []
    assert str(world.folder) not in Path("/proc/self/mountinfo").read_text("utf-8")
    assert [
        group
        for pattern in ("", "*/")
        for group in Path("/sys/fs/cgroup").glob(f"{pattern}breakwater-{world.run_id}-*")
    ] == []
    assert processes_with(str(world.folder / "work")) == []


def processes_with(text: str) -> list[str]:
    """Return the command lines on this machine that hold the text."""
    found = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = process.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if text in line:
            found.append(line)
    return found


def logged_json(world: World) -> Any:
    """Return the dependencies the log ends with."""
    at = next(n for n, line in enumerate(world.lines) if line.endswith("dependencies were found:"))
    return json.loads(world.lines[at + 1])
