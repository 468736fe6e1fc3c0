"""The benchmark's upstream does what a registry with bearer tokens does."""

import base64
import hashlib
import json

from bench.double import INDEX, Manner, Registry, digest, manifest, names, repositories

REALM = "https://localhost:1/token"
PATH, TAG = names(1)[0]


def ask(
    registry: Registry, target: str, *, method: str = "HEAD", token: str = ""
) -> tuple[int, dict[str, str], bytes]:
    bearer = f"Authorization: Bearer {token}\r\n" if token else ""
    request = f"{method} {target} HTTP/1.1\r\nHost: localhost\r\n{bearer}Accept: */*\r\n"
    head, _, content = registry.answer(request.encode()).partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    if method == "GET":
        assert int(headers["Content-Length"]) == len(content)
    return int(status.split(" ")[1]), headers, content


def token(registry: Registry, *paths: str) -> str:
    scopes = "&".join(f"scope=repository%3A{path}%3Apull" for path in paths)
    status, _, content = ask(registry, f"/token?service=double&{scopes}", method="GET")
    assert status == 200
    return str(json.loads(content)["token"])


def head(registry: Registry, path: str, value: str = "") -> int:
    return ask(registry, f"/v2/{path}/manifests/{TAG}", token=value)[0]


def test_without_a_token_it_says_where_there_is_one_and_for_what():
    registry = Registry(REALM)
    status, headers, _ = ask(registry, f"/v2/{PATH}/manifests/{TAG}")
    assert status == 401
    assert headers["WWW-Authenticate"] == (
        f'Bearer realm="{REALM}",service="double",scope="repository:{PATH}:pull"'
    )
    assert (registry.count.requests, registry.count.refused, registry.count.tokens) == (1, 1, 0)


def test_a_token_opens_its_repository_and_no_other():
    registry = Registry(REALM)
    first, second = repositories(20)
    value = token(registry, first)
    assert [head(registry, each, value) for each in (first, second)] == [200, 401]
    assert head(registry, first, value + "x") == 401
    assert registry.count.tokens == 1


def test_a_token_names_what_it_grants_and_grants_the_first_alone_unless_told_otherwise():
    paths = repositories(30)
    for grants in (1, 2, 20):
        registry = Registry(REALM, Manner(grants=grants))
        value = token(registry, *paths)
        claims = json.loads(base64.urlsafe_b64decode(value.split(".")[1] + "=="))
        assert [each["name"] for each in claims["access"]] == list(paths[:grants])
        assert [head(registry, each, value) for each in paths] == [
            200 if number < grants else 401 for number in range(3)
        ]


def test_scopes_may_stand_in_one_parameter_with_spaces_between_them():
    registry = Registry(REALM, Manner(grants=2))
    first, second = repositories(20)
    target = f"/token?scope=repository%3A{first}%3Apull+repository%3A{second}%3Apull"
    value = json.loads(ask(registry, target, method="GET")[2])["token"]
    assert [head(registry, each, value) for each in (first, second)] == [200, 200]


def test_a_head_tells_the_digest_of_the_bytes_a_get_gives():
    registry = Registry(REALM, Manner(barred=False))
    target = f"/v2/{PATH}/manifests/{TAG}"
    _, told, nothing = ask(registry, target)
    _, headers, content = ask(registry, target, method="GET")
    assert nothing == b""
    assert told == headers
    assert told["Content-Type"] == INDEX
    assert content == manifest(PATH, TAG)
    assert told["Docker-Content-Digest"] == f"sha256:{hashlib.sha256(content).hexdigest()}"
    assert told["Docker-Content-Digest"] == digest(PATH, TAG)


def test_no_two_tags_have_one_digest():
    assert len({digest(*each) for each in names(500)}) == 500


def test_names_are_as_many_as_were_wanted_ten_to_a_repository():
    assert len(names(25)) == 25
    assert [len({path for path, _ in names(tags)}) for tags in (10, 11, 25)] == [1, 2, 3]


def test_what_it_does_not_know_is_not_found():
    assert ask(Registry(REALM), "/v3/", method="GET")[0] == 404
