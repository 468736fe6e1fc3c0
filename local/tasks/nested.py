"""One container on the agent: what `docker run` asked for, cut down to what the agent grants."""

import json
import os
import re
import subprocess
import sys
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local.tasks import cage, spec
from local.tasks.dependencies import parse_reference
from local.tasks.layout import HOME, HOME_VOLUME, SOCKET, WORKSPACE
from local.tasks.leash import hold

_MISSING = 127  # docker's exit code when the command is not in the image
_UNITS = {"": 1, "b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
_CLIENT = "docker"
_TOOLS = ("/tools/cssc", "/acr/cssc")
_BARE = frozenset({"--rm", "--read-only", "--init", "--interactive", "-i"})
_VALUED = frozenset(
    {
        "--name", "--network", "--cap-drop", "--cap-add", "--security-opt", "--pids-limit", "--memory", "--memory-swap",
        "--tmpfs", "--volume", "--entrypoint", "--env", "--workdir", "--user", "--pull", "--hostname",
    }
)  # fmt: skip
_SHORT = {
    "-v": "--volume",
    "-e": "--env",
    "-w": "--workdir",
    "-u": "--user",
    "-m": "--memory",
    "-h": "--hostname",
}


class Refused(ValueError):
    """The local agent cannot, or will not, run what was asked; the text says what."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A `docker run` command line."""

    image: str
    words: tuple[str, ...]
    options: Mapping[str, tuple[str, ...]]
    read_only: bool = False

    def last(self, name: str, default: str = "") -> str:
        """Return an option's last value."""
        values = self.options.get(name, ())
        return values[-1] if values else default


@dataclass(frozen=True, slots=True)
class Mount:
    """A folder or file of the agent, seen inside the container."""

    source: str
    target: str
    read_only: bool


@dataclass(frozen=True, slots=True)
class Container:
    """Everything a runtime needs to start it."""

    argv: tuple[str, ...]
    env: tuple[str, ...]
    directory: str
    uid: int
    gid: int
    network: str  # none or host
    capabilities: frozenset[str]
    no_new_privileges: bool
    read_only: bool
    mounts: tuple[Mount, ...] = ()
    tmpfs: tuple[str, ...] = ()
    memory: int = 0  # bytes, 0 = no limit
    pids: int = 0  # 0 = no limit
    hostname: str = field(default_factory=lambda: uuid.uuid4().hex[:12])


def parse(words: Sequence[str]) -> Asked:
    """Read the words after `docker run`. Raises Refused for any option the agent does not play."""
    options: dict[str, list[str]] = {}
    bare: set[str] = set()
    rest = list(words)
    while rest and rest[0].startswith("-"):
        word = rest.pop(0)
        name, equals, value = word.partition("=") if word.startswith("--") else (word, "", "")
        name = _SHORT.get(name, name)
        if name in _BARE and not equals:
            bare.add(name)
        elif name in _VALUED and (equals or rest):
            options.setdefault(name, []).append(value if equals else rest.pop(0))
        else:
            known = ", ".join(sorted(_BARE | _VALUED))
            message = f"run: expected one of {known}, found {word!r}"
            raise Refused(message)
    if not rest:
        message = "run: expected an image, found the end of the line"
        raise Refused(message)
    frozen = {name: tuple(values) for name, values in options.items()}
    return Asked(rest[0], tuple(rest[1:]), frozen, "--read-only" in bare)


def is_tools(asked: Asked) -> bool:
    """Tell whether this is a step on the tool image, which the stand-ins play.

    Steps have the agent's socket. Without it the same image is a candidate like any other, and gets its cage.
    """
    step = f"{SOCKET}:{SOCKET}" in asked.options.get("--volume", ())
    repository = f"/{parse_reference(asked.image).repository}"
    return step and (repository.endswith(_TOOLS) or asked.image.partition(":")[0] == _CLIENT)


def stand_in(asked: Asked) -> int:
    """Become the tool image's command: its entry point runs its arguments as they are.

    The image `docker` (`cmd: docker pull …`) takes the client's verbs instead.
    """
    client = asked.image.partition(":")[0] == _CLIENT and not asked.last("--entrypoint")
    argv = (
        [_CLIENT] * client
        + ([asked.last("--entrypoint")] if asked.last("--entrypoint") else [])
        + list(asked.words)
    )
    if not argv:
        return 0
    environment = dict(os.environ)
    environment.pop("BREAKWATER_RECORD", None)
    for item in asked.options.get("--env", ()):
        name, _, value = item.partition("=")
        environment[name] = value
    try:
        os.chdir(asked.last("--workdir", "/"))
        os.execvpe(argv[0], argv, environment)  # noqa: S606 - the whole point: no shell in between
    except OSError as error:
        print(f"docker: {argv[0]}: {error.strerror}", file=sys.stderr)
        return _MISSING


def container(asked: Asked, config: Mapping[str, Any], rootfs: Path) -> Container:
    """Put the image's config and the command line together, as docker does. Raises Refused."""
    entry = [asked.last("--entrypoint")] if asked.last("--entrypoint") else config.get("Entrypoint")
    replaced = bool(asked.words or asked.last("--entrypoint"))
    argv = [*(entry or ()), *(asked.words if replaced else config.get("Cmd") or ())]
    if not argv:
        message = "run: expected a command, found none in the image nor on the line"
        raise Refused(message)
    uid, gid = spec.identity(asked.last("--user") or str(config.get("User") or ""), rootfs)
    network = asked.last("--network", "none")
    if network not in ("none", "host"):
        message = f"run: --network: expected none or host, found {network!r}"
        raise Refused(message)
    env = dict(item.partition("=")[::2] for item in config.get("Env") or ())
    env = {"PATH": spec.DEFAULT_PATH} | env
    env |= dict(item.partition("=")[::2] for item in asked.options.get("--env", ()))
    return Container(
        argv=tuple(argv),
        env=tuple(f"{name}={value}" for name, value in env.items()),
        directory=asked.last("--workdir") or str(config.get("WorkingDir") or "/"),
        uid=uid,
        gid=gid,
        network=network,
        capabilities=_capabilities(asked),
        no_new_privileges=_no_new_privileges(asked),
        read_only=asked.read_only,
        mounts=tuple(_mount(text) for text in asked.options.get("--volume", ())),
        tmpfs=tuple(text.partition(":")[0] for text in asked.options.get("--tmpfs", ())),
        memory=_bytes(asked.last("--memory")),
        pids=_count(asked.last("--pids-limit")),
    )


def execute(container: Container, rootfs: Path) -> int:
    """Run the container to its end and return its exit code."""
    engine = os.environ["BREAKWATER_ENGINE"]
    if engine == "chroot":
        return cage.run(container, rootfs)
    name = uuid.uuid4().hex
    bundle = Path("/run/bundles", name)
    bundle.mkdir(parents=True)
    config = spec.runtime_config(container, rootfs, f"{os.environ['BREAKWATER_CGROUP']}/{name}")
    (bundle / "config.json").write_text(json.dumps(config), "utf-8")
    log = bundle / "log.json"
    words = [engine, f"--log={log}", "--log-format=json", "run", f"--bundle={bundle}", name]

    def inside() -> None:
        subprocess.run(["mount", "--make-rprivate", "/"], check=True)
        subprocess.run(["mount", "-t", "proc", "proc", "/proc"], check=True)
        os.execvp(engine, words)  # noqa: S606 - the runtime, found on PATH

    return _explained(hold(0, inside), log)


def _explained(code: int, log: Path) -> int:
    """Tell the runtime's own failure from the container's, by the runtime's log."""
    if code == 0 or not log.exists():
        return code
    rows = [json.loads(line) for line in log.read_text("utf-8").splitlines() if line]
    errors = [row["msg"] for row in rows if row.get("level") in ("error", "fatal")]
    if not errors:
        return code
    print(f"docker: {errors[-1]}", file=sys.stderr)
    absent = re.search(r"executable file not found|no such file or directory", errors[-1])
    return _MISSING if absent else 125


def _capabilities(asked: Asked) -> frozenset[str]:
    kept = set(spec.DEFAULT_CAPABILITIES)
    for name in asked.options.get("--cap-drop", ()):
        kept = set() if name.upper() == "ALL" else kept - {_cap(name)}
    added = {_cap(name) for name in asked.options.get("--cap-add", ())}
    if not added <= spec.DEFAULT_CAPABILITIES:
        message = f"run: --cap-add: expected one docker grants by default, found {sorted(added)}"
        raise Refused(message)
    return frozenset(kept | added)


def _cap(name: str) -> str:
    return f"CAP_{name.upper().removeprefix('CAP_')}"


def _no_new_privileges(asked: Asked) -> bool:
    given = asked.options.get("--security-opt", ())
    for text in given:
        if text not in ("no-new-privileges", "no-new-privileges:true", "no-new-privileges=true"):
            message = f"run: --security-opt: expected no-new-privileges, found {text!r}"
            raise Refused(message)
    return bool(given)


def _mount(text: str) -> Mount:
    """Read SOURCE:TARGET[:ro]; a source is a volume of the run, or the agent's socket.

    The agent's daemon does not see a step's files: on Azure `-v /workspace/x:/y` mounts an empty folder.
    """
    source, _, rest = text.partition(":")
    target, _, mode = rest.partition(":")
    volumes = {os.environ["BREAKWATER_VOLUME"]: WORKSPACE, HOME_VOLUME: HOME, SOCKET: SOCKET}
    if source not in volumes:
        known = ", ".join(volumes)
        message = (
            f"run: --volume: expected one of {known}, found {source!r}; the agent's docker does not see"
            " a step's folders, mount the volume {{.Run.SharedVolume}}"
        )
        raise Refused(message)
    if not target.startswith("/") or mode not in ("", "ro", "rw"):
        message = f"run: --volume: expected SOURCE:/TARGET[:ro], found {text!r}"
        raise Refused(message)
    return Mount(volumes[source], target, mode == "ro")


def _bytes(text: str) -> int:
    match = re.fullmatch(r"(\d+)([bkmg]?)", text.lower()) if text else None
    if text and not match:
        message = f"run: --memory: expected a size like 512m, found {text!r}"
        raise Refused(message)
    return int(match[1]) * _UNITS[match[2]] if match else 0


def _count(text: str) -> int:
    if text and not text.isdigit():
        message = f"run: --pids-limit: expected a number, found {text!r}"
        raise Refused(message)
    return int(text or 0)
