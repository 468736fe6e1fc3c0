"""What upstream answers mean, and how few requests they take."""

import pytest

from shared.oci import media_types
from shared.oci.manifest import Descriptor
from shared.values import Resolved
from tests.contract.internet import internet
from tests.contract.scripted_looks import FOUND, WHITE, look, registry, sent
from tests.contract.scripted_registry import ScriptedRegistry
from tests.contract.scripted_tokens import ScriptedTokens
from tests.contract.visiting import reason, resolve, visit, watcher
from tests.fakes import image, index


def test_without_a_digest_header_the_bytes_are_hashed():
    made = registry("registry.contoso.com", digest=False)
    with internet(made) as net:
        assert look(made) == FOUND
    assert [each.method for each in net.seen] == ["HEAD", "GET"]


@pytest.mark.parametrize("digest", ["", " ", "sha256:short", "md5:" + "0" * 32])
def test_a_digest_header_that_is_none_is_never_believed(digest):
    made = registry("registry.contoso.com", digest=False, headers={"Docker-Content-Digest": digest})
    with internet(made):
        found = look(made)
    assert found == FOUND or "Docker-Content-Digest" in reason(found)


def test_a_digest_header_that_its_own_bytes_contradict_is_refused():
    other = str(image("black").digest)
    made = registry("registry.contoso.com", digest=False, content_type="")
    made.headers["Docker-Content-Digest"] = other
    with internet(made) as net:
        why = reason(look(made))
    assert other in why
    assert str(WHITE.digest) in why
    assert [each.method for each in net.seen] == ["HEAD", "GET"]


@pytest.mark.parametrize("kind", ["", media_types.OCI_MANIFEST + "; charset=utf-8"])
def test_a_media_type_that_is_missing_or_has_parameters_is_understood(kind):
    made = registry("registry.contoso.com", content_type=kind)
    with internet(made):
        assert look(made) == FOUND


def test_a_media_type_in_capitals_is_understood():
    made = registry("registry.contoso.com", content_type=media_types.OCI_MANIFEST.upper())
    with internet(made):
        assert look(made) == FOUND


@pytest.mark.parametrize("kind", ["text/html", media_types.OCI_INDEX.replace("v1", "v2"), "x" * 60])
def test_a_media_type_of_something_else_is_refused_by_name(kind):
    made = registry("registry.contoso.com", content_type=kind)
    with internet(made):
        why = reason(look(made))
    assert "registry.contoso.com/team/app:1" in why
    assert kind in why


def test_an_index_whose_header_says_it_is_a_manifest_is_refused_when_it_is_read():
    *_, top = index("white", ["linux/amd64"])
    made = ScriptedRegistry(
        "registry.contoso.com", digest=False, content_type=media_types.OCI_MANIFEST
    )
    made.push("team/app", "1", top)
    with internet(made):
        assert "media type" in reason(look(made))


def test_what_was_resolved_keeps_the_media_type_and_the_size():
    *children, top = index("white", ["linux/amd64", "linux/arm64"])
    made = ScriptedRegistry("registry.contoso.com")
    made.push("team/app", "1", *children, top)
    with internet(made):
        assert look(made) == Resolved(Descriptor(media_types.OCI_INDEX, top.digest, len(top.raw)))


def _many(made: ScriptedRegistry, repositories: int = 20, tags: int = 10):
    paths = [f"many/app{number}" for number in range(repositories)]
    for path in paths:
        for number in range(tags):
            made.push(path, f"t{number}", WHITE)
    return [(made.repository(path), f"t{number}") for path in paths for number in range(tags)]


def test_a_tag_costs_one_request_and_a_repository_one_token():
    tokens = ScriptedTokens("ghcr.io")
    made = registry("ghcr.io", tokens=tokens)
    by = watcher()
    with internet(made) as net:
        tags = _many(made)
        assert resolve(*tags, by=by) == [FOUND] * len(tags)
        assert len(net.to(made.host, "/manifests/")) <= 1.05 * len(tags)
        assert len(net.to(made.host, "/token")) <= 20 + 1  # the first asks for several, and learns
        assert "/v2/" not in [each.path for each in net.seen]


def test_where_several_scopes_are_granted_twenty_repositories_cost_one_token():
    tokens = ScriptedTokens("quay.io", many=True, claims=True)
    made = registry("quay.io", tokens=tokens)
    with internet(made) as net:
        tags = _many(made, repositories=40)
        assert resolve(*tags) == [FOUND] * len(tags)
        assert len(net.to(made.host, "/manifests/")) <= 1.05 * len(tags)
        assert len(net.to(made.host, "/token")) <= 40 / 20 + 1


def test_the_next_visit_reuses_tokens_and_what_was_learnt():
    tokens = ScriptedTokens("ghcr.io")
    made = registry("ghcr.io", tokens=tokens)
    by = watcher()
    with internet(made) as net:
        tags = _many(made)
        resolve(*tags, by=by)
        net.seen.clear()
        assert resolve(*tags, by=by) == [FOUND] * len(tags)
        assert sorted(sent(net, made.host)) == sorted(
            f"HEAD /v2/{repository.path}/manifests/{tag}" for repository, tag in tags
        )


def test_the_same_tag_twice_in_a_question_is_asked_once():
    made = registry("registry.contoso.com")
    app = made.repository("team/app")
    with internet(made) as net:
        assert visit(lambda here: here.resolve([(app, "1")] * 5)).found == {(app, "1"): FOUND}
    assert len(net.seen) == 1
