"""Every adapter as the app builds it, on the local Azure, with nothing but settings and a real identity."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

from local.azure import LocalAzure
from local.images import image, push

APP = """
import asyncio, json, sys, time
from datetime import timedelta
from shared.oci.reference import Repository
from shared.values import Entry, ImportState, Locks, Row, ScanRequest
from shared.oci.platform import Platform
from shared.services import services

app = services()
upstream, staging, apps = sys.argv[1:]
source, target = Repository(upstream, "library/node"), Repository(staging, "library/node")
async def resolve():
    async with app.upstreams.visit({}, seconds=60) as visit:
        return await visit.resolve([(source, "9-alpine")])

(found,) = asyncio.run(resolve()).values()
digest = found.descriptor.digest
operation = app.imports.start(source=source, digest=digest, target=target, tags=("9-alpine",))
while (status := app.imports.poll(operation)).state is ImportState.RUNNING:
    time.sleep(0.05)
assert status.state is ImportState.SUCCEEDED, status
subject = app.data_plane.head(target, "9-alpine")
app.data_plane.attach(target, subject, artifact_type="application/vnd.breakwater.test.v1+json",
    media_type="application/json", content=b"{}", annotations={})
app.data_plane.lock(target, digest, Locks(delete=False))
platform, child = next(iter(app.data_plane.manifest(target, digest).platforms().items()))
run = app.tasks.start(ScanRequest(target, child.digest, platform, "ab" * 16, 60))
while app.tasks.run(staging, run).state.value in ("queued", "running"):
    time.sleep(0.05)
context = app.tasks.upload(staging, b"tar")
app.queues.send("imports", "{}", delay=timedelta(minutes=1))
entry = Entry(app.clock.now(), "node", str(digest), "promoted", id="x")
app.journal.add(entry)
app.announcements.publish(entry)
print(json.dumps({
    "digest": str(digest),
    "referrers": len(app.data_plane.referrers(target, digest)),
    "locked": not app.data_plane.manifest_entry(target, digest).locks.delete,
    "run": app.tasks.run(staging, run).status,
    "log": app.tasks.log(staging, run).text,
    "tasks": [task.name for task in app.tasks.list(apps)],
    "context": context.startswith("tasks-source/"),
    "ledger": [app.ledger.insert(Row("node", "x")) for _ in range(2)],
    "journal": list(app.journal.read("node")) == [entry],
    "slot": app.slots.take("imports", "node", limit=1, until=app.clock.now()),
    "catalog": app.catalog_source.catalog()[1],
}))
"""


async def _run(work: Path) -> tuple[str, subprocess.CompletedProcess[str], list[str]]:
    azure = LocalAzure(work, functions=False, runs=False, catalog="staging: x\n")
    async with azure:
        built = image(platforms=["linux/amd64", "linux/arm64"], files={}, busybox=b"none")
        digest = push(built, azure.registries["upstream"], "library/node", "9-alpine")
        names = ("upstream", "contosostaging", "contosoapps")
        settings = azure.settings()["Values"]
        done = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-c", APP, *(azure.login_servers[name] for name in names)],
            env={"PATH": os.environ["PATH"], "HOME": str(work), **settings},
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
        )
        published = [str(event["eventType"]) for event in azure.grid.published]
        return str(digest), done, published


def test_the_app_runs_on_settings_alone(tmp_path: Path):
    digest, done, published = asyncio.run(_run(tmp_path))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "digest": digest,
        "referrers": 1,
        "locked": True,
        "run": "Error",  # this local Azure was started without an engine
        "log": json.loads(done.stdout)["log"],
        "tasks": [],
        "context": True,
        "ledger": [True, False],
        "journal": True,
        "slot": True,
        "catalog": "staging: x\n",
    }
    assert "Breakwater.promoted" in published
    assert done.stderr == ""
