"""The worker process: Microsoft's worker library at one end of a socket pair.

Started by `channel.py` as `python -P -m local.functions_host.worker FD APP PARENT`, in the app's folder.
"""

import asyncio
import contextlib
import ctypes
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

from local.functions_host.protocol import (
    LINE_LIMIT,
    decode_line,
    encode_line,
    pack,
    protos,
    typed,
    unpack,
    untyped,
)

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_SYSTEM = ("azure.functions", "azure_functions_runtime")
_NOISE = "Auth level is not applied to non http"  # warned on every start of an app without HTTP

type Send = Callable[[Mapping[str, Any]], None]


class _ChannelHandler(logging.Handler):
    """Sends log records to the host, from any thread."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, send: Send, current: ContextVar[str | None]
    ) -> None:
        super().__init__()
        self._loop, self._send, self._current = loop, send, current
        self._thread = threading.get_ident()  # the loop's

    def emit(self, record: logging.LogRecord) -> None:
        if _NOISE in str(record.msg):
            return
        message = {
            "type": "log",
            "invocation": self._current.get(),
            "level": record.levelno,
            "system": record.name.startswith(_SYSTEM),
            "text": self.format(record),
        }
        if threading.get_ident() == self._thread:
            self._send(message)  # at once: the invocation's result must not overtake it
            return
        # A thread may outlive the loop when the process is about to end.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._send, message)


def main() -> None:
    """Serve the host until it goes away."""
    fd, app, parent = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    _die_with(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the host's to handle: it drains first
    _become_the_app(app)
    asyncio.run(_serve(socket.socket(fileno=fd), app))


def _die_with(parent: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def _become_the_app(app: str) -> None:
    """Give the app the import path it has in Azure: its vendored packages, ours, its own folder."""
    own_root = str(Path(__file__).parents[2])
    sys.path[:] = [entry for entry in sys.path if entry != own_root]
    os.environ.pop("PYTHONPATH", None)
    vendored = Path(app, ".python_packages", "lib", "site-packages")
    if vendored.is_dir():
        sys.path.insert(0, str(vendored))
    sys.path.append(app)


async def _serve(channel: socket.socket, app: str) -> None:
    reader, writer = await asyncio.open_connection(sock=channel, limit=LINE_LIMIT)

    def send(message: Mapping[str, Any]) -> None:
        writer.write(encode_line(message))

    # Imported late: the library must find the import path and environment of the app.
    import azure_functions_runtime as library  # noqa: PLC0415 - see above

    _log_to(send, library.invocation_id_cv)
    send(await _start(library, app))
    tasks: set[asyncio.Task[None]] = set()
    while line := await reader.readline():
        task = asyncio.create_task(_invoke(library, decode_line(line), send))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    # The host is gone or has closed the channel: threads may still run, and nobody waits for them.
    _exit(0)


def _log_to(send: Send, current: ContextVar[str | None]) -> None:
    root = logging.getLogger()
    debug = os.environ.get("PYTHON_ENABLE_DEBUG_LOGGING", "").lower() in {"1", "true"}
    root.setLevel(logging.DEBUG if debug else logging.INFO)
    root.addHandler(_ChannelHandler(asyncio.get_running_loop(), send, current))
    # The SDKs log every request at INFO.
    logging.getLogger("azure").setLevel(logging.WARNING)


async def _start(library: Any, app: str) -> dict[str, Any]:  # noqa: ANN401 - an untyped module
    """Import and index the app; every failure is an answer, not an exception."""
    library.start_threadpool_executor()
    init = SimpleNamespace(capabilities={}, function_app_directory=app)
    properties = {"protos": protos(), "host": "127.0.0.1"}
    request = SimpleNamespace(worker_init_request=init)
    answer = await library.worker_init_request(
        SimpleNamespace(request=request, properties=properties)
    )
    if answer.result.status != 1:
        return {"type": "started", "error": vars(answer.result.exception)}
    metadata = await library.functions_metadata_request(SimpleNamespace(request=SimpleNamespace()))
    functions = metadata.function_metadata_results or []
    for function in functions:
        load = SimpleNamespace(function_id=function.function_id)
        request = SimpleNamespace(function_load_request=load)
        await library.function_load_request(SimpleNamespace(request=request))
    return {"type": "started", "functions": [_described(function) for function in functions]}


def _described(function: Any) -> dict[str, Any]:  # noqa: ANN401 - RpcFunctionMetadata
    retry = function.retry_options
    return {
        "name": function.name,
        "id": function.function_id,
        "bindings": list(function.raw_bindings),
        "retry": {
            "count": retry.max_retry_count,
            "strategy": retry.retry_strategy,
            **{
                name: getattr(retry, name).total_seconds()
                for name in ("delay_interval", "minimum_interval", "maximum_interval")
                if hasattr(retry, name)
            },
        }
        if retry is not None
        else None,
    }


async def _invoke(library: Any, message: dict[str, Any], send: Send) -> None:  # noqa: ANN401 - a module without types
    library.invocation_id_cv.set(
        message["id"]
    )  # async functions log under it; threads set their own
    try:
        response = await library.invocation_request(_request(message))
    except (SystemExit, KeyboardInterrupt) as end:
        # As in Azure, this ends the process and every other invocation with it.
        sys.stderr.write(f"the worker ends: {type(end).__name__}({end})\n")
        code = end.code if isinstance(end, SystemExit) else 1
        _exit(code if isinstance(code, int) else 0 if code is None else 1)
    ok = response.result.status == 1
    answer: dict[str, Any] = {"type": "result", "id": message["id"], "ok": ok}
    if ok:
        answer["return"] = pack(untyped(response.return_value))
        outputs = response.output_data or []
        answer["outputs"] = {output.name: pack(untyped(output.data)) for output in outputs}
    else:
        answer["error"] = vars(response.result.exception)
    send(answer)


def _request(message: dict[str, Any]) -> SimpleNamespace:
    inputs = [
        SimpleNamespace(name=name, data=typed(unpack(data)), WhichOneof=lambda _field: "data")
        for name, data in message["inputs"].items()
    ]
    trace = SimpleNamespace(trace_parent=message["trace"], trace_state="", attributes={})
    retry = SimpleNamespace(
        retry_count=message["retry_count"],
        max_retry_count=message["max_retry_count"],
        exception=None,
    )
    invocation = SimpleNamespace(
        invocation_id=message["id"],
        function_id=message["function"],
        input_data=inputs,
        trigger_metadata={name: typed(unpack(data)) for name, data in message["metadata"].items()},
        trace_context=trace,
        retry_context=retry,
    )
    return SimpleNamespace(request=SimpleNamespace(invocation_request=invocation))


def _exit(code: int) -> NoReturn:
    """End at once: the interpreter would first wait for every thread of the pool."""
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
