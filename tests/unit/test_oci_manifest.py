"""A manifest is read one way only, or refused."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.oci import media_types
from shared.oci.digest import Digest
from shared.oci.manifest import LARGEST, InvalidManifest, descriptor, parse
from shared.oci.platform import Platform
from tests.builders import a_digest, a_manifest, an_index

PATIENT = settings(deadline=None)  # a busy machine is no fault of the code

AMD64 = Platform("linux", "amd64")
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20))
JSON = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=10), inner, max_size=3)
    ),
    max_leaves=10,
)
KEYS = ["mediaType", "manifests", "layers", "config", "subject", "artifactType", "annotations"]
INNER = ["mediaType", "digest", "size", "platform", "annotations", "artifactType", "Digest"]
DESCRIPTORS = st.dictionaries(
    st.sampled_from(INNER),
    st.one_of(JSON, st.just(str(a_digest())), st.just(5), st.just({"os": "linux"})),
)
BODIES = st.dictionaries(
    st.sampled_from([*KEYS, "Manifests", "schemaVersion"]),
    st.one_of(JSON, DESCRIPTORS, st.lists(DESCRIPTORS, max_size=3), st.just(media_types.OCI_INDEX)),
)


def entry(platform: object = None, number: int = 1, **keys: object) -> dict[str, object]:
    """A descriptor as it stands in an index."""
    body: dict[str, object] = {
        "mediaType": media_types.OCI_MANIFEST,
        "digest": str(a_digest(number)),
        "size": 7,
    }
    return {**body, **({"platform": platform} if platform else {}), **keys}


def index(*entries: dict[str, object]) -> dict[str, object]:
    return {"mediaType": media_types.OCI_INDEX, "manifests": list(entries)}


LINUX = {"os": "linux", "architecture": "amd64"}


@PATIENT
@given(st.one_of(BODIES, JSON), st.sampled_from(["", "text/html", media_types.OCI_INDEX]))
def test_any_json_is_a_manifest_or_an_invalid_one(body, header):
    try:
        manifest = parse(json.dumps(body).encode(), header)
    except InvalidManifest:
        return
    assert manifest.media_type in media_types.INDEXES | media_types.MANIFESTS
    assert manifest.digest == Digest.of(manifest.raw)
    assert set(manifest.platforms()).isdisjoint(manifest.ambiguous_platforms())


@PATIENT
@given(st.binary(max_size=200))
def test_any_bytes_are_a_manifest_or_an_invalid_one(raw):
    with pytest.raises(InvalidManifest):
        parse(raw)


@PATIENT
@given(st.data())
def test_a_truncated_manifest_is_invalid(data):
    raw = an_index().raw
    cut = data.draw(st.integers(0, len(raw) - 1))
    with pytest.raises(InvalidManifest):
        parse(raw[:cut])


def test_an_index_names_the_manifest_of_each_platform():
    platforms = an_index(["linux/amd64", "linux/arm/v7"]).platforms()
    assert [str(each) for each in platforms] == ["linux/amd64", "linux/arm/v7"]
    assert platforms[AMD64].digest == a_digest(1)


def test_the_manifest_keeps_its_bytes_and_points_at_itself():
    manifest = an_index()
    found = manifest.descriptor
    assert (found.digest, found.size) == (Digest.of(manifest.raw), len(manifest.raw))
    assert found.media_type == media_types.OCI_INDEX
    assert manifest.is_index


def test_a_manifest_without_a_media_type_is_what_the_header_says_or_what_it_holds():
    bare = json.dumps({"config": entry(), "layers": []}).encode()
    assert parse(bare, media_types.DOCKER_MANIFEST).media_type == media_types.DOCKER_MANIFEST
    assert parse(bare, "application/json").media_type == media_types.OCI_MANIFEST
    assert (
        parse(bare, media_types.DOCKER_MANIFEST.upper()).media_type == media_types.DOCKER_MANIFEST
    )
    listed = json.dumps({"manifests": []}).encode()
    assert parse(listed, f"{media_types.DOCKER_LIST}; charset=utf-8").is_index


def test_an_artifact_is_known_by_its_type_or_by_its_config():
    subject, config = entry(), entry(mediaType="application/vnd.x.config")
    old = a_manifest(mediaType=media_types.OCI_MANIFEST, config=config, subject=subject)
    assert old.artifact_type == "application/vnd.x.config"
    assert old.subject is not None
    assert old.subject.digest == a_digest(1)
    new = a_manifest(mediaType=media_types.OCI_MANIFEST, config=config, artifactType="text/x")
    assert new.artifact_type == "text/x"


def test_attestations_and_platforms_nobody_knows_are_kept_but_match_nothing():
    odd = [entry({"os": "unknown", "architecture": "unknown"}), entry({"os": "li nux"}, 2), entry()]
    manifest = a_manifest(**index(*odd))
    assert len(manifest.manifests) == 3
    assert manifest.platforms() == {}


@pytest.mark.parametrize(
    "second",
    [
        entry(LINUX, 2),
        entry({**LINUX, "variant": "v1"}, 2),
        entry({"os": "Linux", "architecture": "x86_64"}, 2),
        entry(LINUX, 1, mediaType=media_types.OCI_INDEX),
        entry(None, 2, mediaType=media_types.DOCKER_LIST),
    ],
    ids=[
        "same platform",
        "folded variant",
        "other spelling",
        "nested index",
        "nested, no platform",
    ],
)
def test_a_platform_that_two_could_be_chosen_for_is_left_out(second):
    for entries in ([entry(LINUX), second], [second, entry(LINUX)]):
        manifest = a_manifest(**index(*entries))
        assert manifest.platforms() == {}
        assert manifest.ambiguous_platforms() == {AMD64}


def test_a_platform_listed_twice_with_one_digest_is_not_ambiguous():
    manifest = a_manifest(**index(entry(LINUX), entry(LINUX)))
    assert manifest.platforms()[AMD64].digest == a_digest(1)


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ([], "JSON object"),
        ({}, "media type"),
        ({"mediaType": "text/html"}, "media type"),
        ({"mediaType": ["x"]}, "mediaType"),
        ({**index(), "layers": []}, "layers"),
        ({**index(), "config": entry()}, "config"),
        ({"mediaType": media_types.OCI_MANIFEST, "manifests": []}, "manifests"),
        ({"manifests": [], "config": entry()}, "config"),
        ({**index(), "manifests": {}}, "manifests"),
        (index("x"), r"manifests\[0\]"),  # type: ignore[arg-type]  # that is the point
        (index(entry(digest="sha256:x")), r"manifests\[0\].digest"),
        (index(entry(digest=None)), r"manifests\[0\].digest"),
        (index(entry(size=-1)), r"manifests\[0\].size"),
        (index(entry(size="7")), r"manifests\[0\].size"),
        (index(entry(size=True)), r"manifests\[0\].size"),
        (index(entry(platform=[1])), r"manifests\[0\].platform"),
        (index(entry({"os": 5})), r"manifests\[0\].platform.os"),
        (index(entry(annotations={"a": 1})), r"manifests\[0\].annotations"),
        (index(entry(), entry(Digest=str(a_digest(9)))), r"manifests\[1\].Digest"),
        (index(entry({**LINUX, "OS": "windows"})), r"manifests\[0\].platform.OS"),
        ({**index(), "Manifests": [entry()]}, "Manifests"),
        ({**index(), "manife\u017fts": [entry()]}, "manife\u017fts"),
        ({**index(), "annotations": "x"}, "annotations"),
        ({**index(), "subject": "x"}, "subject"),
        ({**index(), "artifactType": 5}, "artifactType"),
    ],
)
def test_what_is_wrong_is_named_by_its_place(body, place):
    with pytest.raises(InvalidManifest, match=place):
        parse(json.dumps(body).encode())


def test_a_key_given_twice_is_invalid_whichever_a_reader_would_take():
    with pytest.raises(InvalidManifest, match="twice"):
        parse(b'{"manifests": [], "manifests": []}')


def test_a_body_that_contradicts_its_header_is_invalid():
    with pytest.raises(InvalidManifest, match="header says"):
        parse(an_index().raw, media_types.OCI_MANIFEST)


@pytest.mark.parametrize(
    "raw",
    [b"[" * 200_000, an_index().raw + b" " * LARGEST, an_index().raw.decode().encode("utf-16")],
    ids=["deep", "long", "not UTF-8"],
)
def test_bytes_made_to_hurt_a_reader_are_invalid(raw):
    with pytest.raises(InvalidManifest):
        parse(raw)


def test_annotations_may_spell_anything():
    found = descriptor(entry(annotations={"Digest": "x", "digest": "y"}), "here")
    assert found.annotations == {"Digest": "x", "digest": "y"}
