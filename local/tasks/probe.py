"""Which way of running containers works on this machine: found by building and running one."""

import asyncio
import shutil
import tempfile
from pathlib import Path

from local.tasks.engine import Engine, Equipment, agent, missing
from shared.errors import Misconfigured

ENGINES = ("runc", "crun", "chroot")
_TOOLS = Path(__file__).resolve().parent.parent / "tools"
_DOCKERFILE = 'FROM scratch\nCOPY busybox /bin/sh\nRUN ["/bin/sh", "-c", "exit 0"]\n'
_LINE = (
    "cd /workspace && docker build -t probe:1 . && docker run --rm --network none --cap-drop ALL"
    " --security-opt no-new-privileges --pids-limit 32 --memory 64m --read-only --tmpfs /tmp"
    " probe:1 /bin/sh -c 'echo it works'"
)
_chosen: dict[str, Engine] = {}


async def choose(*, forced: str = "", work: Path | None = None) -> Engine:
    """Return the first engine that builds and runs a one-step image, asked once per process.

    `forced` tries that one alone (runc, crun or chroot).

    Raises:
        Misconfigured: with everything that is missing or failed.

    """
    if forced in _chosen:
        return _chosen[forced]
    lack = missing()
    busybox = shutil.which("busybox")
    if not lack and busybox is None:
        lack = "expected a static busybox on PATH, found none (apt-get install busybox-static)"
    if lack or busybox is None:
        raise Misconfigured(lack)
    report: list[str] = []
    for name in (forced,) if forced else ENGINES:
        failure = await _try(name, Path(busybox), work)
        report.append(f"{name}: {failure or 'works'}")
        if not failure:
            _chosen[forced] = Engine(name, tuple(report))
            return _chosen[forced]
    message = f"expected one container engine that works, found none: {'; '.join(report)}"
    raise Misconfigured(message)


async def _try(name: str, busybox: Path, work: Path | None) -> str:
    """Return why an engine does not work; empty when it does."""
    if name != "chroot" and missing((name,)):
        return "not installed"
    lines: list[str] = []

    async def keep(line: str) -> None:
        lines.append(line)

    with tempfile.TemporaryDirectory(prefix="breakwater-probe-", dir=work) as folder:
        context = await asyncio.to_thread(_context, Path(folder), busybox)
        equipment = Equipment(Engine(name), _TOOLS, Path(folder))
        async with agent(equipment, "probe", {"auths": {}}, context) as machine:
            code = await machine.shell(_LINE, keep)
    if code == 0 and lines[-1:] == ["it works"]:
        return ""
    return f"exit code {code}, {lines[-1] if lines else 'no output'}"


def _context(folder: Path, busybox: Path) -> Path:
    context = folder / "context"
    context.mkdir()
    shutil.copyfile(busybox.resolve(), context / "busybox")
    (context / "busybox").chmod(0o755)
    (context / "Dockerfile").write_text(_DOCKERFILE, "ascii")
    return context
