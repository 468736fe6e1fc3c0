"""What answers mean: descriptors, manifests, refusals, redirects."""

import json

import pytest
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from shared.errors import Permanent
from shared.oci import media_types
from shared.oci.manifest import Descriptor
from shared.registry import answers, urls
from shared.registry.transport import Answer
from shared.values import Resolved, Unresolved
from tests.builders import a_digest
from tests.fakes import image, index

WHITE = image("white")
URL_ = URL("https://registry.example/v2/a/manifests/1")


def _answer(status: int = 200, content: bytes = b"", **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, CIMultiDictProxy(CIMultiDict(named)), content, URL_)


def _head(**headers: str) -> Answer:
    known = {
        "Docker_Content_Digest": str(WHITE.digest),
        "Content_Type": WHITE.media_type,
        "Content_Length": "7",
    }
    return _answer(200, b"", **{name: value for name, value in (known | headers).items() if value})


def test_a_head_that_says_all_is_enough():
    for kind in (WHITE.media_type, f"{WHITE.media_type}; charset=utf-8", WHITE.media_type.upper()):
        found = answers.pointed_at(_head(Content_Type=kind))
        assert found == Resolved(Descriptor(WHITE.media_type, WHITE.digest, 7))


@pytest.mark.parametrize("length", ["", "x", "9" * 30])
def test_a_length_nobody_can_read_is_no_reason_to_ask_again(length: str):
    assert isinstance(answers.pointed_at(_head(Content_Length=length)), Resolved)


@pytest.mark.parametrize(
    "answer",
    [_head(Docker_Content_Digest=""), _head(Content_Type=""), _answer(405)],
    ids=["no digest", "no type", "no HEAD"],
)
def test_where_a_head_does_not_say_the_bytes_must(answer: Answer):
    assert answers.pointed_at(answer) is None


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (_head(Docker_Content_Digest="sha512:abc"), "Docker-Content-Digest: expected a digest"),
        (_head(Content_Type="text/html"), "expected a manifest or index, found 'text/html'"),
        (_head(Content_Type="a\x1b[2J/b"), r"found 'a\x1b[2j/b'"),
        (_answer(403), "HTTP 403"),
        (_answer(206), "HTTP 206"),
    ],
)
def test_a_head_that_says_something_else_is_an_error(answer: Answer, reason: str):
    found = answers.pointed_at(answer)
    assert isinstance(found, Unresolved)
    assert reason in found.reason


def test_a_404_is_a_tag_that_is_not_there():
    assert answers.pointed_at(_answer(404)) == Resolved(None)
    assert answers.hashed(_answer(404)) == Resolved(None)


def test_the_digest_is_that_of_the_bytes():
    found = answers.hashed(_answer(content=WHITE.raw, Content_Type=WHITE.media_type))
    assert found == Resolved(Descriptor(WHITE.media_type, WHITE.digest, len(WHITE.raw)))
    other = _answer(content=WHITE.raw, Docker_Content_Digest=str(a_digest(7)))
    wrong = answers.hashed(other)
    assert isinstance(wrong, Unresolved)
    assert str(WHITE.digest) in wrong.reason


def test_a_manifest_is_the_one_that_was_asked_for_or_none():
    good = _answer(content=WHITE.raw, Content_Type=WHITE.media_type)
    assert answers.exactly(good, WHITE.digest) == WHITE
    wrong = answers.exactly(good, a_digest(7))
    assert isinstance(wrong, Unresolved)
    assert "expected its bytes" in wrong.reason


@pytest.mark.parametrize(
    "answer",
    [
        _answer(content=WHITE.raw, Content_Type=media_types.OCI_INDEX),
        _answer(content=WHITE.raw, Content_Type="text/html"),
        _answer(content=b"<html>", Content_Type=WHITE.media_type),
        _answer(content=b"\xff", Content_Type=WHITE.media_type),
        _answer(500),
    ],
    ids=["another type", "a page", "no JSON", "no UTF-8", "500"],
)
def test_bytes_that_are_no_manifest_of_their_type_are_refused(answer: Answer):
    assert isinstance(answers.manifest(answer), Unresolved)


@pytest.mark.parametrize("kind", ["", "application/json", "text/plain", "application/octet-stream"])
def test_a_type_that_says_nothing_leaves_it_to_the_body(kind: str):
    assert answers.manifest(_answer(content=WHITE.raw, Content_Type=kind)) == WHITE


def test_a_refusal_repeats_known_codes_and_no_words():
    said = {"errors": [{"code": "DENIED", "message": "secret"}, {"code": "SECRET"}]}
    assert answers.refused(_answer(403, json.dumps(said).encode())) == "HTTP 403 DENIED"
    for raw in (b"", b"<html>", b'{"errors": [7]}', b'{"errors": [{"code": []}]}', b"[" * 99_999):
        assert answers.refused(_answer(429, raw)) == "HTTP 429"


def test_referrers_are_what_an_oci_index_lists():
    *_, top = index("white")
    assert answers.index(_answer(content=top.raw)) == top.manifests
    for answer in (_answer(404), _answer(content=WHITE.raw), _answer(content=b"<html>")):
        assert answers.index(answer) is None


@pytest.mark.parametrize(
    ("target", "found"),
    [
        ("/v2/b", "https://registry.example/v2/b"),
        ("https://cdn.example/x?sig=a%2Fb", "https://cdn.example/x?sig=a%2Fb"),
        ("//cdn.example/x", "https://cdn.example/x"),
        ("https://registry.example:443/x", "https://registry.example/x"),
    ],
)
def test_a_redirect_is_followed_over_https(target: str, found: str):
    assert str(urls.followed(URL_, target, "registry.example")) == found


@pytest.mark.parametrize(
    "target",
    [
        "http://registry.example/x",
        "ftp://registry.example/x",
        "file:///etc/passwd",
        "https://me:secret@cdn.example/x?secret",
        "https://secret@cdn.example/x",
        "https://169.254.169.254/secret",
        "https://[::1]/secret",
        "https://2130706433/secret",
        "https://[secret/",
        "https://cdn.example:99999/secret",
        "/v2/a secret",
        "/v2/\u202esecret",
    ],
)
def test_a_redirect_anywhere_else_is_refused_and_not_repeated(target: str):
    with pytest.raises(Permanent, match=r"registry\.example: refused its redirect") as refused:
        urls.followed(URL_, target, "registry.example")
    assert "secret" not in str(refused.value)


def test_a_registry_at_an_address_may_redirect_to_itself():
    here = URL("https://127.0.0.1:5000/v2/a")
    assert urls.followed(here, "/b", "127.0.0.1:5000").path == "/b"
    with pytest.raises(Permanent):
        urls.followed(here, "https://127.0.0.1:5001/b", "127.0.0.1:5000")


@pytest.mark.parametrize(
    ("path", "repository"),
    [
        ("/v2/k8s/images/pause/manifests/3.9", "k8s/images/pause"),
        ("/v2/a/manifests/b/manifests/1", "a/manifests/b"),
        ("/v2/a/tags/list", "a"),
        ("/elsewhere", "/elsewhere"),
    ],
)
def test_a_url_elsewhere_tells_its_repository(path: str, repository: str):
    assert urls.repository(URL(f"https://pkg.example{path}")) == repository
