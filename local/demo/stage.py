"""The stage of the story: a local Azure with the app on it, and the verbs that move things."""

import asyncio
import json
import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from handlers import records
from local.azure import CHECKOUT, LocalAzure
from local.demo import hello, upstream
from local.demo.upstream import Node
from local.platform.ports import Ports
from local.platform.principals import APPS, BASE, STAGING, UPSTREAM
from shared.azure.identity import credential
from shared.messages import candidate_id
from shared.oci.digest import Digest
from shared.oci.reference import Repository
from shared.services import Services, build
from shared.settings import Settings
from shared.values import Entry

IMAGE = "node"
# The story starts each timer itself, when its turn has come.
NEVER = "0 0 0 1 1 *"
SETTINGS = {
    "WATCH_SCHEDULE": NEVER,
    "SWEEP_SCHEDULE": NEVER,
    "LOOK_AGAIN_SECONDS": "1",
    "REBUILD_GRACE_SECONDS": "4",
    "CLAIM_SECONDS": "15",
    "AzureFunctionsJobHost__extensions__queues__visibilityTimeout": "00:00:02",
    "AzureFunctionsJobHost__extensions__queues__maxPollingInterval": "00:00:00.5",
}


class NotAsExpected(AssertionError):
    """The story went another way; the text says where, what was expected and what was found."""


def catalog(ports: Ports, *, block: str = "high") -> str:
    """Return the story's catalog for these ports."""
    return f"""\
staging: localhost:{ports.staging}
base: localhost:{ports.base}/base
apps: [localhost:{ports.apps}]
defaults:
  platforms: [linux/amd64, linux/arm64]
  gate: {{ scan: trivy, block: {block}, age: 0h, dwell: 0h }}
  watch: {{ settle: 0m }}
images:
  - source: localhost:{ports.upstream}/{upstream.REPOSITORY}
    tags: [{upstream.TAG}]
    test: {{ script: image-tests/node.sh }}
"""


@dataclass
class Stage:
    """A running local Azure, and the operator's own view of it."""

    azure: LocalAzure
    services: Services

    @property
    def staging(self) -> Repository:
        """Staging's repository of the image."""
        return Repository(self.azure.registries[STAGING].login_server, IMAGE)

    @property
    def base(self) -> Repository:
        """Base's repository of the image."""
        return Repository(self.azure.registries[BASE].login_server, f"base/{IMAGE}")

    def ship(self, node: Node, repository: str = upstream.REPOSITORY) -> Digest:
        """Let the public registry's tag move to this build."""
        return upstream.ship(self.azure.registries[UPSTREAM], node, repository)

    async def watch(self) -> None:
        """Let the watch timer fire."""
        await self.azure.run_function("watch_upstreams")

    async def watched(self, digest: Digest) -> None:
        """Wait until a watch has written down that upstream's tag is this digest. Raises NotAsExpected."""

        async def current() -> Digest | None:
            rows = await asyncio.to_thread(self.services.ledger.rows, records.subject(IMAGE))
            row = next((each for each in rows if each.key == upstream.TAG), None)
            return records.watched(upstream.TAG, row).current

        await self.until(
            current, lambda found: found == digest, f"a watch to see {digest.short}…", 60
        )

    async def sweep(self) -> None:
        """Let the sweep timer fire."""
        await self.azure.run_function("sweep")

    async def state(self, digest: Digest, image: str = IMAGE) -> tuple[str, tuple[str, ...]]:
        """Return the candidate's state and its reasons."""
        rows = await asyncio.to_thread(self.services.ledger.rows, candidate_id(image, digest))
        row = next((each for each in rows if each.key == "state"), None)
        if row is None:
            return "", ()
        return str(row.values["state"]), tuple(json.loads(str(row.values["reasons"])))

    async def reaches(
        self, digest: Digest, state: str, seconds: float = 180, *, image: str = IMAGE
    ) -> tuple[str, ...]:
        """Wait until the candidate is in this state; return the reasons. Raises NotAsExpected."""
        found = await self.until(
            lambda: self.state(digest, image),
            lambda found: found[0] == state,
            f"candidate {image} {digest.short}… to be {state}",
            seconds,
        )
        return found[1]

    async def rebuilt(self, digest: Digest, seconds: float = 180) -> None:
        """Wait until hello-world is built on this digest. Raises NotAsExpected."""
        await self.until(
            self.built_on,
            lambda found: digest in found,
            f"{hello.TASK} to be built on {digest.short}…",
            seconds,
        )

    async def built_on(self) -> tuple[Digest | None, ...]:
        """Return the digests that hello-world's task was last built on."""
        registry = self.azure.registries[APPS].login_server
        task = await asyncio.to_thread(self.services.tasks.get, registry, hello.TASK)
        return tuple(each.digest for each in task.dependencies) if task else ()

    async def journal(self) -> list[Entry]:
        """Return the journal, oldest first."""
        entries = await asyncio.to_thread(lambda: list(self.services.journal.read()))
        return sorted(entries, key=lambda each: each.at)

    async def create_app(self, *, trigger: bool = True) -> None:
        """Create hello-world's task in the apps registry."""
        registry = self.azure.registries[APPS].login_server
        context = hello.context()
        uploaded = await asyncio.to_thread(self.services.tasks.upload, registry, context)
        await hello.create(self.azure, uploaded, trigger=trigger)

    async def build_app(self, digest: Digest) -> None:
        """Build hello-world for the first time: only then does ACR know what it is built on."""
        registry = self.azure.registries[APPS].login_server
        await asyncio.to_thread(self.services.tasks.rebuild, registry, hello.TASK)
        await self.rebuilt(digest)

    async def page(self) -> str:
        """Return the page of the app's newest image."""
        return await hello.page(self.azure)

    async def rests(self, seconds: float = 120) -> None:
        """Wait until no event is on its way, no queue holds a message and no poison came. Raises NotAsExpected."""

        async def waiting() -> dict[str, int]:
            # An event is there when the function it calls has ended, which may have sent messages.
            try:
                await self.azure.grid.settled(seconds)
            except TimeoutError as error:
                problem = f"expected every event to arrive within {seconds:.0f} s"
                raise NotAsExpected(problem) from error
            return await self.azure.storage.waiting()

        await self.until(
            waiting,
            lambda found: not any(found.values()),
            "every queue to be empty",
            seconds,
        )

    async def until[T](
        self,
        look: Callable[[], Awaitable[T]],
        fits: Callable[[T], bool],
        what: str,
        seconds: float,
    ) -> T:
        """Look until it fits; return what was found. Raises NotAsExpected, with what was found last."""
        found = await look()
        for _ in range(int(seconds / 0.25)):
            if fits(found):
                return found
            await asyncio.sleep(0.25)
            found = await look()
        problem = f"expected {what} within {seconds:.0f} s, found {found}; log: {self.azure.work}"
        raise NotAsExpected(problem)


@asynccontextmanager
async def stage(work: Path, **options: Any) -> AsyncIterator[Stage]:  # noqa: ANN401  # LocalAzure's fields
    """Set the stage; LocalAzure's own options may be given."""
    overrides: Mapping[str, str] = SETTINGS | options.pop("overrides", {})
    ports = options.pop("ports", None) or Ports.free()
    shutil.copytree(CHECKOUT / "image-tests", work / "image-tests", dirs_exist_ok=True)
    async with LocalAzure(
        work=work,
        ports=ports,
        catalog=options.pop("catalog", None) or catalog(ports),
        overrides=overrides,
        lease_seconds=options.pop("lease_seconds", 5.0),
        **options,
    ) as azure:
        values = azure.settings()["Values"]
        before = dict(os.environ)
        os.environ.update(values)  # the SDKs read identity and trust from there
        credential.cache_clear()  # another local Azure's tokens are worth nothing here
        try:
            yield Stage(azure, build(Settings.of(os.environ)))
        finally:
            os.environ.clear()
            os.environ.update(before)
            credential.cache_clear()
