"""`/acr/v1`, locks, events, limits and faults as a client meets them."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import requests

from local.faults import Fault, Kind
from local.images import ApkPackage, Built, image, push
from shared.oci import media_types
from tests.contract.acr_world import World, world

INDEX = {"Accept": media_types.ACCEPT}
REPO = "library/node"
TAG = f"/acr/v1/{REPO}/_tags/9"
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z")


@pytest.fixture(scope="module")
def built() -> Built:
    return image(apk=[ApkPackage("zlib", "1.3.1-r0")], busybox=b"not run here")


@pytest.fixture
def here(built: Built) -> Iterator[World]:
    with world() as served:
        push(built, served.registry, REPO, "9")
        yield served


def code(answer: requests.Response) -> str:
    return str(answer.json()["errors"][0]["code"])


def put(here: World, built: Built, tag: str, who: str = "pusher") -> requests.Response:
    headers = {"Content-Type": media_types.OCI_INDEX, "User-Agent": "a client"}
    path = f"/v2/{REPO}/manifests/{tag}"
    return here.call(who, "PUT", path, data=built.index, headers=headers)


def test_a_repository_tells_its_counts_and_times(here: World) -> None:
    body = here.call("puller", "GET", f"/acr/v1/{REPO}").json()
    assert body["registry"] == here.registry.login_server
    assert (body["imageName"], body["manifestCount"], body["tagCount"]) == (REPO, 3, 1)
    assert MOMENT.fullmatch(body["createdTime"])
    assert MOMENT.fullmatch(body["lastUpdateTime"])


def test_a_repository_with_a_slash_is_found_escaped_too(here: World) -> None:
    assert here.call("puller", "GET", "/acr/v1/library%2Fnode/_tags/9").ok


def test_a_tag_tells_its_digest_and_locks(here: World, built: Built) -> None:
    tag = here.call("puller", "GET", TAG).json()["tag"]
    assert tag["name"] == "9"
    assert tag["digest"] == str(built.digest)
    assert tag["signed"] is False
    assert MOMENT.fullmatch(tag["createdTime"])
    assert tag["changeableAttributes"] == {
        "deleteEnabled": True, "writeEnabled": True, "listEnabled": True, "readEnabled": True,
    }  # fmt: skip


def test_an_unknown_tag_is_not_found(here: World) -> None:
    answer = here.call("puller", "GET", f"/acr/v1/{REPO}/_tags/none")
    assert (answer.status_code, code(answer)) == (404, "TAG_UNKNOWN")


def test_an_index_tells_its_references_and_an_image_its_machine(here: World, built: Built) -> None:
    path = f"/acr/v1/{REPO}/_manifests"
    index = here.call("puller", "GET", f"{path}/{built.digest}").json()["manifest"]
    assert index["mediaType"] == media_types.OCI_INDEX
    assert index["tags"] == ["9"]
    assert index["references"] == [
        {
            "digest": str(built.platform_digest("linux/amd64")),
            "architecture": "amd64",
            "os": "linux",
        },
        {
            "digest": str(built.platform_digest("linux/arm64")),
            "architecture": "arm64",
            "os": "linux",
        },
    ]
    digest = built.platform_digest("linux/arm64")
    child = here.call("puller", "GET", f"{path}/{digest}").json()["manifest"]
    assert (child["architecture"], child["os"]) == ("arm64", "linux")
    assert child["configMediaType"] == "application/vnd.oci.image.config.v1+json"
    assert child["imageSize"] > 0
    assert "tags" not in child
    assert MOMENT.fullmatch(child["createdTime"])
    listed = here.call("puller", "GET", path).json()["manifests"]
    assert {each["digest"] for each in listed} == set(here.registry.manifests(REPO))
    assert child in listed


def test_tags_are_listed_in_order_page_by_page_and_by_digest(here: World, built: Built) -> None:
    times = (datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=day) for day in range(100))
    here.registry.clock = lambda: next(times)
    for tag in ("c", "a", "b"):
        put(here, built, tag)
    here.registry.delete_tag(REPO, "9")

    def listed(query: str) -> list[str]:
        found, following = [], f"/acr/v1/{REPO}/_tags?n=2&{query}"
        while following:
            answer = here.call("puller", "GET", following)
            found += [tag["name"] for tag in answer.json()["tags"]]
            following = answer.links.get("next", {}).get("url", "")
        return found

    assert listed("") == ["a", "b", "c"]
    assert listed("orderby=timeasc") == ["c", "a", "b"]
    assert listed("orderby=timedesc") == ["b", "a", "c"]
    assert listed(f"digest={built.digest}") == ["a", "b", "c"]
    assert listed(f"digest={built.platform_digest('linux/amd64')}") == []
    assert here.call("puller", "GET", f"/acr/v1/{REPO}/_tags?orderby=size").status_code == 400


def test_untagging_keeps_the_manifest_and_raises_no_event(here: World, built: Built) -> None:
    here.events.clear()
    assert here.call("owner", "DELETE", TAG).status_code == 202
    assert here.call("owner", "DELETE", TAG).status_code == 404
    path = f"/v2/{REPO}/manifests/{built.digest}"
    assert here.call("owner", "HEAD", path, headers=INDEX).ok
    assert here.events == []


def test_deleting_a_repository_tells_what_went(here: World, built: Built) -> None:
    answer = here.call("owner", "DELETE", f"/acr/v1/{REPO}")
    assert answer.status_code == 202
    assert answer.json()["tagsDeleted"] == ["9"]
    assert str(built.digest) in answer.json()["manifestsDeleted"]
    assert here.call("owner", "GET", f"/acr/v1/{REPO}").status_code == 404


def test_a_write_locked_tag_refuses_a_push_and_only_that_tag_does(
    here: World, built: Built
) -> None:
    locked = here.call("pusher", "PATCH", TAG, json={"writeEnabled": False})
    assert locked.json()["tag"]["changeableAttributes"]["writeEnabled"] is False
    refused = put(here, built, "9")
    assert (refused.status_code, code(refused)) == (405, "REGISTRY_DISALLOWED_OPERATION")
    assert refused.json()["errors"][0]["message"].startswith(
        "The operation is disallowed on this registry, repository or image"
    )
    assert put(here, built, "10").ok
    here.call("pusher", "PATCH", TAG, json={"writeEnabled": True})
    assert put(here, built, "9").ok


@pytest.mark.parametrize("flag", ["deleteEnabled", "writeEnabled"])
def test_either_lock_refuses_deletion(here: World, built: Built, flag: str) -> None:
    manifest = f"/acr/v1/{REPO}/_manifests/{built.digest}"
    for locked, deleted in ((TAG, TAG), (manifest, f"/v2/{REPO}/manifests/{built.digest}")):
        assert here.call("owner", "PATCH", locked, json={flag: False}).ok
        refused = here.call("owner", "DELETE", deleted)
        assert (refused.status_code, code(refused)) == (405, "REGISTRY_DISALLOWED_OPERATION")
    refused = here.call("owner", "DELETE", f"/acr/v1/{REPO}")
    assert refused.status_code == 405


def test_a_delete_locked_tag_still_moves(here: World) -> None:
    here.call("pusher", "PATCH", TAG, json={"deleteEnabled": False})
    moved = image(busybox=b"another")
    push(moved, here.registry, REPO, "other")
    assert put(here, moved, "9").ok
    tag = here.call("puller", "GET", TAG).json()["tag"]
    assert tag["digest"] == str(moved.digest)
    assert tag["changeableAttributes"]["deleteEnabled"] is False


def test_a_read_lock_refuses_pulls(here: World, built: Built) -> None:
    manifest = f"/acr/v1/{REPO}/_manifests/{built.digest}"
    here.call("pusher", "PATCH", manifest, json={"readEnabled": False})
    for method in ("GET", "HEAD"):
        path = f"/v2/{REPO}/manifests/9"
        assert here.call("puller", method, path, headers=INDEX).status_code == 405


def test_a_list_lock_hides(here: World) -> None:
    here.call("pusher", "PATCH", TAG, json={"listEnabled": False})
    assert here.call("puller", "GET", f"/v2/{REPO}/tags/list").json()["tags"] == []
    assert here.call("puller", "GET", f"/acr/v1/{REPO}/_tags").json()["tags"] == []
    here.call("pusher", "PATCH", f"/acr/v1/{REPO}", json={"listEnabled": False})
    assert here.call("owner", "GET", "/v2/_catalog").json()["repositories"] == []


def test_a_write_locked_repository_takes_nothing(here: World, built: Built) -> None:
    here.call("pusher", "PATCH", f"/acr/v1/{REPO}", json={"writeEnabled": False})
    assert put(here, built, "10").status_code == 405
    assert here.call("pusher", "POST", f"/v2/{REPO}/blobs/uploads/").status_code == 405


@pytest.mark.parametrize(
    ("body", "status"),
    [({"writeEnabled": "no"}, 400), ([], 400), ({"quarantineState": "Passed"}, 501)],
)
def test_an_odd_lock_is_refused_and_changes_nothing(here: World, body: object, status: int) -> None:
    before = here.call("puller", "GET", TAG).json()
    assert here.call("pusher", "PATCH", TAG, json=body).status_code == status
    assert here.call("puller", "GET", TAG).json() == before


def test_who_may_only_pull_cannot_lock(here: World) -> None:
    answer = here.call("puller", "PATCH", TAG, json={"writeEnabled": False})
    assert (answer.status_code, code(answer)) == (403, "DENIED")


def test_a_push_raises_one_event_for_each_manifest(here: World, built: Built) -> None:
    assert [event["subject"] for event in here.events] == [REPO, REPO, f"{REPO}:9"]
    here.events.clear()
    put(here, built, "10")
    (event,) = here.events
    assert event["topic"] == here.registry.resource_id
    assert event["eventType"] == "Microsoft.ContainerRegistry.ImagePushed"
    assert (event["dataVersion"], event["metadataVersion"]) == ("2.0", "1")
    data = event["data"]
    assert (data["action"], data["location"]) == ("push", "westeurope")
    assert data["target"] == {
        "mediaType": media_types.OCI_INDEX,
        "size": len(built.index),
        "length": len(built.index),
        "digest": str(built.digest),
        "repository": REPO,
        "tag": "10",
    }
    assert data["request"].pop("id")
    assert data["request"] == {
        "host": here.registry.login_server,
        "method": "PUT",
        "useragent": "a client",
    }


def test_a_deletion_raises_one_event_without_a_tag(here: World, built: Built) -> None:
    here.events.clear()
    here.call("owner", "DELETE", f"/v2/{REPO}/manifests/{built.digest}")
    (event,) = here.events
    assert event["eventType"] == "Microsoft.ContainerRegistry.ImageDeleted"
    assert event["subject"] == REPO
    assert event["data"]["action"] == "delete"
    assert event["data"]["target"] == {
        "mediaType": media_types.OCI_INDEX,
        "digest": str(built.digest),
        "repository": REPO,
    }
    assert event["data"]["request"]["method"] == "DELETE"


def test_listing_referrers_is_limited_for_each_identity(here: World, built: Built) -> None:
    here.registry.switches.referrers_per_minute = 2
    path = f"/v2/{REPO}/referrers/{built.digest}"
    assert [here.call("puller", "GET", path).status_code for _ in range(3)] == [200, 200, 429]
    refused = here.call("puller", "GET", path)
    assert code(refused) == "TOOMANYREQUESTS"
    assert 1 <= int(refused.headers["Retry-After"]) <= 30
    assert here.call("pusher", "GET", path).status_code == 200


def test_reads_are_limited_and_writes_are_not(here: World, built: Built) -> None:
    here.registry.switches.requests_per_minute = 1
    assert [here.call("pusher", "GET", TAG).status_code for _ in range(2)] == [200, 429]
    assert put(here, built, "10").ok


def test_a_fault_fires_on_the_operation_it_names(here: World, built: Built) -> None:
    fault = Fault("acr.manifests.put", Kind.FAIL, match=f"contosostaging {REPO}:10", status=500)
    here.registry.faults.add(fault)
    assert put(here, built, "11").ok
    assert put(here, built, "10").status_code == 500
    assert "10" not in here.registry.tags(REPO)
    assert here.registry.faults.unfired() == []
    assert put(here, built, "10").ok


def test_a_refused_request_uses_up_no_fault(here: World, built: Built) -> None:
    fault = here.registry.faults.add(Fault("acr.manifests.put", Kind.FAIL))
    assert put(here, built, "10", who="puller").status_code == 403
    assert fault.fired == 0
