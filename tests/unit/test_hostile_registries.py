"""What a hostile registry or publisher may try with the bytes it serves."""

import base64
import json
from typing import Any

import pytest

from shared.errors import Misconfigured, Permanent
from shared.oci import media_types
from shared.oci.manifest import Manifest, parse
from shared.oci.platform import Platform
from shared.registry import tokens
from shared.settings import Settings
from tests.builders import a_digest

AMD64, ARM64 = Platform("linux", "amd64"), Platform("linux", "arm64")
NESTED = "[" * 65_000


def an_index_with(platform: Any, media_type: str = media_types.OCI_MANIFEST) -> Manifest:
    """A good image for two platforms, and one more entry, listed first."""
    entries: list[dict[str, Any]] = [
        {"mediaType": media_type, "digest": str(a_digest(1)), "size": 1},
        *(
            {
                "mediaType": media_types.OCI_MANIFEST,
                "digest": str(a_digest(number)),
                "size": 1,
                "platform": {"os": "linux", "architecture": architecture},
            }
            for number, architecture in ((2, "amd64"), (3, "arm64"))
        ),
    ]
    if platform is not None:
        entries[0]["platform"] = platform
    body = {"schemaVersion": 2, "mediaType": media_types.OCI_INDEX, "manifests": entries}
    return parse(json.dumps(body).encode())


@pytest.mark.parametrize(
    ("platform", "media_type"),
    [
        (None, media_types.OCI_MANIFEST),  # go-containerregistry takes it for linux/amd64
        ({"os": "", "architecture": "amd64"}, media_types.OCI_MANIFEST),  # containerd: its own
        ({"os": None, "architecture": "amd64"}, media_types.OCI_MANIFEST),
        ({"architecture": "amd64"}, media_types.OCI_MANIFEST),
        ({"os": "", "architecture": "linux/amd64"}, media_types.OCI_MANIFEST),
        ({"os": "linux", "architecture": "arm64", "variant": "v8.0"}, media_types.OCI_MANIFEST),
        (None, media_types.OCI_INDEX),
        ({"os": "", "architecture": "amd64"}, media_types.OCI_INDEX),
        ({"os": "unknown", "architecture": "unknown"}, media_types.DOCKER_LIST),
        (None, f"{media_types.OCI_INDEX} "),
        ({"os": "linux", "architecture": "s390x"}, "application/vnd.example+json"),
    ],
)
def test_an_entry_that_engines_place_differently_leaves_no_platform_certain(
    platform: Any, media_type: str
):
    index = an_index_with(platform, media_type)

    assert index.platforms() == {}
    assert {AMD64, ARM64} <= index.ambiguous_platforms()


@pytest.mark.parametrize(
    ("platform", "lost"),
    [
        ({"os": "linux", "architecture": "amd64"}, AMD64),
        ({"os": "linux", "architecture": "amd64", "variant": "v3"}, AMD64),
        ({"os": "linux", "architecture": "arm64", "variant": "v9"}, ARM64),
        ({"os": "LINUX", "architecture": "x86_64"}, AMD64),
    ],
)
def test_a_rival_for_a_platform_takes_only_that_one(platform: Any, lost: Platform):
    index = an_index_with(platform)

    assert set(index.platforms()) == {AMD64, ARM64} - {lost}


@pytest.mark.parametrize(
    "platform",
    [
        {"os": "unknown", "architecture": "unknown"},  # BuildKit's attestations
        {"os": "linux", "architecture": "s390x"},
        {"os": "linux", "architecture": "arm", "variant": "v6"},
    ],
)
def test_what_nobody_confuses_disturbs_nothing(platform: Any):
    assert {AMD64, ARM64} <= set(an_index_with(platform).platforms())


@pytest.mark.parametrize("answer", [NESTED, "null", "7", ""])
def test_a_token_answer_that_is_none_is_an_error_and_nothing_else(answer: str):
    with pytest.raises(Permanent, match="expected a token in JSON"):
        tokens.read(answer.encode(), "registry.example", 0.0)


def test_a_token_whose_claims_cannot_be_read_is_kept_for_a_short_while():
    claims = base64.urlsafe_b64encode(NESTED.encode()).decode()

    token = tokens.read(json.dumps({"token": f"a.{claims}.b"}).encode(), "registry.example", 0.0)

    assert token.value.startswith("a.")


def test_a_signature_in_a_setting_is_not_repeated():
    with pytest.raises(Misconfigured) as refused:
        Settings.of({"CATALOG_URL": "http://example.com/catalog.yaml?sig=secret"})

    assert "example.com/catalog.yaml" in str(refused.value)
    assert "secret" not in str(refused.value)
