"""What upstream attached: it comes along, it never counts, and it never stops its image."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from shared.catalog import Upstream
from shared.errors import Transient
from shared.messages import ImportMessage, encode
from shared.oci import media_types
from shared.oci.digest import Digest
from shared.oci.manifest import Descriptor
from shared.oci.reference import Repository
from tests.fake_upstreams import FakeUpstreams, FakeVisit
from tests.fakes import index
from tests.machine import BASE, PLATFORMS, STAGING, TAG, UPSTREAM, Machine


def attach(machine: Machine, to: Digest, artifact_type: str) -> Digest:
    """Let upstream attach something."""
    content = machine.world.upstreams.content
    subject = content.head(UPSTREAM, to)
    assert subject is not None
    return content.attach(
        UPSTREAM,
        subject,
        artifact_type=artifact_type,
        media_type="application/json",
        content=artifact_type.encode(),
        annotations={},
    )


def test_upstreams_referrers_come_along_to_base_but_never_breakwaters_own_kinds():
    machine = Machine()
    digest = machine.upstream("white")
    child = index("white", PLATFORMS)[0].digest
    signature = attach(machine, digest, "application/vnd.dev.cosign.artifact.sig.v1+json")
    sbom = attach(machine, child, "application/spdx+json")
    forged = [
        attach(machine, each, kind)
        for each in (digest, child)
        for kind in (
            media_types.REPORT,
            media_types.TEST_RESULT,
            media_types.DECISION_ARTIFACT,
            "application/vnd.breakwater.waiver.v9",
            media_types.REPORT.upper(),
        )
    ]

    machine.watch()
    machine.settle()
    machine.sweep()
    machine.settle()

    assert machine.state(digest) == "promoted"
    for repository in (STAGING, BASE):
        there = {each.digest for each in machine.world.registries.manifests(repository)}
        assert {signature, sbom} <= there
        assert not there & set(forged)
    assert machine.world.slots.held() == []


def test_a_referrer_that_cannot_be_imported_does_not_stop_its_image():
    machine = Machine()
    digest = machine.upstream("white")
    signature = attach(machine, digest, "application/x.signature")
    machine.watch()
    for message in machine.world.queues.take():
        machine.world.queues.send(message.queue, message.text)
    lost = ImportMessage("node", TAG, str(Digest.of(b"never there")), "ab" * 8, str(digest))
    machine.world.queues.send("imports", encode(lost))

    machine.settle()

    assert machine.state(digest) == "promoted"
    assert "referrer lost" in machine.events()
    assert machine.world.registries.manifest(BASE, signature) is not None
    assert machine.world.slots.held() == []


class Asking(FakeVisit):
    """A visit whose referrers are answered by its upstreams."""

    async def referrers(self, repository: Repository, digest: Digest) -> tuple[Descriptor, ...]:
        assert isinstance(self._upstreams, Asked)
        return await self._upstreams.referrers(repository, digest)


class Asked(FakeUpstreams):
    """Upstreams that answer for all visits."""

    @asynccontextmanager
    async def visit(
        self, upstreams: Mapping[str, Upstream], *, seconds: float
    ) -> AsyncIterator[FakeVisit]:
        yield Asking(self)

    async def referrers(self, repository: Repository, digest: Digest) -> tuple[Descriptor, ...]:
        return self.content.referrers(repository, digest)


class Secretive(Asked):
    """An upstream that cannot list the referrers of everything."""

    tells: frozenset[Digest] = frozenset()

    async def referrers(self, repository: Repository, digest: Digest) -> tuple[Descriptor, ...]:
        if digest in self.tells:
            return await super().referrers(repository, digest)
        problem = "HTTP 503"
        raise Transient(problem)


def test_an_upstream_that_cannot_list_referrers_is_noted_once_and_does_not_stop_its_image():
    machine = Machine()
    broken = Secretive()
    broken.content = machine.world.upstreams.content
    machine.world.upstreams = machine.world.imports._upstreams = broken
    digest = machine.upstream("white")
    signature = attach(machine, digest, "application/x.signature")
    broken.tells = frozenset({digest})  # and not of the platforms' images
    machine.watch()

    machine.settle()  # no message fails

    assert machine.state(digest) == "promoted"
    (lost,) = [each for each in machine.world.journal.entries if each.event == "referrer lost"]
    assert "HTTP 503" in lost.reasons[0]
    assert machine.world.registries.manifest(BASE, signature) is not None


def test_referrers_of_all_parts_are_asked_for_together():
    class Meeting(Asked):
        here = most = 0

        async def referrers(self, repository: Repository, digest: Digest) -> tuple[Descriptor, ...]:
            self.here += 1
            self.most = max(self.most, self.here)
            await asyncio.sleep(0)
            self.here -= 1
            return ()

    machine = Machine()
    meeting = Meeting()
    meeting.content = machine.world.upstreams.content
    machine.world.upstreams = machine.world.imports._upstreams = meeting
    machine.upstream("white")
    machine.watch()
    machine.settle()

    assert meeting.most == 1 + len(PLATFORMS)
