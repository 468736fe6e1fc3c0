"""The functions host dies at every step of a promotion, and the end is the same."""

import asyncio
import contextlib
from collections.abc import Sequence
from itertools import count

import aiohttp
import pytest

from local.demo.stage import Stage
from local.demo.upstream import Node
from local.faults import Fault, Kind
from local.platform.principals import APPS, BASE, STAGING
from shared.oci.digest import Digest
from tests.e2e.theatre import PROMOTED, Theatre

# Each death is a restart of host and worker; three and a promotion take a slow machine minutes.
pytestmark = pytest.mark.timeout(600)

_numbers = count(1)

# What the app asks of the world, in the order of the story: step, operation, what its detail holds.
# A read has no effect that a death could come before or after.
READS = (
    ("staging's tags are listed", "acr.attributes.tag.list", STAGING),
    ("upstream is asked", "acr.manifests.head", "upstream"),
    ("the import into staging is polled", "arm.importImage.poll", STAGING),
    ("upstream's referrers are listed", "acr.referrers.list", "upstream"),
    ("the scan is followed", "arm.runs.get", STAGING),
    ("the run's log is asked for", "arm.runs.log", STAGING),
    ("the report is read", "acr.blobs.get", STAGING),
    ("the import into base is polled", "arm.importImage.poll", BASE),
    ("base's referrers are listed", "acr.referrers.list", BASE),
    ("the apps are listed", "arm.tasks.list", APPS),
    ("the app's runs are listed", "arm.runs.list", APPS),
)
WRITES = (
    ("the import into staging starts", "arm.importImage", STAGING),
    ("the scan starts", "arm.scheduleRun", "breakwater-scan"),
    ("the test's context is uploaded", "arm.uploadUrl", STAGING),
    ("the test starts", "arm.scheduleRun", "breakwater-test"),
    ("the test's result is attached", "acr.manifests.put", STAGING),
    ("the import into base starts", "arm.importImage", BASE),
    ("the decision is attached", "acr.manifests.put", BASE),
    ("a manifest is locked", "acr.attributes.manifest.patch", BASE),
    ("a tag is locked", "acr.attributes.tag.patch", BASE),
    ("the stable tag moves", "acr.manifests.put", ":9-alpine"),
    ("the rebuild starts", "arm.scheduleRun", "hello-world"),
)
DEATHS = (
    *((name, operation, detail, Kind.KILL) for name, operation, detail in READS),
    *((f"before {name}", operation, detail, Kind.KILL) for name, operation, detail in WRITES),
    *((f"after {name}", operation, detail, Kind.KILL_AFTER) for name, operation, detail in WRITES),
)
# Three deaths a promotion: a third of the time, and each still has to be survived.
_ACTS = len(DEATHS) // 3
TRIPLES = [DEATHS[number::_ACTS] for number in range(_ACTS)]
# Asked for between the steps above; a death there is a death at the step before.
ON_THE_WAY = frozenset(
    {
        "acr.attributes.manifest.get",
        "acr.attributes.tag.get",
        "acr.manifests.get",
        "arm.tasks.get",
        "acr.token",
        "acr.exchange",
        "acr.ping",
        "acr.uploads.start",
        "acr.uploads.append",
        "acr.blobs.put",
        "acr.blobs.head",
        "arm.registries.list",
        "arm.tasks.details",
        "identity.token",
        "eventgrid.deliver",
    }
)


def promote(house: Theatre, faults: Sequence[Fault] = ()) -> dict[str, object]:
    """Ship a new image, let it go all the way, and return what it left."""
    stage = house.stage
    digest = stage.ship(Node("white", salt=f"kill {next(_numbers)}"))
    starts = stage.azure.host.starts
    for fault in faults:
        stage.azure.faults.add(fault)
    house.run(_timers_until_promoted(stage, digest) if faults else stage.watch())
    house.run(stage.reaches(digest, "promoted"))
    house.run(stage.rebuilt(digest))
    house.rests()
    assert stage.azure.host.starts == starts + len(faults)
    return house.picture(digest)


async def _timers_until_promoted(stage: Stage, digest: Digest) -> None:
    """Let the watch come round every few seconds, as a timer does."""
    for _ in range(60):
        if (await stage.state(digest))[0] == "promoted":
            return
        with contextlib.suppress(aiohttp.ClientError):  # it may die under this very call
            await stage.watch()
        await asyncio.sleep(3)


def test_the_steps_are_everything_the_app_asks_of_the_world(house: Theatre):
    operations = house.stage.azure.faults.operations
    before = len(operations)

    assert promote(house) == PROMOTED

    asked = {name for name, _ in operations[before:]}
    assert asked - ON_THE_WAY == {operation for _, operation, _ in (*READS, *WRITES)}
    for step, operation, detail in (*READS, *WRITES):
        found = [seen for name, seen in operations[before:] if name == operation and detail in seen]
        assert found, step


def test_every_death_has_its_turn():
    assert {death for triple in TRIPLES for death in triple} == set(DEATHS)


@pytest.mark.parametrize(
    "deaths", TRIPLES, ids=["; ".join(name for name, *_ in triple) for triple in TRIPLES]
)
def test_dying_when(house: Theatre, deaths: Sequence[tuple[str, str, str, Kind]]):
    faults = [Fault(operation, kind, match=detail) for _, operation, detail, kind in deaths]

    assert promote(house, faults) == PROMOTED
