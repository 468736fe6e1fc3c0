"""importImage through the unmodified SDK: what is copied, how it is followed, how it fails."""

import asyncio
import json
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError
from azure.core.rest import HttpRequest

from local.arm import transfer
from local.faults import Fault, Kind
from local.images import push
from shared.oci import media_types
from shared.oci.digest import Digest
from tests.contract.arm_imports import REPO, body, failure, run
from tests.contract.arm_world import GROUP, World, an_image, stored, told, world


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with world(tmp_path, monkeypatch) as made:
        yield made


@pytest.mark.parametrize("by_digest", [True, False])
def test_the_whole_index_arrives_byte_for_byte(here: World, by_digest: bool) -> None:
    built = an_image()
    push(built, here.upstream, REPO, "9-alpine")
    run(here, body(built.digest if by_digest else None, targets=["a/node:9", "a/node:x", "b"]))
    for repo, tag in (
        ("a/node", "9"),
        ("a/node", "x"),
        ("b", "latest" if by_digest else "9-alpine"),
    ):
        found = stored(here.staging, repo, tag)
        assert (found.raw, found.media_type) == (built.index, media_types.OCI_INDEX)
        assert set(here.staging.manifests(repo)) == {
            str(built.digest),
            *(str(built.platform_digest(platform)) for platform in built.manifests),
        }
        assert all(here.staging.blob(repo, digest) == blob for digest, blob in built.blobs.items())


def test_an_untagged_import_makes_no_tag(here: World) -> None:
    built = an_image()
    push(built, here.upstream, REPO, "9-alpine")
    run(here, body(built.digest, targets=[], untagged=["node"]))
    assert here.staging.tags("node") == {}
    assert str(built.digest) in here.staging.manifests("node")


def test_a_running_import_is_seen_and_its_link_must_come_back_unchanged(
    here: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on, copy = here.loop.do(asyncio.Event), transfer.run

    async def held(*arguments: Any) -> None:
        await go_on.wait()
        await copy(*arguments)

    monkeypatch.setattr(transfer, "run", held)
    here.arm.imports.retry_after = 7
    push(an_image(), here.upstream, REPO, "9-alpine")
    seen = []
    client = here.acr("breakwater")
    mine = str(uuid.uuid4())
    client.registries.begin_import_image(
        GROUP,
        "contosostaging",
        body(),
        polling=False,
        cls=lambda response, _body, _headers: seen.append(response.http_response),
        headers={"x-ms-client-request-id": mine},
    ).result()
    (accepted,) = seen
    location = accepted.headers["Location"]
    assert (accepted.status_code, accepted.text()) == (202, "")
    assert accepted.headers["Retry-After"] == "7"
    assert f"/locations/WESTEUROPE/operationResults/registries-{mine}?" in location
    assert "Azure-AsyncOperation" not in accepted.headers
    assert client.send_request(HttpRequest("GET", location)).status_code == 202
    changed = client.send_request(HttpRequest("GET", location[:-1]))
    assert changed.status_code == 403
    here.loop.do(go_on.set)
    answer = client.send_request(HttpRequest("GET", location))
    while answer.status_code == 202:
        time.sleep(0.05)
        answer = client.send_request(HttpRequest("GET", location))
    assert (answer.status_code, answer.json()) == (200, {"status": "Succeeded"})


def test_a_continuation_token_resumes_the_polling(here: World) -> None:
    push(an_image(), here.upstream, REPO, "9-alpine")
    client = here.acr("breakwater").registries
    token = client.begin_import_image(GROUP, "contosostaging", body()).continuation_token()
    client.begin_import_image(
        GROUP, "contosostaging", body(), continuation_token=token, polling_interval=0.02
    ).result()
    assert "9" in here.staging.tags("node")
    assert here.faults.counts()["arm.importImage"] == 1


def test_a_resource_id_copies_from_a_neighbour_that_the_caller_may_read(here: World) -> None:
    built = an_image()
    push(built, here.staging, "node", "9")
    source = {
        "resourceId": here.staging.resource_id,
        "sourceImage": f"node@{built.digest}",
        "registryUri": None,
    }
    parameters = body(built.digest, source=source, targets=["base/node:9"])
    run(here, parameters, into="contosobase")
    assert stored(here.base, "base/node", "9").raw == built.index
    denied = failure(here, parameters | {"mode": "Force"}, who="importer", into="contosobase")
    assert f"Access to {here.staging.login_server} denied." in denied.error.message


def test_no_force_refuses_an_existing_tag_before_anything_is_copied(here: World) -> None:
    old, new = an_image("old"), an_image("new")
    push(old, here.staging, "node", "9")
    push(new, here.upstream, REPO, "9-alpine")
    failed = failure(here, body(targets=["node:9", "other:9"]))
    assert (failed.status_code, failed.error.code) == (409, "Conflict")
    assert "Tag node:9 already exists in target registry." in failed.error.message
    assert here.staging.resource_id in failed.error.message
    assert here.staging.manifests("other") == {}
    run(here, body(mode="Force"))
    assert here.staging.tags("node")["9"].digest == str(new.digest)


def test_a_lock_refuses_a_forced_import_with_the_registry_s_own_words(here: World) -> None:
    push(an_image("old"), here.staging, "node", "9")
    here.staging.lock("node", "9", write=False)
    push(an_image("new"), here.upstream, REPO, "9-alpine")
    failed = failure(here, body(mode="Force"))
    assert failed.status_code == 400
    assert "REGISTRY_DISALLOWED_OPERATION" in failed.error.message


def test_the_switch_lets_a_forced_import_pass_a_lock(here: World) -> None:
    new = an_image("new")
    push(an_image("old"), here.staging, "node", "9")
    here.staging.lock("node", "9", write=False)
    push(new, here.upstream, REPO, "9-alpine")
    here.staging.switches.import_overrides_locks = True
    run(here, body(mode="Force"))
    assert here.staging.tags("node")["9"].digest == str(new.digest)


def test_an_existing_digest_keeps_the_time_it_was_first_seen(here: World) -> None:
    built = an_image()
    push(built, here.upstream, REPO, "9-alpine")
    run(here, body(targets=["node:1"]))
    first = {digest: each.created for digest, each in here.staging.manifests("node").items()}
    run(here, body(targets=["node:2"]))
    assert {d: each.created for d, each in here.staging.manifests("node").items()} == first
    assert set(here.staging.tags("node")) == {"1", "2"}


@pytest.mark.parametrize("raises", [False, True])
def test_an_import_raises_events_only_if_the_switch_says_so(here: World, raises: bool) -> None:
    here.staging.switches.import_raises_event = raises
    events: list[dict[str, Any]] = []
    here.staging.listeners.append(events.append)
    push(an_image(), here.upstream, REPO, "9-alpine")
    run(here, body())
    subjects = [event["subject"] for event in events]
    assert subjects == (["node", "node", "node:9"] if raises else [])


def test_more_than_fifty_manifests_are_refused(here: World) -> None:
    built = an_image(platforms=("linux/amd64",))
    for blob in built.blobs.values():
        here.upstream.put_blob(REPO, blob)
    (raw,) = built.manifests.values()
    children = []
    for number in range(51):
        child = json.dumps({**json.loads(raw), "annotations": {"n": str(number)}}).encode()
        digest = here.upstream.put_manifest(
            REPO, str(Digest.of(child)), media_types.OCI_MANIFEST, child
        )
        children.append(
            {"mediaType": media_types.OCI_MANIFEST, "digest": str(digest), "size": len(child)}
        )
    for tag, count in (("50", 50), ("51", 51)):
        index = {
            "schemaVersion": 2,
            "mediaType": media_types.OCI_INDEX,
            "manifests": children[:count],
        }
        here.upstream.put_manifest(REPO, tag, media_types.OCI_INDEX, json.dumps(index).encode())
    run(here, body(tag="50", targets=["node:50"]))
    failed = failure(here, body(tag="51", targets=["many:51"]))
    assert "50 manifests" in failed.error.message
    assert here.staging.manifests("many") == {}


def test_what_upstream_has_not_fails_on_the_poll(here: World) -> None:
    failed = failure(here, body(tag="absent"))
    assert (failed.status_code, failed.error.code) == (400, "InvalidParameters")
    assert "Unexpected response status code 404" in failed.error.message
    assert "MANIFEST_UNKNOWN" in failed.error.message


def test_docker_hub_s_limit_is_told_in_its_own_words_and_is_not_a_429_of_arm(here: World) -> None:
    push(an_image(), here.upstream, REPO, "9-alpine")
    here.upstream.switches.requests_per_minute = 1
    failed = failure(here, body())
    assert failed.status_code == 400
    assert "429" in failed.error.message
    assert "TOOMANYREQUESTS" in failed.error.message


def test_a_wrong_request_is_refused_at_once(here: World) -> None:
    for wrong in ({}, body(targets=[])):
        with pytest.raises(HttpResponseError) as refused:
            here.acr().registries.begin_import_image(GROUP, "contosostaging", wrong)
        assert refused.value.status_code == 400
        assert told(refused).message.startswith("Missing property parameters.")


def test_a_fault_on_the_poll_is_matched_by_registry_and_image(here: World) -> None:
    push(an_image(), here.upstream, REPO, "9-alpine")
    fault = here.faults.add(
        Fault(
            "arm.importImage.poll", Kind.FAIL, match=f"contosostaging {REPO}@9-alpine", status=400
        )
    )
    with pytest.raises(HttpResponseError):
        run(here, body())
    assert fault.fired == 1
