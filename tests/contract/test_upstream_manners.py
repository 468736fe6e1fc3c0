"""Every upstream's manners: the public registries, each scripted under its own name."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from aiohttp import web

from shared.catalog import Upstream
from shared.errors import Misconfigured
from shared.oci import media_types
from shared.registry.watcher import UpstreamWatcher
from shared.values import Resolved
from tests.contract.internet import Internet, internet
from tests.contract.scripted_looks import BASIC, FOUND, USER, WHITE, look, registry, sent
from tests.contract.scripted_registry import BEARER, ScriptedRegistry
from tests.contract.scripted_tokens import EntraTokens, ScriptedTokens
from tests.contract.visiting import reason, resolve, visit


@pytest.fixture
def hub() -> Iterator[tuple[Internet, ScriptedRegistry, ScriptedTokens]]:
    tokens = ScriptedTokens(
        "auth.docker.io",
        service="registry.docker.io",
        names=("token", "access_token"),
        many=True,
        claims=True,
    )
    headers = {"ratelimit-limit": "100;w=21600", "ratelimit-remaining": "50;w=21600"}
    made = registry("registry-1.docker.io", tokens=tokens, headers=headers)
    with internet(made, tokens) as net:
        yield net, made, tokens


def test_docker_hub_gives_tokens_elsewhere_and_says_how_many_pulls_are_left(hub):
    net, made, _ = hub
    node = replace(made.repository("team/app"), registry="docker.io")
    answered = visit(lambda here: here.resolve([(node, "1")]))
    assert list(answered.found.values()) == [FOUND]
    usage = answered.usage["docker.io"]
    assert (usage.remaining, usage.limit) == (50, 100)
    assert (usage.requests, usage.tokens, usage.answered, usage.failed) == (2, 1, 1, 0)
    assert {each.method for each in net.to(made.host)} == {"HEAD"}


def test_docker_hub_below_the_reserve_still_answers_head_and_no_get(hub):
    net, made, _ = hub
    made.headers["ratelimit-remaining"] = "3;w=21600"
    node = replace(made.repository("team/app"), registry="docker.io")

    async def both(here):
        heads = await here.resolve([(node, "1"), (node, "2")])
        return heads, await here.manifests([(node, WHITE.digest)])

    heads, manifests = visit(both).found
    assert heads == {(node, "1"): FOUND, (node, "2"): Resolved(None)}
    (refused,) = manifests.values()
    assert not refused.reached
    assert all(word in refused.reason for word in ("docker.io: 3 ", "10 ", "reserve"))
    assert "GET" not in {each.method for each in net.to(made.host)}


def test_docker_hub_gives_one_token_for_twenty_repositories(hub):
    net, made, tokens = hub
    paths = [f"library/app{number}" for number in range(21)]
    for path in paths:
        made.push(path, "1", WHITE)
    asked = [(replace(made.repository(path), registry="docker.io"), "1") for path in paths]
    assert resolve(*asked) == [FOUND] * 21
    # The first 401 is answered before the others are known; all the rest fit into two tokens.
    assert len(net.to(tokens.host)) <= 2


def test_a_repository_that_a_token_of_many_left_out_is_asked_for_alone(hub, monkeypatch):
    _, made, tokens = hub
    made.push("team/secret", "1", WHITE)
    secret, issue = "repository:team/secret:pull", tokens.issue

    def refuse(scopes):
        return issue([each for each in scopes if each != secret])

    monkeypatch.setattr(tokens, "issue", refuse)
    node = replace(made.repository("team/app"), registry="docker.io")
    app, hidden = resolve((node, "1"), (replace(node, path="team/secret"), "1"))
    assert app == FOUND
    assert "docker.io/team/secret:1" in reason(hidden)
    assert "401" in reason(hidden)


def test_ghcr_wants_a_token_for_public_images_and_has_no_referrers():
    tokens = ScriptedTokens("ghcr.io", service="ghcr.io")
    made = registry("ghcr.io", tokens=tokens)
    with internet(made) as net:
        app = made.repository("team/app")

        async def both(here):
            found = await here.resolve([(app, "1")])
            return list(found.values()), await here.referrers(app, WHITE.digest)

        assert visit(both).found == ([FOUND], ())
    assert sent(net, "ghcr.io")[1] == "GET /token"
    assert len(net.to("ghcr.io", "/token")) == 1


def test_quay_offers_basic_and_bearer_on_one_line():
    tokens = ScriptedTokens("quay.io", path="/v2/auth", service="quay.io")
    made = registry("quay.io", tokens=tokens, challenge=(f'Basic realm="Quay", {BEARER}',))
    with internet(made) as net:
        assert look(made) == FOUND
    assert [each.authorization for each in net.to("quay.io")] == ["", "", "Bearer opaque-0"]


def test_mcr_wants_no_token_and_answers_429_in_prose():
    made = registry("mcr.microsoft.com")
    with internet(made) as net:
        assert look(made) == FOUND
        assert sent(net, made.host) == ["HEAD /v2/team/app/manifests/1"]
        made.script = lambda request: web.Response(status=429, text="Ref A: 12 Ref B: 34")
        answered = visit(lambda here: here.tags(made.repository("team/app"), bool))
    assert "HTTP 429" in reason(answered.found)
    assert "Ref A" not in reason(answered.found)
    assert answered.usage[made.host].paused_until is not None


def test_artifact_registry_names_no_service():
    tokens = ScriptedTokens("europe-docker.pkg.dev", path="/v2/token")
    challenge = 'Bearer realm="{realm}",scope="{scope}"'
    made = registry("europe-docker.pkg.dev", tokens=tokens, challenge=(challenge,))
    with internet(made) as net:
        assert look(made) == FOUND
    (asked,) = net.to(made.host, "/token")
    assert "service" not in asked.query


def test_registry_k8s_io_redirects_to_a_host_with_a_challenge_of_its_own():
    tokens = ScriptedTokens("us-docker.pkg.dev", path="/v2/token")
    target = ScriptedRegistry(tokens.host, tokens=tokens)
    target.push("k8s/images/team/app", "1", WHITE)
    made = ScriptedRegistry("registry.k8s.io")
    where = "https://us-docker.pkg.dev/v2/k8s/images/team/app/manifests/1"
    made.script = lambda request: web.Response(status=307, headers={"Location": where})
    with internet(made, target) as net:
        assert look(made) == FOUND
    (asked,) = net.to(target.host, "/v2/token")
    assert asked.query == "scope=repository:k8s/images/team/app:pull"
    assert {each.authorization for each in net.to(made.host)} == {""}


def test_ecr_public_has_one_scope_for_everything():
    tokens = ScriptedTokens("public.ecr.aws", path="/token/", service="public.ecr.aws")
    made = registry("public.ecr.aws", tokens=tokens, scope="aws")
    made.push("team/other", "1", WHITE)
    with internet(made) as net:
        app, other = made.repository("team/app"), made.repository("team/other")
        assert resolve((app, "1"), (other, "1")) == [FOUND, FOUND]
    (asked,) = net.to(made.host, "/token/")
    assert "scope=aws" in asked.query


def test_another_acr_takes_the_apps_own_identity():
    tokens = EntraTokens("contoso.azurecr.io")
    made = registry("contoso.azurecr.io", tokens=tokens)
    made.push("team/other", "1", WHITE)
    by = UpstreamWatcher({}, entra=lambda: "entra")
    named = (Upstream(made.host, entra=True),)
    app, other = made.repository("team/app"), made.repository("team/other")
    with internet(made) as net:
        assert resolve((app, "1"), (other, "1"), upstreams=named, by=by) == [FOUND, FOUND]
    assert len(net.to(made.host, "/oauth2/exchange")) == 1
    assert all(each.method == "POST" for each in net.to(made.host, "/oauth2/"))
    assert not [each for each in net.to(made.host, "/v2/") if "entra" in each.everything]


def test_entra_refused_by_the_acr_is_an_error_that_names_it():
    made = registry("contoso.azurecr.io", tokens=EntraTokens("contoso.azurecr.io"))
    with internet(made):
        by = UpstreamWatcher({}, entra=lambda: "somebody else's")
        found = look(made, Upstream(made.host, entra=True), by=by)
    assert "contoso.azurecr.io" in reason(found)
    assert "somebody" not in reason(found)


def test_basic_auth_sends_the_catalogs_credentials():
    made = registry("registry.contoso.com", basic=BASIC, challenge=('Basic realm="x"',))
    named = Upstream(made.host, credentials="Contoso")
    with internet(made) as net:
        assert look(made, named, by=UpstreamWatcher({"contoso": USER})) == FOUND
        assert {each.authorization for each in net.to(made.host)} <= {"", BASIC}
        net.seen.clear()
        nobody = look(made)
        assert "registry.contoso.com" in reason(nobody)
        assert {each.authorization for each in net.seen} == {""}


def test_wrong_credentials_are_one_error_and_not_sent_again_and_again():
    made = registry("registry.contoso.com", basic="Basic other", challenge=('Basic realm="x"',))
    app = made.repository("team/app")
    named = (Upstream(made.host, credentials="contoso"),)
    tags = [(app, f"t{number}") for number in range(40)]
    with internet(made) as net:
        found = resolve(*tags, upstreams=named, by=UpstreamWatcher({"contoso": USER}))
    assert all("registry.contoso.com" in reason(each) for each in found)
    assert not any(USER.password in reason(each) for each in found)
    assert len([each for each in net.seen if each.authorization]) <= 8, "an account would be locked"


def test_credentials_that_the_token_service_refuses_are_not_sent_for_every_repository():
    tokens = ScriptedTokens("ghcr.io", users={"somebody": "else"})
    made = registry("ghcr.io", tokens=tokens)
    named = (Upstream(made.host, credentials="ghcr"),)
    tags = [(made.repository(f"team/app{number}"), "1") for number in range(40)]
    with internet(made) as net:
        found = resolve(*tags, upstreams=named, by=UpstreamWatcher({"ghcr": USER}))
    assert all("ghcr.io" in reason(each) for each in found)
    assert len([each for each in net.seen if each.authorization]) <= 8, "an account would be locked"


def test_bearer_tokens_are_asked_for_with_the_catalogs_credentials():
    tokens = ScriptedTokens("ghcr.io", service="ghcr.io", users={USER.username: USER.password})
    made = registry("ghcr.io", tokens=tokens)
    with internet(made) as net:
        named = Upstream(made.host, credentials="ghcr")
        assert look(made, named, by=UpstreamWatcher({"ghcr": USER})) == FOUND
    assert [each.authorization for each in net.to(made.host, "/token")] == [BASIC]
    assert BASIC not in {each.authorization for each in net.to(made.host, "/v2/")}


def test_a_token_of_nobody_is_not_used_for_a_user():
    users = {USER.username: USER.password}
    tokens = ScriptedTokens("ghcr.io", service="ghcr.io", users=users)
    made, by = registry("ghcr.io", tokens=tokens), UpstreamWatcher({"ghcr": USER})
    with internet(made) as net:
        assert look(made, by=by) == FOUND
        assert look(made, Upstream(made.host, credentials="ghcr"), by=by) == FOUND
    assert [each.authorization for each in net.to(made.host, "/token")] == ["", BASIC]


def test_credentials_that_no_setting_holds_are_named():
    with pytest.raises(Misconfigured, match=r"UPSTREAM_CONTOSO.*") as caught:
        visit(lambda here: here.resolve([]), Upstream("r.contoso.com", credentials="Contoso"))
    assert "r.contoso.com" in str(caught.value)


def test_a_plain_registry_is_asked_once_a_tag():
    made = registry("registry.contoso.com")
    with internet(made) as net:
        assert look(made) == FOUND
    assert sent(net, made.host) == ["HEAD /v2/team/app/manifests/1"]
    assert set(net.seen[0].accept.replace(" ", "").split(",")) == set(
        media_types.INDEXES | media_types.MANIFESTS
    )
