"""The deployed app as Microsoft's worker indexes it, and what is packed with it."""

import ast
import asyncio
import importlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from local.functions_host.channel import Worker
from local.functions_host.hostjson import QueueOptions, read_host_json
from local.functions_host.indexing import read_functions
from local.functions_host.settings import Settings as HostSettings
from shared import messages
from shared.settings import Settings

ROOT = Path(__file__).parents[2]
STORAGE = "AzureWebJobsStorage"


def timer(schedule: str) -> list[dict[str, Any]]:
    return [
        {
            "type": "timerTrigger",
            "direction": "IN",
            "name": "timer",
            "schedule": schedule,
            "runOnStartup": False,
        }
    ]


def queue(name: str) -> list[dict[str, Any]]:
    return [
        {
            "type": "queueTrigger",
            "direction": "IN",
            "name": "msg",
            "queueName": name,
            "connection": STORAGE,
        }
    ]


def event() -> list[dict[str, Any]]:
    return [{"type": "eventGridTrigger", "direction": "IN", "name": "event"}]


def http(method: str, route: str, level: str = "FUNCTION") -> list[dict[str, Any]]:
    trigger = {
        "type": "httpTrigger",
        "direction": "IN",
        "name": "req",
        "methods": [method],
        "authLevel": level,
        "route": route,
    }
    return [trigger, {"type": "http", "direction": "OUT", "name": "$return"}]


FUNCTIONS = {
    "watch_upstreams": timer("%WATCH_SCHEDULE%"),
    "upstream_pushed": http("POST", "upstream-pushed"),
    "watch_images": queue("watch"),
    "import_image": queue("imports"),
    "on_staging_push": event(),
    "advance_candidate": queue("candidates"),
    "on_base_push": event(),
    "rebuild_app": queue("rebuilds"),
    "due": timer("0 * * * * *"),
    "sweep": timer("%SWEEP_SCHEDULE%"),
    "watch_poison": queue("watch-poison"),
    "imports_poison": queue("imports-poison"),
    "candidates_poison": queue("candidates-poison"),
    "rebuilds_poison": queue("rebuilds-poison"),
    "api_status": http("GET", "status"),
    "api_approve": http("POST", "approve", "ANONYMOUS"),
    "api_deny": http("POST", "deny", "ANONYMOUS"),
    "api_release": http("POST", "release", "ANONYMOUS"),
    "api_candidates": http("GET", "candidates", "ANONYMOUS"),
    "api_explain": http("GET", "explain", "ANONYMOUS"),
}


class Loaded:
    """What a worker said while it loaded the app."""

    def __init__(self) -> None:
        self.functions: list[dict[str, Any]] = []
        self.error: object = None
        self.logged: list[Mapping[str, Any]] = []
        self.printed: list[str] = []


async def load() -> Loaded:
    loaded = Loaded()
    # No app setting is there: indexing needs none. Warnings would be printed.
    environment = {"PATH": os.environ["PATH"], "PYTHONWARNINGS": "default"}
    worker = await Worker.start(ROOT, environment, loaded.logged.append, loaded.printed.append)
    loaded.functions, loaded.error = worker.functions, worker.error
    await worker.close()
    return loaded


@pytest.fixture(scope="module")
def loaded() -> Loaded:
    return asyncio.run(load())


def sample() -> dict[str, str]:
    values: dict[str, str] = json.loads((ROOT / "local.settings.sample.json").read_text())["Values"]
    return values


def bindings(loaded: Loaded) -> dict[str, list[dict[str, Any]]]:
    return {
        each["name"]: [json.loads(text) for text in each["bindings"]] for each in loaded.functions
    }


def test_the_table_of_functions_and_bindings(loaded):
    assert loaded.error is None
    assert bindings(loaded) == FUNCTIONS


def test_no_function_has_a_retry_policy_beside_its_queue(loaded):
    assert [each["retry"] for each in loaded.functions] == [None] * len(FUNCTIONS)


def test_loading_the_app_warns_of_nothing_and_prints_nothing(loaded):
    assert loaded.logged == []
    assert loaded.printed == []


def test_importing_the_app_loads_nothing_that_only_a_function_needs():
    code = "import function_app, json, sys; print(json.dumps(list(sys.modules)))"
    command = [sys.executable, "-W", "error", "-c", code]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    modules = set(json.loads(ended.stdout))
    assert "azure.functions" in modules
    heavy = re.compile(
        r"(azure\.(identity|storage|mgmt|data|core|eventgrid)|requests|aiohttp|pydantic|yaml"
        r"|handlers|shared|local)(\..*)?"
    )
    assert [module for module in modules if heavy.fullmatch(module)] == []
    assert ended.stderr == ""


def handlers_of_functions() -> Iterator[tuple[str, str]]:
    tree = ast.parse((ROOT / "function_app.py").read_text())
    for function in [each for each in tree.body if isinstance(each, ast.FunctionDef)]:
        for node in ast.walk(function):
            if isinstance(node, ast.ImportFrom) and node.module == "handlers":
                yield from ((function.name, alias.name) for alias in node.names)


def test_every_function_hands_over_to_a_handler_that_is_there():
    found = dict(handlers_of_functions())
    assert found.keys() == FUNCTIONS.keys()
    for name in found.values():
        assert callable(importlib.import_module(f"handlers.{name}").handle)


def test_every_queue_that_is_written_to_has_its_function_and_one_for_its_poison(loaded):
    queues = {
        each["queueName"]
        for found in bindings(loaded).values()
        for each in found
        if "queue" in each["type"]
    }
    written = {messages.IMPORTS, messages.CANDIDATES, messages.REBUILDS, messages.WATCH}
    assert queues == written | {f"{name}-poison" for name in written}


class Asked(dict[str, str]):
    """Settings that remember what was asked for."""

    def __init__(self, values: Mapping[str, str]) -> None:
        super().__init__(values)
        self.names: set[str] = set()

    def get(self, name: str, default: Any = None) -> Any:
        self.names.add(name)
        return super().get(name, default)


def filled_in(values: Mapping[str, str]) -> dict[str, str]:
    """The sample with its <placeholders> replaced, as its reader is meant to."""
    subscription = "00000000-0000-0000-0000-0000000000bb"
    return {
        name: re.sub(r"<account>", "contoso", re.sub(r"<subscription.*>", subscription, value))
        for name, value in values.items()
    }


def test_the_sample_has_every_setting_the_bindings_name(loaded):
    texts = [json.dumps(found) for found in bindings(loaded).values()]
    named = {name for text in texts for name in re.findall(r"%([^%]+)%", text)}
    assert named == {"WATCH_SCHEDULE", "SWEEP_SCHEDULE"}
    assert named <= sample().keys()
    assert HostSettings(filled_in(sample())).connection(STORAGE).url == (
        "https://contoso.queue.core.windows.net"
    )


def test_the_sample_has_every_setting_the_app_reads():
    asked = Asked(filled_in(sample()))
    Settings.of(asked)
    assert len(asked.names) > 10
    assert asked.names <= sample().keys()


def test_the_samples_placeholders_are_all_there_is_to_fill_in():
    assert Settings.of(filled_in(sample())).queue_endpoint == (
        "https://contoso.queue.core.windows.net"
    )
    assert {value for value in sample().values() if "<" in value} == {
        "https://<account>.queue.core.windows.net",
        "https://<account>.table.core.windows.net",
        "https://<account>.blob.core.windows.net",
        "<subscription of the registries>",
    }


def test_a_host_accepts_the_app_with_host_json_and_the_sample(loaded):
    settings = HostSettings(filled_in(sample()))
    host = read_host_json(ROOT, settings)
    functions = read_functions(loaded.functions, settings, host)
    assert {each.name for each in functions} == FUNCTIONS.keys()
    assert not any(each.disabled for each in functions)


def test_host_json_says_what_the_app_is_built_on():
    host = read_host_json(ROOT, HostSettings({}))
    assert host.queues == QueueOptions(
        max_polling_interval=2.0,
        visibility_timeout=30.0,
        batch_size=8,
        new_batch_threshold=4,
        max_dequeue_count=5,
        base64=True,
    )
    assert host.function_timeout == 300.0
    assert host.route_prefix == "api"
    assert host.extension_bundle


def test_host_json_has_no_key_that_the_host_would_overlook():
    document = json.loads((ROOT / "host.json").read_text())
    assert document.keys() <= {
        *("version", "extensionBundle", "functionTimeout", "logging", "extensions")
    }
    assert document["extensionBundle"] == {
        "id": "Microsoft.Azure.Functions.ExtensionBundle",
        "version": "[4.*, 5.0.0)",
    }
    assert document["extensions"].keys() == {"queues"}
    assert document["extensions"]["queues"].keys() <= {
        *("batchSize", "newBatchThreshold", "maxDequeueCount"),
        *("maxPollingInterval", "visibilityTimeout", "messageEncoding"),
    }


@pytest.fixture
def dropped(tmp_path: Path) -> Any:
    """Ask git, whose rules .funcignore follows, which paths are left out of the package."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "GIT_CONFIG_NOSYSTEM": "1",
    }

    def git(*arguments: str, text: str = "") -> str:
        return subprocess.run(
            ["git", *arguments],
            cwd=tmp_path,
            env=environment,
            input=text,
            capture_output=True,
            text=True,
            check=False,
        ).stdout

    git("init", "--quiet")
    (tmp_path / ".gitignore").write_text((ROOT / ".funcignore").read_text())
    return lambda paths: set(
        git("check-ignore", "--no-index", "--stdin", text="\n".join(paths)).splitlines()
    )


def test_what_the_app_needs_is_packed(dropped):
    needed = [
        *("function_app.py", "host.json", "requirements.txt", "catalog.yaml"),
        *(
            str(path.relative_to(ROOT))
            for folder in ("handlers", "shared", "image-tests")
            for path in (ROOT / folder).rglob("*")
            if path.is_file() and "__pycache__" not in path.parts
        ),
    ]
    assert {path.split("/")[0] for path in needed} >= {"handlers", "shared", "image-tests"}
    assert dropped(needed) == set()


def test_what_only_this_repository_needs_is_not_packed(dropped):
    unneeded = [
        *("local/azure.py", "tests/unit/test_plan.py", "bench/imports.py", "docs/adr/x.md"),
        *("infra/tasks/scan.yaml", "local.settings.json", "local.settings.sample.json"),
        *(".venv/bin/python", ".git/HEAD", ".ci/run", ".local/running.json", "Makefile"),
        *("requirements-dev.txt", "requirements.in", "pyproject.toml", "README.md"),
        "handlers/__pycache__/plan.cpython-313.pyc",
    ]
    assert dropped(unneeded) == set(unneeded)
