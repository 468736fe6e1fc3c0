"""A registry's state: locks bite, subjects take their referrers along, clocks start anew."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from local.acr.errors import DISALLOWED, RegistryError
from local.acr.registry import Registry, Switches
from local.directory import Directory
from local.faults import Faults
from shared.oci import media_types
from shared.oci.digest import Digest

REPO = "base/node"
START = datetime(2026, 11, 23, 12, tzinfo=UTC)


class World:
    """One registry whose clock moves a day with each look, and the events it raised."""

    def __init__(self) -> None:
        self.days = 0
        self.events: list[dict[str, object]] = []
        self.registry = Registry(
            "contosobase",
            "contosobase.azurecr.io",
            Directory(),
            switches=Switches(),
            faults=Faults(),
            clock=self.now,
        )
        self.registry.listeners.append(self.events.append)

    def now(self) -> datetime:
        self.days += 1
        return START + timedelta(days=self.days)

    def put(self, reference: str = "", *, name: str = "a", subject: str = "") -> str:
        """Put an index of this name; with a subject it is a referrer; no reference: by digest."""
        body: dict[str, object] = {"mediaType": media_types.OCI_INDEX, "manifests": []}
        body["annotations"] = {"name": name}
        if subject:
            body["subject"] = {"mediaType": media_types.OCI_INDEX, "digest": subject, "size": 1}
        raw = json.dumps(body).encode()
        where = reference or str(Digest.of(raw))
        return str(self.registry.put_manifest(REPO, where, media_types.OCI_INDEX, raw))

    def import_(self, tag: str, *, name: str) -> None:
        raw = json.dumps({
            "mediaType": media_types.OCI_INDEX, "manifests": [], "annotations": {"name": name},
        }).encode()  # fmt: skip
        self.registry.put_manifest(REPO, tag, media_types.OCI_INDEX, raw, by_import=True)


@pytest.fixture
def here() -> World:
    return World()


def test_a_manifest_pushed_again_keeps_its_created_time(here: World) -> None:
    digest = here.put("1")
    first = here.registry.manifests(REPO)[digest].created
    here.put("1")
    here.put("2")
    assert here.registry.manifests(REPO)[digest].created == first


def test_a_manifest_pushed_after_its_deletion_has_a_new_created_time(here: World) -> None:
    digest = here.put("1")
    first = here.registry.manifests(REPO)[digest].created
    here.registry.delete_manifest(REPO, digest)
    here.put("1")
    assert here.registry.manifests(REPO)[digest].created > first


def test_a_tag_that_moves_keeps_its_created_time_and_its_locks(here: World) -> None:
    here.put("1", name="a")
    before = here.registry.tags(REPO)["1"]
    created = before.created
    here.registry.lock(REPO, "1", delete=False)
    moved = here.put("1", name="b")
    after = here.registry.tags(REPO)["1"]
    assert (after.digest, after.created, after.attributes.delete) == (moved, created, False)
    assert after.updated > created


def test_deleting_a_subject_deletes_all_that_refers_to_it(here: World) -> None:
    subject = here.put("1")
    report = here.put(name="report", subject=subject)
    signature = here.put(name="signature", subject=report)
    other = here.put("2", name="other")
    here.events.clear()
    assert here.registry.delete_manifest(REPO, subject) == [signature, report, subject]
    assert list(here.registry.manifests(REPO)) == [other]
    assert len(here.events) == 3


def test_a_subject_takes_every_one_of_its_referrers_along(here: World) -> None:
    subject = here.put("1")
    first = here.put(name="first", subject=subject)
    second = here.put(name="second", subject=subject)
    both = here.registry.delete_manifest(REPO, subject)
    assert sorted(both) == sorted([subject, first, second])


def test_a_locked_referrer_keeps_its_subject_and_everything_else(here: World) -> None:
    subject = here.put("1")
    report = here.put(name="report", subject=subject)
    here.put(name="free", subject=subject)
    here.registry.lock(REPO, report, delete=False)
    with pytest.raises(RegistryError):
        here.registry.delete_manifest(REPO, subject)
    assert len(here.registry.manifests(REPO)) == 3
    assert "1" in here.registry.tags(REPO)


def test_a_repository_is_gone_with_its_last_manifest(here: World) -> None:
    digest = here.put("1")
    here.registry.delete_manifest(REPO, digest)
    assert here.registry.tags(REPO) == {}
    with pytest.raises(RegistryError, match="NAME_UNKNOWN"):
        here.registry.lock(REPO, "1", delete=False)


def test_a_write_locked_tag_refuses_a_server_side_put_too(here: World) -> None:
    digest = here.put("1", name="a")
    here.registry.lock(REPO, "1", write=False)
    for again in ("a", "b"):
        with pytest.raises(RegistryError) as refused:
            here.import_("1", name=again)
        assert (refused.value.status, refused.value.code) == (405, DISALLOWED)
    assert here.registry.tags(REPO)["1"].digest == digest


def test_a_forced_import_moves_a_locked_tag_where_the_switch_says_so(here: World) -> None:
    digest = here.put("1", name="a")
    here.registry.lock(REPO, "1", write=False)
    here.registry.switches.import_overrides_locks = True
    here.import_("1", name="b")
    tag = here.registry.tags(REPO)["1"]
    assert tag.digest != digest
    assert tag.attributes.write is False
    with pytest.raises(RegistryError, match=DISALLOWED):
        here.put("1", name="c")


def test_a_write_locked_manifest_may_be_tagged_and_attached_to(here: World) -> None:
    digest = here.put("1")
    here.registry.lock(REPO, digest, write=False)
    assert here.put("2") == digest
    assert here.put(name="report", subject=digest)


def test_a_write_locked_manifest_refuses_tags_and_referrers_where_the_switch_says_so(
    here: World,
) -> None:
    digest = here.put("1")
    here.registry.lock(REPO, digest, write=False)
    here.registry.switches.write_locked_manifest_refuses_tagging = True
    with pytest.raises(RegistryError, match=DISALLOWED):
        here.put("2")
    with pytest.raises(RegistryError, match=DISALLOWED):
        here.put(name="report", subject=digest)
    assert here.put("2", name="another")


def test_tag_and_manifest_are_locked_apart(here: World) -> None:
    digest = here.put("1")
    here.registry.lock(REPO, "1", write=False, delete=False)
    assert here.registry.manifests(REPO)[digest].attributes.delete
    here.registry.delete_manifest(REPO, digest)
    assert here.registry.manifest(REPO, "1") is None


def test_a_refused_put_leaves_no_trace(here: World) -> None:
    body = {
        "mediaType": media_types.OCI_INDEX,
        "manifests": [{"digest": str(Digest.of(b"absent")), "size": 1, "mediaType": "x/y"}],
    }
    with pytest.raises(RegistryError, match="MANIFEST_BLOB_UNKNOWN"):
        here.registry.put_manifest(REPO, "1", media_types.OCI_INDEX, json.dumps(body).encode())
    assert here.registry.store.repositories == {}
    assert here.events == []


def test_a_lock_reaches_only_the_flags_it_names(here: World) -> None:
    here.put("1")
    here.registry.lock(REPO, "1", write=False, list_=False)
    here.registry.lock(REPO, "1", write=True)
    flags = here.registry.tags(REPO)["1"].attributes
    assert (flags.write, flags.delete, flags.list, flags.read) == (True, True, False, True)


def test_an_event_can_be_left_out(here: World) -> None:
    raw = b'{"manifests":[]}'
    here.registry.put_manifest(REPO, "1", media_types.OCI_INDEX, raw, raise_event=False)
    assert here.events == []


def test_a_push_by_digest_has_no_tag_in_its_event(here: World) -> None:
    here.put(name="child")
    (event,) = here.events
    assert event["subject"] == REPO
    data = event["data"]
    assert isinstance(data, dict)
    assert "tag" not in data["target"]


def test_a_blob_stays_while_another_repository_holds_it(here: World) -> None:
    digest = str(here.registry.put_blob("one", b"layer"))
    here.registry.put_blob("two", b"layer")
    here.registry.store.blobs.delete("one", digest)
    assert here.registry.blob("one", digest) is None
    assert here.registry.blob("two", digest) == b"layer"
