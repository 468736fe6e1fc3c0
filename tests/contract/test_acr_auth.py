"""Tokens are asked for, checked, and carry what roles allow and no more."""

from collections.abc import Iterator

import jwt
import pytest
import requests

from local.acr.tokens import NULL_USER
from shared.oci.digest import Digest
from tests.contract.acr_world import World, world

REPO = "library/node"
BLOB = f"/v2/{REPO}/blobs/{Digest.of(b'layer')}"


@pytest.fixture
def here() -> Iterator[World]:
    with world() as served:
        served.registry.put_blob(REPO, b"layer")
        yield served


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def code(answer: requests.Response) -> str:
    return str(answer.json()["errors"][0]["code"])


def test_nobody_is_challenged_with_realm_service_and_scope(here: World) -> None:
    service = here.registry.login_server
    realm = f'Bearer realm="https://{service}/oauth2/token",service="{service}"'
    ping = here.send("GET", "/v2/")
    assert (ping.status_code, ping.headers["WWW-Authenticate"]) == (401, realm)
    assert ping.headers["Docker-Distribution-Api-Version"] == "registry/2.0"
    for method, path, scope in (
        ("GET", BLOB, f"repository:{REPO}:pull"),
        ("POST", f"/v2/{REPO}/blobs/uploads/", f"repository:{REPO}:pull,push"),
        ("DELETE", BLOB, f"repository:{REPO}:delete"),
        ("GET", f"/acr/v1/{REPO}/_tags", f"repository:{REPO}:metadata_read"),
        ("PATCH", f"/acr/v1/{REPO}/_tags/1", f"repository:{REPO}:metadata_write"),
        ("GET", "/v2/_catalog", "registry:catalog:*"),
    ):
        answer = here.send(method, path)
        assert (answer.status_code, code(answer)) == (401, "UNAUTHORIZED")
        assert answer.headers["WWW-Authenticate"] == f'{realm},scope="{scope}"'


def test_an_entra_token_becomes_a_refresh_token_becomes_an_access_token(here: World) -> None:
    token = here.token("puller", f"repository:{REPO}:pull")
    assert here.send("GET", BLOB, headers=bearer(token)).content == b"layer"


@pytest.mark.parametrize(
    ("audience", "status"),
    [
        ("https://containerregistry.azure.net", 200),
        ("https://containerregistry.azure.net/", 200),
        ("https://management.azure.com/", 200),
        ("https://localhost:5510", 200),
        ("https://storage.azure.com", 401),
    ],
)
def test_only_a_token_for_the_registry_or_arm_is_exchanged(
    here: World, audience: str, status: int
) -> None:
    token = here.directory.token(here.people["puller"], audience)
    form = {"grant_type": "access_token", "access_token": token}
    assert here.send("POST", "/oauth2/exchange", data=form).status_code == status


def test_scopes_may_be_repeated_or_separated_by_spaces(here: World) -> None:
    wanted = [f"repository:{REPO}:pull", "repository:other:pull,push"]
    expected = [
        {"type": "repository", "name": REPO, "actions": ["pull"]},
        {"type": "repository", "name": "other", "actions": ["pull", "push"]},
    ]
    for scopes in (wanted, [" ".join(wanted)]):
        token = here.token("pusher", *scopes)
        claims = jwt.decode(token, options={"verify_signature": False})
        assert claims["access"] == expected


def test_a_token_grants_only_what_roles_allow(here: World) -> None:
    token = here.token("puller", f"repository:{REPO}:pull,push", f"repository:{REPO}:*")
    claims = jwt.decode(token, options={"verify_signature": False})
    assert [each["actions"] for each in claims["access"]] == [["pull"], ["metadata_read", "pull"]]


def test_who_may_not_push_is_denied_whatever_the_token(here: World) -> None:
    token = here.token("puller", f"repository:{REPO}:pull,push")
    path = f"/v2/{REPO}/blobs/uploads/"
    for answer in (
        here.send("POST", path, headers=bearer(token)),
        here.call("puller", "POST", path),
    ):
        assert (answer.status_code, code(answer)) == (403, "DENIED")
        assert "puller" in answer.json()["errors"][0]["message"]


def test_a_token_for_another_repository_is_challenged_again(here: World) -> None:
    token = here.token("puller", "repository:other:pull")
    answer = here.send("GET", BLOB, headers=bearer(token))
    assert answer.status_code == 401
    assert 'error="insufficient_scope"' in answer.headers["WWW-Authenticate"]


def test_a_password_gets_a_token_and_works_directly(here: World) -> None:
    query = {"service": here.registry.login_server, "scope": f"repository:{REPO}:pull"}
    answer = here.call("puller", "GET", "/oauth2/token", params=query)
    token = answer.json()["access_token"]
    assert here.send("GET", BLOB, headers=bearer(token)).ok
    assert here.call("puller", "GET", BLOB).ok


def test_the_null_user_logs_in_with_a_refresh_token(here: World) -> None:
    refresh = here.registry.authority.refresh_token(here.people["puller"])
    assert here.send("GET", BLOB, auth=(NULL_USER, refresh)).ok
    assert here.send("GET", "/oauth2/token", auth=(NULL_USER, refresh)).ok
    docker = here.directory.docker_auth(here.people["puller"], here.registry.login_server)
    assert here.send("GET", BLOB, headers={"Authorization": f"Basic {docker}"}).ok


def test_wrong_credentials_get_nothing(here: World) -> None:
    assert here.send("GET", "/oauth2/token", auth=("puller", "wrong")).status_code == 401
    assert here.send("GET", BLOB, auth=("puller", "wrong")).status_code == 401
    assert here.send("GET", BLOB, headers=bearer("forged")).status_code == 401
    assert here.send("GET", BLOB, headers={"Authorization": "Basic ?"}).status_code == 401
    form = {"grant_type": "refresh_token", "refresh_token": "forged"}
    assert here.send("POST", "/oauth2/token", data=form).status_code == 401


def test_a_refresh_token_is_no_access_token_nor_the_other_way_round(here: World) -> None:
    refresh = here.registry.authority.refresh_token(here.people["puller"])
    assert here.send("GET", BLOB, headers=bearer(refresh)).status_code == 401
    access = here.token("puller", f"repository:{REPO}:pull")
    form = {"grant_type": "refresh_token", "refresh_token": access}
    assert here.send("POST", "/oauth2/token", data=form).status_code == 401


def test_a_token_of_another_registry_is_refused(here: World) -> None:
    with world() as other:
        token = other.token("puller", f"repository:{REPO}:pull")
    assert here.send("GET", BLOB, headers=bearer(token)).status_code == 401


def test_a_request_for_another_service_is_refused(here: World) -> None:
    query = {"service": "elsewhere.azurecr.io"}
    assert here.call("puller", "GET", "/oauth2/token", params=query).status_code == 400


def test_nobody_gets_a_token_where_anonymous_pull_is_off(here: World) -> None:
    assert here.send("GET", "/oauth2/token").status_code == 401
    form = {"grant_type": "password", "refresh_token": ""}
    assert here.send("POST", "/oauth2/token", data=form).status_code == 401


def test_anonymous_pull_pulls_and_does_nothing_else() -> None:
    with world(anonymous_pull=True) as here:
        here.registry.put_blob(REPO, b"layer")
        assert here.send("GET", BLOB).status_code == 401  # a token first, as everywhere
        query = {"scope": f"repository:{REPO}:pull,push,delete"}
        form = query | {"grant_type": "password", "refresh_token": ""}
        for answer in (
            here.send("GET", "/oauth2/token", params=query),
            here.send("POST", "/oauth2/token", data=form),
        ):
            headers = bearer(answer.json()["access_token"])
            assert here.send("GET", BLOB, headers=headers).ok
            assert here.send("DELETE", BLOB, headers=headers).status_code == 401
            assert here.send("GET", "/v2/_catalog", headers=headers).status_code == 401


def test_everybody_may_pull_where_anonymous_pull_is_on() -> None:
    with world(anonymous_pull=True) as here:
        here.registry.put_blob(REPO, b"layer")
        assert here.call("stranger", "GET", BLOB).ok
        assert here.call("stranger", "DELETE", BLOB).status_code == 403
