"""The story of the seed, chapter by chapter; every chapter checks what it tells."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from local.azure import LocalAzure
from local.demo import hello, upstream
from local.demo.copying import copy_with_skopeo
from local.demo.narrator import Narrator
from local.demo.stage import NotAsExpected, Stage
from local.demo.upstream import Node
from local.faults import Fault, Kind
from local.platform.principals import BASE
from shared.oci.digest import Digest
from shared.oci.tags import unique_tag

_PUSHED = "eventgrid.deliver"


@dataclass
class Story:
    """The stage, who tells it, and what base and app hold so far."""

    stage: Stage
    narrator: Narrator
    promoted: Digest | None = None

    async def first_import(self) -> None:
        """Chapter 1: a first image is promoted, and an app is built on it."""
        self.narrator.chapter(1, "Upstream has node:9-alpine, and it is white")
        white = await self._ship(Node("white"))
        await self._promoted("white, the first", white)
        await self.stage.create_app()
        self.narrator.say("az acr task run", f"{hello.TASK} is built for the first time")
        await self.stage.build_app(white)
        await self._page("white")

    async def red(self) -> None:
        """Chapter 2: the test blocks a bad one; base and app stay as they are."""
        self.narrator.chapter(2, "Upstream turns Red: the image's own test says no")
        red = await self._ship(Node("Red"))
        await self._rejected("Red", red, "red is not allowed")
        await self._page("white")

    async def blue(self) -> None:
        """Chapter 3: a good one goes all the way, and the app is rebuilt on it."""
        self.narrator.chapter(3, "Upstream turns DeepSkyBlue: promoted, and the app is rebuilt")
        blue = await self._ship(Node("DeepSkyBlue"))
        await self._promoted("DeepSkyBlue", blue)
        await self._rebuilt(blue)
        await self._page("DeepSkyBlue")

    async def vulnerable(self) -> None:
        """Chapter 4: a critical, fixable vulnerability is blocked; its fix is not."""
        self.narrator.chapter(4, "Upstream ships a vulnerable openssl, then the fix")
        bad = await self._ship(Node("DeepSkyBlue", upstream.VULNERABLE_OPENSSL))
        await self._rejected(f"openssl {upstream.VULNERABLE_OPENSSL}", bad, upstream.FINDING)
        fixed = await self._ship(Node("DeepSkyBlue", upstream.FIXED_OPENSSL))
        await self._promoted(f"openssl {upstream.FIXED_OPENSSL}", fixed)
        await self._rebuilt(fixed)

    async def lost_event(self) -> None:
        """Chapter 5: nobody hears of a push; the sweep finds it."""
        self.narrator.chapter(5, "Someone copies an image into staging, and the event is lost")
        node = Node("Lavender", upstream.FIXED_OPENSSL)
        digest = self.stage.ship(node)
        faults = self.stage.azure.faults
        lost = faults.add(Fault(_PUSHED, Kind.LOSE, count=1, match=str(digest)))
        await copy_with_skopeo(self.stage.azure, upstream.REPOSITORY, self.stage.staging)
        self.narrator.say("skopeo copy", f"{digest.short}… is in staging, past the app")
        await self.stage.until(
            _fired(lost), lambda fired: fired == 1, "the event of that push to be lost", 30
        )
        self.narrator.say("event lost", "Event Grid never delivers the push", "yellow")
        await self.stage.watch()
        await self.stage.watched(digest)  # until then a look says: never seen upstream
        await self.stage.sweep()
        self.narrator.say("sweep", "looks at everything no event mentioned")
        await self._promoted("Lavender, its event lost", digest)
        await self._rebuilt(digest)
        await self._page("Lavender")

    async def _ship(self, node: Node) -> Digest:
        digest = self.stage.ship(node)
        self.narrator.say(
            "upstream pushed", f"{upstream.REPOSITORY}:{upstream.TAG} {digest.short}…"
        )
        await self.stage.watch()
        return digest

    async def _promoted(self, chapter: str, digest: Digest) -> None:
        await self.stage.reaches(digest, "promoted")
        await self.narrator.catch_up(self.stage)
        self._check_base(digest)
        self.promoted = digest
        why = "nothing at or above high, its test passed"
        self.narrator.keep(chapter, f"{digest.short}…", "promoted", why)

    async def _rejected(self, chapter: str, digest: Digest, because: str) -> None:
        reasons = await self.stage.reaches(digest, "rejected")
        await self.narrator.catch_up(self.stage)
        if because not in "; ".join(reasons):
            problem = f"expected the reason to name {because!r}, found {reasons}"
            raise NotAsExpected(problem)
        if self.promoted is not None:
            self._check_base(self.promoted)
        self.narrator.keep(chapter, f"{digest.short}…", "rejected", reasons[0])

    async def _rebuilt(self, digest: Digest) -> None:
        """Wait until the app is built on the digest, and the app says so."""
        await self.stage.rebuilt(digest)
        await self.stage.until(
            self.stage.journal,
            lambda entries: ("rebuilt", str(digest)) in {(e.event, e.digest) for e in entries},
            f"the journal to tell of the rebuild on {digest}",
            60,
        )
        await self.narrator.catch_up(self.stage)

    def _check_base(self, digest: Digest) -> None:
        """Check base's stable tag, its unique tag and their locks."""
        tags = self.stage.azure.registries[BASE].tags(self.stage.base.path)
        stable, unique = tags[upstream.TAG], tags[unique_tag(upstream.TAG, digest)]
        if not stable.digest == unique.digest == str(digest):
            problem = f"expected both tags at {digest}, found {stable.digest}, {unique.digest}"
            raise NotAsExpected(problem)
        if unique.attributes.write or unique.attributes.delete or stable.attributes.delete:
            problem = f"expected locks, found {unique.attributes}, {stable.attributes}"
            raise NotAsExpected(problem)

    async def _page(self, colour: str) -> None:
        page = await self.stage.page()
        await self.narrator.catch_up(self.stage)
        if f"background: {colour}" not in page:
            problem = f"expected hello-world's page in {colour}, found {page!r}"
            raise NotAsExpected(problem)
        self.narrator.say("the app's page", page.strip(), "bold")


def _fired(fault: Fault) -> Callable[[], Awaitable[int]]:
    async def fired() -> int:
        return fault.fired

    return fired


async def tell(azure: LocalAzure, stage: Stage, narrator: Narrator) -> None:
    """Tell the whole story. Raises NotAsExpected where it goes another way."""
    narrator.say("container engine", azure.engine_report)
    story = Story(stage, narrator)
    async with narrator.following(stage):
        await story.first_import()
        await story.red()
        await story.blue()
        await story.vulnerable()
        await story.lost_event()
