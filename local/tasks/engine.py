"""The agent of one run: namespaces, root file system, store and home of its own, and nothing left of it after."""

import asyncio
import contextlib
import json
import os
import shutil
import stat
import sys
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import local
from local.tasks.layout import CA_BUNDLE, DOCKER_CONFIG, HOME
from shared.errors import Misconfigured

Log = Callable[[str], Awaitable[None]]

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_CHECKOUT = Path(local.__file__).resolve().parent.parent
_SCRIPT = Path(__file__).with_name("agent.sh")
_CGROUPS = Path("/sys/fs/cgroup")
_LONGEST_LINE = 16 * 1024  # bytes; a longer line reaches the log in pieces
NEEDED = ("buildah", "skopeo", "unshare", "setpriv", "mount", "pivot_root")

# Every process of a run hangs on this one: it dies with us, and all of the run dies with it.
_NAMESPACES = (
    "setpriv", "--pdeathsig", "KILL",
    "unshare", "--pid", "--mount", "--ipc", "--uts", "--fork", "--kill-child=KILL", "sh",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Engine:
    """How containers are run here; `report` tells what was tried and what came of it."""

    name: str  # runc or crun (buildah --isolation oci), or chroot
    report: tuple[str, ...] = ()

    def __str__(self) -> str:
        if self.name == "chroot":
            return "buildah, chroot isolation in namespaces of its own, no capabilities, no network"
        return f"buildah, oci isolation with {self.name}, no network"


@dataclass(frozen=True, slots=True)
class Equipment:
    """What every agent of this machine is given."""

    engine: Engine
    tools: Path  # the folder with bin/docker, bin/trivy, bin/oras
    work: Path  # where runs get their folders
    ca_bundle: Path | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    mirrors: Mapping[str, str] = field(default_factory=dict)  # docker.io -> localhost:5001


def missing(names: Iterable[str] = NEEDED) -> str:
    """Say what this machine lacks for running tasks; empty when it lacks nothing."""
    absent = [name for name in names if shutil.which(name, path=_PATH) is None]
    if absent:
        return f"expected {', '.join(absent)} on PATH, found none (apt-get install buildah runc skopeo util-linux)"
    if os.geteuid() != 0:
        return (
            "expected root, found uid "
            f"{os.geteuid()}: the local task runner makes namespaces and mounts; run it as root"
        )
    return ""


@contextlib.asynccontextmanager
async def agent(
    equipment: Equipment, name: str, docker_config: Mapping[str, Any], context: Path | None = None
) -> Any:  # noqa: ANN401 - an async generator, seen as an async context manager of Agent
    """Set up an agent, hand it out, and take every trace of it away.

    Raises Misconfigured when the machine lacks something.
    """
    lack = missing()
    if lack:
        raise Misconfigured(lack)
    directory = equipment.work / f"{name}-{os.urandom(4).hex()}"
    try:
        await asyncio.to_thread(_furnish, directory, equipment, docker_config, context)
        yield Agent(equipment, directory)
    finally:
        await asyncio.shield(asyncio.to_thread(_clear, directory))


@dataclass(frozen=True, slots=True)
class Agent:
    """A run's agent; each command it executes finds the same workspace, home and image store."""

    equipment: Equipment
    directory: Path

    @property
    def volume(self) -> str:
        """The name under which `docker run --volume` knows the workspace."""
        return f"acb_vol_{self.directory.name}"

    @property
    def out(self) -> Path:
        """Where commands leave records for the runner."""
        return self.directory / "out"

    async def shell(self, line: str, log: Log, environment: Mapping[str, str] = {}) -> int:
        """Run a line in `/bin/sh -c` as the agent's root; return its exit code.

        Cancelling kills everything the line started before the cancellation goes on.
        """
        words = ["/bin/sh", "-c", line]
        return await self.execute(words, log, environment)

    async def execute(
        self, words: Sequence[str], log: Log, environment: Mapping[str, str] = {}
    ) -> int:
        """Run a command as the agent's root, every line it prints handed to `log`."""
        process = await asyncio.create_subprocess_exec(
            *_NAMESPACES,
            str(_SCRIPT),
            str(self.directory),
            str(self.directory / "shown"),
            "--",
            *words,
            env=self._environment() | dict(environment),
            cwd="/",
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
        output = process.stdout
        if output is None:  # the type checker's doubt: PIPE was asked for
            message = "the agent has no output"
            raise RuntimeError(message)
        try:
            async for line in _lines(output):
                await log(line)
            return await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
            # its end means that the last process of the namespace has gone
            while await output.read(65536):
                pass
            await process.wait()

    def _environment(self) -> dict[str, str]:
        equipment = self.equipment
        trust = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS")
        return {
            **equipment.environment,
            **dict.fromkeys(trust if equipment.ca_bundle else (), CA_BUNDLE),
            "PATH": f"{equipment.tools / 'bin'}:{_PATH}",
            "HOME": HOME,
            "TMPDIR": "/tmp",  # noqa: S108 - the agent's own
            "LANG": "C.UTF-8",
            "DOCKER_CONFIG": str(Path(DOCKER_CONFIG).parent),
            "REGISTRY_AUTH_FILE": DOCKER_CONFIG,
            "CONTAINERS_REGISTRIES_CONF": "/acb/registries.conf",
            "CONTAINERS_CONF": "/acb/containers.conf",
            "BREAKWATER_PYTHON": sys.executable,
            "BREAKWATER_ENGINE": equipment.engine.name,
            "BREAKWATER_VOLUME": self.volume,
            "BREAKWATER_CGROUP": f"/breakwater-{self.directory.name}",
        }


async def _lines(output: asyncio.StreamReader) -> Any:  # noqa: ANN401 - an async generator of str
    kept = b""
    while chunk := await output.read(65536):
        *whole, kept = (kept + chunk).split(b"\n")
        for line in whole:
            yield line.decode("utf-8", errors="replace").rstrip("\r")
        while len(kept) > _LONGEST_LINE:
            yield kept[:_LONGEST_LINE].decode("utf-8", errors="replace")
            kept = kept[_LONGEST_LINE:]
    if kept:
        yield kept.decode("utf-8", errors="replace")


def _furnish(
    directory: Path, equipment: Equipment, docker_config: Mapping[str, Any], context: Path | None
) -> None:
    for name in ("store", "tmp", "out", "files", "home/.docker", "home/.config/containers"):
        (directory / name).mkdir(parents=True)
    directory.chmod(0o700)
    (directory / "tmp").chmod(0o1777)
    workspace = directory / "workspace"
    if context is None:
        workspace.mkdir()
    else:
        shutil.copytree(context, workspace, symlinks=True)
    workspace.chmod(0o755)
    config = directory / "home/.docker/config.json"
    config.write_text(json.dumps(docker_config), "utf-8")
    config.chmod(0o600)
    policy = directory / "home/.config/containers/policy.json"
    policy.write_text('{"default": [{"type": "insecureAcceptAnything"}]}', "utf-8")
    files = directory / "files"
    (files / "hosts").write_text("127.0.0.1 localhost\n::1 localhost\n", "utf-8")
    (files / "registries.conf").write_text(_registries(equipment.mirrors), "utf-8")
    (files / "containers.conf").write_text(
        '[containers]\ndefault_ulimits = ["nofile=1024:1024"]\n', "utf-8"
    )
    if equipment.ca_bundle:
        shutil.copyfile(equipment.ca_bundle, files / Path(CA_BUNDLE).name)
    os.mknod(directory / "docker.sock", stat.S_IFSOCK | 0o600)  # there, as on Azure; nobody listens
    rows = [f"{mode} {path}\n" for path, mode in sorted(_shown(equipment).items())]
    (directory / "shown").write_text("".join(rows), "utf-8")


def _registries(mirrors: Mapping[str, str]) -> str:
    rows = ['unqualified-search-registries = ["docker.io"]', 'short-name-mode = "permissive"']
    for prefix, location in mirrors.items():
        rows += ["[[registry]]", f'prefix = "{prefix}"', f'location = "{location}"']
    return "\n".join(rows) + "\n"


def _shown(equipment: Equipment) -> dict[str, str]:
    """Tell which of the host's folders the agent sees: the tools, Python, and those its environment names.

    A folder named by a variable ending in _CACHE may be written.
    """
    folders = {_CHECKOUT, equipment.tools.resolve(), Path(sys.prefix), Path(sys.base_prefix)}
    shown = {str(folder): "ro" for folder in folders}
    for name, value in equipment.environment.items():
        if value.startswith("/") and Path(value).exists():
            shown[value] = "rw" if name.endswith("_CACHE") else "ro"
    return {path: mode for path, mode in shown.items() if not path.startswith("/usr")}


def _clear(directory: Path) -> None:
    """Remove the run's folder and its cgroups; its processes and mounts ended with its namespaces."""
    shutil.rmtree(directory, ignore_errors=True)
    if directory.exists():
        shutil.rmtree(directory)
    for group in _CGROUPS.glob(f"breakwater-{directory.name}"):
        _remove_group(group)
    for group in _CGROUPS.glob(f"*/breakwater-{directory.name}"):
        _remove_group(group)


def _remove_group(group: Path) -> None:
    for child in group.iterdir():
        if child.is_dir():
            _remove_group(child)
    with contextlib.suppress(
        OSError
    ):  # a process that is still on its way out; the group is empty soon
        group.rmdir()
