"""What a hostile upstream is asked, and what every answer must keep to: time, memory, readable text."""

import time
import tracemalloc
from collections.abc import Callable

import pytest
from aiohttp import web

from shared.oci import media_types
from shared.oci.reference import Repository
from shared.ports import Visit
from shared.registry.watcher import UpstreamWatcher
from tests.contract.scripted_looks import WHITE
from tests.contract.scripted_registry import ScriptedRegistry
from tests.contract.visiting import reason, visit
from tests.contract.waiting import PATIENCE

HOST = "evil.example"
APP = Repository(HOST, "team/app")
BYTES = 40 << 20  # more than any answer may take, far less than what is sent
KIND = f"Content-Type: {media_types.OCI_MANIFEST}"
TYPED = {"Content-Type": media_types.OCI_MANIFEST}


async def resolve(here: Visit):
    return (await here.resolve([(APP, "1")]))[APP, "1"]


async def tags(here: Visit):
    return await here.tags(APP, lambda tag: True)


async def manifest(here: Visit):
    return (await here.manifests([(APP, WHITE.digest)]))[APP, WHITE.digest]


EACH = pytest.mark.parametrize("ask", [resolve, tags, manifest])


def bounded(ask, seconds: float = PATIENCE, each: float = PATIENCE) -> str:
    """Ask, and return the reason why there is no answer; within time and memory, in readable text.

    `seconds` is what the visit has, `each` what one request has: little where no answer ever ends.
    """
    tracemalloc.start()
    try:
        began = time.monotonic()
        found = visit(ask, seconds=seconds, by=UpstreamWatcher({}, seconds=each)).found
        took, peak = time.monotonic() - began, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    why = reason(found)
    assert took < seconds + 20
    assert peak < BYTES
    assert HOST in why
    assert why.isprintable()
    assert len(why) < 600
    return why


def scripted(script) -> ScriptedRegistry:
    return ScriptedRegistry(HOST, script=script)


def always(make: Callable[[], web.StreamResponse]) -> ScriptedRegistry:
    return scripted(lambda request: make())
