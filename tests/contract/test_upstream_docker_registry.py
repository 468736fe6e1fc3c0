"""The watcher against Debian's docker-registry with token auth: real challenges, real paging, real refusals."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.catalog import Upstream
from shared.oci import media_types
from shared.oci.digest import Digest
from shared.oci.manifest import Descriptor
from shared.oci.reference import Repository
from shared.registry.watcher import UpstreamWatcher
from shared.values import Credential, Listed, Resolved, Unresolved
from tests.contract.scripted_looks import FOUND, USER, WHITE
from tests.contract.token_service import DockerRegistry, TokenService, docker_registry
from tests.contract.visiting import reason, resolve, visit
from tests.contract.waiting import PATIENCE
from tests.fakes import index

*CHILDREN, INDEX = index("white", ["linux/amd64", "linux/arm64"])


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerRegistry]:
    folder = tmp_path_factory.mktemp("registry")
    with docker_registry(folder, TokenService.of({USER.username: USER.password})) as here:
        here.push("public/app", "1", *CHILDREN, INDEX)
        for number in range(25):
            here.push(f"public/many{number}", "1", WHITE)
        for number in range(12):
            here.push("public/tags", f"v{number:02}", WHITE)
        here.push("private/app", "1", WHITE)
        yield here


@pytest.fixture
def registry(running: DockerRegistry, monkeypatch: pytest.MonkeyPatch) -> DockerRegistry:
    monkeypatch.setenv("SSL_CERT_FILE", str(running.trust))
    running.service.asked.clear()
    return running


def at(registry: DockerRegistry, path: str) -> Repository:
    return Repository(registry.host, path)


def test_a_tag_resolves_to_the_index_and_a_missing_one_to_none(registry: DockerRegistry):
    app = at(registry, "public/app")
    nothing = at(registry, "public/nothing")
    assert resolve((app, "1"), (app, "2"), (nothing, "1")) == [
        Resolved(Descriptor(media_types.OCI_INDEX, INDEX.digest, len(INDEX.raw))),
        Resolved(None),
        Resolved(None),
    ]


def test_one_token_opens_twenty_repositories(registry: DockerRegistry):
    answered = visit(
        lambda here: here.resolve([(at(registry, f"public/many{n}"), "1") for n in range(25)])
    )
    assert list(answered.found.values()) == [FOUND] * 25
    assert len(registry.service.asked) <= 3
    assert max(len(scopes) for scopes in registry.service.asked) == 20
    assert answered.usage[registry.host].requests <= 25 + 1


@pytest.mark.parametrize(("page", "requests"), [(5, 1), (12, 2), (1000, 1)])
def test_a_list_of_tags_is_whole_though_this_release_ignores_the_page_size(
    registry: DockerRegistry, monkeypatch: pytest.MonkeyPatch, page: int, requests: int
):
    tags = at(registry, "public/tags")
    monkeypatch.setattr("shared.registry.paging.PAGE", page)
    answered = visit(lambda here: here.tags(tags, lambda tag: tag != "v03"))
    names = tuple(f"v{number:02}" for number in range(12) if number != 3)
    assert answered.found == Listed(names, 12)
    # The first request is a 401. A page that is just full might not be the last: that is asked.
    assert answered.usage[registry.host].requests == 1 + requests


def test_an_unknown_repository_has_no_list(registry: DockerRegistry):
    nothing = at(registry, "public/nothing")
    assert visit(lambda here: here.tags(nothing, bool)).found is None


def test_manifests_are_read_by_their_digests(registry: DockerRegistry):
    app, none = at(registry, "public/app"), Digest.of(b"none")
    wanted = [(app, INDEX.digest), (app, CHILDREN[0].digest), (app, none)]
    found = visit(lambda here: here.manifests(wanted)).found
    assert found[app, INDEX.digest] == INDEX
    assert found[app, CHILDREN[0].digest] == CHILDREN[0]
    assert "404" in reason(found[app, none])


def test_nobody_sees_what_is_private_and_a_user_does(registry: DockerRegistry):
    private, app = at(registry, "private/app"), at(registry, "public/app")
    hidden, seen = resolve((private, "1"), (app, "1"))
    assert f"{registry.host}/private/app:1" in reason(hidden)
    assert isinstance(seen, Resolved)
    named = (Upstream(registry.host, credentials="contoso"),)
    by = UpstreamWatcher({"contoso": USER})
    assert resolve((private, "1"), upstreams=named, by=by) == [FOUND]


def test_wrong_credentials_are_an_error_that_names_the_registry(registry: DockerRegistry):
    named = (Upstream(registry.host, credentials="contoso"),)
    by = UpstreamWatcher({"contoso": Credential(USER.username, "the wrong word")})
    app = at(registry, "public/app")
    found = resolve((app, "1"), (app, "2"), upstreams=named, by=by)
    assert all(isinstance(each, Unresolved) for each in found)
    for each in found:
        assert registry.host in reason(each)
        assert "credentials" in reason(each)
        assert "wrong word" not in reason(each)


def test_a_token_of_a_second_is_renewed(running: DockerRegistry, registry: DockerRegistry):
    running.service.lifetime = 1
    tags = [(at(registry, "public/tags"), f"v{number:02}") for number in range(12)]
    try:
        assert resolve(*tags, upstreams=(Upstream(registry.host, rate=8),)) == [FOUND] * 12
    finally:
        running.service.lifetime = 300
    assert len(registry.service.asked) >= 2


def test_skopeo_reads_the_same_digest(registry: DockerRegistry, tmp_path: Path):
    (tmp_path / "ca.crt").write_bytes(registry.trust.read_bytes())
    command = ["skopeo", "inspect", "--raw", f"--cert-dir={tmp_path}"]
    shown = subprocess.run(
        [*command, f"docker://{registry.host}/public/app:1"],
        capture_output=True,
        check=True,
        timeout=2 * PATIENCE,
    )
    (found,) = resolve((at(registry, "public/app"), "1"))
    assert isinstance(found, Resolved)
    assert found.descriptor is not None
    assert found.descriptor.digest == Digest.of(shown.stdout)
