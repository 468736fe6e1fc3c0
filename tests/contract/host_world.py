"""A functions host in its own process, with an app written on the spot, for the tests of the host."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import requests

from tests.contract.waiting import PATIENCE, eventually

ROOT = Path(__file__).parents[2]
KEYS = {"master": "the-master", "function": "the-function", "eventgrid_extension": "the-grid"}
MASTER = {"x-functions-key": KEYS["master"]}
BUNDLE = {
    "version": "2.0",
    "extensionBundle": {
        "id": "Microsoft.Azure.Functions.ExtensionBundle",
        "version": "[4.*, 5.0.0)",
    },
}


class Host:
    """One started host."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process = process
        self._log = log
        self.url = ""

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def sees(self, text: str, *, times: int = 1, seconds: float = PATIENCE) -> None:
        """Wait until the log has the text so often."""
        eventually(
            lambda: self.log.count(text) >= times, seconds, lambda: f"{text!r} in\n{self.log}"
        )

    def ready(self) -> "Host":
        self.sees("Host started")
        line = next(line for line in self.log.splitlines() if "Now listening on: " in line)
        self.url = line.split("Now listening on: ")[1]
        return self

    def run_now(self, function: str, text: str = "") -> None:
        body = {"input": text}
        url = f"{self.url}/admin/functions/{function}"
        assert requests.post(url, json=body, headers=MASTER, timeout=PATIENCE).status_code == 202

    def workers(self) -> list[int]:
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                words = (entry / "cmdline").read_bytes().split(b"\0")
                stat = (entry / "stat").read_text().rsplit(")", 1)[1].split()
                ours = str(self.process.pid).encode() in words and stat[0] != "Z"
                if ours and b"local.functions_host.worker" in words:
                    found.append(int(entry.name))
        return found


@contextlib.contextmanager
def host(
    folder: Path,
    code: str,
    *arguments: str,
    values: dict[str, str] | None = None,
    host_json: dict[str, object] | None = None,
    keys: dict[str, str] | None = KEYS,
    environment: dict[str, str] | None = None,
) -> Iterator[Host]:
    """Run a host around the code of a function_app.py; it is gone when the block is."""
    app = folder / "app"
    app.mkdir(exist_ok=True)
    (app / "function_app.py").write_text(code)
    (app / "host.json").write_text(json.dumps(host_json or BUNDLE))
    settings = folder / "settings.json"
    settings.write_text(json.dumps({"Values": values or {}, "Host": {"Keys": keys or {}}}))
    log = folder / "host.log"
    command = [sys.executable, "-m", "local.functions_host", "--app", str(app), "--port", "0"]
    with log.open("ab") as out:
        process = subprocess.Popen(
            [*command, "--settings", str(settings), *arguments],
            cwd=ROOT,
            env=os.environ | {"PYTHONWARNINGS": "default"} | (environment or {}),
            stdout=out,
            stderr=out,
        )
    started = Host(process, log)
    try:
        yield started
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def ended(started: Host) -> int:
    """Return the exit code of a host that ends by itself."""
    return started.process.wait(PATIENCE)


@contextlib.contextmanager
def held_open[T](context: contextlib.AbstractAsyncContextManager[T]) -> Iterator[T]:
    """Keep an async context open around synchronous tests."""
    with asyncio.Runner() as runner:
        entered = runner.run(_enter(context))
        try:
            yield entered
        finally:
            runner.run(_leave(context))


async def _enter[T](context: contextlib.AbstractAsyncContextManager[T]) -> T:
    return await context.__aenter__()


async def _leave(context: contextlib.AbstractAsyncContextManager[object]) -> None:
    await context.__aexit__(None, None, None)
