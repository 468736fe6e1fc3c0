"""A stage that many tests share: a local Azure on a loop of its own, and what is left at the end."""

import asyncio
import tempfile
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.demo import hello
from local.demo.stage import Stage, catalog, stage
from local.demo.upstream import TAG, Node
from local.platform.ports import Ports
from local.platform.principals import APPS, BASE, STAGING
from shared.oci.digest import Digest
from shared.oci.tags import unique_tag

QUICK = {
    "CLAIM_SECONDS": "3",
    # Three deaths of one message's worker are in the story, and each lease that a busy machine loses counts as one.
    "AzureFunctionsJobHost__extensions__queues__maxDequeueCount": "20",
    "WATCH_SECONDS": "10",
    "REBUILD_GRACE_SECONDS": "1",
    "AzureFunctionsJobHost__extensions__queues__visibilityTimeout": "00:00:01",
    "AzureFunctionsJobHost__extensions__queues__maxPollingInterval": "00:00:00.2",
}


@dataclass
class Theatre:
    """Runs coroutines on the stage's own loop."""

    stage: Stage
    loop: asyncio.AbstractEventLoop

    def run[T](self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run on the stage's loop and return the result; nothing of it goes on when the test was ended."""
        future = asyncio.run_coroutine_threadsafe(coroutine, self.loop)
        try:
            return future.result()
        finally:
            future.cancel()

    def rests(self) -> None:
        """Wait until no queue holds a message: whatever is to happen has happened."""
        self.run(self.stage.rests())

    def picture(self, digest: Digest) -> dict[str, Any]:
        """Return what base and apps hold because of this digest, digests of runs left out."""
        base = self.stage.azure.registries[BASE]
        path = self.stage.base.path
        tags = base.tags(path)
        seen: dict[str, Any] = {}
        for name, tag in (("stable", TAG), ("unique", unique_tag(TAG, digest))):
            entry = tags.get(tag)
            seen[name] = (
                (entry.digest == str(digest), entry.attributes.write, entry.attributes.delete)
                if entry
                else None
            )
        parts = [str(digest)]
        parts += [str(each.digest) for each in self.children(digest)]
        manifests = base.manifests(path)
        seen["kept"] = [not manifests[part].attributes.delete for part in parts]
        seen["referrers"] = [
            sorted({str(each["artifactType"]) for each in base.referrers(path, part)})
            for part in parts
        ]
        seen["app"] = self.run(self.stage.built_on()) == (digest,)
        seen["state"] = self.run(self.stage.state(digest))[0]
        return seen

    def children(self, digest: Digest) -> list[Any]:
        """Return the descriptors of an index's manifests, as staging holds them."""
        from shared.oci.manifest import parse  # noqa: PLC0415  # one use, far from the rest

        found = self.stage.azure.registries[STAGING].manifest(self.stage.staging.path, str(digest))
        assert found is not None
        return list(parse(found.raw, found.media_type).manifests)


PROMOTED = {
    "stable": (True, True, False),
    "unique": (True, False, False),
    "kept": [True, True, True],
    "referrers": [
        ["application/vnd.breakwater.decision.v1+json"],
        [
            "application/vnd.breakwater.report.trivy.v1+json",
            "application/vnd.breakwater.test.v1+json",
        ],
        [],
    ],
    "app": True,
    "state": "promoted",
}


def one_platform(ports: Ports) -> str:
    """Return the story's catalog for one platform."""
    text = catalog(ports).replace("[linux/amd64, linux/arm64]", "[linux/amd64]")
    # Many acts ship the same platforms in another index, and want it to be a candidate of its own.
    return text.replace("settle: 0m", "settle: 0m, equivalent: false")


@contextmanager
def theatre(
    write: Callable[[Ports], str] = one_platform,
    *,
    beside: Mapping[str, bytes] | None = None,
    advisories: Path | None = None,
) -> Iterator[Theatre]:
    """Open a theatre with this catalog, files `beside` it, and a scanner that knows these `advisories`."""
    ports = Ports.free()
    text = write(ports)
    opened, closing = threading.Event(), threading.Event()
    held: dict[str, Any] = {}

    async def play(work: Path) -> None:
        for name, content in (beside or {}).items():
            (work / name).write_bytes(content)
        async with stage(
            work,
            ports=ports,
            catalog=text,
            overrides=QUICK,
            lease_seconds=2,
            advisories=advisories,
        ) as there:
            held["stage"], held["loop"] = there, asyncio.get_running_loop()
            opened.set()
            await asyncio.to_thread(closing.wait)

    def run(work: Path) -> None:
        try:
            asyncio.run(play(work))
        except BaseException as error:  # noqa: BLE001  # told to the test's own thread
            held["error"] = error
            opened.set()

    with tempfile.TemporaryDirectory(prefix="breakwater-e2e-") as folder:
        thread = threading.Thread(target=run, args=(Path(folder),))
        thread.start()
        try:
            opened.wait()
            if "error" in held:
                raise held["error"]
            yield Theatre(held["stage"], held["loop"])
        finally:
            closing.set()
            thread.join()
        if "error" in held:
            raise held["error"]


async def first_act(there: Stage) -> Digest:
    """Bring a white image to base, and build hello-world on it."""
    white = there.ship(Node("white"))
    await there.watch()
    await there.reaches(white, "promoted")
    await there.create_app(trigger=False)
    await there.build_app(white)
    return white


__all__ = ["APPS", "PROMOTED", "Theatre", "first_act", "hello", "theatre"]
