"""What an import is told about its upstream, and what upstream said compared with what arrived."""

from dataclasses import replace

from handlers import import_image
from shared.catalog import Upstream
from shared.errors import Misconfigured
from shared.messages import IMPORTS, ImportMessage, encode
from shared.oci import media_types
from shared.oci.digest import Digest
from shared.values import Credential
from tests.fake_upstreams import FakeUpstreams
from tests.machine import BASE, STAGING, TAG, UPSTREAM, Machine

PRIVATE = """\
upstreams:
  - registry: docker.io
    credentials: hub
"""
HUB = Upstream("docker.io", credentials="hub")


def private() -> Machine:
    machine = Machine()
    machine.world.catalog.text += PRIVATE
    user = {"hub": Credential("team", "secret")}
    machine.world.settings = replace(machine.world.settings, credentials=user)
    return machine


def attach(machine: Machine, to: Digest) -> Digest:
    content = machine.world.upstreams.content
    subject = content.head(UPSTREAM, to)
    assert subject is not None
    return content.attach(
        UPSTREAM,
        subject,
        artifact_type="application/x.signature",
        media_type="application/json",
        content=b"signed",
        annotations={},
    )


def test_the_image_and_its_referrers_are_read_as_the_catalog_says_and_base_is_not():
    machine = private()
    digest = machine.upstream("white")
    signature = attach(machine, digest)
    machine.watch()
    machine.settle()

    started = machine.world.imports.started.values()
    told = {(each.target, each.digest): each.upstream for each in started}
    assert told[STAGING, digest] == told[STAGING, signature] == HUB
    assert told[BASE, digest] is None
    asked = [named for named, _ in machine.world.upstreams.visits]
    assert asked
    assert all(named["docker.io"].credentials == "hub" for named in asked)


class Closed(FakeUpstreams):
    """Upstreams that no visit can be made to."""

    def visit(self, upstreams, *, seconds):
        problem = "docker.io: expected settings UPSTREAM_HUB_USERNAME and …_PASSWORD"
        raise Misconfigured(problem)


def test_referrers_that_cannot_be_asked_for_at_all_are_noted_and_stop_no_image():
    machine = private()
    digest = machine.upstream("white")
    machine.watch()
    closed = Closed()
    closed.content = machine.world.upstreams.content
    machine.world.upstreams = closed

    machine.settle()

    assert machine.state(digest) == "promoted"
    (lost,) = [each for each in machine.world.journal.entries if each.event == "referrer lost"]
    assert "UPSTREAM_HUB_USERNAME" in lost.reasons[0]


def message(digest: Digest, media_type: str) -> str:
    return encode(ImportMessage("node", TAG, str(digest), "ab" * 8, media_type=media_type))


def brought(machine: Machine, text: str) -> None:
    """Deliver an import's message and those that follow it, and nothing else."""
    machine.world.queues.send(IMPORTS, text)
    for _ in range(5):
        for each in machine.world.queues.take(IMPORTS):
            import_image.handle(machine.services, each.text)
        machine.world.clock.advance(seconds=15)


def test_what_staging_calls_by_another_media_type_than_upstream_did_is_failed_naming_both():
    machine = Machine()
    digest = machine.upstream("white")

    brought(machine, message(digest, media_types.DOCKER_LIST))

    assert machine.state(digest) == "failed"
    (reason,) = machine.reasons(digest)
    assert media_types.DOCKER_LIST in reason
    assert media_types.OCI_INDEX in reason
    assert "imported" not in machine.events()
    assert machine.world.queues.sent == []


def test_the_same_media_type_and_none_at_all_are_imported():
    for media_type in ("", media_types.OCI_INDEX):
        machine = Machine()
        digest = machine.upstream("white")
        brought(machine, message(digest, media_type))
        assert "imported" in machine.events()


def test_a_tag_that_only_a_rule_chose_is_imported():
    machine = Machine()
    machine.world.catalog.text = machine.world.catalog.text.replace(
        "tags: [9-alpine]", "tags: { semver: '>=9', suffix: -alpine }"
    )
    machine.upstream("white")
    machine.watch()
    machine.settle()

    stable = machine.world.registries.tag(STAGING, TAG)
    assert stable is not None
