"""The data plane speaks distribution-spec 1.1."""

import json
from collections.abc import Iterator

import pytest

from local.images import ApkPackage, Built, image, push
from shared.oci import media_types
from shared.oci.digest import Digest
from tests.contract.acr_world import World, world

INDEX = {"Accept": media_types.ACCEPT}
REPO = "library/node"


@pytest.fixture(scope="module")
def built() -> Built:
    return image(apk=[ApkPackage("zlib", "1.3.1-r0")], busybox=b"not run here")


@pytest.fixture
def here() -> Iterator[World]:
    with world() as served:
        yield served


def put_index(here: World, tag: str = "1", repo: str = REPO) -> tuple[str, bytes]:
    raw = json.dumps({"schemaVersion": 2, "mediaType": media_types.OCI_INDEX, "manifests": [],
                      "annotations": {"tag": tag}}).encode()  # fmt: skip
    answer = here.call("owner", "PUT", f"/v2/{repo}/manifests/{tag}", data=raw,
                       headers={"Content-Type": media_types.OCI_INDEX})  # fmt: skip
    assert answer.status_code == 201
    return answer.headers["Docker-Content-Digest"], raw


def put_referrer(here: World, subject: str, artifact_type: str) -> str:
    config = here.registry.put_blob(REPO, b"{}")
    raw = json.dumps({
        "schemaVersion": 2,
        "mediaType": media_types.OCI_MANIFEST,
        "artifactType": artifact_type,
        "config": {"mediaType": media_types.OCI_EMPTY, "digest": str(config), "size": 2},
        "layers": [],
        "subject": {"mediaType": media_types.OCI_INDEX, "digest": subject, "size": 2},
        "annotations": {"io.breakwater.platform": "linux/amd64"},
    }).encode()  # fmt: skip
    digest = str(Digest.of(raw))
    answer = here.call("owner", "PUT", f"/v2/{REPO}/manifests/{digest}", data=raw,
                       headers={"Content-Type": media_types.OCI_MANIFEST})  # fmt: skip
    assert answer.status_code == 201
    assert answer.headers["OCI-Subject"] == subject
    return digest


def code(answer: object) -> str:
    return str(answer.json()["errors"][0]["code"])  # type: ignore[attr-defined] # requests.Response


def test_a_blob_pushed_in_one_post_can_be_read_back(here: World) -> None:
    content = b"layer"
    digest = str(Digest.of(content))
    pushed = here.call("owner", "POST", f"/v2/{REPO}/blobs/uploads/?digest={digest}", data=content)
    assert pushed.status_code == 201
    assert pushed.headers["Docker-Content-Digest"] == digest
    read = here.call("owner", "GET", pushed.headers["Location"])
    assert read.content == content
    assert read.headers["Docker-Content-Digest"] == digest


def test_a_blob_pushed_in_post_then_put_can_be_read_back(here: World) -> None:
    content = b"layer"
    location = here.call("owner", "POST", f"/v2/{REPO}/blobs/uploads/").headers["Location"]
    pushed = here.call("owner", "PUT", f"{location}?digest={Digest.of(content)}", data=content)
    assert pushed.status_code == 201
    assert here.registry.blob(REPO, str(Digest.of(content))) == content


def test_a_blob_comes_in_chunks_that_must_follow_one_another(here: World) -> None:
    location = here.call("owner", "POST", f"/v2/{REPO}/blobs/uploads/").headers["Location"]
    first = here.call("owner", "PATCH", location, data=b"abc", headers={"Content-Range": "0-2"})
    assert (first.status_code, first.headers["Range"]) == (202, "0-2")
    gap = here.call("owner", "PATCH", location, data=b"xyz", headers={"Content-Range": "7-9"})
    assert (gap.status_code, gap.headers["Range"]) == (416, "0-2")
    status = here.call("owner", "GET", location)
    assert (status.status_code, status.headers["Range"]) == (204, "0-2")
    second = here.call("owner", "PATCH", location, data=b"def", headers={"Content-Range": "3-5"})
    assert second.headers["Range"] == "0-5"
    digest = Digest.of(b"abcdefg")
    done = here.call("owner", "PUT", f"{location}?digest={digest}", data=b"g",
                     headers={"Content-Range": "6-6"})  # fmt: skip
    assert done.status_code == 201
    assert here.call("owner", "GET", location).status_code == 404


def test_a_cancelled_upload_is_gone(here: World) -> None:
    location = here.call("owner", "POST", f"/v2/{REPO}/blobs/uploads/").headers["Location"]
    assert here.call("owner", "DELETE", location).status_code == 204
    gone = here.call("owner", "PATCH", location, data=b"abc")
    assert (gone.status_code, code(gone)) == (404, "BLOB_UPLOAD_UNKNOWN")


def test_a_blob_whose_digest_is_wrong_is_refused(here: World) -> None:
    wrong = Digest.of(b"other")
    for path in (f"/v2/{REPO}/blobs/uploads/?digest={wrong}",):
        refused = here.call("owner", "POST", path, data=b"layer")
        assert (refused.status_code, code(refused)) == (400, "DIGEST_INVALID")
    assert not here.registry.has_blob(REPO, str(wrong))


def test_a_blob_is_mounted_from_another_repository(here: World) -> None:
    digest = here.registry.put_blob("other", b"layer")
    path = f"/v2/{REPO}/blobs/uploads/?mount={digest}&from=other"
    assert here.call("owner", "POST", path).status_code == 201
    assert here.registry.has_blob(REPO, str(digest))


def test_a_mount_falls_back_to_an_upload(here: World) -> None:
    digest = Digest.of(b"nobody has this")
    path = f"/v2/{REPO}/blobs/uploads/?mount={digest}&from=other"
    answer = here.call("owner", "POST", path)
    assert answer.status_code == 202
    assert "/blobs/uploads/" in answer.headers["Location"]


def test_a_mount_without_pull_on_its_source_falls_back_to_an_upload(here: World) -> None:
    digest = here.registry.put_blob("other", b"layer")
    token = here.token("owner", f"repository:{REPO}:pull,push")
    path = f"/v2/{REPO}/blobs/uploads/?mount={digest}&from=other"
    answer = here.send("POST", path, headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 202
    assert not here.registry.has_blob(REPO, str(digest))


@pytest.mark.parametrize(
    ("wanted", "status", "content"),
    [
        ("bytes=0-3", 206, b"0123"),
        ("bytes=7-", 206, b"789"),
        ("bytes=-2", 206, b"89"),
        ("bytes=5-99", 206, b"56789"),
        ("lines=1-2", 200, b"0123456789"),
    ],
)
def test_a_part_of_a_blob_can_be_read(
    here: World, wanted: str, status: int, content: bytes
) -> None:
    digest = here.registry.put_blob(REPO, b"0123456789")
    answer = here.call("owner", "GET", f"/v2/{REPO}/blobs/{digest}", headers={"Range": wanted})
    assert (answer.status_code, answer.content) == (status, content)


def test_a_part_that_is_not_there_is_refused(here: World) -> None:
    digest = here.registry.put_blob(REPO, b"0123456789")
    answer = here.call("owner", "GET", f"/v2/{REPO}/blobs/{digest}", headers={"Range": "bytes=10-"})
    assert (answer.status_code, answer.headers["Content-Range"]) == (416, "bytes */10")


def test_a_deleted_blob_is_gone(here: World) -> None:
    digest = here.registry.put_blob(REPO, b"layer")
    assert here.call("owner", "DELETE", f"/v2/{REPO}/blobs/{digest}").status_code == 202
    gone = here.call("owner", "GET", f"/v2/{REPO}/blobs/{digest}")
    assert (gone.status_code, code(gone)) == (404, "BLOB_UNKNOWN")


def test_head_tells_length_and_digest_without_content(here: World) -> None:
    digest, raw = put_index(here)
    blob = here.registry.put_blob(REPO, b"layer")
    for path, size, named in (
        (f"/v2/{REPO}/manifests/1", len(raw), digest),
        (f"/v2/{REPO}/manifests/{digest}", len(raw), digest),
        (f"/v2/{REPO}/blobs/{blob}", 5, str(blob)),
    ):
        answer = here.call("owner", "HEAD", path, headers=INDEX)
        assert answer.status_code == 200
        assert answer.headers["Content-Length"] == str(size)
        assert answer.headers["Docker-Content-Digest"] == named
        assert answer.content == b""


def test_a_manifest_comes_back_byte_for_byte(here: World) -> None:
    digest, raw = put_index(here)
    for reference in ("1", digest):
        answer = here.call("owner", "GET", f"/v2/{REPO}/manifests/{reference}", headers=INDEX)
        assert answer.content == raw
        assert answer.headers["Content-Type"] == media_types.OCI_INDEX
        assert answer.headers["Docker-Content-Digest"] == digest


def test_a_client_that_does_not_take_an_index_gets_none(here: World) -> None:
    put_index(here)
    for accept in (media_types.OCI_MANIFEST, "*/*"):
        answer = here.call("owner", "GET", f"/v2/{REPO}/manifests/1", headers={"Accept": accept})
        assert (answer.status_code, code(answer)) == (404, "MANIFEST_UNKNOWN")
        assert "Accept" in answer.json()["errors"][0]["message"]


@pytest.mark.parametrize(
    ("reference", "media_type", "body", "status", "expected"),
    [
        (str(Digest.of(b"x")), media_types.OCI_INDEX, b'{"manifests":[]}', 400, "DIGEST_INVALID"),
        ("1", media_types.OCI_INDEX, b"not json", 400, "MANIFEST_INVALID"),
        ("1", "text/plain", b"{}", 400, "MANIFEST_INVALID"),
        ("-1", media_types.OCI_INDEX, b'{"manifests":[]}', 400, "TAG_INVALID"),
        ("1", media_types.OCI_INDEX, b" " * (4 * 1024 * 1024 + 1), 413, "SIZE_INVALID"),
    ],
)
def test_a_wrong_manifest_is_refused(
    here: World, reference: str, media_type: str, body: bytes, status: int, expected: str
) -> None:
    path = f"/v2/{REPO}/manifests/{reference}"
    answer = here.call("owner", "PUT", path, data=body, headers={"Content-Type": media_type})
    assert (answer.status_code, code(answer)) == (status, expected)


def test_a_manifest_whose_content_is_missing_is_refused(here: World, built: Built) -> None:
    raw = built.manifests["linux/amd64"]
    headers = {"Content-Type": media_types.OCI_MANIFEST}
    answer = here.call("owner", "PUT", f"/v2/{REPO}/manifests/1", data=raw, headers=headers)
    assert (answer.status_code, code(answer)) == (400, "MANIFEST_BLOB_UNKNOWN")


def test_deleting_by_digest_takes_the_tags_along(here: World) -> None:
    digest, _ = put_index(here)
    assert here.call("owner", "DELETE", f"/v2/{REPO}/manifests/{digest}").status_code == 202
    gone = here.call("owner", "HEAD", f"/v2/{REPO}/manifests/1", headers=INDEX)
    assert gone.status_code == 404


def test_deleting_by_tag_takes_the_tag_alone(here: World) -> None:
    digest, _ = put_index(here)
    assert here.call("owner", "DELETE", f"/v2/{REPO}/manifests/1").status_code == 202
    left = here.call("owner", "HEAD", f"/v2/{REPO}/manifests/{digest}", headers=INDEX)
    assert left.status_code == 200
    assert here.registry.tags(REPO) == {}


def test_tags_and_repositories_are_listed_page_by_page(here: World) -> None:
    for tag in ("c", "a", "b"):
        put_index(here, tag)
    put_index(here, "a", "other")
    for path, key, expected in (
        (f"/v2/{REPO}/tags/list", "tags", ["a", "b", "c"]),
        ("/v2/_catalog", "repositories", [REPO, "other"]),
        ("/acr/v1/_catalog", "repositories", [REPO, "other"]),
    ):
        found, following = [], f"{path}?n=1"
        while following:
            answer = here.call("owner", "GET", following)
            found += answer.json()[key]
            following = answer.links.get("next", {}).get("url", "")
        assert found == expected
        assert here.call("owner", "GET", f"{path}?last={expected[0]}").json()[key] == expected[1:]


def test_a_page_size_that_is_no_number_is_refused(here: World) -> None:
    put_index(here)
    answer = here.call("owner", "GET", f"/v2/{REPO}/tags/list?n=x")
    assert (answer.status_code, code(answer)) == (400, "PAGINATION_NUMBER_INVALID")


def test_the_tags_of_an_unknown_repository_are_not_found(here: World) -> None:
    answer = here.call("owner", "GET", "/v2/nobody/tags/list")
    assert (answer.status_code, code(answer)) == (404, "NAME_UNKNOWN")


def test_referrers_are_listed_and_filtered_by_artifact_type(here: World) -> None:
    subject, _ = put_index(here)
    report = put_referrer(here, subject, media_types.REPORT)
    put_referrer(here, subject, "application/spdx+json")
    path = f"/v2/{REPO}/referrers/{subject}"
    all_of_them = here.call("owner", "GET", path)
    assert all_of_them.headers["Content-Type"] == media_types.OCI_INDEX
    assert len(all_of_them.json()["manifests"]) == 2
    filtered = here.call("owner", "GET", path, params={"artifactType": media_types.REPORT})
    assert filtered.headers["OCI-Filters-Applied"] == "artifactType"
    (descriptor,) = filtered.json()["manifests"]
    assert descriptor["digest"] == report
    assert descriptor["artifactType"] == media_types.REPORT
    assert descriptor["annotations"] == {"io.breakwater.platform": "linux/amd64"}


def test_an_unknown_digest_has_no_referrers_and_that_is_no_error(here: World) -> None:
    answer = here.call("owner", "GET", f"/v2/{REPO}/referrers/{Digest.of(b'x')}")
    assert (answer.status_code, answer.json()["manifests"]) == (200, [])


def test_a_referrer_may_come_before_its_subject(here: World) -> None:
    subject = str(Digest.of(b"later"))
    digest = put_referrer(here, subject, media_types.REPORT)
    assert [each["digest"] for each in here.registry.referrers(REPO, subject)] == [digest]


def test_a_whole_image_is_pushed_and_found_again(here: World, built: Built) -> None:
    digest = push(built, here.registry, REPO, "9-alpine")
    answer = here.call("owner", "GET", f"/v2/{REPO}/manifests/9-alpine", headers=INDEX)
    assert str(Digest.of(answer.content)) == str(digest) == str(built.digest)
    for child in answer.json()["manifests"]:
        assert here.call("owner", "GET", f"/v2/{REPO}/manifests/{child['digest']}").ok


def test_what_is_not_there_answers_501_and_names_itself(here: World) -> None:
    answer = here.call("owner", "POST", "/v2/_quarantine")
    assert (answer.status_code, code(answer)) == (501, "UNSUPPORTED")
    assert "POST /v2/_quarantine" in answer.json()["errors"][0]["message"]


def test_a_repository_outside_the_grammar_is_refused(here: World) -> None:
    answer = here.call("owner", "GET", "/v2/Upper/tags/list")
    assert (answer.status_code, code(answer)) == (400, "NAME_INVALID")
