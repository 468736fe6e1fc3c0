"""Digests, repositories, namespaces, platforms and tags are what OCI says, and nothing else."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.oci.digest import Digest, InvalidDigest
from shared.oci.platform import InvalidPlatform, Platform
from shared.oci.reference import InvalidReference, Namespace, Repository, is_host, is_path, is_tag
from shared.oci.tags import LONGEST_STABLE, split_unique, unique_tag
from tests.builders import a_digest

PATIENT = settings(deadline=None)  # a busy machine is no fault of the code

NAMES = st.from_regex(r"[a-z0-9]{1,8}((\.|_|__|-{1,3})[a-z0-9]{1,8}){0,3}", fullmatch=True)
PATHS = st.lists(NAMES, min_size=1, max_size=4).map("/".join)
HOSTS = st.from_regex(r"[a-z0-9]{1,8}(\.[a-z0-9]{1,8}){1,3}(:[0-9]{1,5})?", fullmatch=True)
TAGS = st.from_regex(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,110}", fullmatch=True)


@PATIENT
@given(st.binary(max_size=100))
def test_a_digest_of_bytes_is_read_back_from_its_text(content):
    digest = Digest.of(content)
    assert Digest(str(digest)) == digest
    assert digest.text == f"sha256:{digest.hex}"
    assert digest.hex.startswith(digest.short)
    assert len(digest.short) == 16


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sha256:",
        "sha256:" + "a" * 63,
        "sha256:" + "a" * 65,
        "sha256:" + "A" * 64,
        "sha256:" + "g" * 64,
        "sha512:" + "a" * 128,
        "a" * 64,
        "sha256:" + "a" * 64 + "\n",
        " sha256:" + "a" * 64,
        "sha256:" + "\u0661" * 64,
    ],
)
def test_anything_but_sha256_and_64_hex_digits_is_no_digest(text):
    with pytest.raises(InvalidDigest, match="expected a digest"):
        Digest(text)


@PATIENT
@given(st.text(max_size=90))
def test_a_digest_is_never_made_of_other_text(text):
    try:
        assert re.fullmatch("sha256:[0-9a-f]{64}", str(Digest(text)))
    except InvalidDigest:
        return


@PATIENT
@given(HOSTS, PATHS)
def test_a_repository_is_read_back_from_its_text(host, path):
    repository = Repository.parse(f"{host}/{path}")
    assert (repository.registry, repository.path) == (host, path)
    assert Repository.parse(str(repository)) == repository
    assert repository.at(a_digest()) == f"{host}/{path}@{a_digest()}"
    assert repository.tagged("x") == f"{host}/{path}:x"


def test_a_host_is_the_same_host_in_any_case():
    assert Repository.parse("Docker.IO/library/node") == Repository.parse("docker.io/library/node")
    assert Namespace.parse("Contoso.azurecr.io/a") == Namespace.parse("contoso.azurecr.io/a")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "node",
        "library/node",
        "docker.io",
        "docker.io/",
        "docker.io//node",
        "docker.io/Node",
        "docker.io/node:20",
        "docker.io/node@sha256:" + "a" * 64,
        "docker.io/node/",
        "docker.io/../node",
        "docker.io/a..b",
        "docker.io/a___b",
        "docker.io/node ",
        "docker.io/node\n",
        "docker.io/n\u00f6de",
        "user@docker.io/node",
        "https://docker.io/node",
        "docker.io:x/node",
        "docker.io/" + "a" * 256,
        "-docker.io/node",
    ],
)
def test_what_is_no_host_and_path_is_no_repository(text):
    with pytest.raises(InvalidReference, match="expected"):
        Repository.parse(text)


@PATIENT
@given(st.text(max_size=300))
def test_text_is_parsed_to_a_repository_that_spells_it_or_refused(text):
    try:
        repository = Repository.parse(text)
    except InvalidReference:
        return
    assert str(repository) == text.partition("/")[0].lower() + "/" + text.partition("/")[2]


@PATIENT
@given(st.text(alphabet="aA0._-/ \n:@$'", max_size=140))
def test_tags_paths_and_hosts_hold_nothing_a_shell_or_url_could_act_on(text):
    if is_tag(text) or is_path(text) or is_host(text):
        assert not set(text) & set(" \n@$'")


@PATIENT
@given(st.one_of(st.just(""), PATHS), PATHS)
def test_a_namespace_finds_the_name_of_every_repository_it_makes(prefix, name):
    space = Namespace.parse(f"contoso.azurecr.io/{prefix}" if prefix else "contoso.azurecr.io")
    repository = space.repository(name)
    assert space.name_of(repository.path) == name
    assert Namespace.parse(str(space)) == space


@pytest.mark.parametrize("path", ["staging", "staging2/node", "other/staging/node", "node"])
def test_a_path_outside_the_prefix_has_no_name_in_the_namespace(path):
    assert Namespace.parse("contoso.azurecr.io/staging").name_of(path) is None


@pytest.mark.parametrize("text", ["", "/", "contoso.azurecr.io/", "contoso.azurecr.io/A", "a b"])
def test_what_is_no_registry_or_prefix_is_no_namespace(text):
    with pytest.raises(InvalidReference, match="expected"):
        Namespace.parse(text)


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("linux/amd64", "linux/amd64"),
        ("Linux/AMD64", "linux/amd64"),
        ("linux/amd64/v1", "linux/amd64"),
        ("linux/amd64/v3", "linux/amd64/v3"),
        ("linux/x86_64", "linux/amd64"),
        ("linux/x86-64", "linux/amd64"),
        ("linux/aarch64", "linux/arm64"),
        ("linux/arm64/v8", "linux/arm64"),
        ("linux/arm64/8", "linux/arm64"),
        ("linux/arm64/v9", "linux/arm64/v9"),
        ("linux/arm", "linux/arm/v7"),
        ("linux/armhf", "linux/arm/v7"),
        ("linux/armel", "linux/arm/v6"),
        ("linux/arm/6", "linux/arm/v6"),
        ("linux/i386", "linux/386"),
        ("windows/amd64", "windows/amd64"),
    ],
)
def test_platforms_that_engines_take_for_the_same_are_the_same(text, plain):
    assert str(Platform.parse(text)) == plain
    assert Platform.parse(plain) == Platform.parse(text)
    assert Platform.parse(text).slug == plain.replace("/", "-")


@PATIENT
@given(st.text(max_size=40))
def test_any_text_is_a_platform_or_an_invalid_one_and_parsing_settles_it(text):
    try:
        platform = Platform.parse(text)
    except InvalidPlatform:
        return
    assert Platform.parse(str(platform)) == platform
    assert re.fullmatch(r"[a-z0-9]+(/[a-z0-9_-]+){1,2}", str(platform))


@pytest.mark.parametrize(
    "text", ["", "linux", "linux/", "/amd64", "linux/amd64/x", "linux/amd64/v1/x", "a b/c", "li'/x"]
)
def test_what_is_no_system_and_architecture_is_no_platform(text):
    with pytest.raises(InvalidPlatform, match="expected a platform"):
        Platform.parse(text)


@PATIENT
@given(TAGS, st.integers(0, 9))
def test_a_unique_tag_is_a_tag_that_tells_its_stable_tag_and_digest(stable, number):
    digest = a_digest(number)
    tag = unique_tag(stable, digest)
    assert is_tag(tag)
    assert split_unique(tag) == (stable, digest.short)


def test_two_digests_of_one_stable_tag_have_two_unique_tags():
    assert unique_tag("20-alpine", a_digest(1)) != unique_tag("20-alpine", a_digest(2))


@pytest.mark.parametrize("stable", ["", "a b", ".a", "a" * (LONGEST_STABLE + 1), "a\n"])
def test_a_stable_tag_that_leaves_no_room_or_is_none_has_no_unique_tag(stable):
    with pytest.raises(InvalidReference, match="expected a tag"):
        unique_tag(stable, a_digest())


def test_a_plain_tag_is_not_split():
    assert split_unique("20-alpine") is None
    assert split_unique("20-3F2A9C1D7B0455E1") is None
    assert split_unique("-3f2a9c1d7b0455e1") is None
    assert split_unique(".a-3f2a9c1d7b0455e1") is None
